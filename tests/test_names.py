"""Tests of `Names` over a real store with a fake clock; they count the requests."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.traces import id_of, rest, send, span

from assaykit.api.client import Api
from assaykit.backend import connect
from assaykit.errors import Ambiguous, AssayError, Invalid, NotFound, an
from assaykit.names import CACHE_S, Named, Names
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.toolkit.builder import Definition
from assaykit.tools.admin import list_spaces
from assaykit.tools.datasets.tools import append_examples, create_dataset, get_dataset, list_datasets
from assaykit.tools.datasets.writing import create
from assaykit.tools.experiments.tools import get_experiment, list_experiments, upload_experiment
from assaykit.tools.judges import create_judge
from assaykit.tools.runs.tools import list_runs, trigger_run
from assaykit.tools.tasks.evaluators import EvaluatorChoice
from assaykit.tools.tasks.tools import create_task, get_task, list_tasks, update_task
from assaykit.tools.traces import get_trace, list_projects
from assaykit.wire import ids

ROWS = [{"a": 1}]


class Clock:
    """A clock that the test advances, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def api(settings: Settings) -> AsyncGenerator[Api]:
    async with connect(settings) as api:
        yield api


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def names(api: Api, clock: Clock) -> Names:
    return Names(api, None, clock=clock)


@pytest.fixture
async def space(names: Names) -> Named:
    return await names.space()


async def make(api: Api, settings: Settings, space: Named, *titles: str) -> list[str]:
    """Create datasets with these names; return their ids."""
    here = session(api, settings)
    return [(await create(here, title, space.id, ROWS)).id for title in titles]


async def test_the_only_space_is_meant_unless_one_is_named(names: Names) -> None:
    space = await names.space()
    assert space.name == "default"
    assert await names.space(space.id) == await names.space("Default") == space
    with pytest.raises(NotFound, match=r"No space is named 'work'. There are: 'default' \(U3Bh"):
        await names.space("work")


async def test_the_configured_space_is_meant_where_none_is_named(api: Api) -> None:
    with pytest.raises(NotFound, match="No space is named 'work'"):
        await Names(api, "work").space()
    assert (await Names(api, "work").space("default")).name == "default"


async def test_an_exact_name_wins_over_one_that_differs_in_case(
    api: Api, settings: Settings, names: Names, space: Named
) -> None:
    upper, lower = await make(api, settings, space, "Answers", "answers")
    assert (await names.dataset("Answers", space)).id == upper
    assert (await names.dataset("answers", space)).id == lower
    with pytest.raises(Ambiguous) as caught:
        await names.dataset("ANSWERS", space)
    assert caught.value.message.startswith("2 datasets are named 'ANSWERS': ")
    assert upper in caught.value.message
    assert lower in caught.value.message
    assert caught.value.next == "Give the id of the one you mean."


async def test_a_name_that_differs_only_in_case_is_found_in_every_alphabet(
    api: Api, settings: Settings, names: Names, space: Named
) -> None:
    made = await make(api, settings, space, "ÜBER straße")
    assert (await names.dataset("über STRASSE", space)).id == made[0]


async def test_a_part_of_a_name_is_not_the_name(api: Api, settings: Settings, names: Names, space: Named) -> None:
    await make(api, settings, space, "answers of May")
    with pytest.raises(NotFound, match=r"No dataset is named 'answers'\. Near: 'answers of May'"):
        await names.dataset("answers", space)


async def test_up_to_five_near_names_are_listed(api: Api, settings: Settings, names: Names, space: Named) -> None:
    await make(api, settings, space, *(f"answers {n}" for n in range(7)), "unlike")
    with pytest.raises(NotFound) as caught:
        await names.dataset("answers", space)
    told = caught.value.message
    assert told.count("'answers ") == 5
    assert "unlike" not in told
    with pytest.raises(NotFound, match=r"There are: .* and 3 more\."):
        await names.dataset("zzz", space)


async def test_nothing_there_is_said_with_the_way_to_begin(names: Names, space: Named) -> None:
    for wanted in ("x", None):
        with pytest.raises(NotFound, match=r"There is no dataset yet\.") as caught:
            await names.dataset(wanted, space)
        assert caught.value.next == "`create_dataset` makes one."


@pytest.mark.parametrize(
    ("kind", "fits"),
    [("Dataset", True), ("Space", False), ("Evaluator", False), ("Nonsense", False)],
)
async def test_an_id_must_be_of_the_right_type(
    api: Api, settings: Settings, names: Names, space: Named, kind: str, *, fits: bool
) -> None:
    await make(api, settings, space, "answers")
    wanted = ids.encode(kind, 99, "ffff")
    with pytest.raises(NotFound if fits else Invalid) as caught:
        await names.dataset(wanted, space)
    said = f"No dataset has the id {wanted!r}." if fits else f"{wanted!r} is {an(kind)} id; a dataset was wanted."
    assert caught.value.message.startswith(f"{said} There are: 'answers' (")


