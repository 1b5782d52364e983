"""Tasks that score whole traces and sessions: which units, what is read of them, and where the verdicts are seen."""

import json
import random
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from tests.engine.door import NOW, SECOND, Body, Door, attribute, counts, task_body, version

from assaykit.engine.sampling import taken

ALWAYS: Body = {"data_start_time": "2000-01-01T00:00:00Z"}
EVERYTHING: Body = {"start_time": "2000-01-01T00:00:00Z"}


def part(
    number: int, trace: int, *, session: str = "", parent: int | None = None, ago: int | None = None, **values: str
) -> Body:
    """Span `number` of a trace, which started `ago` seconds before the clock's time, by default 1000 - number."""
    start = NOW - (1000 - number if ago is None else ago) * SECOND
    given = {key.replace("__", "."): value for key, value in values.items()} | (
        {"session.id": session} if session else {}
    )
    return {
        "traceId": f"{trace:032x}",
        "spanId": f"{number + 1:016x}",
        "name": f"call {number}",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND),
        "attributes": [attribute(key, value) for key, value in given.items()],
    } | ({} if parent is None else {"parentSpanId": f"{parent + 1:016x}"})


async def labels(door: Door, project: str, name: str, key: Callable[[Body], Any]) -> dict[Any, str]:
    """The label that spans show under this name, by what `key` makes of the span."""
    rows = await door.spans(project, **EVERYTHING)
    return {key(row): one["label"] for row in rows for one in row["evaluations"] if one["name"] == name}


def trace_of(row: Body) -> int:
    return int(row["context"]["trace_id"], 16)


def session_of(row: Body) -> str:
    return row["attributes"].get("session.id", "")


async def reads(door: Door, name: str, granularity: str, expected: str, variable: str = "output") -> str:
    """An evaluator that says whether what it reads is exactly this."""
    param = {"name": "pattern", "type": "REGEX", "default_value": f"^{expected}$"}
    return await door.evaluator(
        name,
        data_granularity=granularity,
        managed_evaluator="MATCHES_REGEX",
        variables=[variable],
        static_params=[param],
    )


def generated(seed: int) -> list[Body]:
    """What 400 spans are made of; shuffled, so that arrival says nothing, and no two of one moment."""
    chance = random.Random(seed)  # noqa: S311  (test data)
    spans: list[Body] = []
    for number, ago in enumerate(chance.sample(range(1, 2000), 400)):
        trace = chance.randrange(1, 120)
        session = "" if trace % 7 == 0 else f"chat {trace % 40}"
        model = chance.choice("abc")
        spans.append({"number": number, "trace": trace, "session": session, "model": model, "ago": ago})
    chance.shuffle(spans)
    return spans


def chosen(spans: Iterable[Body], key: Callable[[Body], Any], unit_id: Callable[[Any], str], rate: float) -> list[Any]:
    """The selection again, in plain Python: units with a span of model a or b in the window, newest first."""
    newest: dict[Any, int] = {}
    for span in spans:
        if span["model"] in "ab" and span["ago"] <= 1500 and key(span) != "":
            newest[key(span)] = min(newest.get(key(span), 10_000), span["ago"])
    return [unit for unit in sorted(newest, key=newest.__getitem__) if taken(unit_id(unit), rate)]


KEYS: dict[str, tuple[str, Callable[[Body], Any], Callable[[Any], str], Callable[[Body], Any]]] = {
    "SPAN": (
        "refunds",
        lambda span: span["number"],
        lambda unit: f"{unit + 1:016x}",
        lambda row: int(row["context"]["span_id"], 16) - 1,
    ),
    "TRACE": ("trace_eval.refunds", lambda span: span["trace"], lambda unit: f"{unit:032x}", trace_of),
    "SESSION": ("session_eval.refunds", lambda span: span["session"], str, session_of),
}


@pytest.mark.parametrize("granularity", ["SPAN", "TRACE", "SESSION"])
async def test_a_run_takes_exactly_what_the_rules_say(door: Door, granularity: str) -> None:
    name, key, unit_id, shown = KEYS[granularity]
    made = generated(7)
    project = await door.send(
        *(
            part(
                span["number"],
                span["trace"],
                session=span["session"],
                ago=span["ago"],
                output__value="a refund",
                llm__model_name=span["model"],
            )
            for span in made
        )
    )
    samples: list[set[Any]] = []
    for percent in (5, 10, 100):
        column = f"refunds {percent}"
        evaluator = await door.evaluator(column, data_granularity=granularity)
        task = await door.task(
            evaluator,
            column,
            project_id=project,
            sampling_rate=percent / 100,
            query_filter="attributes.llm.model_name IN ('a', 'b')",
            evaluators=[{"evaluator_id": evaluator, "column_mappings": {"output": "output.value"}}],
        )
        wanted = chosen(made, key, unit_id, percent / 100)
        for taken_so_far in (wanted[:9], wanted):
            await door.run(task, data_start_time="2025-12-31T23:35:00Z", max_spans=len(taken_so_far) or 1)
            assert set(await labels(door, project, name.replace("refunds", column), shown)) == set(taken_so_far)
        samples.append(set(wanted))
    assert samples[0] <= samples[1] < samples[2]
    assert samples[1]


