"""Paths that AX serves and the engine does not: the engine answers them with 501 and an alternative.

A path that AX does not serve either stays a 404, so that a typing error is not mistaken for a feature of AX. If the
engine serves a path but not one of its methods, the module of that path declares the method with `status=501`.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.errors import Unsupported

EVERY_METHOD = ("GET", "POST", "PUT", "PATCH", "DELETE")

TAGGED = ("projects", "datasets", "experiments", "evaluators", "prompts", "annotation-configs", "annotation-queues")
"""Resources that carry tags on AX."""

ALONE = "The engine has one user and one key, on this machine alone; use AX to share work between people."


class Missing(NamedTuple):
    """A feature that the engine does not have, `what`, and the alternative, `instead`."""

    what: str
    instead: str


TAGS = Missing("tags", "Put the distinction into names: every list filters by a part of the name with `name`.")

WHOLE = {
    "tags": TAGS,
    "integrations": Missing("integrations of agents and remote evaluators", "For models use /v2/ai-integrations."),
    "organizations": Missing("organizations", "It has a single space: GET /v2/spaces gives the id."),
    "users": Missing("users", ALONE),
    "roles": Missing("roles", ALONE),
    "role-bindings": Missing("role bindings", ALONE),
    "resource-restrictions": Missing("resource restrictions", ALONE),
    "api-keys": Missing(
        "API keys to hand out", "ASSAYKIT_ENGINE_KEY sets its own key; otherwise the first start generates one."
    ),
    "audit-logs": Missing("an audit log", ALONE),
    "webhooks": Missing("webhooks", "Poll GET /v2/task-runs/{id} until the run has ended."),
    "webhook-subscriptions": Missing("webhooks", "Poll GET /v2/task-runs/{id} until the run has ended."),
    "monitors": Missing("monitors", "Create a task, and trigger it to check new spans of its project."),
    "dashboards": Missing("dashboards", "List spans and runs with their verdicts, or compare experiments."),
}
"""Resources that the engine lacks as a whole, by the first part of their paths."""

MEMBERS = Missing("members of a space", ALONE)

LABELS_IN_QUEUES = Missing(
    "labels and assignments inside annotation queues",
    "Annotate the records themselves: POST /v2/spans/annotate, /v2/experiments/{id}/runs/annotate or "
    "/v2/datasets/{id}/examples/annotate.",
)


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
    *_routes(
        LABELS_IN_QUEUES,
        "/v2/annotation-queues/{id}/records/{record_id}/annotate",
        "/v2/annotation-queues/{id}/records/{record_id}/assign",
    ),
    *_routes(MEMBERS, "/v2/spaces/{id}/users", "/v2/spaces/{id}/users/{user_id}"),
]
