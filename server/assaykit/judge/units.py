"""Whole traces and sessions as rows: what each variable of an evaluator reads from the spans of such a unit.

A variable's text is the values at its path, in time order and joined with commas, at most 100,000 characters. Of a
session, `conversation` is a JSON array with `{input, output}` of the first root span of each trace, whatever the
filters say.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from assaykit.errors import Invalid
from assaykit.judge.columns import Row, as_text, resolve
from assaykit.wire.evaluators import Granularity
from assaykit.wire.tasks import TaskQueryFilters, TaskQueryMapping

Unit = Literal["TRACE", "SESSION"]
UNITS: Final = frozenset({"TRACE", "SESSION"})

TEXT_LIMIT = 100_000
"""Characters that one variable of a unit takes at most."""

CONVERSATION: Final = "conversation"
NOUNS: Final = {"SPAN": "span", "TRACE": "trace", "SESSION": "session", "RUN": "experiment run"}
LETTERS: Final = ("A", "B", "C", "D", "E")
"""What the filters of a task on traces or sessions may be called."""

Choice = tuple[str, ...]
"""Filters that a span must all match."""


def one_granularity(judged: Mapping[str, Granularity]) -> Granularity:
    """What the evaluators of a task judge, given for each by its name; spans where there is none.

    Raises:
        Invalid: they judge different things.
    """
    by_level: dict[Granularity, list[str]] = {}
    for name, level in judged.items():
        by_level.setdefault(level, []).append(name)
    if len(by_level) > 1:
        told = ", ".join(f"{name!r} judges {plural(level)}" for name, level in judged.items())
        tasks = " and one with ".join(", ".join(map(repr, names)) for names in by_level.values())
        number = "two" if len(by_level) == 2 else "three"  # noqa: PLR2004  (there are three granularities)
        raise Invalid(
            f"The evaluators of a task judge one kind of thing: {told}.", f"Create {number} tasks: one with {tasks}."
        )
    levels = list(by_level)
    return levels[0] if levels else "SPAN"


def plural(level: Granularity) -> str:
    """`spans`, `whole traces` or `whole sessions`."""
    return "spans" if level == "SPAN" else f"whole {NOUNS[level]}s"


class Reading(NamedTuple):
    """What a variable reads: the path, on the spans that one of the choices takes, or on every span."""

    path: str
    among: tuple[Choice, ...] = ()


def reading(variable: str, filters: TaskQueryFilters | None, mappings: Sequence[TaskQueryMapping] | None) -> Reading:
    """What a variable reads by the query mappings of its evaluator; its own name on every span without one."""
    found = next((one for one in mappings or () if one.variable_name == variable), None)
    if found is None:
        return Reading(variable)
    texts = {} if filters is None else {one.id: one.filter for one in filters.filters}
    return Reading(found.attribute_path, tuple((texts[name],) for name in found.query_ids if name is not None))


class Gathering:
    """The texts of some variables of one unit, gathered span by span, oldest first."""

    def __init__(self, unit: Unit, readings: Mapping[str, Reading]) -> None:
        self._readings = readings
        self._talks = {name for name, of in readings.items() if unit == "SESSION" and of.path == CONVERSATION}
        self._parts: dict[str, list[str]] = {name: [] for name in readings}
        self._characters = dict.fromkeys(readings, 0)
        self._traces: dict[str, set[object]] = {name: set() for name in self._talks}

    def add(self, row: Row, takes: Callable[[Choice], bool]) -> None:
        """Take in a span's row; `takes` says whether a choice does."""
        for name, wanted in self._readings.items():
            if self._characters[name] >= TEXT_LIMIT:
                continue
            if name in self._talks:
                value = self._turn(name, row)
            elif wanted.among and not any(map(takes, wanted.among)):
                value = None
            else:
                value = as_text(resolve(row, wanted.path))
            if value is not None:
                self._parts[name].append(value[:TEXT_LIMIT])
                self._characters[name] += len(value) + 1

    def values(self) -> dict[str, str | None]:
        """Each variable's text, None where no span has a value."""
        return {name: self._joined(name, parts) if parts else None for name, parts in self._parts.items()}

    def _joined(self, name: str, parts: Sequence[str]) -> str:
        text = ",".join(parts)
        return (f"[{text}]" if name in self._talks else text)[:TEXT_LIMIT]

    def _turn(self, name: str, row: Row) -> str | None:
        """A turn as JSON, from the first root span of each trace."""
        trace = row.get("context.trace_id")
        said = {part: as_text(resolve(row, part)) for part in ("input", "output")}
        if row.get("parent_id") is not None or trace in self._traces[name] or not any(said.values()):
            return None
        self._traces[name].add(trace)
        return json.dumps(said, ensure_ascii=False)
