"""Toolset admin: where a session works, and with what."""

from typing import Any

from assaykit import __version__
from assaykit.api.pages import rows
from assaykit.tools.builder import tool
from assaykit.tools.fields import Here, ListLimit, SaveTo
from assaykit.tools.listing import more, next_of, plain, save
from assaykit.tools.replies import Reply, bullets, one_line
from assaykit.wire.integrations import AiIntegration, AiIntegrationPage
from assaykit.wire.local import StoreStatus
from assaykit.wire.spaces import SpacePage


@tool("read")
async def get_status(here: Here) -> Reply:
    """Show the backend, its spaces, the models that judges can use, and what to do first.

    Source: REST v2 `GET /v2/spaces`, `GET /v2/ai-integrations`; on the engine `GET /x/status`.
    """
    spaces = [space.name async for space in rows(here.api, "/v2/spaces", SpacePage)]
    models = [one async for one in rows(here.api, "/v2/ai-integrations", AiIntegrationPage)]
    data: dict[str, Any] = {
        "version": __version__,
        **here.source(),
        "spaces": spaces,
        "integrations": [
            {"name": one.name, "provider": one.provider, "has_api_key": bool(one.has_api_key)} for one in models
        ],
    }
    lines = [f"assaykit {__version__} on {_backend(here)}", f"Spaces: {', '.join(spaces)}", _models(models)]
    if here.api.backend == "local":
        store = await here.api.get("/x/status", StoreStatus)
        data["store"] = store.model_dump(exclude={"home"})
        lines.append(f"Store: {store.spans} spans in {store.projects} project(s), {store.running} run(s) active")
        if here.settings.ax_key:
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
) -> Reply:
    """List the spaces: each holds projects, judges, tasks and datasets of its own.

    Source: REST v2 `GET /v2/spaces`.
    Raises: Invalid.
    """
    query = {"name": name}
    if save_to is not None:
        found = rows(here.api, "/v2/spaces", SpacePage, query)
        return await save(here, save_to, cursor, found, plain, "spaces", here.source())
    page = await here.api.get("/v2/spaces", SpacePage, limit=limit, cursor=cursor, **query)
    names = ", ".join(one_line(space.name) for space in page.spaces)
    following = next_of(page)
    text = f"{len(page.spaces)} space(s){more(following)}: {names}"
    if not page.spaces:
        text = "No space has such a name. Leave name out to see all."
    listed = [{"id": space.id, "name": space.name} for space in page.spaces]
    return Reply(text, {**here.source(), "spaces": listed, "next_cursor": following})


def _backend(here: Here) -> str:
    return "Arize AX" if here.api.backend == "ax" else "the embedded engine (no account needed)"


def _models(models: list[AiIntegration]) -> str:
    if not models:
        return (
            "Judge models: none. Set OPENAI_API_KEY or ANTHROPIC_API_KEY where the server starts; "
            "managed code evaluators need no model."
        )
    shown = [
        f"{one.name} ({one.provider}{'' if one.has_api_key or one.provider == 'CUSTOM' else ', no key'})"
        for one in models
    ]
    return f"Judge models: {', '.join(shown)}"


def _first_step(store: StoreStatus) -> str:
    if store.spans == 0:
        return "Next: start `assaykit engine` and send spans to its /v1/traces, or run `assaykit demo`."
    return "Next: `list_projects`, then `search_spans`."
