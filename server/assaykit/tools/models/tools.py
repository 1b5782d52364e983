"""Toolset models: integrations, which hold the address of a judge's model and the name of the key's variable."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit, Resolve
from pydantic import Field

from assaykit import redaction
from assaykit.api.client import path
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.judge.providers.registry import OFFERED, PROVIDERS
from assaykit.names import INTEGRATION
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.confirmation import Confirmation, Sure, agreed, can_ask, refused
from assaykit.toolkit.listing import list_named
from assaykit.toolkit.parameters import Here, ListLimit, SaveTo
from assaykit.toolkit.replies import Reply, quoted
from assaykit.tools.models import keys
from assaykit.wire.bodies import AnyCase
from assaykit.wire.integrations import AiIntegration, CreateAiIntegrationRequest, ProviderName
from assaykit.wire.local import CheckIntegrationRequest, IntegrationCheck

if TYPE_CHECKING:
    ModelProvider = ProviderName
else:
    ModelProvider = Literal[OFFERED]
KeyVariable = Annotated[str | None, Field(description="NAME of the variable, never the key")]
BaseUrl = Annotated[str | None, Field(description="https or loopback")]


class WantedIntegration(NamedTuple):
    """A requested integration that passed all checks. `variable` and `entry` are names, so neither holds a key."""

    name: str
    provider: ModelProvider
    variable: str | None
    entry: str | None
    base_url: str | None
    model_names: list[str] | None

    @property
    def url(self) -> str:
        """The address at which its models are called."""
        return self.base_url or PROVIDERS[self.provider].own_url or ""

    @property
    def model(self) -> str:
        """The model that the test of the integration calls."""
        usual = PROVIDERS[self.provider].environment
        return next(iter(self.model_names or ()), usual.default_model if usual else "")


async def _wanted(
    here: Here,
    name: str,
    provider: Annotated[ModelProvider, AnyCase],
    key_variable: str | None,
    keyring_entry: str | None,
    base_url: str | None,
    model_names: list[str] | None,
    test: bool,
) -> WantedIntegration:
    environment = here.settings.environment
    on_ax = not await here.api.has_engine_routes()
    keys.refuse_keys(name=name, keyring_entry=keyring_entry)
    url = None if base_url is None else keys.checked_url(base_url)
    if key_variable is not None and keyring_entry is not None:
        raise Invalid("An integration has one key.", "Pass key_variable or keyring_entry, not both.")
    usual = PROVIDERS[provider].environment
    if usual is None and (url is None or not model_names):
        raise Invalid(
            f"A {provider} integration needs base_url and model_names: it has no usual ones.",
            "Pass the address that ends before /chat/completions, and at least one model.",
        )
    if on_ax and url is not None and keys.is_local(url):
        raise Invalid("Arize AX calls models from its own side and cannot reach loopback.", "Pass an https address.")
    if on_ax and keyring_entry is not None:
        raise Unsupported("On Arize AX the key is read from a variable.", "Pass key_variable.")
    variable = None
    if keyring_entry is None and (key_variable is not None or usual is not None):
        named = key_variable or (usual.key_variable if usual else "")
        variable = keys.checked_variable(named, environment, must_be_set=test or on_ax)
    found = WantedIntegration(name, provider, variable, keyring_entry, url, model_names)
    if variable is not None:
        keys.refuse_elsewhere(variable, found.url, environment)
    return found


async def _allowed(
    ctx: Context[Session], here: Here, wanted: Annotated[WantedIntegration, Resolve(_wanted)]
) -> Sure | Elicit[Sure]:
    """Ask the user before a key is sent to AX, or to an address that is neither local nor the provider's default."""
    key = wanted.variable or wanted.entry
    on_ax = not await here.api.has_engine_routes()
    elsewhere = wanted.base_url is not None and not keys.is_local(wanted.url)
    if key is None or not can_ask(ctx) or not (on_ax or elsewhere):
        return Sure(yes=True)
    via = "to Arize AX, which sends it " if on_ax else ""
    return Elicit(f"Send the key in {key} {via}to {keys.origin(wanted.url)} whenever {wanted.name!r} is used?", Sure)


@tool("read")
async def list_integrations(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
) -> Reply:
    """List where models are called: provider, address, models, and whether there is a key.

    Source: REST v2 `GET /v2/ai-integrations`.
    Raises: Invalid.
    """
    nothing = "No AI integration" + (
        f" has {quoted(name)} in its name." if name else " yet; `create_integration` makes one."
    )
    return await list_named(
        here,
        INTEGRATION,
        {"name": name},
        limit,
        cursor,
        save_to,
        overwrite=overwrite,
        nothing=nothing,
        facts=_facts,
        line=_line,
        flat=_facts,
    )