@pytest.mark.parametrize("granularity", ["TRACE", "SESSION"])
async def test_the_newest_units_are_taken_first_and_labelled_ones_do_not_use_up_the_cap(
    door: Door, granularity: str
) -> None:
    # The unit that began first is the newest, by its last span.
    project = await door.send(
        part(1, 1, session="s1", output__value="x"),
        part(2, 2, session="s2", output__value="x"),
        part(3, 3, session="s3", output__value="x"),
        part(4, 1, session="s1", output__value="x"),
    )
    task = await door.task(await door.evaluator(data_granularity=granularity), project_id=project)
    name, _, _, shown = KEYS[granularity]
    seen: list[set[int]] = []
    for _ in range(3):
        assert counts(await door.run(task, **ALWAYS, max_spans=1)) == (1, 0, 0)
        seen.append({int(str(unit)[-1]) for unit in await labels(door, project, name, shown)})
    assert seen == [{1}, {1, 3}, {1, 2, 3}]
    ended = await door.run(task, **ALWAYS)
    assert ended["status"] == "CANCELLED"
    assert f"All 3 matching {granularity.lower()}s are labelled" in ended["failure_reason"]
    assert counts(await door.run(task, **ALWAYS, override_evaluations=True)) == (3, 0, 0)


async def test_a_variable_of_a_trace_is_the_values_of_the_matching_spans_in_time_order(door: Door) -> None:
    project = await door.send(
        part(3, 1, parent=1, output__value="three", kind="tool"),
        part(1, 1, output__value="one"),
        part(2, 1, parent=1, output__value="two", kind="tool"),
        part(4, 1, parent=1, kind="tool"),
    )
    every = await reads(door, "every", "TRACE", "one,two,three")
    tools = await reads(door, "tools", "TRACE", "two,three")
    entries: list[Body] = [
        {"evaluator_id": every, "column_mappings": {"output": "output.value"}},
        {"evaluator_id": tools, "query_filter": "attributes.kind = 'tool'"},
    ]
    task = await door.task(every, project_id=project, evaluators=entries)
    assert counts(await door.run(task, **ALWAYS)) == (2, 0, 0)
    for name in ("every", "tools"):
        assert await labels(door, project, f"trace_eval.{name}", trace_of) == {1: "matches"}


async def test_a_session_is_read_trace_by_trace_whatever_lies_outside_the_window(door: Door) -> None:
    project = await door.send(
        part(1, 1, session="s", output__value="a1"),
        part(2, 2, session="s", output__value="b1"),
        part(3, 1, session="s", output__value="a2"),
        part(4, 2, session="s", output__value="b2", ago=10),
        part(5, 3, output__value="no session"),
    )
    task = await door.task(await reads(door, "order", "SESSION", "a1,a2,b1,b2"), project_id=project)
    assert counts(await door.run(task, data_start_time="2025-12-31T23:59:40Z")) == (1, 0, 0)
    assert await labels(door, project, "session_eval.order", session_of) == {"s": "matches"}


async def test_a_conversation_is_the_turns_of_a_session(door: Door) -> None:
    project = await door.send(
        part(1, 1, session="s", input__value="hi", output__value="hello"),
        part(2, 1, session="s", parent=1, input__value="inner", output__value="inner"),
        part(3, 2, session="s", input__value='a, "b"?', output__value="yes"),
    )
    turns = [{"input": "hi", "output": "hello"}, {"input": 'a, "b"?', "output": "yes"}]
    pattern = ",".join(re.escape(json.dumps(turn)) for turn in turns)
    talk = await reads(door, "talk", "SESSION", rf"\[{pattern}\]", "conversation")
    assert counts(await door.run(await door.task(talk, project_id=project), **ALWAYS)) == (1, 0, 0)
    assert await labels(door, project, "session_eval.talk", session_of) == {"s": "matches"}


