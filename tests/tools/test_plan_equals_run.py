"""A preview against the run after it, over random stores and tasks: every count of the plan is what the runs do.

Each example has a project of its own. A first backfill may label some rows. Then the same call is previewed and made,
and the rows of its runs, the verdicts of each evaluator, and the calls to the model are compared with the plan.

The short size is a few examples of each kind of task, and `--long` is two thousand. On a backend with the routes of
Arize AX alone, the plan knows neither the sample nor equal questions, so it is compared with fewer rows and more calls.
"""

import json
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import example as explicitly
from hypothesis import strategies as st
from tests.caller import Caller, serving
from tests.e2e.processes import KEY, engine, environment
from tests.forwarding import Forwarder
from tests.loopback import Served
from tests.scripted_model import ScriptedModel
from tests.traces import rest

from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

SEED: Final = 20261128
SHORT: Final = 8
LONG: Final = 1_000
NOW: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECONDS: Final = 40
NAMES: Final = ("a", "b")
TEXTS: Final = ("yes", "no", "perhaps", "maybe", None)
FILTERS: Final = (None, None, "name = 'a'", "name = 'b'", "attributes.rank > 0")

OUTCOMES: Final = ("num_successes", "num_errors", "num_skipped")
JUDGES: Final = ("j1", "j2")
CODES: Final = ("c1", "c2")


class OneSpan(NamedTuple):
    """A span of a random store."""

    second: int
    trace: int
    session: int
    name: str
    rank: int
    text: str | None


class Limits(NamedTuple):
    """The arguments of a backfill."""

    window: tuple[int, int]
    max_spans: int | None
    max_rows: int | None
    override: bool

    def arguments(self) -> dict[str, Any]:
        start, end = (NOW + timedelta(seconds=second) for second in sorted(self.window))
        given: dict[str, Any] = {"window": f"{start.isoformat()}..{end.isoformat()}"}
        if self.max_spans is not None:
            given["max_spans"] = self.max_spans
        if self.max_rows is not None:
            given["max_rows"] = self.max_rows
        return given | ({"override_evaluations": True} if self.override else {})


class Example(NamedTuple):
    """A store, a task, and two backfills of it. The first may be left out."""

    spans: Sequence[OneSpan]
    evaluators: Sequence[tuple[int, str | None]]
    asks: bool
    level: str
    query_filter: str | None
    sampling_rate: float
    first: Limits | None
    second: Limits


SPANS = st.builds(
    OneSpan,
    st.integers(0, SECONDS),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(NAMES),
    st.integers(0, 3),
    st.sampled_from(TEXTS),
)
EVERYTHING = st.just((-1, SECONDS + 1))
WINDOWS = EVERYTHING | EVERYTHING | st.tuples(st.integers(0, SECONDS), st.integers(0, SECONDS))
LIMITS = st.builds(
    Limits, WINDOWS, st.none() | st.integers(1, 5), st.none() | st.integers(1, 9), st.sampled_from([False, False, True])
)


def examples(level: str, *, limited: bool) -> st.SearchStrategy[Example]:
    limits = LIMITS if limited else LIMITS.map(lambda one: one._replace(max_rows=None))
    filters = st.sampled_from(FILTERS)
    own = filters if level == "span" else st.none()
    evaluators = st.lists(st.tuples(st.integers(0, 1), own), min_size=1, max_size=2, unique_by=lambda one: one[0])
    rates = st.sampled_from([1.0, 1.0, 1.0, 0.7, 0.3])
    return st.builds(
        Example,
        st.lists(SPANS, min_size=5, max_size=16),
        evaluators,
        st.booleans(),
        st.just(level),
        filters,
        rates,
        st.none() | limits,
        limits,
    )


def equal_texts(level: str, first_rows: int | None) -> Example:
    """Rows of two texts, some of them scored before: few are asked about, and each text once."""
    texts = ("yes", "no", "yes", "maybe", "yes", "no", "maybe", "maybe")
    spans = [OneSpan(second, second, second, "a", 1, text) for second, text in enumerate(texts)]
    first, second = (Limits((-1, SECONDS + 1), None, most, override=False) for most in (first_rows, None))
    return Example(
        spans, [(0, None)], asks=True, level=level, query_filter=None, sampling_rate=1.0, first=first, second=second
    )


