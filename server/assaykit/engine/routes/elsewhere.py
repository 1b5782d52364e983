"""What AX serves and the engine does not: answered with 501 and what does it instead, never with 404.

A path that neither has stays a 404, so that a misspelt one is not taken for something that AX could do. A method that
is missing from a path which the engine serves is an `Operation` beside the others of that path.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.errors import Unsupported

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")

TAGGED = ("projects", "datasets", "experiments", "evaluators", "prompts", "annotation-configs")
"""Nouns whose things carry tags on AX."""

ALONE = "The engine has one user and one key, on this machine alone; use AX to share work between people."


class Missing(NamedTuple):
    """What the engine does not have, and what to do instead."""

    what: str
    instead: str


TAGS = Missing("tags", "Tell things apart by their names: every list takes a part of one as `name`.")

WHOLE = {
    "annotation-queues": Missing(
        "annotation queues",
        "Annotate the records themselves: POST /v2/spans/annotate, /v2/experiments/{id}/runs/annotate or "
        "/v2/datasets/{id}/examples/annotate.",
    ),
    "tags": TAGS,
    "integrations": Missing("integrations of agents and remote evaluators", "For models use /v2/ai-integrations."),
    "organizations": Missing("organizations", "Its one space stands alone: GET /v2/spaces has its id."),
    "users": Missing("users", ALONE),
    "roles": Missing("roles", ALONE),
    "role-bindings": Missing("role bindings", ALONE),
    "resource-restrictions": Missing("resource restrictions", ALONE),
    "api-keys": Missing(
        "API keys to hand out", "Its own key is set by ASSAYKIT_ENGINE_KEY, or made at the first start."
    ),
    "audit-logs": Missing("an audit log", ALONE),
    "webhooks": Missing("webhooks", "Ask GET /v2/task-runs/{id} until the run has ended."),
    "webhook-subscriptions": Missing("webhooks", "Ask GET /v2/task-runs/{id} until the run has ended."),
    "monitors": Missing("monitors", "Create a task, and trigger it when its project is to be looked at again."),
    "dashboards": Missing("dashboards", "List spans and runs with their verdicts, or compare experiments."),
}
"""Every path of a resource, by its first part."""

MEMBERS = Missing("members of a space", ALONE)


def _answering(missing: Missing) -> Callable[[Request], Awaitable[Response]]:
    async def refuse(_request: Request) -> Response:
        raise Unsupported(f"The embedded engine does not have {missing.what}.", missing.instead)

    return refuse


def _routes(missing: Missing, *paths: str) -> list[Route]:
    return [Route(path, _answering(missing), methods=list(EVERY_METHOD)) for path in paths]


routes = [
    *(
        route
        for noun, missing in WHOLE.items()
        for route in _routes(missing, f"/v2/{noun}", f"/v2/{noun}/{{rest:path}}")
    ),
    *(route for noun in TAGGED for route in _routes(TAGS, f"/v2/{noun}/{{id}}/tags")),
    *_routes(MEMBERS, "/v2/spaces/{id}/users", "/v2/spaces/{id}/users/{user_id}"),
]
