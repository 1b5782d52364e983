"""The recognition of creates whose answer was lost. tests/chaos loses real answers of an engine."""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.shape.tree import SERVER, at, modules, syntax

from assaykit.api.client import Api
from assaykit.api.connection import Connection
from assaykit.api.recognition import ASKED_ONCE, CREATES, READS, agrees, create_at, is_repeatable
from assaykit.errors import Ambiguous, AssayError, Unavailable
from assaykit.wire.datasets import Dataset, DatasetVersionWithExampleIds, InsertDatasetExamplesRequest
from assaykit.wire.runs import TaskRun, TriggerEvaluationRequest

ELSEWHERE = {"place.at": "/v2/spans/annotate"}
"""Paths that the code takes from a record of its own."""

DATE = "Sat, 28 Nov 2026 12:00:10 GMT"
BEFORE, DURING = "2026-11-28T12:00:01Z", "2026-11-28T12:00:10.5Z"


def posts() -> Iterator[tuple[str, str]]:
    """The path of each POST that the package makes over the client, with its place. An id is `{}`."""
    for file in modules(SERVER):
        text = file.read_text(encoding="utf-8")
        if file.relative_to(SERVER).parts[0] == "engine" or not re.search(r"api\.(post|send)", text):
            continue
        for function in ast.walk(syntax(file)):
            if not isinstance(function, ast.AsyncFunctionDef):
                continue
            for call in ast.walk(function):
                if (
                    isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr in {"post", "send", "send_bytes"}
                    and ast.unparse(call.func.value).rpartition(".")[2] == "api"
                ):
                    yield at(file, call), shape(call.args[0], function)


