"""Second tries of calls over a network, against a backend that fails in turn."""

import gzip
from collections.abc import Callable, Sequence

import httpx
import pytest

from assaykit.api.client import Api
from assaykit.api.connection import Connection
from assaykit.api.retries import ATTEMPTS, BUDGET
from assaykit.errors import AssayError, ContractBroken, NotFound, Unavailable
from assaykit.wire.annotations import AnnotateRecordInput, AnnotateRecordsRequest, AnnotationInput
from assaykit.wire.spaces import Space, SpacePage
from assaykit.wire.spans import ListSpansRequest, SpanPage

SPACE = {"id": "U3BhY2U6MTph", "name": "default"}
GOOD = httpx.Response(200, json={"spaces": [SPACE], "spans": [], **SPACE})

Answer = httpx.Response | Exception
Call = Callable[[Api], object]


class Backend:
    """Answers with the given failures in turn, and then with success. `waits` are the pauses of the client."""

    def __init__(
        self,
        failures: Sequence[Answer],
        kind: str = "ax",
        deadline_s: float = 60,
        connection: Connection | None = None,
    ) -> None:
        self.failures: list[Answer] = [*failures]
        self.asked: list[str] = []
        self.waits: list[float] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="https://ax.test")
        self.api = Api(http, kind, deadline_s=deadline_s, sleep=self._sleep, connection=connection)

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
RECORDS = [AnnotateRecordInput(record_id="r", values=[AnnotationInput(name="tone", label="kind")])]
BROKEN, UNREACHED = httpx.ReadError("broke"), httpx.ConnectError("nobody there")


async def read(api: Api) -> object:
    return await api.get("/v2/spaces", SpacePage)


async def read_by_post(api: Api) -> object:
    return await api.post("/v2/spans", SpanPage, ListSpansRequest(project_id="p"))


async def create(api: Api) -> object:
    return await api.post("/v2/spaces", Space, Space.model_validate(SPACE))


async def remove(api: Api) -> object:
    return await api.delete("/v2/spaces/x")


async def annotate(api: Api) -> object:
    return await api.send("/v2/datasets/x/examples/annotate", AnnotateRecordsRequest(annotations=RECORDS))


async def change(api: Api) -> object:
    return await api.patch("/v2/spaces/x", Space, Space.model_validate(SPACE))


REPEATABLE = (read, read_by_post, annotate, change, remove)


@pytest.mark.parametrize("call", [*REPEATABLE, create])
@pytest.mark.parametrize("failure", [LIMITED, refused(429), UNREACHED, httpx.ConnectTimeout("late")], ids=str)
async def test_a_call_that_did_nothing_is_made_again(call: Call, failure: Answer) -> None:
    backend = Backend([failure, failure])
    await call(backend.api)  # type: ignore[misc]
    assert len(backend.asked) == 3
    assert len(set(backend.asked)) == 1
    assert backend.api.requests == 1


@pytest.mark.parametrize("failure", [refused(502), AWAY, refused(504), BROKEN, httpx.ReadTimeout("late")], ids=str)
async def test_a_create_is_sent_once_and_what_may_be_done_twice_again(failure: Answer) -> None:
    for call in REPEATABLE:
        backend = Backend([failure])
        await call(backend.api)
        assert len(backend.asked) == 2
    backend = Backend([failure])
    with pytest.raises(Unavailable):
        await create(backend.api)
    assert (len(backend.asked), backend.waits) == (1, [])


@pytest.mark.parametrize("lost", [refused(502), AWAY, BROKEN, httpx.RemoteProtocolError("cut")], ids=str)
async def test_a_thing_that_is_gone_after_a_lost_answer_was_deleted_by_the_first_try(lost: Answer) -> None:
    await remove(Backend([lost, refused(404)]).api)


@pytest.mark.parametrize("nothing", [LIMITED, UNREACHED], ids=str)
async def test_a_thing_that_is_gone_after_a_try_that_did_nothing_was_never_there(nothing: Answer) -> None:
    for failures in ([refused(404)], [nothing, refused(404)]):
        with pytest.raises(NotFound):
            await remove(Backend(failures).api)


async def test_a_body_that_was_cut_off_is_read_again_and_one_that_is_too_large_is_not() -> None:
    page = gzip.compress(GOOD.content)
    cut = Backend([httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(page[:-9]))])
    await read(cut.api)
    assert len(cut.asked) == 2
    other = Backend([httpx.Response(200, headers={"content-encoding": "br"}, stream=httpx.ByteStream(page))])
    with pytest.raises(ContractBroken):
        await read(other.api)
    assert len(other.asked) == 1


async def test_the_budget_is_shared_by_all_sessions_of_a_process_and_time_fills_it() -> None:
    now = [0.0]
    shared = Connection(clock=lambda: now[0])
    for _ in range(2):
        backend = Backend([AWAY] * 100, connection=shared)
        for _ in range(10):
            with pytest.raises(Unavailable):
                await read(backend.api)
    assert shared.retried == BUDGET
    now[0] += 60
    backend = Backend([AWAY] * 100, connection=shared)
    for _ in range(20):
        with pytest.raises(Unavailable):
            await read(backend.api)
    assert shared.retried == 2 * BUDGET


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
