"""The parameters of a model call, shared by judges, prompts and experiments."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from assaykit.wire.bodies import AnyCase, RequestBody

ResponseFormatType = Literal["TEXT", "JSON_OBJECT", "JSON_SCHEMA"]


class JsonSchemaConfig(RequestBody):
    """The JSON schema of an answer."""

    # A field named `schema` would hide a method of pydantic's models.
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    name: str | None = None
    description: str | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class ResponseFormat(RequestBody):
    """The form of an answer; `json_schema` belongs to JSON_SCHEMA."""

    type: Annotated[ResponseFormatType | None, AnyCase] = None
    json_schema: JsonSchemaConfig | None = None


class ToolConfig(RequestBody):
    """The tools that a model may call, in the provider's format, and whether it must call one."""

    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None


class InvocationParams(RequestBody):
    """The parameters of a model call. Parameters that are None are not sent."""

    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: list[str] | None = None
    top_k: int | None = None
    response_format: ResponseFormat | None = None
    tool_config: ToolConfig | None = None
    thinking_level: str | None = None
    thinking_budget: int | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None


class AzureParams(RequestBody):
    """The deployment of a model on Azure."""

    azure_deployment_name: str | None = None
    azure_openai_endpoint: str | None = None
    azure_openai_version: str | None = None


class AnthropicHeaders(RequestBody):
    """Features of Anthropic's API that a header switches on."""

    anthropic_beta: list[str | None] | None = None


class BedrockOptions(RequestBody):
    """The choice between Bedrock's interfaces."""

    use_converse_endpoint: bool | None = None


class ProviderParams(RequestBody):
    """Parameters that only one provider has."""

    azure_params: AzureParams | None = None
    anthropic_headers: AnthropicHeaders | None = None
    anthropic_version: str | None = None
    bedrock_options: BedrockOptions | None = None
    region: str | None = None
