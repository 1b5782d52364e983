"""Routes of AX that the engine lacks: the answer is a problem with the next step, and never a missing path."""

import pytest
from tests.engine.door import Door

REFUSED = [
    ("PATCH", "/annotation-queues/q", "/v2/spans/annotate"),
    ("DELETE", "/annotation-queues/q/records", "/v2/spans/annotate"),
    ("POST", "/annotation-queues/q/records/r/annotate", "/v2/spans/annotate"),
    ("POST", "/annotation-queues/q/records", "/v2/spans/annotate"),
    ("POST", "/annotation-queues/q/records/r/assign", "/v2/spans/annotate"),
    ("POST", "/annotation-queues/q/tags", "names"),
    ("POST", "/tags", "names"),
    ("PATCH", "/tags/t", "names"),
    ("GET", "/projects/p/tags", "names"),
    ("POST", "/datasets/d/tags", "names"),
    ("DELETE", "/experiments/e/tags", "names"),
    ("GET", "/evaluators/e/tags", "names"),
    ("POST", "/prompts/p/tags", "names"),
    ("DELETE", "/annotation-configs/c/tags", "names"),
    ("GET", "/integrations", "/v2/ai-integrations"),
    ("PATCH", "/integrations/i", "/v2/ai-integrations"),
    ("GET", "/organizations", "GET /v2/spaces"),
    ("POST", "/organizations/o/users", "GET /v2/spaces"),
    ("GET", "/users", "one user"),
    ("POST", "/users/u/reset-password", "one user"),
    ("DELETE", "/roles/r", "one user"),
    ("POST", "/role-bindings", "one user"),
    ("GET", "/resource-restrictions", "one user"),
    ("POST", "/api-keys", "ASSAYKIT_ENGINE_KEY"),
    ("POST", "/api-keys/k/refresh", "ASSAYKIT_ENGINE_KEY"),
    ("GET", "/audit-logs", "one user"),
    ("POST", "/webhooks/w/test", "GET /v2/task-runs/{id}"),
    ("GET", "/webhook-subscriptions", "GET /v2/task-runs/{id}"),
    ("GET", "/monitors", "Create a task"),
    ("GET", "/monitors/m/tags", "Create a task"),
    ("GET", "/dashboards/d/widgets/w", "compare experiments"),
    ("POST", "/spaces", "ASSAYKIT_HOME"),
    ("PATCH", "/spaces/s", "ASSAYKIT_HOME"),
    ("DELETE", "/spaces/s", "ASSAYKIT_HOME"),
    ("POST", "/spaces/s/users", "one user"),
    ("DELETE", "/spaces/s/users/u", "one user"),
]


@pytest.mark.parametrize(("method", "path", "instead"), REFUSED)
async def test_what_ax_alone_has_is_a_501_that_says_what_to_do(
    door: Door, method: str, path: str, instead: str
) -> None:
    response = await door.http.request(method, f"/v2{path}", json={})
    assert response.json()["title"] == "Unsupported"
    detail = await door.refused(501, method, f"/v2{path}", json={})
    assert detail.startswith("The embedded engine does not have ")
    assert instead in response.json()["next"]
    assert detail.endswith(response.json()["next"])


@pytest.mark.parametrize(
    "path", ["/v2/tagss", "/v2/annotation-queue", "/v2/users-of-mine", "/tags", "/v2/tasks/t/tags"]
)
async def test_a_path_that_only_looks_like_one_of_those_is_not_there(door: Door, path: str) -> None:
    assert path in await door.refused(404, "GET", path)


async def test_the_one_space_is_still_read_where_it_cannot_be_changed(door: Door) -> None:
    space = await door.space()
    await door.refused(501, "PATCH", f"/v2/spaces/{space}", json={"name": "mine"})
    assert (await door.get(f"/v2/spaces/{space}"))["name"] == "default"


async def test_spaces_of_an_organization_cannot_be_asked_for(door: Door) -> None:
    assert "org_id" in await door.refused(501, "GET", "/v2/spaces", params={"org_id": "T3JnYW5pemF0aW9uOjE="})
