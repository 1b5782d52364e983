"""Runs and examples as columns, in parts of consecutive rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from assaykit.engine import json_text
from assaykit.wire.bodies import Pagination
from assaykit.wire.run_columns import ERROR, is_explanation, is_kept


class PartGroup(NamedTuple):
    """As `wire.run_columns.RowGroup`."""

    names: Sequence[str]
    columns: Sequence[Sequence[Any] | None]
    places: Sequence[int] | None = None


class RowPart(NamedTuple):
    """As `wire.run_columns.ColumnPart`."""

    ns: Sequence[int]
    example_ids: Sequence[str | None]
    groups: Sequence[PartGroup]


class _Open:
    """A group that is being filled."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.places: list[int] = []
        self.rows: list[tuple[Any, ...]] = []
        read = [name for name in names if not is_explanation(name)]
        self.take: Callable[[Mapping[str, Any]], tuple[Any, ...]] = (
            itemgetter(*read) if len(read) > 1 else (lambda row: tuple(row[name] for name in read))
        )

    def closed(self, count: int) -> PartGroup:
        """The group in a part of `count` rows."""
        values = iter(zip(*self.rows, strict=True))
        columns = [None if is_explanation(name) else list(next(values)) for name in self.names]
        if ERROR in self.names:
            place = self.names.index(ERROR)
            columns[place] = ["failed" if value else None for value in columns[place] or ()]
        return PartGroup(self.names, columns, None if len(self.rows) == count else self.places)


def packed(rows: Iterable[Mapping[str, Any]], kept: Callable[[str], bool] = is_kept) -> list[PartGroup]:
    """The rows as groups of columns, with the columns that are `kept`."""
    by_columns: dict[tuple[str, ...], _Open] = {}
    by_names: dict[tuple[str, ...], _Open] = {}
    count = 0
    for row in rows:
        columns = tuple(row)
        group = by_columns.get(columns)
        if group is None:
            names = tuple(filter(kept, columns))
            group = by_columns[columns] = by_names.setdefault(names, _Open(names))
        group.places.append(count)
        group.rows.append(group.take(row))
        count += 1
    return [one.closed(count) for one in by_names.values()]


def page_of(found: Sequence[str], following: str | None) -> bytes:
    """A `ColumnPage` of these parts."""
    more = Pagination(has_more=following is not None, next_cursor=following)
    return f'{{"parts":[{",".join(found)}],"pagination":{more.model_dump_json(exclude_none=True)}}}'.encode()


def text_of(part: RowPart) -> str:
    """The part as JSON text."""
    return json_text.written({**part._asdict(), "groups": [one._asdict() for one in part.groups]})
