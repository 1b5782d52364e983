"""Whole traces and sessions as rows: each variable of an evaluator gathers its text from the spans of the unit.

A variable's text joins the values at its path with commas, in time order, up to 100,000 characters. For a session,
the path `conversation` gives a JSON array with the `{input, output}` of the first root span of each trace; it ignores
filters.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from assaykit.errors import Invalid
from assaykit.judge.columns import NULL, Row, as_text, resolve, text_at
from assaykit.wire.evaluators import Granularity
from assaykit.wire.tasks import TaskQueryFilters, TaskQueryMapping

Unit = Literal["TRACE", "SESSION"]
UNITS: Final = frozenset({"TRACE", "SESSION"})

TEXT_LIMIT = 100_000
"""Limit on the characters of one variable of a unit."""

CONVERSATION: Final = "conversation"
NOUNS: Final = {"SPAN": "span", "TRACE": "trace", "SESSION": "session", "RUN": "experiment run"}
LETTERS: Final = ("A", "B", "C", "D", "E")
"""The names for the filters of a task on traces or sessions."""

Choice = tuple[str, ...]
"""Filters that a span must all match."""


def one_granularity(judged: Mapping[str, Granularity]) -> Granularity:
    """Return the granularity of a task from that of its evaluators by name; `SPAN` without evaluators.

    Raises:
        Invalid: the evaluators have different granularities.
    """
    by_level: dict[Granularity, list[str]] = {}
    for name, level in judged.items():
        by_level.setdefault(level, []).append(name)
    if len(by_level) > 1:
        told = ", ".join(f"{name!r} judges {plural(level)}" for name, level in judged.items())
        tasks = " and one with ".join(", ".join(map(repr, names)) for names in by_level.values())
        number = "two" if len(by_level) == 2 else "three"  # noqa: PLR2004  (there are three granularities)
        raise Invalid(
            f"All evaluators of a task must judge the same unit: {told}.", f"Create {number} tasks: one with {tasks}."
        )
    levels = list(by_level)
    return levels[0] if levels else "SPAN"


def plural(level: Granularity) -> str:
    """`spans`, `whole traces` or `whole sessions`."""
    return "spans" if level == "SPAN" else f"whole {NOUNS[level]}s"


class Reading(NamedTuple):
    """The source of a variable: a path, read on the spans that match one of the choices, or on every span."""

    path: str
    among: tuple[Choice, ...] = ()


def reading(variable: str, filters: TaskQueryFilters | None, mappings: Sequence[TaskQueryMapping] | None) -> Reading:
    """Return the source of a variable by its evaluator's query mappings; without one, its own name on every span."""
    found = next((one for one in mappings or () if one.variable_name == variable), None)
    if found is None:
        return Reading(variable)
    texts = {} if filters is None else {one.id: one.filter for one in filters.filters}
    return Reading(found.attribute_path, tuple((texts[name],) for name in found.query_ids if name is not None))


class Gathering:
    """The texts of the variables of one unit. The caller adds the spans, oldest first."""

    def __init__(self, unit: Unit, readings: Mapping[str, Reading]) -> None:
        self._readings = readings
        self._talks = {name for name, of in readings.items() if unit == "SESSION" and of.path == CONVERSATION}
        self._parts: dict[str, list[str]] = {name: [] for name in readings}
        self._empty: dict[str, str] = {}
        self._characters = dict.fromkeys(readings, 0)
        self._traces: dict[str, set[object]] = {name: set() for name in self._talks}

    def add(self, row: Row, takes: Callable[[Choice], bool]) -> None:
        """Add a span's row; `takes` says whether the span matches a choice."""
        for name, wanted in self._readings.items():
            if self._characters[name] >= TEXT_LIMIT:
                continue
            if name in self._talks:
                value = self._turn(name, row)
            elif wanted.among and not any(map(takes, wanted.among)):
                value = None
            else:
                value = text_at(row, wanted.path)
            if value is not None and (value == NULL or not value.strip()):
                self._empty.setdefault(name, value)
            elif value is not None:
                self._parts[name].append(value[:TEXT_LIMIT])
                self._characters[name] += len(value) + 1

    def values(self) -> dict[str, str | None]:
        """Each variable's text; None if no span has a value. A null or a blank counts if no span has another value."""
        return {
            name: self._joined(name, parts) if parts else self._empty.get(name) for name, parts in self._parts.items()
        }

    def _joined(self, name: str, parts: Sequence[str]) -> str:
        text = ",".join(parts)
        return (f"[{text}]" if name in self._talks else text)[:TEXT_LIMIT]

    def _turn(self, name: str, row: Row) -> str | None:
        """Return one turn of the conversation as JSON if the row is the first root span with text of its trace."""
        trace = row.get("context.trace_id")
        said = {part: as_text(resolve(row, part)) for part in ("input", "output")}
        if row.get("parent_id") is not None or trace in self._traces[name] or not any(said.values()):
            return None
        self._traces[name].add(trace)
        return json.dumps(said, ensure_ascii=False)