def shape(node: ast.expr, function: ast.AsyncFunctionDef) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Call(func=ast.Name(id="path") | ast.Attribute(attr="path"), args=parts):
            return "/" + "/".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)  # type: ignore[misc]
        case ast.JoinedStr(values=parts):
            texts = [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
            return "".join(shape(text, function) for text in texts)
        case ast.Name(id=name):
            given = [
                one.value
                for one in ast.walk(function)
                if isinstance(one, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in one.targets)
            ]
            return shape(given[0], function) if given else name
        case _:
            return ELSEWHERE.get(ast.unparse(node), ast.unparse(node))


def test_every_post_of_the_package_has_its_place_in_the_tables() -> None:
    found = dict(posts())
    assert len(found) > 25
    unknown = {
        place: path
        for place, path in found.items()
        if path != "at"  # a list that is read page by page
        and path not in READS | ASKED_ONCE
        and create_at(path) is None
        and not is_repeatable("POST", path)
    }
    assert not unknown, f"say in api/recognition.py how these are recognized: {unknown}"
    used = [create for create in CREATES if any(create.at.fullmatch(path) for path in found.values())]
    assert len(used) == len(CREATES)


@pytest.mark.parametrize(
    ("sent", "there", "same"),
    [
        ({"a": 1}, {"a": 1.0, "id": "x"}, True),
        ({"a": "Naïve"}, {"a": "Nai\u0308ve"}, True),
        ({"a": "TEMPLATE"}, {"a": "template"}, True),
        ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, True),
        ({"a": None}, {"a": 3}, True),
        ({"a": 3}, {}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": [1]}, {"a": [1, 1]}, False),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}, False),
        ({"a": "1"}, {"a": 1}, False),
    ],
)
def test_a_thing_agrees_with_what_was_sent_whatever_the_backend_adds(sent: Any, there: Any, same: bool) -> None:
    assert agrees(sent, there) is same


def lossy(answers: dict[str, Any], *, date: str | None = DATE, lost: str = "POST") -> Api:
    """A backend whose answers to creates are lost. Its reads are answered as given, by path."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == lost:
            raise httpx.ReadError("broke")
        found = answers[request.url.path]
        headers = {} if date is None else {"date": date}
        return httpx.Response(200, json=found() if callable(found) else found, headers=headers)

    async def no_sleep(_: float) -> None:
        pass

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://ax.test")
    return Api(http, "ax", sleep=no_sleep, connection=Connection(clock=lambda: 5.0))


RUNS, TASK = "/v2/tasks/t/runs", "/v2/tasks/t/trigger"
WINDOW = TriggerEvaluationRequest(
    data_start_time=datetime(2026, 11, 1, tzinfo=UTC), data_end_time=datetime(2026, 11, 2, tzinfo=UTC)
)


def run(key: str, created: str | None, start: str = "2026-11-01T00:00:00Z") -> dict[str, Any]:
    return {
        "id": key, "status": "PENDING", "created_at": created,
        "data_start_time": start, "data_end_time": "2026-11-02T00:00:00Z",
    }  # fmt: skip


async def triggered(*runs: dict[str, Any], date: str | None = DATE) -> TaskRun:
    api = lossy({RUNS: {"task_runs": runs}, "/v2/task-runs/old": run("old", DURING)}, date=date)
    await api.get("/v2/task-runs/old", TaskRun)
    return await api.post(TASK, TaskRun, WINDOW)


async def test_the_new_run_with_the_same_window_is_the_one() -> None:
    other = run("other", DURING, "2026-10-01T00:00:00Z")
    assert (await triggered(run("new", DURING), other, run("early", BEFORE))).id == "new"


async def test_a_run_that_was_seen_before_the_call_is_not_the_one() -> None:
    with pytest.raises(Unavailable, match="Two looks at what is there show that the run was not started"):
        await triggered(run("old", DURING))
    assert (await triggered(run("new", DURING), run("old", DURING))).id == "new"


@pytest.mark.parametrize(
    ("runs", "date", "why"),
    [
        ([run("one", DURING), run("two", DURING)], DATE, "2 things that were made meanwhile fit it."),
        ([run("one", None)], DATE, "The backend does not say when such things were made."),
        ([run("one", DURING)], None, "The backend does not say when such things were made."),
    ],
)
async def test_what_cannot_be_told_is_ambiguous(runs: list[dict[str, Any]], date: str | None, why: str) -> None:
    with pytest.raises(Ambiguous) as caught:
        await triggered(*runs, date=date)
    assert caught.value.message == (
        "The connection to Arize AX broke during POST /v2/tasks/t/trigger: ReadError. "
        f"It is ambiguous whether the run was started. {why}"
    )
    assert caught.value.next == "Look with list_runs, and call again only if it is not there."


async def test_a_second_look_finds_what_the_first_one_was_too_early_for() -> None:
    pages = [[], [run("late", DURING)]]
    api = lossy({RUNS: lambda: {"task_runs": pages.pop(0)}, "/v2/task-runs/old": run("old", BEFORE)})
    await api.get("/v2/task-runs/old", TaskRun)
    assert (await api.post(TASK, TaskRun, WINDOW)).id == "late"


async def test_a_run_that_another_session_of_the_process_has_started_meanwhile_is_not_the_one() -> None:
    pages = [[], [run("theirs", DURING), run("ours", DURING)]]

    def listed() -> dict[str, Any]:
        if len(pages) == 1:
            api.connection.learn(["theirs"], made=True)
        return {"task_runs": pages.pop(0)}

    api = lossy({RUNS: listed, "/v2/task-runs/old": run("old", BEFORE)})
    await api.get("/v2/task-runs/old", TaskRun)
    assert (await api.post(TASK, TaskRun, WINDOW)).id == "ours"


@pytest.mark.parametrize("date", ["yesterday", "", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_date_that_is_none_tells_nothing(date: str) -> None:
    with pytest.raises(Ambiguous, match="does not say when such things were made"):
        await triggered(run("one", DURING), date=date)


async def test_what_is_not_there_after_a_timeout_may_still_come() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(504, html="<p>", headers={"date": DATE})
        return httpx.Response(200, json={"task_runs": []}, headers={"date": DATE})

    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://ax.test")
    with pytest.raises(Ambiguous, match="It is not there yet, and the backend may still be at work on it"):
        await Api(http, "ax", deadline_s=0.2).post(TASK, TaskRun, WINDOW)


EXAMPLES = "/v2/datasets/d/examples"


async def appended(*there: dict[str, Any]) -> DatasetVersionWithExampleIds:
    api = lossy({EXAMPLES: {"examples": there}, "/v2/datasets/d": {"id": "d", "name": "d"}})
    await api.get("/v2/datasets/d", Dataset)
    body = InsertDatasetExamplesRequest(examples=[{"n": 2}, {"n": 1.0, "empty": None}])
    return await api.post(EXAMPLES, DatasetVersionWithExampleIds, body)


def example(key: str, created: str = DURING, **columns: Any) -> dict[str, Any]:
    return {"id": key, "created_at": created, **columns}


async def test_the_rows_of_a_batch_get_their_ids_in_the_order_that_was_sent() -> None:
    made = await appended(example("old", BEFORE, n=1), example("a", n=1), example("b", n=2.0))
    assert made.example_ids == ["b", "a"]


@pytest.mark.parametrize(
    "there",
    [
        [example("a", n=1)],
        [example("a", n=7), example("b", n=8)],
        [example("a", n=1), example("b", n=2), example("c", n=1), example("d", n=2)],
    ],
    ids=["a part", "others", "twice"],
)
async def test_other_rows_and_twice_the_rows_are_ambiguous(there: list[dict[str, Any]]) -> None:
    with pytest.raises(Ambiguous, match="It is ambiguous whether the examples were added"):
        await appended(*there)


async def test_no_new_row_means_that_none_was_added() -> None:
    with pytest.raises(AssayError) as caught:
        await appended(example("old", BEFORE, n=1), example("older", BEFORE, n=2))
    assert (caught.value.code, "the examples were not added" in caught.value.message) == ("unavailable", True)