class World(NamedTuple):
    """A server, a door for spans, and a model. `is_exact` is false for a backend that counts nothing itself."""

    portal: BlockingPortal
    ax: Caller
    door: httpx.AsyncClient
    model: ScriptedModel
    is_exact: bool
    numbers: Callable[[], int]

    def ask(self, tool: str, **arguments: Any) -> dict[str, Any]:
        async def call() -> dict[str, Any]:
            return await self.ax.ask(tool, **arguments)

        return self.portal.call(call)

    def accepted(self, tool: str, **arguments: Any) -> dict[str, Any] | None:
        """The data of a reply; None if the mapping is refused, since no row has a value for it."""

        async def call() -> dict[str, Any] | None:
            found = await self.ax.call(tool, **arguments)
            if not found.is_error:
                return data_of(found)
            assert "finds no value on any" in text_of(found), text_of(found)
            return None

        return self.portal.call(call)

    def send(self, project: str, spans: Sequence[OneSpan]) -> None:
        resource = {"attributes": [{"key": "openinference.project.name", "value": {"stringValue": project}}]}
        some = [otlp(project, place, one) for place, one in enumerate(spans)]
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": some}]}]}

        async def post() -> None:
            headers = {"Content-Type": "application/json"}
            (await self.door.post("/v1/traces", content=json.dumps(body), headers=headers)).raise_for_status()

        self.portal.call(post)


def otlp(project: str, place: int, one: OneSpan) -> Mapping[str, Any]:
    start = int((NOW + timedelta(seconds=one.second)).timestamp()) * 1_000_000_000
    attributes: dict[str, Any] = {
        "input.value": {"stringValue": "?"},
        "rank": {"intValue": str(one.rank)},
        **({} if one.session == 0 else {"session.id": {"stringValue": f"s{one.session}"}}),
        **({} if one.text is None else {"output.value": {"stringValue": f"{one.text} {project}"}}),
    }
    return {
        "traceId": f"{one.trace + 1:032x}",
        "spanId": f"{place + 1:016x}",
        "name": one.name,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1000),
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }


@contextmanager
def world_of(folder: Path, there: Settings, door: Any, model: ScriptedModel, *, is_exact: bool) -> Generator[World]:
    numbers = count(1)
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(serving(there)) as ax,
        portal.wrap_async_context_manager(door) as client,
    ):
        world = World(portal, ax, client, model, is_exact, lambda: next(numbers))
        choices = {"choices": {"good": 1, "bad": 0}}
        for name in JUDGES:
            world.ask("create_judge", name=name, template=f"{name}: is {{output}} good?", **choices, model="m")
        for name in CODES:
            world.ask("create_judge", name=name, code="MATCHES_REGEX", pattern="yes")
        yield world


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    """The embedded engine."""
    folder = tmp_path_factory.mktemp("plans")
    with ScriptedModel(lambda _: "good") as model:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url}
        there = Settings(home=folder / "home", toolsets=("all",), environment=keys, ask_above_calls=10**6)
        with world_of(folder, there, rest(there.home), model, is_exact=True) as world:
            yield world


@pytest.fixture(scope="module")
def like_ax(tmp_path_factory: pytest.TempPathFactory) -> Generator[World]:
    """An engine process behind the routes of Arize AX alone."""
    folder = tmp_path_factory.mktemp("ax")
    with ScriptedModel(lambda _: "good") as model:
        keys = {"OPENAI_API_KEY": "sk-test-0123456789", "OPENAI_BASE_URL": model.url}
        with engine(environment(folder / "home", HOME=str(folder), **keys), folder / "engine.log") as url:
            headers = {"Authorization": f"Bearer {KEY}"}
            with Served(Forwarder(url, like_ax=True), lifespan=True) as served:
                there = Settings(
                    backend="ax",
                    ax_key=KEY,
                    ax_url=served.address,
                    home=folder / "home",
                    toolsets=("all",),
                    ask_above_calls=10**6,
                )
                door = httpx.AsyncClient(base_url=url, headers=headers)
                with world_of(folder, there, door, model, is_exact=False) as world:
                    yield world


