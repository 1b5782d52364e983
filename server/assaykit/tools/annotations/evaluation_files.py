"""Verdicts computed elsewhere, read from rows with columns such as `eval.<name>.label`.

An export of spans with added columns is accepted as it is. Columns that hold neither ids nor verdicts are ignored and
named in the reply. A column with nearly the name of a verdict's column is refused, or it would be ignored unnoticed.
"""

import difflib
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from assaykit.errors import Invalid, quote
from assaykit.files.columns import label_of, score_of, text_of
from assaykit.files.rows import FileRow
from assaykit.foreign import exactly
from assaykit.toolkit.replies import one_line
from assaykit.wire.evaluators import Granularity
from assaykit.wire.spans import EXPLANATION_LIMIT, LABEL_LIMIT

FIELDS: Final = ("label", "score", "explanation")
COLUMNS_SHOWN = 20

SPELLINGS: Final[dict[Granularity, tuple[str, ...]]] = {
    "SPAN": ("context.span_id", "span_id"),
    "TRACE": ("context.trace_id", "trace_id"),
    "SESSION": ("attributes.session.id", "session.id", "session_id"),
}
"""The columns that hold ids. The first existing one is used."""

PREFIXES: Final[dict[str, Granularity]] = {"eval": "SPAN", "trace_eval": "TRACE", "session_eval": "SESSION"}
_OF_LEVEL: Final = {level: prefix for prefix, level in PREFIXES.items()}
_VERDICT = re.compile(rf"({'|'.join(PREFIXES)})\.(.+)\.({'|'.join(FIELDS)})", re.DOTALL)
_NEAR_PREFIX, _NEAR_FIELD = 0.8, 0.75
"""Similarity from which a word counts as a misspelling of another."""


class FileVerdict(NamedTuple):
    """One verdict on a span, trace or session. `key` is the id of that, or of one of its spans, as `by` says."""

    level: Granularity
    name: str
    by: Granularity
    key: str
    parts: dict[str, Any]
    line: int

    @property
    def column(self) -> str:
        """`eval.<name>`, or the same of a trace or session."""
        return f"{_OF_LEVEL[self.level]}.{self.name}"


class Found(NamedTuple):
    """The verdicts of some rows, and how the rows were read.

    `ids` maps each level to its column of ids, and `columns` each column to its part of a verdict. `passed_over` are
    the ignored columns. `silent` counts rows without a verdict, and `repeated` verdicts that occur again.
    """

    verdicts: list[FileVerdict]
    ids: dict[Granularity, str]
    columns: dict[str, str]
    passed_over: list[str]
    silent: int
    repeated: int


def verdicts_in(rows: Sequence[FileRow], name: str | None, file: str) -> Found:
    """The verdicts in the rows of `file`. With `name`, only those of this evaluator, also in columns `label`, `score`.

    Raises:
        Invalid: no column holds ids or verdicts, the name of one is misspelt, a cell has a wrong value, a verdict has
            no id, or two verdicts contradict each other.
    """
    if not rows:
        raise Invalid(f"{quote(file)!r} holds no rows.", "Give one row for each span, trace or session.")
    existing = list(dict.fromkeys(column for row in rows for column in row.values))
    ids = _ids(existing, file)
    columns = _columns(existing, name, ids, file)
    kept: dict[tuple[str, str, str], FileVerdict] = {}
    silent = repeated = 0
    for row in rows:
        found = list(_of_row(row, columns, ids, file))
        silent += not found
        for one in found:
            before = kept.setdefault((one.column, one.by, one.key), one)
            if before.parts != one.parts:
                raise Invalid(
                    f"Lines {before.line} and {one.line} of {quote(file)!r} give {quote(one.key, 60)!r} two different "
                    f"verdicts {quote(one.column, 80)!r}; nothing was written.",
                    "Keep one of the two rows.",
                )
            repeated += before is not one
    if not kept:
        shown = ", ".join(repr(quote(column, 60)) for column in columns)
        raise Invalid(f"No row of {quote(file)!r} holds a verdict in {shown}.", "Fill in a label or a score.")
    used = {*ids.values(), *columns}
    passed_over = [column for column in existing if column not in used]
    return Found(list(kept.values()), ids, _named(columns), passed_over, silent, repeated)


