"""Whole traces and sessions as rows: each variable of an evaluator gathers its text from the spans of the unit.

The paths `input` and `output` of a trace are those of its root, unless a filter chooses the spans that are read. The
path `steps` is the whole tree (`judge/steps.py`), and `last_output` of a session the output of its last turn; these
two ignore filters.

Any other variable's text joins the values at its path with commas, in time order, up to 4 MiB. For a session, the path
`conversation` gives a JSON array with the `{input, output}` of the first root span of each trace; it ignores filters.
A span whose parent is not in the session counts as a root: a distributed trace may come without its first span.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from assaykit.column_paths import Row, resolve
from assaykit.errors import Invalid
from assaykit.judge.columns import NULL, as_text, text_at
from assaykit.judge.cut_text import WHOLE_LIMIT, noted, size_before
from assaykit.judge.steps import Steps
from assaykit.wire.evaluators import Granularity
from assaykit.wire.tasks import TaskQueryFilters, TaskQueryMapping

Unit = Literal["TRACE", "SESSION"]
UNITS: Final = frozenset({"TRACE", "SESSION"})

TEXT_LIMIT = WHOLE_LIMIT
"""Limit on the UTF-8 bytes of one variable of a unit. A longer text loses parts from its middle."""

_LEFT_OUT = "[... parts are left out here ...]"

CONVERSATION: Final = "conversation"
LAST_OUTPUT: Final = "last_output"
STEPS: Final = "steps"
OF_ROOT: Final = frozenset({"input", "output"})
"""Paths that read the root of a trace alone, without a filter."""
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


class _Text:
    """A text that grows by parts joined with commas. Beyond `TEXT_LIMIT` bytes it keeps its beginning and its end."""

    def __init__(self) -> None:
        self._head: list[str] = []
        self._tail: deque[tuple[str, int]] = deque()
        self._head_size = self._tail_size = 0
        self._size = -1
        self._is_cut = False

    def add(self, part: str) -> None:
        size = len(part.encode("utf-8", "replace")) + 1
        before = size_before(part)
        self._is_cut |= before is not None
        self._size += size if before is None else before + 1
        if not self._tail and self._head_size + size <= TEXT_LIMIT // 2:
            self._head.append(part)
            self._head_size += size
            return
        self._tail.append((part, size))
        self._tail_size += size
        while len(self._tail) > 1 and self._head_size + self._tail_size > TEXT_LIMIT:
            self._tail_size -= self._tail.popleft()[1]
            if self._head[-1:] != [_LEFT_OUT]:
                self._head.append(_LEFT_OUT)
            self._is_cut = True

    def joined(self, before: str = "", after: str = "") -> str | None:
        """The text between two others, noted as cut if a part is cut or left out. None without a part."""
        if not self._head and not self._tail:
            return None
        text = f"{before}{','.join([*self._head, *(part for part, _ in self._tail)])}{after}"
        return noted(text, self._size + len(before) + len(after)) if self._is_cut else text


class _Talk:
    """The turns of a session. The root of a trace goes before spans whose parent is not in the session."""

    def __init__(self) -> None:
        self._trace: object = None
        self._turn: str | None = None
        self._is_root = False
        self._text = _Text()

    def add(self, row: Row) -> None:
        trace, is_root = row.get("context.trace_id"), row.get("parent_id") is None
        if trace != self._trace:
            self._end_turn()
            self._trace, self._is_root = trace, False
        if self._turn is not None and (self._is_root or not is_root):
            return
        said = {part: as_text(resolve(row, part)) for part in ("input", "output")}
        if any(said.values()):
            self._turn, self._is_root = json.dumps(said, ensure_ascii=False), is_root

    def joined(self) -> str | None:
        """The turns as a JSON array; None without a turn."""
        self._end_turn()
        return self._text.joined("[", "]")

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._text.add(self._turn)
            self._turn = None


class _Root:
    """A value of a trace's root, or of the first span on top that has one. Of a session, the last output."""

    def __init__(self, path: str, *, is_last: bool = False) -> None:
        self._path = path
        self._is_last = is_last
        self._found: str | None = None
        self._is_root = False

    def add(self, row: Row) -> None:
        is_root = row.get("parent_id") is None
        if not self._is_last and self._found is not None and (self._is_root or not is_root):
            return
        value = as_text(resolve(row, self._path))
        if value is not None:
            self._found, self._is_root = value, is_root

    def joined(self) -> str | None:
        return self._found


def _top_reader(unit: Unit, read: Reading) -> _Talk | _Root | None:
    """The reader of a variable that spans on top alone decide; None for any other variable."""
    if is_conversation(unit, read):
        return _Talk()
    if unit == "TRACE" and read.path in OF_ROOT and not read.among:
        return _Root(read.path)
    if unit == "SESSION" and read.path == LAST_OUTPUT:
        return _Root("output", is_last=True)
    return None


class Gathering:
    """The texts of the variables of one unit. The caller adds the spans trace by trace, each oldest first."""

    def __init__(self, unit: Unit, readings: Mapping[str, Reading]) -> None:
        tops = {name: _top_reader(unit, of) for name, of in readings.items()}
        self._tops = {name: reader for name, reader in tops.items() if reader is not None}
        self._steps = {name: Steps() for name, of in readings.items() if of.path == STEPS}
        others = [name for name in readings if name not in self._tops and name not in self._steps]
        self._readings = {name: readings[name] for name in others}
        self._texts = {name: _Text() for name in others}
        self._empty: dict[str, str] = {}

    def add(self, row: Row, takes: Callable[[Choice], bool], *, is_top: bool) -> None:
        """Add a span's row. `takes` says whether the span matches a choice.

        `is_top` says whether the span is a root, or its parent is not in the unit.
        """
        for name, wanted in self._readings.items():
            if wanted.among and not any(map(takes, wanted.among)):
                continue
            value = text_at(row, wanted.path)
            if value is not None and (value == NULL or not value.strip()):
                self._empty.setdefault(name, value)
            elif value is not None:
                self._texts[name].add(value)
        if is_top:
            for reader in self._tops.values():
                reader.add(row)
        for steps in self._steps.values():
            steps.add(row)

    def values(self) -> dict[str, str | None]:
        """Each variable's text; None if no span has a value. A null or a blank counts if no span has another value."""
        every = [*self._texts.items(), *self._tops.items(), *self._steps.items()]
        found = {name: of.joined() for name, of in every}
        return {name: self._empty.get(name) if text is None else text for name, text in found.items()}


def is_of_whole(unit: Unit, path: str) -> bool:
    """Whether a path reads the unit itself, so that no filter chooses its spans."""
    return path == STEPS or (unit == "SESSION" and path in {CONVERSATION, LAST_OUTPUT})


def is_conversation(unit: Granularity, read: Reading) -> bool:
    """Whether a variable reads the turns of a session."""
    return unit == "SESSION" and read.path == CONVERSATION


def turns_without_output(conversation: str) -> int:
    """The turns of a conversation that have no output. Text inside a turn cannot hold the counted characters."""
    return conversation.count(', "output": null}')
