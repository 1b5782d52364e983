"""Toolset models: integrations, which hold the address of a judge's model and the name of the key's variable."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import Field

from assaykit import redaction
from assaykit.api.client import path
from assaykit.errors import AssayError, Invalid, Unsupported
from assaykit.foreign import as_word, exactly
from assaykit.judge.providers import cloud_places
from assaykit.judge.providers.registry import OFFERED, PROVIDERS
from assaykit.names import INTEGRATION
from assaykit.planning.disclosures import Disclosure, ModelCalls, place_address
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import list_named, name_or_id
from assaykit.toolkit.parameters import Here, ListLimit, SaveTo, ToolContext
from assaykit.toolkit.questions import asked, can_ask
from assaykit.toolkit.replies import Reply, quoted
from assaykit.toolkit.spending import Consent, CostConfirmation, consent
from assaykit.toolkit.taking_back import take_back
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
Place = Annotated[dict[str, str] | None, Field(description="{region, role_arn} or {project_id, location}")]


class WantedIntegration(NamedTuple):
    """A requested integration. `variable` and `entry` are the names of a variable and of a keyring entry."""

    name: str
    provider: ModelProvider
    variable: str | None
    entry: str | None
    base_url: str | None
    model_names: list[str] | None
    metadata: dict[str, str] | None
    """The role and region of AWS_BEDROCK, or the project of VERTEX_AI."""

    @property
    def url(self) -> str:
        """The address at which its models are called; empty if only the AWS configuration tells it."""
        at = cloud_places.address(self.provider, self.base_url, self.metadata)
        return at or PROVIDERS[self.provider].own_url or ""

    @property
    def origin(self) -> str:
        """The origin of the address, for a sentence."""
        return keys.origin(self.url) if self.url else f"the provider {self.provider}"

    @property
    def model(self) -> str:
        """The model that the test of the integration calls."""
        usual = PROVIDERS[self.provider].environment
        return next(iter(self.model_names or ()), usual.default_model if usual else "")


async def _wanted(here: Session, asked_for: WantedIntegration, *, is_tested: bool) -> WantedIntegration:
    """The requested integration with its URL and its key's variable checked. Nothing is sent.

    Raises:
        Invalid, Unsupported: an argument is missing, does not fit the others or is a key, or the backend lacks it.
    """
    name, provider, key_variable, keyring_entry, base_url, model_names, place = asked_for
    environment = here.settings.environment
    on_ax = not await here.api.has_engine_routes()
    keys.refuse_keys(name=name, keyring_entry=keyring_entry)
    url = None if base_url is None else keys.checked_url(base_url)
    if key_variable is not None and keyring_entry is not None:
        raise Invalid("An integration has one key.", "Pass key_variable or keyring_entry, not both.")
    usual = PROVIDERS[provider].environment
    metadata = None if place is None else _checked_place(provider, place, on_ax=on_ax)
    if usual is None:
        _refuse_incomplete(provider, cloud_places.address(provider, url, metadata), model_names)
    if on_ax and url is not None and keys.is_local(url):
        raise Invalid("Arize AX calls models from its own side and cannot reach loopback.", "Pass an https address.")
    if on_ax and keyring_entry is not None:
        raise Unsupported("On Arize AX the key is read from a variable.", "Pass key_variable.")
    variable = None
    if keyring_entry is None and (key_variable is not None or usual is not None):
        named = key_variable or (usual.key_variable if usual else "")
        variable = keys.checked_variable(named, environment, must_be_set=is_tested or on_ax)
    found = asked_for._replace(variable=variable, base_url=url, metadata=metadata)
    if variable is not None:
        keys.refuse_elsewhere(variable, found.url, environment)
    return found


def _checked_place(provider: ModelProvider, place: dict[str, str], *, on_ax: bool) -> dict[str, str]:
    """The place of a cloud's models, checked and with its kind."""
    keys.refuse_keys(project_access_label=place.get(cloud_places.LABEL))
    metadata = cloud_places.checked(provider, {"kind": cloud_places.kind_of(provider), **place})
    if on_ax and "region" in metadata:
        raise Unsupported("Arize AX takes no region of AWS_BEDROCK.", "Leave region out, or pass the base_url of one.")
    return metadata


def _refuse_incomplete(provider: ModelProvider, address: str | None, model_names: list[str] | None) -> None:
    """Refuse a provider without usual models that was given no model, or no address although it needs one."""
    is_bedrock = provider == "AWS_BEDROCK"
    if model_names and (address is not None or is_bedrock):
        return
    if is_bedrock:
        raise Invalid("An AWS_BEDROCK integration needs model_names.", "Pass at least one model.")
    raise Invalid(
        f"A {provider} integration needs base_url and model_names: it has no usual ones.",
        "Pass provider_metadata with project_id and location in place of base_url, and at least one model."
        if PROVIDERS[provider].is_signed
        else "Pass the address that ends before /chat/completions, and at least one model.",
    )


