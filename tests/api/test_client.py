"""The client against replies written by the test."""

import json
from collections.abc import Callable
from http import HTTPStatus

import anyio
import httpx
import pytest

from assaykit.api import pages as api_pages
from assaykit.api.client import Api, path
from assaykit.api.pages import rows
from assaykit.api.retries import ATTEMPTS
from assaykit.api.statuses import BY_STATUS, DETAIL_LIMIT
from assaykit.errors import (
    AssayError,
    Conflict,
    ContractBroken,
    Invalid,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from assaykit.wire.spaces import Space, SpacePage
from assaykit.wire.tasks import Task, UpdateTaskRequest

SPACE = {"id": "U3BhY2U6MTph", "name": "default"}

Handler = Callable[[httpx.Request], httpx.Response]


def api(handler: Handler, backend: str = "ax", deadline_s: float = 5) -> Api:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler), base_url="https://ax.test")
    return Api(http, backend, deadline_s=deadline_s, sleep=no_sleep)


async def no_sleep(_: float) -> None:
    """Pauses between attempts have tests of their own, in test_retries.py."""


def answering(status: int, detail: str = "Told by the other side.", headers: dict[str, str] | None = None) -> Handler:
    body = {"title": "Problem", "status": status, "type": "about:blank", "detail": detail}
    return lambda _: httpx.Response(status, json=body, headers=headers)


async def error_of(handler: Handler, backend: str = "ax") -> AssayError:
    with pytest.raises(AssayError) as caught:
        await api(handler, backend).get("/v2/spaces", SpacePage)
    return caught.value


EXPECTED: dict[int, type[AssayError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: RateLimited,
    501: Unsupported,
}


def test_the_table_of_statuses_holds_these_and_no_others() -> None:
    assert BY_STATUS == EXPECTED


@pytest.mark.parametrize("status", [status.value for status in HTTPStatus if status >= 400] + [499, 520, 599])
async def test_every_status_of_failure_is_one_error_of_ours(status: int) -> None:
    error = await error_of(answering(status))
    assert type(error) is EXPECTED.get(status, Unavailable)
    if status == 429:
        assert error.message == "Arize AX asks to slow down."
    else:
        assert "Told by the other side." in error.message
    if type(error) is Unavailable:
        assert f"status {status}" in error.message


async def test_a_refused_key_names_the_variable_and_not_the_key() -> None:
    http = httpx.AsyncClient(
        transport=httpx.MockTransport(answering(401, "The key is wrong.")),
        base_url="https://ax.test",
        headers={"Authorization": "Bearer ak-planted-4711"},
    )
    with pytest.raises(Unauthorized) as caught:
        await Api(http, "ax").get("/v2/spaces", SpacePage)
    assert (
        caught.value.message
        == "Arize AX refused the key in ARIZE_API_KEY at https://ax.test/v2/spaces: The key is wrong."
    )
    assert caught.value.next.startswith("Check ARIZE_API_KEY")


@pytest.mark.parametrize(
    ("header", "seconds", "following"),
    [
        ("12", 12.0, "Wait 12 s, then try again."),
        ("1.2", 1.2, "Wait 2 s, then try again."),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, "Wait 0 s, then try again."),
        ("-3", None, "Wait, then try again."),
        (None, None, "Wait, then try again."),
    ],
)
async def test_the_pause_that_was_asked_for_is_passed_on(
    header: str | None, seconds: float | None, following: str
) -> None:
    error = await error_of(answering(429, headers={} if header is None else {"Retry-After": header}))
    assert isinstance(error, RateLimited)
    assert (error.retry_after_s, error.next) == (seconds, following)


async def test_a_page_of_html_is_named_and_not_quoted() -> None:
    page = "<html><body>Bad gateway <script>alert(1)</script></body></html>"
    error = await error_of(lambda _: httpx.Response(502, html=page))
    assert error.message == "Arize AX failed with status 502: an HTML page"