def checked(world: World, example: Example) -> None:
    """Play an example, and compare the plan of its second backfill with the runs."""
    number = world.numbers()
    project, task = f"p{number}", f"t{number}"
    world.send(project, example.spans)
    kinds = JUDGES if example.asks else CODES
    evaluators = [
        {"name": kinds[place], **({} if own is None else {"query_filter": own})} for place, own in example.evaluators
    ]
    given: dict[str, Any] = {"name": task, "project": project, "evaluators": evaluators, "allow_empty": True}
    given |= {"sampling_rate": example.sampling_rate, "granularity": example.level}
    if example.query_filter is not None:
        given["query_filter"] = example.query_filter
    if world.accepted("create_task", **given, column_mappings={"output": "attributes.output.value"}) is None:
        return
    for limits in (example.first, example.second):
        if limits is not None:
            backfilled(world, task, limits)


def backfilled(world: World, task: str, limits: Limits) -> None:
    """Preview a backfill, make it, and compare."""
    given = {"task": task, **limits.arguments()}
    plan = world.accepted("trigger_backfill", **given, preview=True)
    if plan is None:
        return
    before = world.model.count
    done = world.ask("trigger_backfill", **given, wait=60)
    note(f"{json.dumps(plan)}\n{json.dumps(done)}")
    assert not done.get("still_running")
    is_sampled = not world.is_exact and plan["coverage"].get("sampled_out", 0) > 0
    ids = [one["id"] for one in done["runs"]]
    compare(world, plan, ids, limits, is_sampled=is_sampled)
    calls = world.model.count - before
    planned_calls = plan["spending"]["calls"]
    if world.is_exact and len(ids) == 1:
        assert calls == planned_calls
    elif not is_sampled:
        assert calls <= planned_calls


def compare(world: World, plan: dict[str, Any], ids: Sequence[str], limits: Limits, *, is_sampled: bool) -> None:
    """Compare the rows of the runs with the plan."""
    planned = [part["rows"] for part in plan["parts"]]
    if not ids:
        assert sum(planned) == 0
        return
    coverage = plan["coverage"]
    left_out = ("labelled", "left", "sampled_out", "filtered_out")
    assert coverage["matching"] == sum(coverage.get(name, 0) for name in left_out)
    assert sum(planned) == min(coverage["left"], limits.max_rows or coverage["left"])
    if is_sampled:
        return
    if not world.is_exact:
        to_score = sum(one["rows_to_score"] for one in plan["plan"]["evaluators"])
        runs = [world.ask("get_run", run=run_id)["run"] for run_id in ids]
        assert sum(run[name] for run in runs for name in OUTCOMES) == to_score
    else:
        rows: list[list[tuple[str, str]]] = []
        for run_id in ids:
            found = world.ask("get_run", run=run_id, rows=True, limit=500)["rows"]
            rows.append([(one["target_id"], one["evaluator"]) for one in found if one["state"] != "PENDING"])
        assert [len({target for target, _ in of}) for of in rows] == planned
        assert max(Counter(one for of in rows for one in of).values(), default=0) <= 1
        per_evaluator = Counter(evaluator for of in rows for _, evaluator in of)
        assert [per_evaluator.get(one["evaluator"], 0) for one in plan["plan"]["evaluators"]] == [
            one["rows_to_score"] for one in plan["plan"]["evaluators"]
        ]


def played(world: World, level: str, examples_of_each: int, *, limited: bool) -> None:
    @seed(SEED)
    @settings(
        max_examples=examples_of_each,
        database=None,
        deadline=None,
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )
    @given(example=examples(level, limited=limited))
    @explicitly(example=equal_texts(level, 2 if limited else None))
    def check(example: Example) -> None:
        checked(world, example)

    check()


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("level", ["span", "trace", "session"])
def test_every_count_of_a_plan_is_what_the_runs_do(embedded: World, level: str, long: bool) -> None:
    share = {"span": 1.0, "trace": 0.5, "session": 0.5}[level]
    played(embedded, level, int((LONG if long else SHORT) * share), limited=True)


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("level", ["span", "trace"])
def test_the_plan_from_the_lists_of_the_contract_is_right_about_rows(like_ax: World, level: str) -> None:
    played(like_ax, level, SHORT // 2, limited=False)