async def test_a_variable_takes_whole_texts_and_code_is_not_run_on_a_part_of_them(door: Door) -> None:
    project = await door.send(*(part(n, 1, output__value="x" * 60_000) for n in range(3)))
    project = await door.send(*(part(n, 2, output__value="x" * 3_000_000) for n in range(3, 5)))
    keywords = {"name": "keywords", "type": "STRING_ARRAY", "default_value": ["x" * 60_000 + ",x"]}
    whole = await door.evaluator("whole", data_granularity="TRACE", static_params=[keywords])
    entry: Body = {"evaluator_id": whole, "column_mappings": {"output": "output.value"}}
    run = await door.run(await door.task(whole, project_id=project, evaluators=[entry]), **ALWAYS)
    assert counts(run) == (1, 1, 0)
    assert await labels(door, project, "trace_eval.whole", trace_of) == {1: "contains"}
    (error,) = (await door.get(f"/x/task-runs/{run['id']}/report"))["errors"]
    assert (error["code"], "it had 6,000,001 bytes" in error["reason"]) == ("too_long", True)


async def test_a_unit_without_a_value_is_skipped_with_the_reason(door: Door) -> None:
    project = await door.send(part(1, 1), part(2, 2, output__value="a refund"))
    task = await door.task(await door.evaluator(data_granularity="TRACE"), project_id=project)
    run = await door.run(task, **ALWAYS)
    assert counts(run) == (1, 0, 1)
    report = await door.get(f"/x/task-runs/{run['id']}/report")
    assert "'output'" in report["skipped"][0]["reason"]
    assert report["skipped"][0]["example"] == f"{1:032x}"


def lettered(expression: str | None, **filters: str) -> Body:
    found: Body = {"filters": [{"id": letter, "filter": text} for letter, text in filters.items()]}
    return found | ({} if expression is None else {"expression": expression})


def mapping(*letters: str, at: str = "output.value", name: str = "output") -> Body:
    return {"variable_name": name, "query_ids": list(letters), "attribute_path": at}


@pytest.mark.parametrize(
    ("expression", "taken_traces"),
    [
        ("A", {1, 3, 4}),
        ("A AND NOT B", {1, 4}),
        ("not b_", None),
        ("A and (B or C)", {3, 4}),
        ("NOT A", {2}),
        ("B OR C", {2, 3, 4}),
    ],
)
async def test_units_are_chosen_by_an_expression_over_filters(
    door: Door, expression: str, taken_traces: set[int] | None
) -> None:
    tags: dict[int, Sequence[str]] = {1: "a", 2: "b", 3: "ab", 4: "ca"}
    numbers = iter(range(20))
    project = await door.send(
        *(part(next(numbers), trace, output__value="x", tag=tag) for trace, some in tags.items() for tag in some)
    )
    filters = lettered(expression, A="attributes.tag = 'a'", B="attributes.tag = 'b'", C="attributes.tag = 'c'")
    evaluator = await door.evaluator(data_granularity="TRACE")
    body = task_body(evaluator, project_id=project, query_filters=filters)
    if taken_traces is None:
        detail = await door.refused(422, "POST", "/v2/tasks", json=body)
        assert detail.startswith("At column 5 of the expression, expected the letter of a filter, not 'b_'.")
        return
    task = (await door.post("/v2/tasks", body))["id"]
    assert (await door.get(f"/v2/tasks/{task}"))["query_filters"] == filters
    assert counts(await door.run(task, **ALWAYS)) == (len(taken_traces), 0, 0)
    assert set(await labels(door, project, "trace_eval.refunds", trace_of)) == taken_traces


async def test_a_query_mapping_reads_the_spans_of_its_filters(door: Door) -> None:
    project = await door.send(
        part(1, 1, output__value="root", tag="a"),
        part(2, 1, parent=1, output__value="tool", tag="b"),
        part(3, 1, parent=1, output__value="other", tag="c"),
    )
    filters = lettered("A AND B", A="attributes.tag = 'a'", B="attributes.tag = 'b'")
    cases: list[tuple[str, Body, str]] = [
        ("one", mapping("B"), "tool"),
        ("two", mapping("B", "A"), "root,tool"),
        ("all", mapping(), "root,tool,other"),
    ]
    entries: list[Body] = [
        {"evaluator_id": await reads(door, name, "TRACE", text), "query_mappings": [how]} for name, how, text in cases
    ]
    task = await door.task("", project_id=project, query_filters=filters, evaluators=entries)
    assert counts(await door.run(task, **ALWAYS)) == (3, 0, 0)
    for name, _, _ in cases:
        assert await labels(door, project, f"trace_eval.{name}", trace_of) == {1: "matches"}
    held = (await door.get(f"/v2/tasks/{task}"))["evaluators"]
    assert [one["query_mappings"] for one in held] == [[how] for _, how, _ in cases]