def is_blank(value: object) -> bool:
    """True if a cell is empty: null, blank, or the number NaN of data frames."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def is_missing(value: object) -> bool:
    """True if a cell is empty, or holds the word nan."""
    return is_blank(value) or (isinstance(value, str) and value.strip().lower() == "nan")


_Columns = Mapping[str, tuple[Granularity, str, str]]
"""By column of the file: level, name of the evaluator, and part of the verdict."""


def _named(columns: _Columns) -> dict[str, str]:
    return {column: f"{_OF_LEVEL[level]}.{name}.{part}" for column, (level, name, part) in columns.items()}


def _ids(existing: Sequence[str], file: str) -> dict[Granularity, str]:
    found: dict[Granularity, str] = {
        level: next(one for one in spellings if one in existing)
        for level, spellings in SPELLINGS.items()
        if not set(existing).isdisjoint(spellings)
    }
    if not found:
        raise Invalid(
            f"{quote(file)!r} has no column that names a span, a trace or a session; it has {_shown(existing)}.",
            f"Name it {', '.join(one[0] for one in SPELLINGS.values())}, as search_spans(save_to=...) does.",
        )
    return found


def _columns(existing: Sequence[str], name: str | None, ids: Mapping[Granularity, str], file: str) -> _Columns:
    """The columns that hold verdicts, each with its level, evaluator and part."""
    found: dict[str, tuple[Granularity, str, str]] = {}
    for column in existing:
        if match := _VERDICT.fullmatch(column):
            prefix, evaluator, part = match.groups()
            found[column] = PREFIXES[prefix], evaluator, part
        elif meant := _misspelt(column):
            raise Invalid(
                f"{quote(file)!r} has a column {quote(column, 80)!r}, which is nearly the name of a verdict's column.",
                f"Name it {quote(meant, 80)!r}, or leave it out.",
            )
    plain = [column for column in existing if column in FIELDS]
    if name is None:
        if not found:
            asked = "Pass name= with the evaluator of label, score and explanation" if plain else "Add such columns"
            raise Invalid(
                f"{quote(file)!r} has no column eval.<name>.label, .score or .explanation; it has {_shown(existing)}.",
                f"{asked}; on traces and sessions: trace_eval.<name>.label, session_eval.<name>.label.",
            )
        return found
    own = {column: one for column, one in found.items() if one[1] == name}
    if own and plain:
        raise Invalid(
            f"{quote(file)!r} has {quote(next(iter(own)), 80)!r} and {exactly(plain[0])}, both for {quote(name)!r}.",
            "Leave one of them out.",
        )
    if own:
        return own
    _refuse_nearly_plain(existing, plain, name, file)
    level: Granularity = next(level for level in SPELLINGS if level in ids)
    return {column: (level, name, column) for column in plain}


def _refuse_nearly_plain(existing: Sequence[str], plain: Sequence[str], name: str, file: str) -> None:
    for column in existing:
        near = difflib.get_close_matches(column.lower(), FIELDS, n=1, cutoff=_NEAR_FIELD)
        if near and near[0] not in plain:
            raise Invalid(
                f"{quote(file)!r} has a column {quote(column, 60)!r} and none named {exactly(near[0])}.",
                f"Name it {exactly(near[0])}, or leave it out.",
            )
    if not plain:
        raise Invalid(
            f"{quote(file)!r} has no verdict of {quote(name)!r}; it has {_shown(existing)}.",
            f"Name the columns label, score and explanation, or eval.{quote(name)}.label and so on.",
        )


def _misspelt(column: str) -> str | None:
    """The verdict's column that a misspelt name resembles. None if it resembles none."""
    first, *middle, last = column.split(".") if "." in column else (column, "")
    prefix = difflib.get_close_matches(first.lower().replace("-", "_"), PREFIXES, n=1, cutoff=_NEAR_PREFIX)
    field = difflib.get_close_matches(last.lower(), FIELDS, n=1, cutoff=_NEAR_FIELD)
    return f"{prefix[0]}.{'.'.join(middle) or '<name>'}.{field[0]}" if prefix and field else None


def _of_row(row: FileRow, columns: _Columns, ids: Mapping[Granularity, str], file: str) -> Iterator[FileVerdict]:
    found: dict[tuple[Granularity, str], dict[str, Any]] = {}
    for column, (level, name, part) in columns.items():
        value = row.values.get(column)
        # The word nan is a missing score, and a label like any other.
        if not (is_missing(value) if part == "score" else is_blank(value)):
            found.setdefault((level, name), {})[part] = _cell(value, part, row.line, column, file)
    for (level, name), parts in found.items():
        if parts.keys() == {"explanation"}:
            raise Invalid(
                f"Line {row.line} of {quote(file)!r} explains {quote(name, 60)!r} and has no label and no score of it.",
                "A verdict needs one of them.",
            )
        by, key = _about(row, level, name, ids, file)
        yield FileVerdict(level, name, by, key, parts, row.line)


def _cell(value: object, part: str, line: int, column: str, file: str) -> Any:
    match part:
        case "score":
            return score_of(value, line, column, file)
        case "label":
            found, limit = label_of(value, line, column, file), LABEL_LIMIT
        case _:
            found, limit = text_of(value), EXPLANATION_LIMIT
    if len(found) > limit:
        raise Invalid(
            f"Line {line} of {quote(file)!r} holds {len(found):,} characters in {quote(column, 80)!r}; "
            f"{part}s have at most {limit:,}.",
            "Shorten it." if part != "label" else "A label is a short word; longer text belongs in the explanation.",
        )
    return found


def _about(
    row: FileRow, level: Granularity, name: str, ids: Mapping[Granularity, str], file: str
) -> tuple[Granularity, str]:
    """The id that a verdict refers to: that of its level, else that of a span in the trace or session."""
    for by in dict.fromkeys((level, "SPAN")):
        value = row.values.get(ids.get(by, ""))
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if is_missing(value):
            continue
        if isinstance(value, str):
            return by, value if by == "SESSION" else value.strip()
        raise Invalid(
            f"Line {row.line} of {quote(file)!r} holds {quote(repr(value), 60)} as an id in {quote(ids[by])!r}.",
            "An id is text.",
        )
    wanted = [ids.get(by, SPELLINGS[by][0]) for by in dict.fromkeys((level, "SPAN"))]
    raise Invalid(
        f"Line {row.line} of {quote(file)!r} has a verdict {_OF_LEVEL[level]}.{quote(name, 60)} and no "
        f"{' or '.join(wanted)}.",
        f"Fill in an id; {_OF_LEVEL[level]}.<name> is a verdict on a {level.lower()}.",
    )


def _shown(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(one_line(column, 60)) for column in columns[:COLUMNS_SHOWN])
    return f"{shown} and {len(columns) - COLUMNS_SHOWN} more" if len(columns) > COLUMNS_SHOWN else shown