async def test_a_run_has_an_id_and_no_name(names: Names) -> None:
    run = ids.encode("TaskRun", 1, "ffff")
    assert names.run(run) == run
    for wanted, said in (("x", "'x' is not an id"), (ids.encode("Dataset", 1, "f"), "this is a Dataset id")):
        with pytest.raises(Invalid, match=f"A run id was wanted, but {said}"):
            names.run(wanted)


async def test_a_name_is_remembered_for_a_minute_and_no_longer(
    api: Api, settings: Settings, names: Names, space: Named, clock: Clock
) -> None:
    await make(api, settings, space, "answers")
    asked = await requests(api, names, space)
    assert asked == 1
    clock.now = CACHE_S - 1
    assert await requests(api, names, space) == 0
    clock.now = CACHE_S
    assert await requests(api, names, space) == 1
    names.forget()
    assert await requests(api, names, space) == 1


async def requests(api: Api, names: Names, space: Named) -> int:
    before = api.requests
    await names.dataset("answers", space)
    return api.requests - before


async def test_get_task_takes_five_requests_by_name_and_three_once_the_names_are_known(
    api: Api, settings: Settings, bot: None
) -> None:
    here = session(api, settings)
    await create_judge.function(here, name="json", code="JSON_PARSEABLE")
    made = await create_task.function(here, ctx=None, name="format", evaluators=[EvaluatorChoice(name="json")])
    for wanted, first in (("format", 5), (made.data["task"]["id"], 6)):
        here.names.forget()
        counts: list[int] = []
        for _ in range(2):
            before = api.requests
            assert (await get_task.function(here, task=wanted)).data["task"]["name"] == "format"
            counts.append(api.requests - before)
        # The first call asks for the space, the task by its name, its project's name, its last runs and the newest
        # spans; an id is looked up before the task is read. The second call asks for the task, its runs and the spans.
        assert counts == [first, 3]


# Calls in the order of a typical job, each with the number of requests of its first call and of its repetition.
# A first call looks up the space and the names; its repetition uses the cached ones.
COUNTED: list[tuple[Definition, dict[str, Any], list[int]]] = [
    # A span's id is resolved to its trace first.
    (get_trace, {"trace": id_of("a1"), "project": "bot"}, [4, 2]),
    # The tasks, their one target, and each one's runs.
    (list_tasks, {}, [5, 3]),
    (list_tasks, {"project": "bot"}, [6, 3]),
    (list_runs, {"task": "format"}, [3, 1]),
    (trigger_run, {"task": "format"}, [4, 2]),
    # A write clears the cache, so the space and the name are looked up again.
    (update_task, {"task": "format", "sampling_rate": 0.5}, [3, 3]),
    (list_datasets, {}, [2, 1]),
    (get_dataset, {"dataset": "questions"}, [4, 2]),
    (append_examples, {"dataset": "questions", "rows": ROWS}, [4, 2]),
    (list_experiments, {"dataset": "questions"}, [4, 2]),
    (list_experiments, {}, [4, 2]),
    (get_experiment, {"experiment": "v", "dataset": "questions"}, [5, 2]),
    (list_projects, {}, [2, 1]),
    (list_spaces, {}, [1, 1]),
]


async def test_each_tool_takes_these_requests_and_fewer_once_the_names_are_known(
    api: Api, settings: Settings, files: Path, bot: None
) -> None:
    here = session(api, settings)
    await create_judge.function(here, name="json", code="JSON_PARSEABLE")
    for name in ("format", "other"):
        await create_task.function(here, ctx=None, name=name, evaluators=[EvaluatorChoice(name="json")])
    await create_dataset.function(here, name="questions", rows=ROWS)
    (files / "v.csv").write_text("a,output\n1,x\n", encoding="utf-8")
    await upload_experiment.function(here, file="v.csv", key="a")
    for tool, arguments, expected in COUNTED:
        here.names.forget()
        given = {"ctx": None, **arguments} if tool in {trigger_run, update_task} else arguments
        counts: list[int] = []
        for _ in range(2):
            before = api.requests
            await tool.function(here, **given)
            counts.append(api.requests - before)
        assert counts == expected, tool.function.__name__


async def test_what_another_window_deleted_is_not_remembered_after_the_first_refusal(
    ax: Caller, settings: Settings, bot: None
) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    made = await ax.ask("create_task", name="format", evaluators=["json"])
    await ax.ask("get_task", task="format")
    async with rest(settings.home) as client:
        assert (await client.delete(f"/v2/tasks/{made['task']['id']}")).status_code == 204
    refusal = await ax.refused("get_task", task="format")
    assert refusal["message"] == "No task is named 'format'. There is no task yet."
    again = await ax.ask("create_task", name="format", evaluators=["json"])
    assert (await ax.ask("get_task", task="format"))["task"]["id"] == again["task"]["id"]


