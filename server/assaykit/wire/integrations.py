"""AI integrations: where a judge's model is called. Source: REST v2 `/v2/ai-integrations`.

A key is write-only on this contract: no reply ever holds one, only `has_api_key`.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from assaykit.wire.bodies import AnyCase, Page, ReplyBody, Timestamp

Provider = Literal[
    "OPEN_AI", "AZURE_OPEN_AI", "AWS_BEDROCK", "VERTEX_AI", "ANTHROPIC", "CUSTOM", "NVIDIA_NIM", "GEMINI",
    "LITELLM", "FIREWORKS", "TOGETHER_AI",
]  # fmt: skip
AuthType = Annotated[Literal["DEFAULT", "PROXY_WITH_HEADERS", "BEARER_TOKEN", "OAUTH2_CLIENT_CREDENTIALS"], AnyCase]


class AiIntegration(ReplyBody):
    """One integration. `base_url` None means the provider's own."""

    id: str
    name: str
    provider: Provider
    has_api_key: bool | None = None
    base_url: str | None = None
    model_names: list[str] | None = None
    enable_default_models: bool | None = None
    function_calling_enabled: bool | None = None
    auth_type: AuthType | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class AiIntegrationPage(Page[AiIntegration]):
    """Newest first. Source: `GET /v2/ai-integrations`; `limit` at most 100."""

    ai_integrations: list[AiIntegration] = []

    @property
    def rows(self) -> Sequence[AiIntegration]:
        """The integrations of this page."""
        return self.ai_integrations
