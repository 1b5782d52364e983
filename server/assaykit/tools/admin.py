"""Toolset admin: the status of the backend, its spaces, and deletions."""

from typing import Any, Literal, NamedTuple

from assaykit import __version__
from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.foreign import as_word, exactly
from assaykit.judge.providers.registry import ANY_KEY_VARIABLE, PROVIDERS
from assaykit.names import (
    ANNOTATION_CONFIG,
    ANNOTATION_QUEUE,
    DATASET,
    EXPERIMENT,
    INTEGRATION,
    JUDGE,
    PROJECT,
    PROMPT,
    SPACE,
    ResourceKind,
)
from assaykit.toolkit.builder import tool
from assaykit.toolkit.confirmation import Confirm, ExactName, before_deleting
from assaykit.toolkit.listing import list_named
from assaykit.toolkit.parameters import Here, ListLimit, SaveTo, SpaceName, ToolContext
from assaykit.toolkit.replies import Reply, bullets, quoted, some
from assaykit.wire.integrations import AiIntegration, AiIntegrationPage
from assaykit.wire.local import MOST_SPANS_COUNTED, StoreStatus
from assaykit.wire.spaces import SpacePage

MODELS_SHOWN = 5
INTEGRATIONS_SHOWN = 20

DeletableKind = Literal[
    "project", "dataset", "experiment", "judge", "integration", "prompt", "annotation_config", "queue"
]


class _Deletable(NamedTuple):
    kind: ResourceKind
    goes_too: str


_DELETABLE: dict[DeletableKind, _Deletable] = {
    "project": _Deletable(PROJECT, "its spans, verdicts and tasks"),
    "dataset": _Deletable(DATASET, "its examples, experiments and tasks"),
    "experiment": _Deletable(EXPERIMENT, "its runs and their verdicts"),
    "judge": _Deletable(JUDGE, "all its versions"),
    "integration": _Deletable(INTEGRATION, "the use of it by every judge"),
    "prompt": _Deletable(PROMPT, "all its versions and labels"),
    "annotation_config": _Deletable(ANNOTATION_CONFIG, "the choice of its labels"),
    "queue": _Deletable(ANNOTATION_QUEUE, "its list of items, while the labels stay"),
}


@tool("read")
async def get_status(here: Here) -> Reply:
    """Show backend, spaces, models for judges, and what to do first.

    Source: REST v2 `GET /v2/spaces`, `GET /v2/ai-integrations`; on the engine `GET /x/status`.
    """
    spaces = [space.name async for space in rows(here.api, "/v2/spaces", SpacePage)]
    models = [one async for one in rows(here.api, "/v2/ai-integrations", AiIntegrationPage)]
    on_engine = await here.api.has_engine_routes()
    store = await here.api.get("/x/status", StoreStatus) if on_engine else None
    data: dict[str, Any] = {
        "version": __version__,
        **here.source(),
        "spaces": spaces,
        "integrations": [
            {
                "name": one.name,
                "provider": one.provider,
                "has_api_key": bool(one.has_api_key),
                "models": _names_of(one),
            }
            for one in models
        ],
    }
    lines = [
        f"assaykit {__version__} on {here.api.who}",
        f"Spaces: {some(spaces)}",
        _models(models, on_engine=on_engine),
    ]
    if store is not None:
        data["store"] = store.model_dump(exclude={"home"})
        more = " or more" if store.spans >= MOST_SPANS_COUNTED else ""
        lines.append(f"Store: {store.spans}{more} spans in {store.projects} project(s), {store.running} run(s) active")
    if here.api.backend == "ax":
        data["connection"] = {"origin": here.api.address, **here.api.connection.facts()}
        lines.append(f"Connection: {here.api.address}, {here.api.connection.told()}")
    if here.api.backend == "local" and here.settings.ax_key:
        lines.append("ARIZE_API_KEY is set but not used: ASSAYKIT_BACKEND=ax would switch to Arize AX.")
    lines.append(_first_step(store))
    return Reply(bullets(lines), data)


@tool("read")
async def list_spaces(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
) -> Reply:
    """List the spaces.

    Source: REST v2 `GET /v2/spaces`.
    Raises: Invalid.
    """
    nothing = "No space has such a name. Leave name out to see all."
    return await list_named(here, SPACE, {"name": name}, limit, cursor, save_to, overwrite=overwrite, nothing=nothing)


def _models(models: list[AiIntegration], *, on_engine: bool) -> str:
    if not models:
        first = f"Set {ANY_KEY_VARIABLE} where the server starts" if on_engine else "`create_integration` makes one"
        return f"Judge models: none. {first}; managed code evaluators need no model."
    shown = ", ".join(map(_model, models[:INTEGRATIONS_SHOWN]))
    others = f" and {len(models) - INTEGRATIONS_SHOWN} more" if len(models) > INTEGRATIONS_SHOWN else ""
    return f"Judge models: {shown}{others}"


def _model(one: AiIntegration) -> str:
    """An integration with its models, of which a judge takes the first unless one is named."""
    names = [as_word(name) for name in _names_of(one)]
    shown = f"{quoted(one.name)} ({one.provider}"
    shown += f": {', '.join(names[:MODELS_SHOWN])}" if names else ""
    shown += f" and {len(names) - MODELS_SHOWN} more" if len(names) > MODELS_SHOWN else ""
    return shown + ("" if one.has_api_key or not PROVIDERS[one.provider].wants_key else ", no key") + ")"


def _names_of(one: AiIntegration) -> list[str]:
    usual = PROVIDERS[one.provider].environment
    return list(one.model_names or ([usual.default_model] if usual else ()))


def _first_step(store: StoreStatus | None) -> str:
    if store is not None and store.spans == 0:
        return "Next: start `assaykit engine` and send spans to its /v1/traces, or run `assaykit demo`."
    return "Next: `list_projects`, then `search_spans`."


@tool("delete")
async def delete_resource(
    here: Here,
    ctx: ToolContext,
    kind: DeletableKind,
    name: ExactName,
    confirm: Confirm = None,
    space: SpaceName = None,
) -> Reply:
    """Delete one thing for good.

    Source: REST v2 `DELETE` of projects, datasets, experiments, evaluators, AI integrations, prompts,
    annotation configs and annotation queues.
    Raises: NotFound, Ambiguous, Conflict, Invalid.
    """
    # Integrations belong to the account; every other resource belongs to a space.
    within = None if kind == "integration" else await here.space(space)
    what = _DELETABLE[kind]
    found = await here.names.exactly(what.kind, name, within)
    data = {**here.source(), "kind": kind, "id": found.id, "name": found.name}
    sure = await before_deleting(ctx, what.kind.noun, found, what.goes_too, confirm)
    if not sure.yes:
        return Reply(f"Not deleted: {sure.refusal}.", {**data, "deleted": False})
    await here.api.delete(what.kind.at + path(found.id))
    here.names.forget()
    return Reply(f"Deleted the {what.kind.noun} {exactly(found.name)} ({found.id}).", {**data, "deleted": True})
