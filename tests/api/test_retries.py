"""Second tries of calls over a network, against a backend that fails in turn."""

from collections.abc import Callable, Sequence

import httpx
import pytest

from assaykit.api.client import Api
from assaykit.api.retries import ATTEMPTS, BUDGET
from assaykit.errors import AssayError, Unavailable
from assaykit.wire.spaces import Space, SpacePage
from assaykit.wire.spans import ListSpansRequest, SpanPage

SPACE = {"id": "U3BhY2U6MTph", "name": "default"}
GOOD = httpx.Response(200, json={"spaces": [SPACE], "spans": [], **SPACE})

Answer = httpx.Response | Exception
Call = Callable[[Api], object]


class Backend:
    """Answers with the given failures in turn, and then with success. `waits` are the pauses of the client."""

    def __init__(self, failures: Sequence[Answer], kind: str = "ax", deadline_s: float = 60) -> None:
        self.failures: list[Answer] = [*failures]
        self.asked: list[str] = []
        self.waits: list[float] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="https://ax.test")
        self.api = Api(http, kind, deadline_s=deadline_s, sleep=self._sleep)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.content.decode())
        answer = self.failures.pop(0) if self.failures else GOOD
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def refused(status: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"title": "no", "status": status}, headers=named)


LIMITED, AWAY = refused(429, retry_after="3"), refused(503)
BROKEN, UNREACHED = httpx.ReadError("broke"), httpx.ConnectError("nobody there")


async def read(api: Api) -> object:
    return await api.get("/v2/spaces", SpacePage)


async def read_by_post(api: Api) -> object:
    return await api.post("/v2/spans", SpanPage, ListSpansRequest(project_id="p"))


async def create(api: Api) -> object:
    return await api.post("/v2/spaces", Space, Space.model_validate(SPACE))


async def remove(api: Api) -> object:
    return await api.delete("/v2/spaces/x")


READS, WRITES = (read, read_by_post), (create, remove)


@pytest.mark.parametrize("call", [*READS, *WRITES])
@pytest.mark.parametrize("failure", [LIMITED, refused(429), UNREACHED, httpx.ConnectTimeout("late")], ids=str)
async def test_a_call_that_did_nothing_is_made_again(call: Call, failure: Answer) -> None:
    backend = Backend([failure, failure])
    await call(backend.api)  # type: ignore[misc]
    assert len(backend.asked) == 3
    assert len(set(backend.asked)) == 1
    assert backend.api.requests == 1


@pytest.mark.parametrize("failure", [refused(502), AWAY, refused(504), BROKEN, httpx.ReadTimeout("late")], ids=str)
async def test_a_call_that_may_have_written_is_made_once_and_one_that_reads_again(failure: Answer) -> None:
    for call in READS:
        backend = Backend([failure])
        await call(backend.api)
        assert len(backend.asked) == 2
    for call in WRITES:
        backend = Backend([failure])
        with pytest.raises(Unavailable):
            await call(backend.api)
        assert (len(backend.asked), backend.waits) == (1, [])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 501])
async def test_any_other_failure_stands(status: int) -> None:
    backend = Backend([refused(status, retry_after="1")])
    with pytest.raises(AssayError):
        await read(backend.api)
    assert len(backend.asked) == 1


async def test_the_pause_is_the_one_asked_for_else_it_doubles() -> None:
    asked = Backend([LIMITED, refused(503, retry_after="0.5")])
    await read(asked.api)
    assert [round(wait) for wait in asked.waits] == [3, pytest.approx(0.55, abs=0.5)]
    assert 3 <= asked.waits[0] <= 3.1
    assert 0.5 <= asked.waits[1] <= 0.6
    unasked = Backend([AWAY] * 3)
    await read(unasked.api)
    assert [low <= wait <= 2 * low for low, wait in zip((0.25, 0.5, 1), unasked.waits, strict=True)] == [True] * 3


async def test_the_last_failure_is_told_when_all_attempts_failed() -> None:
    backend = Backend([AWAY] * 9)
    with pytest.raises(Unavailable, match="failed with status 503"):
        await read(backend.api)
    assert len(backend.asked) == ATTEMPTS


async def test_a_pause_past_the_deadline_is_told_at_once() -> None:
    backend = Backend([refused(429, retry_after="61")])
    with pytest.raises(AssayError, match="asks to slow down") as caught:
        await read(backend.api)
    assert (caught.value.next, backend.waits) == ("Wait 61 s, then try again.", [])


async def test_a_backend_in_trouble_gets_no_flood_and_a_recovered_one_second_tries_again() -> None:
    backend = Backend([AWAY] * 1000)
    for _ in range(50):
        with pytest.raises(Unavailable):
            await read(backend.api)
    assert len(backend.asked) == 50 + BUDGET
    backend.failures = []
    for _ in range(10):
        await read(backend.api)
    backend.failures = [AWAY]
    await read(backend.api)
    assert backend.failures == []


async def test_the_engine_in_this_process_is_asked_once() -> None:
    backend = Backend([LIMITED], "local")
    with pytest.raises(AssayError):
        await read(backend.api)
    assert len(backend.asked) == 1