@tool("add", "spend", "send")
async def create_integration(
    here: Here,
    wanted: Annotated[WantedIntegration, Resolve(_wanted)],
    allowed: Annotated[Confirmation, Resolve(_allowed)],
    name: str,
    provider: Annotated[ModelProvider, AnyCase],
    key_variable: KeyVariable = None,  # noqa: ARG001  (a resolver reads it)
    keyring_entry: str | None = None,  # noqa: ARG001  (a resolver reads it)
    base_url: BaseUrl = None,  # noqa: ARG001  (a resolver reads it)
    model_names: list[str] | None = None,  # noqa: ARG001  (a resolver reads it)
    test: bool = True,
) -> Reply:
    """Let judges use a model. The key stays in its variable or keyring entry; one tiny question tests it.

    Source: REST v2 `POST /v2/ai-integrations`; on the engine `POST /x/ai-integrations/{id}/check`.
    Raises: Invalid, Conflict, Unsupported.
    """
    if not agreed(allowed):
        return Reply(f"Not created: {refused(allowed)}.", {**here.source(), "created": False})
    body = CreateAiIntegrationRequest(
        name=name,
        provider=provider,
        api_key=await _key(here, wanted),
        base_url=wanted.base_url,
        model_names=wanted.model_names,
    )
    made = await here.api.post("/v2/ai-integrations", AiIntegration, body)
    here.names.forget()
    data: dict[str, Any] = {**here.source(), "created": True, "integration": _facts(made)}
    told = f"Created integration {made.name!r} ({made.id}). Next: create_judge(integration={made.name!r}, ...)."
    if not test:
        return Reply(f"{told} It was not tested.", {**data, "tested": False})
    if not await here.api.has_engine_routes():
        return Reply(f"{told} Arize AX offers no test: try it with a task on one span.", {**data, "tested": False})
    checked = await _checked(here, made, wanted)
    told += f" Tested: {checked.model} answered in {checked.latency_ms:.0f} ms."
    return Reply(told, {**data, "tested": True, "model": checked.model, "latency_ms": checked.latency_ms})


async def _key(here: Session, wanted: WantedIntegration) -> str | None:
    """The value for the contract's key field: a reference for any engine, the key itself for AX."""
    if wanted.entry is not None:
        return f"keyring:{wanted.entry}"
    if wanted.variable is None:
        return None
    if await here.api.has_engine_routes():
        return f"env:{wanted.variable}"
    key = here.settings.environment[wanted.variable]
    redaction.learn([key])
    return key


async def _checked(here: Session, made: AiIntegration, wanted: WantedIntegration) -> IntegrationCheck:
    """Test the integration and return the outcome. After a failure it is deleted, so that its name is free again.

    Raises:
        Invalid: the model did not answer.
    """
    at = path("v2", "ai-integrations", made.id)
    try:
        body = CheckIntegrationRequest(model=wanted.model)
        checked = await here.api.post(path("x", "ai-integrations", made.id, "check"), IntegrationCheck, body)
    except AssayError:
        await here.api.delete(at)
        raise
    if checked.ok:
        return checked
    await here.api.delete(at)
    here.names.forget()
    raise Invalid(
        f"{wanted.model} did not answer at {keys.shown_url(wanted.url)}, so nothing was kept: {checked.detail}",
        _remedy(wanted),
    )


def _remedy(wanted: WantedIntegration) -> str:
    key = (
        f"the key in {wanted.variable or wanted.entry}" if wanted.variable or wanted.entry else "whether it wants a key"
    )
    return f"Check base_url, model_names and {key}; test=false keeps it untested."


def _facts(one: AiIntegration) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "provider": one.provider,
        "base_url": None if one.base_url is None else keys.shown_url(one.base_url),
        "model_names": one.model_names or [],
        "has_api_key": bool(one.has_api_key),
    }


def _line(one: AiIntegration) -> str:
    facts = _facts(one)
    models = ", ".join(quoted(model, 60) for model in facts["model_names"]) or "the provider's models"
    key = "has a key" if one.has_api_key else "no key"
    where = facts["base_url"] or "the provider's own address"
    return f"{quoted(one.name)} ({one.id}): {one.provider} at {where}; {models}; {key}"
