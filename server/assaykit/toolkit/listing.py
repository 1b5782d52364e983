"""Replies of list tools: one page in the reply, or every row in a file."""

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import anyio.to_thread

from assaykit.errors import Invalid, Unsupported
from assaykit.files.folders import Folders
from assaykit.files.rows import columns_of
from assaykit.files.writing import NewFile, free_place, write_rows
from assaykit.session import Session
from assaykit.toolkit.replies import Reply, one_line
from assaykit.wire.bodies import Page

MOST_ROWS = 100_000
"""Rows of one file."""

COLUMNS_SHOWN = 20

RowT = TypeVar("RowT")


def next_of(page: Page[Any]) -> str | None:
    """The cursor of the next page; None after the last page."""
    return page.pagination.next_cursor if page.pagination.has_more else None


def more(following: str | None) -> str:
    """The end of a head line: the cursor of the next page, or nothing."""
    return f"; more: cursor={following!r}" if following else ""


def plain(thing: Any) -> dict[str, Any]:
    """A reply body as one row of a file."""
    return thing.model_dump(mode="json", exclude_none=True)


async def save(
    here: Session,
    save_to: str,
    cursor: str | None,
    found: AsyncGenerator[RowT],
    flat: Callable[[RowT], Mapping[str, Any]],
    what: str,
    facts: Mapping[str, Any],
) -> Reply:
    """Write every row of a list to a new file, at most 100,000 rows. `what` names the rows in the reply.

    Raises:
        Invalid: a cursor was given too, the file exists already, or the path is not allowed.
        Unsupported: the server is read-only.
    """
    if here.settings.read_only:
        raise Unsupported("This server is read-only, so no file is written.", "Leave save_to out; page with cursor.")
    if cursor is not None:
        raise Invalid("save_to writes the whole list, so a cursor has no meaning.", "Leave one of them out.")
    folders = Folders(here.settings.folders)
    # Check the path first, so that a refusal comes before the rows are fetched.
    place = await anyio.to_thread.run_sync(free_place, save_to, folders)
    async with aclosing(found):
        rows, cut = await _taken(found, flat)
    saved: dict[str, Any] = {"path": str(place.path), "rows": len(rows), "cut": cut, "columns": columns_of(rows)}
    if not rows:
        return Reply(f"There are no {what}, so no file was written.", {**facts, "saved": {**saved, "path": None}})
    await anyio.to_thread.run_sync(write_rows, place, rows)
    shown = ", ".join(one_line(column, 60) for column in saved["columns"][:COLUMNS_SHOWN])
    left = len(saved["columns"]) - COLUMNS_SHOWN
    text = f"Wrote {len(rows)} {what} to {place.path}; columns: {shown}{f' and {left} more' if left > 0 else ''}."
    if cut:
        text += f" There are more: a file ends after {MOST_ROWS} rows. Narrow the list to get the rest."
    return Reply(text, {**facts, "saved": saved})


async def page_place(here: Session, save_to: str) -> NewFile:
    """The new file for an HTML page.

    Raises:
        Invalid: the name does not end in .html, the file exists already, or the path is not allowed.
        Unsupported: the server is read-only.
    """
    if here.settings.read_only:
        raise Unsupported("This server is read-only, so no file is written.", "Leave save_to out.")
    return await anyio.to_thread.run_sync(free_place, save_to, Folders(here.settings.folders), (".html",))


async def _taken(
    found: AsyncIterable[RowT], flat: Callable[[RowT], Mapping[str, Any]]
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    rows: list[Mapping[str, Any]] = []
    async for row in found:
        if len(rows) == MOST_ROWS:
            return rows, True
        rows.append(flat(row))
    return rows, False
