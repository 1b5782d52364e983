"""Prompts, their immutable versions, and the labels that point at versions. Source: REST v2 `/v2/prompts`."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.integrations import AnySpelling
from assaykit.wire.invocation import InvocationParams, ProviderParams

MessageRole = Literal["USER", "ASSISTANT", "SYSTEM", "TOOL"]
InputVariableFormat = Literal["F_STRING", "MUSTACHE", "NONE"]
LlmProvider = Literal["OPEN_AI", "AZURE_OPEN_AI", "AWS_BEDROCK", "VERTEX_AI", "ANTHROPIC", "CUSTOM"]


class ToolCallFunction(RequestBody):
    """The function of a tool call; `arguments` is JSON text."""

    name: str
    arguments: str


class ToolCall(RequestBody):
    """One call of a tool, as an assistant message holds it."""

    id: str | None = None
    type: Annotated[Literal["FUNCTION"], AnyCase]
    function: ToolCallFunction


class LlmMessage(RequestBody):
    """One message of a prompt. `tool_call_id` belongs to a TOOL message, `tool_calls` to an ASSISTANT one."""

    role: Annotated[MessageRole, AnyCase]
    content: str | None = None
    tool_call_id: str | None = None
    tool_calls: list[ToolCall] | None = None


class CreatePromptVersionRequest(RequestBody):
    """A new version, which becomes the newest. Source: `POST /v2/prompts/{prompt_id}/versions`.

    F_STRING variables are written `{name}`, MUSTACHE variables `{{name}}`. `model` None sets no default model.
    """

    commit_message: str = Field(min_length=1)
    input_variable_format: Annotated[InputVariableFormat, AnyCase] = "F_STRING"
    provider: Annotated[LlmProvider, AnySpelling]
    model: str | None = None
    messages: list[LlmMessage] = Field(min_length=1)
    invocation_params: InvocationParams | None = None
    provider_params: ProviderParams | None = None


class CreatePromptRequest(RequestBody):
    """A prompt with its first version. Source: `POST /v2/prompts`; the name cannot be changed later."""

    space_id: str
    name: Name
    description: str | None = None
    version: CreatePromptVersionRequest


class UpdatePromptRequest(RequestBody):
    """Null clears the description. Source: `PATCH /v2/prompts/{prompt_id}`."""

    description: str | None = None


class SetPromptVersionLabelsRequest(RequestBody):
    """All labels of one version. Source: `PUT /v2/prompt-versions/{version_id}/labels`.

    A label of another version of the prompt moves to this version.
    """

    labels: list[str]


class PromptVersion(ReplyBody):
    """One immutable version. `labels` are the labels that point at it now."""

    id: str
    prompt_id: str | None = None
    commit_hash: str | None = None
    commit_message: str | None = None
    messages: list[LlmMessage] = []
    input_variable_format: Annotated[InputVariableFormat | None, AnyCase] = None
    provider: Annotated[LlmProvider | None, AnySpelling] = None
    model: str | None = None
    invocation_params: InvocationParams | None = None
    provider_params: ProviderParams | None = None
    created_at: Timestamp | None = None
    labels: list[str] = []


class Prompt(ReplyBody):
    """One prompt without its version. Source: `PATCH /v2/prompts/{prompt_id}`."""

    id: str
    name: str
    description: str | None = None
    space_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class PromptWithVersion(Prompt):
    """One prompt with its newest or the requested version. Source: `GET /v2/prompts/{prompt_id}`."""

    version: PromptVersion


class PromptPage(Page[Prompt]):
    """Last updated first. Source: `GET /v2/prompts`; `limit` at most 100."""

    prompts: list[Prompt] = []

    @property
    def rows(self) -> Sequence[Prompt]:
        """The prompts of this page."""
        return self.prompts


class PromptVersionPage(Page[PromptVersion]):
    """Newest first. Source: `GET /v2/prompts/{prompt_id}/versions`; `limit` at most 100."""

    prompt_versions: list[PromptVersion] = []

    @property
    def rows(self) -> Sequence[PromptVersion]:
        """The versions of this page."""
        return self.prompt_versions
