"""AI integrations: the providers, addresses and keys of models. Source: REST v2 `/v2/ai-integrations`.

A key is write-only: a reply holds only `has_api_key`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp

ProviderName = Literal[
    "OPEN_AI", "AZURE_OPEN_AI", "AWS_BEDROCK", "VERTEX_AI", "ANTHROPIC", "CUSTOM", "NVIDIA_NIM", "GEMINI",
    "LITELLM", "FIREWORKS", "TOGETHER_AI",
]  # fmt: skip
_SPELLINGS = {provider.replace("_", ""): provider for provider in get_args(ProviderName)}


def _spelled(value: Any) -> Any:
    return _SPELLINGS.get(value.upper().replace("_", ""), value) if isinstance(value, str) else value


AnySpelling = BeforeValidator(_spelled)
"""Marks a provider whose older spelling (`openAI`, SDKs before 8.40) is accepted on input."""

AuthType = Annotated[Literal["DEFAULT", "PROXY_WITH_HEADERS", "BEARER_TOKEN", "OAUTH2_CLIENT_CREDENTIALS"], AnyCase]


class Scoping(RequestBody):
    """A space or an organization that an integration serves. An integration without scopings serves all."""

    organization_id: str | None = None
    space_id: str | None = None


class CreateAiIntegrationRequest(RequestBody):
    """A new integration. Source: `POST /v2/ai-integrations`.

    `api_key` is the key itself. The embedded engine also accepts a reference, `env:NAME` or `keyring:NAME`.
    """

    name: Name
    provider: Annotated[ProviderName, AnySpelling]
    api_key: str | None = Field(default=None, repr=False)
    base_url: str | None = None
    model_names: list[str] | None = None
    headers: dict[str, str] | None = Field(default=None, repr=False)
    enable_default_models: bool | None = None
    function_calling_enabled: bool | None = None
    auth_type: AuthType | None = None
    provider_metadata: dict[str, Any] | None = None
    scopings: list[Scoping] | None = None


class UpdateAiIntegrationRequest(RequestBody):
    """At least one field; omitted fields stay. Source: `PATCH /v2/ai-integrations/{integration_id}`.

    Null clears the key, the base URL, the headers or the provider's metadata. `model_names` replaces the whole list.
    """

    name: Name | None = None
    provider: Annotated[ProviderName | None, AnySpelling] = None
    api_key: str | None = Field(default=None, repr=False)
    base_url: str | None = None
    model_names: list[str] | None = None
    headers: dict[str, str] | None = Field(default=None, repr=False)
    enable_default_models: bool | None = None
    function_calling_enabled: bool | None = None
    auth_type: AuthType | None = None
    provider_metadata: dict[str, Any] | None = None
    scopings: list[Scoping] | None = None


class AwsProviderMetadata(ReplyBody):
    """The role and the region of an integration of AWS_BEDROCK. Arize AX has no `region` here."""

    kind: Annotated[Literal["AWS"], AnyCase] = "AWS"
    role_arn: str | None = None
    external_id: str | None = None
    region: str | None = None


class GcpProviderMetadata(ReplyBody):
    """The project and the location of an integration of VERTEX_AI. The label is shown and has no effect."""

    kind: Annotated[Literal["GCP"], AnyCase] = "GCP"
    project_id: str | None = None
    location: str | None = None
    project_access_label: str | None = None


ProviderMetadata = AwsProviderMetadata | GcpProviderMetadata
PROVIDER_METADATA: TypeAdapter[ProviderMetadata] = TypeAdapter(ProviderMetadata)


class AiIntegration(ReplyBody):
    """One integration. `base_url` None means the provider's own."""

    id: str
    name: str
    provider: ProviderName
    has_api_key: bool | None = None
    base_url: str | None = None
    model_names: list[str] | None = None
    headers: dict[str, str] | None = None
    enable_default_models: bool | None = None
    function_calling_enabled: bool | None = None
    auth_type: AuthType | None = None
    provider_metadata: ProviderMetadata | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class AiIntegrationPage(Page[AiIntegration]):
    """Newest first. Source: `GET /v2/ai-integrations`; `limit` at most 100."""

    ai_integrations: list[AiIntegration] = []

    @property
    def rows(self) -> Sequence[AiIntegration]:
        """The integrations of this page."""
        return self.ai_integrations