async def test_a_body_that_is_no_problem_is_quoted_on_one_line_and_clipped() -> None:
    error = await error_of(lambda _: httpx.Response(500, text="line one\nline two " + "x" * 5000))
    assert "line one line two" in error.message
    assert len(error.message) < 400
    long = await error_of(answering(400, "y" * 5000))
    assert len(long.message) == DETAIL_LIMIT


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(200, text='{"spaces": ['),
        httpx.Response(200, json={"spaces": [{"id": 1}]}),
        httpx.Response(200, json=[]),
        httpx.Response(200),
    ],
    ids=["cut off", "mistyped", "a list", "nothing"],
)
async def test_a_reply_outside_the_contract_is_told_without_its_content(reply: httpx.Response) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return reply

    error = await error_of(answer)
    assert type(error) is ContractBroken
    assert error.message == "Arize AX answered /v2/spaces with a body that is not a valid SpacePage."
    assert error.next == "This is a fault in assaykit or the backend; please report it."
    assert asked == ["ax.test"]


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (httpx.Response(200, html="<html><body>Sign in</body></html>"), "an HTML page"),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test/"}), "a redirect, which is not followed"),
        (httpx.Response(308, headers={"Location": "/v3/spaces"}), "a redirect, which is not followed"),
    ],
)
async def test_an_answer_of_something_that_is_not_the_api_names_the_address(reply: httpx.Response, what: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return reply

    error = await error_of(answer)
    assert type(error) is ContractBroken
    assert error.message == f"Arize AX answered /v2/spaces with {what}."
    assert error.next.startswith("Its address is ax.test: check ARIZE_API_HOST")
    assert asked == ["ax.test"]


async def test_fields_that_are_new_in_a_reply_are_passed_over() -> None:
    body = {"spaces": [{**SPACE, "colour": "red"}], "pagination": {"has_more": False}, "extra": 1}
    page = await api(lambda _: httpx.Response(200, json=body)).get("/v2/spaces", SpacePage)
    assert [space.name for space in page.spaces] == ["default"]


class Drip(httpx.AsyncBaseTransport):
    """Never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError(request)


@pytest.mark.parametrize(("method", "help_"), [("GET", "Try again;"), ("POST", "Check whether it took effect")])
async def test_a_call_ends_at_its_deadline_and_says_if_it_may_be_repeated(method: str, help_: str) -> None:
    slow = Api(httpx.AsyncClient(transport=Drip(), base_url="https://ax.test"), "ax", deadline_s=0.05)
    with pytest.raises(Unavailable) as caught:
        await (slow.get("/v2/spaces", SpacePage) if method == "GET" else slow.post("/v2/spaces", SpacePage))
    assert caught.value.message == f"Arize AX did not answer {method} /v2/spaces within 0.05 s."
    assert caught.value.next.startswith(help_)


async def test_what_cannot_be_reached_is_told_with_the_address_that_was_configured() -> None:
    def unreachable(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route to 10.0.0.7", request=request)

    error = await error_of(unreachable)
    assert type(error) is Unavailable
    assert error.message == "Arize AX could not be reached: ConnectError."
    assert error.next.startswith("Its address is ax.test: check ARIZE_API_HOST (or ARIZE_REGION)")
    assert "10.0.0.7" not in str(error)
    assert (await error_of(unreachable, "local")).message.startswith("The embedded engine could not")


@pytest.mark.parametrize(("method", "help_"), [("GET", "Try again;"), ("POST", "Check whether it took effect")])
async def test_an_answer_that_breaks_off_says_if_the_call_may_be_repeated(method: str, help_: str) -> None:
    def breaks_off(request: httpx.Request) -> httpx.Response:
        raise httpx.RemoteProtocolError("peer closed connection", request=request)

    client = api(breaks_off)
    with pytest.raises(Unavailable) as caught:
        await (client.get("/v2/spaces", SpacePage) if method == "GET" else client.post("/v2/spaces", SpacePage))
    assert caught.value.message == f"The connection to Arize AX broke during {method} /v2/spaces: RemoteProtocolError."
    assert caught.value.next.startswith(help_)


STATUS = {"home": "/h", "schema_version": "1", "spans": 0, "projects": 0, "running": 0}
SPACES: dict[str, object] = {"spaces": [], "pagination": {"has_more": False}}


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(404, json={"title": "NotFound", "status": 404}),
        httpx.Response(404, html="<html></html>"),
        httpx.Response(403, json={"message": "Missing Authentication Token"}),
        httpx.Response(200, html="<html></html>"),
        httpx.Response(200, json={"ok": True}),
        httpx.Response(302, headers={"Location": "/login"}),
        httpx.Response(405),
        httpx.Response(501),
    ],
    ids=["404", "404 page", "403", "page", "other", "redirect", "405", "501"],
)
async def test_a_backend_that_knows_no_engine_route_is_ax_and_is_asked_once(reply: httpx.Response) -> None:
    client = api(lambda request: reply if request.url.path == "/x/status" else httpx.Response(200, json=SPACES))
    assert client.who == "Arize AX"
    assert await client.has_engine_routes() is False
    before = client.requests
    assert await client.has_engine_routes() is False
    assert (client.requests, client.who) == (before, "Arize AX")


async def test_an_engine_behind_the_address_is_found_out_and_named() -> None:
    client = api(lambda _: httpx.Response(200, json=STATUS))
    assert await client.has_engine_routes() is True
    assert client.who == "the engine at ax.test"
    embedded = api(answering(500), "local")
    assert await embedded.has_engine_routes() is True
    assert (embedded.requests, embedded.who) == (0, "the embedded engine")


@pytest.mark.parametrize(("status", "kind"), [(401, Unauthorized), (429, RateLimited), (503, Unavailable)])
async def test_a_failure_decides_nothing_about_what_there_is(status: int, kind: type[AssayError]) -> None:
    # As many failures as two calls meet with their second tries.
    answers = [answering(status)] * (2 if status == 401 else 2 * ATTEMPTS)
    client = api(lambda request: answers.pop()(request) if answers else httpx.Response(200, json=STATUS))
    while answers:
        with pytest.raises(kind):
            await client.has_engine_routes()
    assert await client.has_engine_routes() is True


@pytest.mark.parametrize("part", ["../../v2/ai-integrations", "a/b", "a?b=c", "a#b", "%2e%2e", "ä ö", "a\nb", "{id}"])
async def test_an_id_stays_one_part_of_the_path(part: str) -> None:
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json=SPACE)

    await api(answer).get(path("v2", "spaces", part), Space)
    (url,) = seen
    assert url.query == b""
    assert url.fragment == ""
    assert url.raw_path.count(b"/") == 3
    assert url.path == f"/v2/spaces/{part}"


async def test_what_is_too_long_is_the_callers_to_mend() -> None:
    client = api(lambda _: httpx.Response(200, json=SPACES))
    with pytest.raises(Invalid, match="too long for a URL"):
        await client.get("/v2/spaces", SpacePage, cursor="x" * 100_000)
    with pytest.raises(Invalid, match="A name has at most 255 characters"):
        await client.get("/v2/spaces", SpacePage, name="x" * 256)
    assert (await client.get("/v2/spaces", SpacePage, name="x" * 255)).spaces == []


async def test_a_body_and_a_query_leave_out_what_is_not_given() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=SPACE)

    await api(answer).post("/v2/spaces", Space, Space(id="1", name="x"), limit=3, cursor=None)
    assert json.loads(seen[0].content) == {"id": "1", "name": "x"}
    assert seen[0].url.query == b"limit=3"
    assert seen[0].headers["content-type"] == "application/json"


def paged(*pages: tuple[list[str], str | None]) -> Handler:
    """A list in pages: each with its names, and the cursor it gives."""

    def answer(request: httpx.Request) -> httpx.Response:
        cursor = request.url.params.get("cursor")
        at = 0 if cursor is None else int(cursor.removeprefix("c"))
        names, following = pages[at]
        found = [{"id": name, "name": name} for name in names]
        pagination = {"has_more": following is not None, "next_cursor": following}
        return httpx.Response(200, json={"spaces": found, "pagination": pagination})

    return answer


async def test_every_page_is_followed_in_order() -> None:
    client = api(paged((["a", "b"], "c1"), ([], "c2"), (["c"], None)))
    assert [space.name async for space in rows(client, "/v2/spaces", SpacePage)] == ["a", "b", "c"]
    assert client.requests == 3


Pages = list[tuple[list[str], str | None]]
EMPTY: Pages = [([], f"c{number}") for number in range(2, 60)]
LONG: Pages = [([f"s{number}"], f"c{number + 1}") for number in range(99)]
GOING_ROUND: list[tuple[Pages, str]] = [
    ([(["a"], "c1"), (["b"], "c1")], "a page leads to itself"),
    ([(["a"], "c1"), (["b"], "c2"), (["c"], "c1")], "a cursor came twice"),
    ([(["a", "b"], "c1"), (["c", "d"], "c2"), (["a", "b"], "c3"), (["e"], None)], "a page came twice"),
    ([(["a"], "c1"), *EMPTY], "21 pages in a row were empty"),
    (LONG, "it has more than 50 pages"),
    ([(["a"], "")], "a page says that more follow without a cursor"),
]


@pytest.mark.parametrize(("pages", "why"), GOING_ROUND)
async def test_a_list_that_does_not_end_is_left(pages: Pages, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_pages, "MOST_PAGES", 50)
    client = api(paged(*pages))
    with pytest.raises(ContractBroken, match=f"The list /v2/spaces does not end: {why}"):
        _ = [space async for space in rows(client, "/v2/spaces", SpacePage)]


async def test_a_page_that_leads_to_itself_is_no_page_of_a_list_tool() -> None:
    client = api(paged((["a"], "c1"), (["b"], "c1")))
    assert (await client.get("/v2/spaces", SpacePage)).pagination.next_cursor == "c1"
    with pytest.raises(ContractBroken, match="does not end"):
        await client.get("/v2/spaces", SpacePage, cursor="c1")


@pytest.mark.parametrize("reply", [httpx.Response(302, headers={"Location": "/x"}), httpx.Response(200, html="<p>")])
async def test_a_gateways_page_is_no_success_of_a_call_without_an_answer(reply: httpx.Response) -> None:
    client = api(lambda _: reply)
    with pytest.raises(ContractBroken):
        await client.delete("/v2/spaces/x")
    with pytest.raises(ContractBroken):
        await client.send("/v2/datasets/x/examples/annotate", Space(id="1", name="x"))


async def test_a_change_sends_what_was_set_and_null_only_where_that_was_set() -> None:
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={"id": "T25saW5lVGFzazoxOjFh", "name": "x", "type": "CODE_EVALUATION"})

    await api(answer).patch("/v2/tasks/t", Task, UpdateTaskRequest(name="x", query_filter=None))
    assert [(request.method, json.loads(request.content)) for request in sent] == [
        ("PATCH", {"name": "x", "query_filter": None})
    ]