async def _consented(
    here: Session, ctx: ToolContext, wanted: WantedIntegration, confirm_cost: CostConfirmation, *, is_tested: bool
) -> Consent:
    """Consent before a key is sent to AX, or to an address that is neither local nor the provider's default.

    Else consent to the test, which is one call. A yes to the key is a yes to the test too.
    """
    key = wanted.variable or wanted.entry
    on_ax = not await here.api.has_engine_routes()
    elsewhere = wanted.base_url is not None and not keys.is_local(wanted.url)
    if key is not None and can_ask(ctx) and (on_ax or elsewhere):
        via = "to Arize AX, which sends it " if on_ax else ""
        where = f"{via}to {keys.origin(wanted.url)}"
        answer = await asked(ctx, f"Send the key in {key} {where} whenever {exactly(wanted.name)} is used?")
        return Consent(answer.yes, f"{answer.refusal}.")
    if on_ax or not is_tested:
        return Consent(is_given=True)
    test = ModelCalls(wanted.model, wanted.origin, 1)
    spending = Disclosure(1, "tests", [test])
    return await consent(here, ctx, f"Test integration {quoted(wanted.name)}", spending, confirm_cost)


@tool("read")
async def list_integrations(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
) -> Reply:
    """List where models are called: provider, address, models, key or not.

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
    ctx: ToolContext,
    name: str,
    provider: Annotated[ModelProvider, AnyCase],
    key_variable: KeyVariable = None,
    keyring_entry: str | None = None,
    base_url: BaseUrl = None,
    model_names: list[str] | None = None,
    provider_metadata: Place = None,
    test: bool = True,
    confirm_cost: CostConfirmation = None,
) -> Reply:
    """Let judges use a model. Its key stays in a variable or keyring; one question tests it.

    Source: REST v2 `POST /v2/ai-integrations`; on the engine `POST /x/ai-integrations/{id}/check`.
    Raises: Invalid, Conflict, Unsupported.
    """
    asked_for = WantedIntegration(name, provider, key_variable, keyring_entry, base_url, model_names, provider_metadata)
    wanted = await _wanted(here, asked_for, is_tested=test)
    agreed = await _consented(here, ctx, wanted, confirm_cost, is_tested=test)
    if not agreed.is_given:
        return Reply(f"Not created: {agreed.said}", {**here.source(), "created": False})
    body = CreateAiIntegrationRequest(
        name=name,
        provider=provider,
        api_key=await _key(here, wanted),
        base_url=wanted.base_url,
        model_names=wanted.model_names,
        provider_metadata=wanted.metadata,
    )
    made = await here.api.post("/v2/ai-integrations", AiIntegration, body)
    here.names.forget()
    data: dict[str, Any] = {**here.source(), "created": True, "integration": _facts(made)}
    told = f"Created integration {exactly(made.name)} ({made.id}). "
    told += f"Next: create_judge(integration={name_or_id(made)!r}, ...)."
    if not test:
        return Reply(f"{told} It was not tested.", {**data, "tested": False})
    if not await here.api.has_engine_routes():
        return Reply(f"{told} Arize AX offers no test: try it with a task on one span.", {**data, "tested": False})
    checked = await _checked(here, made, wanted)
    told += f" Tested: {as_word(checked.model)} answered in {checked.latency_ms:.0f} ms."
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
    except AssayError as error:
        await take_back(here, "ai-integrations", made.id, made.name, error)
        raise
    if checked.ok:
        return checked
    await here.api.delete(at)
    here.names.forget()
    where = keys.shown_url(wanted.url) if wanted.url else wanted.origin
    raise Invalid(
        f"{as_word(wanted.model)} did not answer at {where}, so nothing was kept: {checked.detail}",
        _remedy(wanted),
    )


def _remedy(wanted: WantedIntegration) -> str:
    key = (
        f"the key in {wanted.variable or wanted.entry}" if wanted.variable or wanted.entry else "whether it wants a key"
    )
    return f"Check base_url, model_names and {key}; test=false keeps it untested."


def _facts(one: AiIntegration) -> dict[str, Any]:
    metadata = one.provider_metadata
    return {
        "id": one.id,
        "name": one.name,
        "provider": one.provider,
        "base_url": None if one.base_url is None else keys.shown_url(one.base_url),
        "model_names": one.model_names or [],
        "has_api_key": bool(one.has_api_key),
        **({} if metadata is None else {"provider_metadata": metadata.model_dump(exclude_none=True)}),
    }


def _line(one: AiIntegration) -> str:
    facts = _facts(one)
    models = ", ".join(quoted(model, 60) for model in facts["model_names"]) or "the provider's models"
    key = "has a key" if one.has_api_key else "no key"
    where = facts["base_url"] or place_address(one) or "the provider's own address"
    if role := facts.get("provider_metadata", {}).get("role_arn"):
        where += f" as {as_word(role)}"
    return f"{quoted(one.name)} ({one.id}): {one.provider} at {where}; {models}; {key}"
