"""Filters over spans in a real SQLite file: they select what the tree matches in memory."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, insert, select

from assaykit.engine.store.tables import annotations, evals, metadata, spans
from assaykit.engine.store.traces.span_filters import where
from assaykit.errors import Invalid
from assaykit.filters.fields import SPAN_KINDS, STATUS_CODES, span_tree
from assaykit.filters.memory import matches
from assaykit.filters.parse import MAX_CHARACTERS, MAX_DEPTH, parse
from assaykit.filters.tree import And, Between, Compare, Contains, In, IsNull, Like, Node, Not, Operator, Or

OURS, THEIRS = "project-a", "project-b"
START: Final = 1_767_225_600_000_000_000

# No NUL: SQLite ends a text there, and how much of it is left differs from version to version.
TEXTS: Final = [
    "", "OK", "refund", "a Refund é", "A REFUND É", "é", "É", "ß", "straße", "STRASSE", "5", "5.0", "-12.50",
    "007", "1e3", "+1", ".5", " 1", "1.", "1.2.3", "-", "--1", "-.5", "0x10", "a%b", "a_b", "A/B", "a\\b",
    "日本", "😀", "a\nb", "it's", '"q"', "true", "[1]", "\u0661\u0662", "9007199254740993", "?", "[", "*",
]  # fmt: skip
NUMBERS: Final[list[int | float]] = [
    0, 1, -1, 5, 5.0, 0.5, -12.5, 7, 200, 1e3, 1e300, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63), 9.3e18,
]  # fmt: skip
STORED: Final[list[object]] = [
    *TEXTS, *NUMBERS, 2**70, -(10**30), True, False, None, None, [], {}, ["prod", "Refund"],
    [1, ["deep É"], None], {"k": "REFUND", "refund": 1}, [True, "5"], [2077],
]  # fmt: skip
KEYS: Final = ["input.value", "http.status-code", "schlüssel", "a b"]
EVENT_KEYS: Final = ["after_s", "schlüssel.a b"]
VERDICTS: Final = ["quality", "my judge", "naïve.one"]
FIELDS: Final = [
    "name", "status_code", "status_message", "latency_ms", "parent_id", "start_time", "end_time", "span_kind",
    "context.trace_id", "context.span_id", "attributes.llm.model_name", "attributes.session.id",
    "attributes.nowhere",
    *(f"attributes.{key}" for key in KEYS for _ in range(4)),
    *(f"{sort}.{name}.{part}" for sort in ("eval", "trace_eval", "session_eval") for name in VERDICTS
      for part in ("label", "score", "explanation")),
    *(f"{sort}.{name}.{part}" for sort in ("annotation", "trace_annotation") for name in VERDICTS
      for part in ("label", "score", "text")),
    "eval.quality.metadata.stale", "exception.message", "event.retry.timestamp", "event.nowhere.attributes.x",
    *(f"event.{name}.attributes.{key}" for name in ("retry", "gen_ai.choice") for key in EVENT_KEYS),
]  # fmt: skip
OPERATORS: Final = get_args(Operator)


@dataclass(frozen=True)
class Stored:
    """A file with the same spans in two projects, and every span of the first as a filter sees it."""

    engine: Engine
    seen: Mapping[int, Mapping[str, object]]

    def selected(self, node: Node, project: str = OURS) -> set[int]:
        with self.engine.connect() as connection:
            return set(connection.scalars(select(spans.c.n).where(where(node, project))))

    def matched(self, node: Node) -> set[int]:
        return {n for n, fields in self.seen.items() if matches(node, fields.get)}


# A span, a trace and a session may bear the same id; their verdicts stay apart.
def make_span(dice: random.Random, n: int) -> dict[str, Any]:
    start = START + dice.randrange(10) * 1_000_000_001
    attributes = {key: dice.choice(STORED) for key in KEYS if dice.random() < 0.9}
    promoted = {
        "llm.model_name": dice.choice([None, "gpt-4o", "GPT-4O", "5"]),
        "session.id": dice.choice([None, "span1", "span2", "007"]),
    }
    return {
        "n": n,
        "project_id": OURS,
        "trace_id": f"span{n % 20}",
        "span_id": f"span{n}",
        "parent_id": dice.choice([None, f"span{n - 1}"]),
        "name": dice.choice(TEXTS),
        "kind": dice.choice(SPAN_KINDS),
        "start_ns": start,
        "end_ns": start + dice.randrange(5) * 1_500_000_000,
        "latency_ms": dice.choice([0.0, 0.5, 5.0, 200.0, 1e3, 2.0**53]),
        "status_code": dice.choice(STATUS_CODES),
        "status_message": dice.choice([None, *TEXTS]),
        "session_id": promoted["session.id"],
        "model_name": promoted["llm.model_name"],
        "attributes": attributes | {key: value for key, value in promoted.items() if value is not None},
        "changed_ns": dice.choice([None, START - 1, START + 1]),
        "events": [make_event(dice) for _ in range(dice.randrange(4))],
    }


def make_event(dice: random.Random) -> dict[str, Any]:
    name = dice.choice(["exception", "retry", "gen_ai.choice"])
    keys = ["exception.message"] if name == "exception" else EVENT_KEYS
    told: dict[str, Any] = {"name": name, "attributes": {key: dice.choice(STORED) for key in keys}}
    return told | ({"timestamp": "2026-01-01T00:00:00.500000Z"} if dice.random() < 0.5 else {})


def columns_of(event: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in event["attributes"].items():
        yield f"event.{event['name']}.attributes.{key}", value
        if event["name"] == "exception":
            yield key, value
    yield f"event.{event['name']}.timestamp", event.get("timestamp")


def make_verdict(dice: random.Random, level: str, target: str, name: str) -> dict[str, Any]:
    return {
        "scope_id": OURS,
        "level": level,
        "target_id": target,
        "name": name,
        "label": dice.choice([None, "good", "Bad", "5"]),
        "score": dice.choice([None, 0.0, 0.5, 1.0, 5.0]),
        "explanation": dice.choice([None, *TEXTS]),
        "metadata": {},
        "updated_ns": START,
    }


def make_annotation(dice: random.Random, level: str, target: str, name: str) -> dict[str, Any]:
    verdict = make_verdict(dice, level, target, name)
    text = verdict.pop("explanation")
    del verdict["metadata"]
    return verdict | {"text": text, "annotator": None}


def as_seen(span: Mapping[str, Any], verdicts: list[dict[str, Any]], said: list[dict[str, Any]]) -> dict[str, object]:
    targets = {"SPAN": span["span_id"], "TRACE": span["trace_id"], "SESSION": span["session_id"]}
    of = {"SPAN": "annotation", "TRACE": "trace_annotation"}
    sorts = {"SPAN": "eval", "TRACE": "trace_eval", "SESSION": "session_eval"}
    return {
        **{name: span[name] for name in ("name", "status_code", "status_message", "latency_ms", "parent_id")},
        "start_time": span["start_ns"],
        "end_time": span["end_ns"],
        "span_kind": span["kind"],
        "context.trace_id": span["trace_id"],
        "context.span_id": span["span_id"],
        **{f"attributes.{key}": value for key, value in span["attributes"].items()},
        **{key: value for event in span["events"] for key, value in columns_of(event) if value is not None},
        **{
            f"{sorts[verdict['level']]}.{verdict['name']}.{part}": verdict[part]
            for verdict in verdicts
            if targets[verdict["level"]] == verdict["target_id"]
            for part in ("label", "score", "explanation")
        },
        **{
            f"eval.{verdict['name']}.metadata.stale": True
            for verdict in verdicts
            if verdict["level"] == "SPAN" and verdict["target_id"] == span["span_id"]
            if verdict["updated_ns"] < (span["changed_ns"] or 0)
        },
        **{
            f"{of[annotation['level']]}.{annotation['name']}.{part}": annotation[part]
            for annotation in said
            if annotation["level"] in of and targets[annotation["level"]] == annotation["target_id"]
            for part in ("label", "score", "text")
        },
    }


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    dice = random.Random(20261120)  # noqa: S311  (spans, not secrets)
    ours = [make_span(dice, n) for n in range(60)]
    targets = [("SPAN", f"span{n}") for n in range(60)] + [("TRACE", f"span{n}") for n in range(20)]
    targets += [("SESSION", session) for session in ("span1", "span2", "007")]
    verdicts = [
        make_verdict(dice, level, target, name) for level, target in targets for name in VERDICTS if dice.random() < 0.7
    ]
    said = [make_annotation(dice, level, target, name) for level, target in targets for name in VERDICTS[:2]]
    engine = create_engine(f"sqlite:///{tmp_path_factory.mktemp('store') / 'spans.db'}")
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(spans), ours)
        connection.execute(insert(spans), [span | {"project_id": THEIRS, "n": span["n"] + 1000} for span in ours])
        connection.execute(insert(evals), verdicts)
        # The other project's verdicts are all alike, so that one seen from here would show.
        connection.execute(
            insert(evals), [row | {"scope_id": THEIRS, "label": "theirs", "score": 9.0} for row in verdicts]
        )
        connection.execute(insert(annotations), said)
        connection.execute(insert(annotations), [row | {"scope_id": THEIRS, "label": "theirs"} for row in said])
    yield Stored(engine, {span["n"]: as_seen(span, verdicts, said) for span in ours})
    engine.dispose()


letters = st.text(st.sampled_from("aAbBéÉ日😀 %_/\\'\"5.-\n[*?"), max_size=5)
texts = st.sampled_from(TEXTS) | st.sampled_from(["gpt-4o", "good", "span1", "span7", *SPAN_KINDS]) | letters
integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([START, START + 1_000_000_001])
floats = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
numbers = st.sampled_from(NUMBERS) | integers | floats
values = texts | numbers | st.booleans()
fields = st.sampled_from(FIELDS)
patterns = st.lists(st.sampled_from(["%", "_", "a", "R", "é", "É", "refund", "-", "5", "\\", "."]), max_size=5).map(
    "".join
)
leaves: st.SearchStrategy[Node] = (
    st.builds(Compare, fields, st.sampled_from(OPERATORS), values)
    | st.builds(In, fields, st.lists(values, min_size=1, max_size=5).map(tuple))
    | st.builds(Between, fields, texts, texts)
    | st.builds(Between, fields, numbers, numbers)
    | st.builds(Contains, fields, texts)
    | st.builds(Like, fields, patterns | texts)
    | st.builds(IsNull, fields)
)


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(inner, min_size=2, max_size=4).map(tuple)
    return st.builds(Not, inner) | st.builds(And, several) | st.builds(Or, several)


nodes = st.recursive(leaves, joined, max_leaves=6)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(nodes, min_size=5, max_size=5))
def test_a_filter_selects_in_sqlite_what_it_matches_in_memory(stored: Stored, filters: list[Node]) -> None:
    for node in filters:
        assert stored.selected(node) == stored.matched(node)


def test_every_stored_value_meets_every_literal_alike_in_sqlite_and_in_memory(stored: Stored) -> None:
    field = "attributes.input.value"
    for value in [*TEXTS, *NUMBERS, True, False]:
        for sign in OPERATORS:
            node = Compare(field, sign, value)
            assert stored.selected(node) == stored.matched(node), node
            assert stored.selected(Not(node)) == stored.matched(Not(node)), node


@pytest.mark.parametrize("field", ["exception.message", *(f"event.retry.attributes.{key}" for key in EVENT_KEYS)])
def test_the_last_event_that_has_a_part_tells_it_alike_in_sqlite_and_in_memory(stored: Stored, field: str) -> None:
    for value in ("A REFUND É", "refund", "5", 5, 0.5, True):
        compared = [Compare(field, sign, value) for sign in OPERATORS]
        for node in (IsNull(field), Contains(field, str(value)), *compared):
            assert stored.selected(node) == stored.matched(node), node
            assert stored.selected(Not(node)) == stored.matched(Not(node)), node


def test_every_stored_text_is_searched_alike_in_sqlite_and_in_memory(stored: Stored) -> None:
    for field in ("name", "attributes.input.value", "attributes.nowhere"):
        for text in [
            *TEXTS,
            "a_",
            "%",
            "_",
            "a%",
            "%b",
            "%É",
            "\\",
            "/",
            "REFUND%",
            "%und%é",
            "__",
            "207",
            "true",
        ]:
            for node in (Contains(field, text), Like(field, text)):
                assert stored.selected(node) == stored.matched(node), node
                assert stored.selected(Not(node)) == stored.matched(Not(node)), node


def test_an_integer_literal_is_not_rounded_to_a_double(stored: Stored) -> None:
    assert stored.selected(Compare("latency_ms", "=", 2**53)) != set()
    assert stored.selected(Compare("latency_ms", "=", 2**53 + 1)) == set()
    assert stored.selected(Compare("latency_ms", ">=", 2**53 + 1)) == set()
    assert stored.selected(In("latency_ms", (2**53 + 1, -1))) == set()


@pytest.mark.parametrize(
    "text",
    [
        "status_code = 'OK'",
        "latency_ms < 5000",
        "span_kind = 'LLM'",
        "attributes.http.status-code = 5",
        "eval.quality.score < 0.5",
        "\"attributes.input.value\" contains 'refund'",
        "\"trace_eval.my judge.label\" != 'good'",
        "session_eval.naïve.one.explanation is not null",
        "annotation.quality.score >= 0.5 or \"annotation.my judge.text\" contains 'refund'",
        "trace_annotation.quality.label = 'good' and start_time != '2026-01-01T00:00:00'",
        "parent_id = null and model_name in ('gpt-4o', 'other')",
        "not (session_id like 'span_' or attributes.schlüssel >= 1)",
        "start_time between '2026-01-01' and '2026-01-01T00:00:05.000000005Z'",
        "input = 'refund' or not kind in ('llm', 'chain')",
        "event.retry.attributes.after_s is not null",
        "eval.quality.metadata.stale = true",
        "not eval.quality.metadata.stale = false",
        "not event.gen_ai.choice.attributes.after_s contains 'refund'",
        "event.retry.timestamp > '2026' or exception.message = 5",
    ],
)
def test_a_written_filter_takes_some_spans_and_leaves_some(stored: Stored, text: str) -> None:
    node = span_tree(text)
    selected = stored.selected(node)
    assert selected == stored.matched(node)
    assert 0 < len(selected) < len(stored.seen)


def test_no_filter_sees_spans_or_verdicts_of_another_project(stored: Stored) -> None:
    everything = Or((IsNull("name"), Not(IsNull("name"))))
    assert stored.selected(everything) == set(stored.seen)
    assert stored.selected(everything, THEIRS) == {n + 1000 for n in stored.seen}
    assert stored.selected(span_tree("eval.quality.label = 'theirs' or trace_eval.quality.score = 9")) == set()
    assert stored.selected(span_tree("eval.quality.label = 'theirs'"), THEIRS) != set()
    assert stored.selected(span_tree("annotation.quality.label = 'theirs'")) == set()
    assert stored.selected(span_tree("annotation.quality.label = 'theirs'"), THEIRS) != set()


def test_nothing_the_user_wrote_stands_in_the_sql() -> None:
    written = (
        "attributes.zebra is null or \"attributes.zebra key\" = 'zebra' or input contains 'zebra' "
        "or \"eval.zebra judge.label\" like '%zebra' or annotation.zebra.text = 'zebra' "
        "or latency_ms between 987654 and 987655 or name in ('zebra', 987656)"
    )
    compiled = where(span_tree(written), "zebra project").compile()
    assert "zebra" not in str(compiled)
    assert "98765" not in str(compiled)
    assert '$."zebra key"' in compiled.params.values()


def test_a_hostile_text_is_only_a_text(stored: Stored) -> None:
    for hostile in ("x'; DROP TABLE spans; --", "' OR '1'='1", "%' OR 1=1 --", '") OR 1=1 --'):
        quoted = hostile.replace("'", "''")
        assert stored.selected(span_tree(f"name = '{quoted}' or input contains '{quoted}'")) == set()
        key = hostile.replace('"', "")
        assert stored.selected(span_tree(f"\"attributes.{key}\" = 'x' or \"eval.{key}.label\" = 'x'")) == set()
    assert len(stored.selected(Not(IsNull("name")))) == len(stored.seen)


@pytest.mark.parametrize(
    "text",
    [
        " or ".join(["name=5"] * 400),
        " and ".join(["kind is null"] * 230),
        f"name in ({','.join(['5'] * 500)})",
        "input in (" + ",".join(["5", "'5'"] * 250) + ")",
        f"{'not (' * (MAX_DEPTH // 2)}eval.q.score in (1, 2){')' * (MAX_DEPTH // 2)}",
        " or ".join(["a.b contains 'x'"] * 190),
        " or ".join([f"eval.e{n}.score = 1" for n in range(160)]),
        f"input like '{'%a' * 127}%'",
    ],
)
def test_the_largest_filters_run(stored: Stored, text: str) -> None:
    assert len(text) <= MAX_CHARACTERS
    node = span_tree(text)
    assert stored.selected(node) == stored.matched(node)


@pytest.mark.parametrize("ascii_only", [True, False])
def test_an_attribute_is_found_however_its_key_is_spelled_in_json(tmp_path: Path, ascii_only: bool) -> None:
    spelled = partial(json.dumps, ensure_ascii=ascii_only)
    engine = create_engine(f"sqlite:///{tmp_path / 'spans.db'}", json_serializer=spelled)
    metadata.create_all(engine)
    dice = random.Random(1)  # noqa: S311  (spans, not secrets)
    span = make_span(dice, 1) | {"attributes": {"ключ.a b": "да", "tags": ["Önce"]}}
    with engine.begin() as connection:
        connection.execute(insert(spans), span)
    store = Stored(engine, {})
    assert store.selected(span_tree("attributes.ключ.a = 'да'")) == set()
    assert store.selected(span_tree("\"attributes.ключ.a b\" = 'да'")) == {1}
    assert store.selected(span_tree("attributes.tags contains 'Önc'")) == {1}
    assert store.selected(span_tree("attributes.tags contains 'önc'")) == set()
    engine.dispose()


@pytest.mark.parametrize("text", ["latency < 5", "kind = 'LLM'", "input.value = 'x'", '"attributes.a"".b" = 1'])
def test_a_tree_with_unchecked_fields_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        where(parse(text), OURS)