async def test_a_name_that_another_window_gave_to_something_else_is_not_acted_on(
    ax: Caller, settings: Settings, bot: None
) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    made = await ax.ask("create_task", name="A", evaluators=["json"])
    await ax.ask("get_task", task="A")
    async with rest(settings.home) as client:
        old = made["task"]["id"]
        renamed = await client.patch(f"/v2/tasks/{old}", json={"name": "A-old"})
        assert renamed.is_success, renamed.text
    refusal = await ax.refused("trigger_backfill", task="A", preview=True)
    assert refusal["message"].startswith("No task is named 'A'.")
    new = (await ax.ask("create_task", name="A", evaluators=["json"], query_filter="name = 'a1'"))["task"]["id"]
    async with rest(settings.home) as client:
        assert (await client.delete(f"/v2/tasks/{new}")).status_code == 204
        renamed = await client.patch(f"/v2/tasks/{old}", json={"name": "A"})
        assert renamed.is_success, renamed.text
    # A tool that reads tries once more where a remembered id is gone, and a tool that writes remembers none.
    assert (await ax.ask("get_task", task="A"))["task"]["id"] == old
    assert (await ax.ask("update_task", task="A", sampling_rate=0.5))["task"]["id"] == old
    assert "'A'" in await ax.read("trigger_backfill", task="A", preview=True)


async def test_a_tool_that_reads_shows_the_present_name_of_what_another_window_renamed(
    ax: Caller, settings: Settings, bot: None
) -> None:
    await ax.ask("create_judge", name="json", code="JSON_PARSEABLE")
    old = (await ax.ask("create_task", name="A", evaluators=["json"]))["task"]["id"]
    await ax.ask("create_dataset", name="d", rows=ROWS)
    for tool in ("get_task", "list_runs"):
        await ax.ask(tool, task="A")
        await ax.ask(tool, task=old)
    dataset = (await ax.ask("get_dataset", dataset="d"))["dataset"]["id"]
    async with rest(settings.home) as client:
        for at, name in ((f"/v2/tasks/{old}", "A-old"), (f"/v2/datasets/{dataset}", "d-old")):
            renamed = await client.patch(at, json={"name": name})
            assert renamed.is_success, renamed.text
    for tool in ("get_task", "list_runs"):
        assert (await ax.refused(tool, task="A"))["message"].startswith("No task is named 'A'. There are: 'A-old'")
        assert "'A-old'" in await ax.read(tool, task=old)
    assert (await ax.refused("get_dataset", dataset="d"))["message"].startswith("No dataset is named 'd'.")
    new = (await ax.ask("create_task", name="A", evaluators=["json"], query_filter="name = 'a1'"))["task"]["id"]
    assert (await ax.ask("get_task", task="A"))["task"]["id"] == new


async def test_what_was_not_found_is_looked_for_again(api: Api, settings: Settings, names: Names, space: Named) -> None:
    with pytest.raises(AssayError):
        await names.dataset("answers", space)
    made = await make(api, settings, space, "answers")
    assert (await names.dataset("answers", space)).id == made[0]


async def test_two_datasets_may_have_experiments_of_one_name(
    api: Api, settings: Settings, names: Names, space: Named
) -> None:
    first, second = await make(api, settings, space, "one", "two")
    async with rest(settings.home) as client:
        for dataset in (first, second):
            rows = (await client.get(f"/v2/datasets/{dataset}/examples")).json()["examples"]
            run = {"example_id": rows[0]["id"], "output": "x"}
            body = {"name": "v1", "dataset_id": dataset, "experiment_runs": [run]}
            assert (await client.post("/v2/experiments", json=body)).status_code == 201
    with pytest.raises(Ambiguous, match="2 experiments are named 'v1'"):
        await names.experiment("v1", space)
    one = await names.experiment("v1", space, first)
    assert one.id != (await names.experiment("v1", space, second)).id


async def test_a_project_is_found_by_the_id_its_spans_gave_it(settings: Settings, names: Names, space: Named) -> None:
    await send(settings.home, [span("s", "x")])
    project = await names.project("bot", space)
    assert ids.kind_of(project.id) == "Model"
    assert await names.project(project.id, space) == await names.project(None, space) == project


@pytest.mark.parametrize("name", ["YTpi", "RGF0YXNldDp4", "YTox", "OjE6eA==", "RGF0YXNldA=="])
async def test_a_name_that_is_base64_of_other_text_is_a_name(
    api: Api, settings: Settings, names: Names, space: Named, name: str
) -> None:
    (made,) = await make(api, settings, space, name)
    assert (await names.dataset(name, space)).id == made
