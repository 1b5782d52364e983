"""How a model is called: what judges, prompts and experiments say about it beside its name."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from assaykit.wire.bodies import AnyCase, RequestBody

ResponseFormatType = Literal["TEXT", "JSON_OBJECT", "JSON_SCHEMA"]


class JsonSchemaConfig(RequestBody):
    """The schema that an answer has to fit."""

    # `schema` is the name of a method that every model has.
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
    """The tools a model may call, each as its provider writes it, and whether it must."""

    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None


class InvocationParams(RequestBody):
    """How the model is called; what is not given is not sent."""

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
    """Where a model is deployed on Azure."""

    azure_deployment_name: str | None = None
    azure_openai_endpoint: str | None = None
    azure_openai_version: str | None = None


class AnthropicHeaders(RequestBody):
    """Features of Anthropic's API that are asked for by a header."""

    anthropic_beta: list[str | None] | None = None


class BedrockOptions(RequestBody):
    """Which of Bedrock's interfaces is used."""

    use_converse_endpoint: bool | None = None


class ProviderParams(RequestBody):
    """What one provider needs and the others do not know."""

    azure_params: AzureParams | None = None
    anthropic_headers: AnthropicHeaders | None = None
    anthropic_version: str | None = None
    bedrock_options: BedrockOptions | None = None
    region: str | None = None