async def refused(door: Door, status: int, *entries: Body, **fields: Any) -> str:
    return await door.refused(status, "POST", "/v2/tasks", json=task_body(None, evaluators=list(entries)) | fields)


async def test_filters_and_mappings_that_cannot_be_used_are_refused_by_name(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"))
    entry: Body = {"evaluator_id": await door.evaluator(data_granularity="TRACE")}
    cases: list[tuple[Body, str]] = [
        (lettered(None, A="name = 'x'", B="name = 'y'"), "2 filters, but no expression"),
        (
            lettered("A AND D", A="name = 'x'", B="name = 'y'"),
            "At column 7 of the expression, expected the letter of a filter",
        ),
        (lettered("A AND", A="name = 'x'"), "At column 6 of the expression, expected a letter, NOT or '('"),
        (lettered("A B", A="name = 'x'", B="name = 'y'"), "At column 3 of the expression, expected AND, OR or the end"),
        (lettered("(A", A="name = 'x'"), "expected ')', not the end"),
        (lettered("a", A="name = 'x'"), "At column 1 of the expression, expected the letter of a filter"),
        (lettered("__import__('os')", A="name = 'x'"), 'At column 12 of the expression, "\'" has no meaning.'),
        (lettered("A & B", A="name = 'x'"), "At column 3 of the expression, '&' has no meaning."),
        (lettered("A OR 1", A="name = 'x'"), "At column 6 of the expression, '1' has no meaning."),
        (lettered("(" * 80 + "A" + ")" * 80, A="name = 'x'"), "the expression exceeds 64 levels"),
        (lettered("A" + " " * 600, A="name = 'x'"), "512"),
        (lettered(None, A=" "), "The filter is blank"),
        (lettered(None, A="name ="), "Filter A: At column 7"),
        (lettered(None, F="name = 'x'"), "'F' is not one of them"),
        ({"filters": [{"id": "A", "filter": "name = 'x'"}] * 2, "expression": "A"}, "'A' occurs more than once"),
    ]
    for filters, said in cases:
        status = 400 if said == "512" else 422
        detail = await refused(door, status, entry, project_id=project, query_filters=filters)
        assert said in detail, (filters, detail)
    for mappings, said in [
        ([mapping("B")], "names the filter 'B'; there are A"),
        ([mapping("A"), mapping("A")], "has the variable 'output' 2 times"),
        ([mapping("A", at=" ")], "has no attribute_path"),
    ]:
        one = lettered(None, A="name = 'x'")
        assert said in await refused(
            door, 422, entry | {"query_mappings": mappings}, project_id=project, query_filters=one
        )
    assert (await door.get("/v2/tasks"))["tasks"] == []


async def test_the_two_shapes_of_a_task_do_not_mix(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"))
    whole, of_span = await door.evaluator("whole", data_granularity="TRACE"), await door.evaluator("of span")
    filters = lettered(None, A="name = 'x'")
    entry: Body = {"evaluator_id": whole, "query_mappings": [mapping()]}
    for fields, changed in [
        ({"query_filter": "name = 'x'", "query_filters": filters}, entry),
        ({"query_filter": "name = 'x'"}, entry),
        ({}, entry | {"column_mappings": {"output": "input"}}),
        ({"query_filters": filters}, entry | {"query_filter": "name = 'x'"}),
    ]:
        assert "do not go together" in await refused(door, 400, changed, project_id=project, **fields)
    for fields, changed in [
        ({"query_filters": filters}, {"evaluator_id": of_span}),
        ({}, entry | {"evaluator_id": of_span}),
    ]:
        detail = await refused(door, 422, changed, project_id=project, **fields)
        assert "'of span' judges spans" in detail


async def test_evaluators_that_judge_different_things_are_refused_and_two_tasks_proposed(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"))
    whole, of_span = await door.evaluator("whole", data_granularity="TRACE"), await door.evaluator("of span")
    detail = await refused(door, 422, {"evaluator_id": of_span}, {"evaluator_id": whole}, project_id=project)
    assert "'of span' judges spans, 'whole' judges whole traces." in detail
    assert "Create two tasks: one with 'of span' and one with 'whole'." in detail


async def test_tasks_on_datasets_judge_rows_only(door: Door) -> None:
    entry: Body = {"evaluator_id": await door.evaluator("whole", data_granularity="SESSION")}
    dataset, examples = await door.dataset([{"q": "1"}])
    experiment = await door.experiment(dataset, [{"example_id": examples[0], "output": "x"}])
    detail = await refused(door, 422, entry, dataset_id=dataset, experiment_ids=[experiment])
    assert "'whole' judges whole sessions, and a dataset has none" in detail


async def test_an_evaluator_that_judges_something_else_by_now_fails_the_run(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"))
    first, second = await door.evaluator("first"), await door.evaluator("second")
    entries: list[Body] = [{"evaluator_id": first}, {"evaluator_id": second}]
    task = await door.task("", project_id=project, evaluators=entries)
    await door.post(f"/v2/evaluators/{second}/versions", version("second", data_granularity="TRACE"))
    run = await door.run(task, **ALWAYS)
    assert run["status"] == "FAILED"
    assert "judge different things: 'first' spans, 'second' traces" in run["failure_reason"]


async def test_filters_are_changed_and_cleared(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"), part(2, 2, output__value="x"))
    evaluator = await door.evaluator(data_granularity="TRACE")
    task = await door.task(evaluator, project_id=project, query_filters=lettered(None, A="name = 'call 1'"))
    assert counts(await door.run(task, **ALWAYS)) == (1, 0, 0)
    changed = await door.http.patch(f"/v2/tasks/{task}", json={"query_filters": None})
    assert "query_filters" not in changed.json()
    assert counts(await door.run(task, **ALWAYS)) == (1, 0, 0)
    assert await labels(door, project, "trace_eval.refunds", trace_of) == {1: "missing", 2: "missing"}


async def test_verdicts_on_units_are_found_by_filters_and_in_lists_of_traces(door: Door) -> None:
    project = await door.send(
        part(1, 1, session="s", output__value="a refund"), part(2, 2, session="s", output__value="no")
    )
    for name, granularity in (("whole", "TRACE"), ("talk", "SESSION")):
        task = await door.task(await door.evaluator(name, data_granularity=granularity), name, project_id=project)
        await door.run(task, **ALWAYS)
    found = await door.spans(project, filter="trace_eval.whole.label = 'contains'", **EVERYTHING)
    assert [trace_of(row) for row in found] == [1]
    assert [one["name"] for one in found[0]["evaluations"]] == ["trace_eval.whole", "session_eval.talk"]
    assert len(await door.spans(project, filter="session_eval.talk.label = 'contains'", **EVERYTHING)) == 2
    traces = (await door.post("/v2/traces", {"project_id": project, **EVERYTHING}))["traces"]
    verdicts = {trace["trace_id"][-1]: trace["spans"][0]["evaluations"][0]["label"] for trace in traces}
    assert verdicts == {"1": "contains", "2": "missing"}
    shown = await door.spans(project, included_columns=["trace_eval.whole.label"], **EVERYTHING)
    assert {one["name"] for row in shown for one in row["evaluations"]} == {"trace_eval.whole"}


async def test_a_run_over_units_that_scored_nothing_says_why(door: Door) -> None:
    project = await door.send(part(1, 1, output__value="x"), part(2, 2))
    talk = await door.task(await door.evaluator("talk", data_granularity="SESSION"), "talk", project_id=project)
    ended = await door.run(talk, **ALWAYS)
    assert ended["status"] == "CANCELLED"
    assert "none of the 2 spans in the window has attributes.session.id" in ended["failure_reason"]
    whole = await door.evaluator("whole", data_granularity="TRACE")
    filters = lettered("A AND NOT B", A="name = 'call 1'", B="attributes.output.value = 'x'")
    ended = await door.run(await door.task(whole, "none", project_id=project, query_filters=filters), **ALWAYS)
    assert "no trace of the 2 spans in the window matches the task's filters" in ended["failure_reason"]
    entry: Body = {"evaluator_id": whole, "column_mappings": {"output": "nowhere"}}
    ended = await door.run(await door.task("", "empty", project_id=project, evaluators=[entry]), **ALWAYS)
    assert (ended["status"], counts(ended)) == ("COMPLETED", (0, 0, 2))
    assert "reads 'output' from column 'nowhere', which is empty" in ended["failure_reason"]


async def test_the_spans_of_a_run_over_units_are_those_of_its_units(door: Door) -> None:
    project = await door.send(
        part(1, 1, session="s", output__value="x"),
        part(2, 2, session="s", output__value="x"),
        part(3, 3, output__value="x"),
    )
    for granularity, expected in (("TRACE", [3]), ("SESSION", [2, 1])):
        evaluator = await door.evaluator(granularity, data_granularity=granularity)
        run = await door.run(await door.task(evaluator, granularity, project_id=project), **ALWAYS, max_spans=1)
        found = await door.post(f"/x/task-runs/{run['id']}/spans", {"project_id": project})
        assert [trace_of(row) for row in found["spans"]] == expected
