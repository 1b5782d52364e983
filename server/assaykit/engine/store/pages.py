"""Pagination. An opaque cursor holds the sort key of the last row of a page."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
from pydantic import Field, TypeAdapter

from assaykit.engine.problems import Malformed
from assaykit.wire.bodies import Pagination, composed

PAGE_BUDGET = 8 * 1024 * 1024
"""Characters of attributes on one page of spans, about: the last span may exceed it."""

_KEY = TypeAdapter(tuple[Annotated[int, Field(ge=0, lt=2**63)], ...])


class PageRequest(NamedTuple):
    """The page that a caller asks for. `limit` counts rows; `cursor` comes from the previous page."""

    limit: int
    cursor: str | None = None


def encode_cursor(*key: int) -> str:
    """Return the cursor of the page after the row with the sort key `key`."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode("ascii")


def decode_cursor(cursor: str, parts: int) -> tuple[int, ...]:
    """Return the sort key in a cursor; `parts` is its number of integers.

    Raises:
        Malformed: the text is not a cursor, or its key has another length.
    """
    try:
        key = _KEY.validate_json(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except ValueError:
        key = ()
    if len(key) != parts:
        raise _foreign_cursor()
    return key


def after(page: PageRequest, window: tuple[int, int]) -> tuple[int, int]:
    """A window of start times without those that stand only on earlier pages of `newest_by`.

    The query of `newest_by` has to be within it: SQLite reads an index from one time on, and not from a pair on.
    """
    first, last = window
    return (first, last) if page.cursor is None else (first, min(last, decode_cursor(page.cursor, 2)[0]))


def _foreign_cursor() -> Malformed:
    return Malformed("The cursor does not come from this list.", "Start again without a cursor.")


def newest_by(
    connection: sa.Connection, query: sa.Select[Any], key: Sequence[sa.ColumnElement[int]], page: PageRequest
) -> tuple[Sequence[sa.Row[Any]], Pagination]:
    """One page of `query`, largest `key` first. `query` must select the key's columns under their own names.

    A page whose rows have more than `PAGE_BUDGET` characters of attributes ends early.
    """
    if page.cursor is not None:
        last = sa.tuple_(*(sa.literal(part) for part in decode_cursor(page.cursor, len(key))))
        query = query.where(sa.tuple_(*key) < last)
    query = query.order_by(*(column.desc() for column in key)).limit(page.limit + 1)
    with connection.execute(query) as result:
        rows, is_whole = _within_budget(result, page.limit)
    if is_whole:
        return rows, Pagination()
    last_key = [getattr(rows[-1], str(column.key)) for column in key]
    return rows, Pagination(has_more=True, next_cursor=encode_cursor(*last_key))


def _within_budget(result: sa.CursorResult[Any], most: int) -> tuple[list[sa.Row[Any]], bool]:
    """The first rows of a result, and whether they are all of it. At least one row, if there is one."""
    has_attributes = "attributes" in result.keys()  # noqa: SIM118  (no mapping)
    rows: list[sa.Row[Any]] = []
    left = PAGE_BUDGET
    for row in result:
        if len(rows) == most or left <= 0:
            return rows, False
        rows.append(row)
        if has_attributes:
            left -= _length(row.attributes)
    return rows, True


def _length(attributes: Mapping[str, Any] | str) -> int:
    """The characters of attributes: of their JSON text, or of the strings among their values."""
    if isinstance(attributes, str):
        return len(attributes)
    return sum(len(value) for value in attributes.values() if type(value) is str)


def by_change(
    connection: sa.Connection, query: sa.Select[Any], table: sa.Table, page: PageRequest
) -> tuple[Sequence[sa.Row[Any]], Pagination]:
    """One page of `query` on `table`, last changed first.

    The cursor also carries the newest change on the first page. Rows that changed after it come last, so that no row is
    missing when the order changes between two pages. Such a row may be on two pages.
    """
    updated, n = table.c.updated_ns, table.c.n
    seen: int | None = None
    if page.cursor is None:
        query = query.order_by(updated.desc(), n.desc())
    else:
        seen, last_updated, last_n = decode_cursor(page.cursor, 3)
        is_late, last = updated > seen, sa.tuple_(sa.literal(last_updated), sa.literal(last_n))
        late = is_late & (table.c.created_ns <= seen)
        if last_updated > seen:
            query = query.where(late & (sa.tuple_(updated, n) > last))
        else:
            query = query.where(late | (sa.tuple_(updated, n) < last))
        query = query.order_by(is_late, *(sa.case((is_late, part), else_=-part) for part in (updated, n)))
    rows = connection.execute(query.limit(page.limit + 1)).fetchall()
    if len(rows) <= page.limit:
        return rows, Pagination()
    rows = rows[: page.limit]
    first = rows[0].updated_ns if seen is None else seen
    return rows, Pagination(has_more=True, next_cursor=encode_cursor(first, rows[-1].updated_ns, rows[-1].n))


def by_arrival(
    connection: sa.Connection,
    query: sa.Select[Any],
    n: sa.Column[int],
    page: PageRequest,
    *,
    newest_first: bool = True,
    place: tuple[int, ...] = (),
) -> tuple[Sequence[sa.Row[Any]], Pagination]:
    """One page of `query` in the order of `n`, newest first by default.

    The cursors begin with `place`, numbers that tell what the list is of. A cursor with another place is refused.
    """
    if page.cursor is not None:
        *of, last = decode_cursor(page.cursor, len(place) + 1)
        if tuple(of) != place:
            raise _foreign_cursor()
        query = query.where(n < last if newest_first else n > last)
    rows = connection.execute(query.order_by(n.desc() if newest_first else n.asc()).limit(page.limit + 1)).fetchall()
    if len(rows) <= page.limit:
        return rows, Pagination()
    rows = rows[: page.limit]
    return rows, Pagination(has_more=True, next_cursor=encode_cursor(*place, rows[-1].n))


def named_like(column: sa.Column[str], part: str) -> sa.ColumnElement[bool]:
    """AX's name filter: a case-insensitive substring. SQLite's `lower` is ASCII-only; `database` adds `casefold`."""
    return sa.func.instr(sa.func.casefold(column), casefold(part)) > 0


def casefold(text: str) -> str:
    """The text without letter case, in Unicode's form NFC."""
    return composed(text.casefold())
