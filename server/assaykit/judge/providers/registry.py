"""The model providers: one row each, with every fact that differs between them.

A provider that speaks chat completions is one row. One with an API of its own is a row and a module beside this one.
A name that the REST API does not have yet is added to `ProviderName` in `assaykit.wire.integrations` too.

Cheap to import: a provider's API is imported when the first of its models is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from assaykit.errors import either

if TYPE_CHECKING:
    from assaykit.wire.integrations import ProviderName


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """An integration that exists as soon as its key is in the environment."""

    name: str
    key_variable: str
    url_variable: str
    """The variable for another base URL."""
    default_model: str
    """The model of a judge that names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One model provider."""

    name: "ProviderName"
    """The name in the REST API."""
    api: str | None = "openai"
    """The module beside this one that speaks the provider's API; None where its models cannot be called."""
    instead: str = ""
    """The next step for a user of a provider whose models cannot be called."""
    own_url: str | None = None
    """The base URL of an integration that names none; None where every integration has to name one."""
    wants_key: bool = True
    """False where a model may be called without a key."""
    is_signed: bool = False
    """True where calls are signed with a cloud's credentials, which the extra `providers` finds."""
    takes_response_format: bool = True
    """False where a conversation cannot ask for a `response_format`."""
    environment: FromEnvironment | None = None
    """The variables that make an integration; None where no variable does."""
    listed_as: str | None = None
    """The name in the list of `genai-prices`; None where a price would be a guess."""
    sdk_since: int = 0
    """First minor version of the `arize` SDK 8 that knows `name`; earlier ones are told CUSTOM."""
    older_spelling: str | None = None
    """The spelling before 8.40 where that is more than lower case."""


_GATEWAY = "Use an integration of an OpenAI-compatible gateway (CUSTOM with a base URL) in front of it."

_ROWS = (
    Provider(
        name="OPEN_AI",
        own_url="https://api.openai.com/v1",
        environment=FromEnvironment("openai", "OPENAI_API_KEY", "OPENAI_BASE_URL", "gpt-4.1-mini"),
        listed_as="openai",
        older_spelling="openAI",
    ),
    Provider(name="AZURE_OPEN_AI", api="azure", listed_as="azure", older_spelling="azureOpenAI"),
    Provider(
        name="AWS_BEDROCK",
        api="bedrock",
        is_signed=True,
        wants_key=False,
        takes_response_format=False,
        listed_as="aws",
        older_spelling="awsBedrock",
    ),
    Provider(
        name="VERTEX_AI",
        api="vertex",
        is_signed=True,
        wants_key=False,
        listed_as="google",
        older_spelling="vertexAI",
    ),
    Provider(
        name="ANTHROPIC",
        api="anthropic",
        own_url="https://api.anthropic.com/v1",
        takes_response_format=False,
        environment=FromEnvironment("anthropic", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "claude-haiku-4-5"),
        listed_as="anthropic",
    ),
    Provider(name="CUSTOM", wants_key=False),
    Provider(name="NVIDIA_NIM", own_url="https://integrate.api.nvidia.com/v1", older_spelling="nvidiaNim"),
    Provider(name="GEMINI", own_url="https://generativelanguage.googleapis.com/v1beta/openai", listed_as="google"),
    Provider(name="LITELLM", sdk_since=51),
    Provider(name="FIREWORKS", own_url="https://api.fireworks.ai/inference/v1", listed_as="fireworks", sdk_since=56),
    Provider(name="TOGETHER_AI", own_url="https://api.together.xyz/v1", listed_as="together", sdk_since=56),
)


class _Providers(dict[str, Provider]):
    def __missing__(self, name: str) -> Provider:
        return Provider(name=cast("ProviderName", name), api=None, instead=_GATEWAY)


PROVIDERS: Mapping[str, Provider] = _Providers({row.name: row for row in _ROWS})
"""Every provider by its name in the REST API, in the order of lists.

A name that is not there, as of a provider that Arize AX has added, gives a provider whose models cannot be called here.
"""

ADOPTED = tuple((row, row.environment) for row in _ROWS if row.environment is not None)
"""The providers that get an integration from the environment, with its variables."""

OFFERED = tuple(row.name for row in _ROWS if row.environment is not None or not row.wants_key or row.api != "openai")
"""The providers of `create_integration`: those with a known key variable, no required key, or an API of their own."""

KEY_VARIABLES = tuple(environment.key_variable for _, environment in ADOPTED)
"""The variables that hold the keys of providers."""

ANY_KEY_VARIABLE = either(KEY_VARIABLES)
"""The same for a sentence: `A, B or C`."""
