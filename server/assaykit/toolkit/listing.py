"""Replies of list tools: one page in the reply, or every row in a file."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import anyio.to_thread

from assaykit.api.pages import rows
from assaykit.errors import ContractBroken, Invalid, Unsupported
from assaykit.files.folders import Folders
from assaykit.files.rows import columns_of
from assaykit.files.writing import NewFile, free_place, write_rows
from assaykit.names import Named, ResourceKind
from assaykit.session import Session
from assaykit.toolkit.replies import Reply, bullets, fitting, quoted
from assaykit.wire.bodies import Page

MOST_ROWS = 100_000
"""Rows of one file."""

COLUMNS_SHOWN = 20

RowT = TypeVar("RowT")


class Shown(NamedTuple, Generic[RowT]):
    """The rows of a page that a reply holds, with a line for each.

    `asked` counts the rows of the page that was asked for, and `is_all` is set if no row follows that page.
    """

    rows: Sequence[RowT]
    lines: Sequence[str]
    following: str | None
    asked: int
    is_all: bool

    @property
    def number(self) -> str:
        """`20`, or `61 of 500` if not all rows of the page fit, or `61 of more than 500` if others follow the page."""
        if len(self.rows) == self.asked:
            return str(self.asked)
        return f"{len(self.rows)} of {'' if self.is_all else 'more than '}{self.asked}"

    @property
    def more(self) -> str:
        """The end of a head line: whether rows follow."""
        return more(self.following)


def next_of(page: Page[Any]) -> str | None:
    """The cursor of the next page; None after the last page."""
    return page.pagination.next_cursor if page.pagination.has_more else None


def more(following: str | None) -> str:
    """The end of a head line: whether rows follow. The last line of the text has the cursor."""
    return "; more follow, see cursor below" if following else ""


async def page_of(
    fetch: Callable[[int], Awaitable[Page[RowT]]], limit: int, line: Callable[[RowT], str]
) -> Shown[RowT]:
    """A page of at most `limit` rows, with as many of them as a reply holds.

    If some do not fit, the page is asked for again with fewer rows, because its cursor has to stand behind the last row
    that is shown.
    """
    page = await fetch(limit)
    lines = [line(row) for row in page.rows]
    asked, is_all = len(lines), next_of(page) is None
    while (fit := fitting(lines)) < len(lines):
        page = await fetch(fit)
        if len(page.rows) >= len(lines):
            raise ContractBroken("The backend sends more rows than a page may have.", "Pass a smaller limit.")
        lines = [line(row) for row in page.rows]
    return Shown(page.rows, lines, next_of(page), asked, is_all)


def plain(thing: Any) -> dict[str, Any]:
    """A reply body as one row of a file."""
    return thing.model_dump(mode="json", exclude_none=True)


def name_of(thing: Any) -> str:
    """A thing by its name, with its id if the name cannot be shown as it is."""
    shown = quoted(thing.name)
    return shown if shown == repr(thing.name) else f"{shown} ({thing.id})"


def name_or_id(thing: Any) -> str:
    """The name of a thing for a call that we write; its id if the name cannot be shown as it is."""
    return thing.name if quoted(thing.name) == repr(thing.name) else thing.id


def id_and_name(thing: Any) -> dict[str, Any]:
    """A named thing in the data of a list."""
    return {"id": thing.id, "name": thing.name}


async def list_named(
    here: Session,
    kind: ResourceKind,
    query: Mapping[str, Any],
    limit: int,
    cursor: str | None,
    save_to: str | None,
    *,
    overwrite: bool,
    within: Named | None = None,
    nothing: str,
    facts: Callable[[Any], Mapping[str, Any]] = id_and_name,
    label: Callable[[Any], str] = name_of,
    line: Callable[[Any], str] | None = None,
    flat: Callable[[Any], Mapping[str, Any]] = plain,
) -> Reply:
    """A page of the things of one kind, or all of them in a new file.

    `nothing` is the text of an empty page. `facts` makes an entry of the data, `flat` a row of the file, and `line` a
    line of the text; without `line` the text has the labels, which are names, and the id of a name that cannot be shown
    as it is.

    Raises: as `save`.
    """
    source, plural = here.source(within), f"{kind.noun.removeprefix('AI ')}s"
    if save_to is not None:
        found = rows(here.api, kind.at, kind.page, query)
        return await save(here, save_to, cursor, found, flat, plural, source, overwrite=overwrite)
    page = await page_of(
        lambda most: here.api.get(kind.at, kind.page, limit=most, cursor=cursor, **query), limit, line or label
    )
    text = nothing
    if page.rows:
        where = "" if within is None else f" in space {quoted(within.name)}"
        shown = f" {', '.join(page.lines)}" if line is None else f"\n{bullets(page.lines)}"
        text = f"{page.number} {kind.noun}(s){where}{page.more}:{shown}"
    return Reply(text, {**source, plural: [facts(thing) for thing in page.rows], "next_cursor": page.following})


async def save(
    here: Session,
    save_to: str,
    cursor: str | None,
    found: AsyncGenerator[RowT],
    flat: Callable[[RowT], Mapping[str, Any]],
    what: str,
    facts: Mapping[str, Any],
    *,
    overwrite: bool,
) -> Reply:
    """Write every row of a list to a new file, at most 100,000 rows. `what` names the rows in the reply.

    Raises:
        Invalid: a cursor was given too, the file exists already without `overwrite`, or the path is not allowed.
        Unsupported: the server is read-only.
    """
    if here.settings.read_only:
        raise Unsupported("This server is read-only, so no file is written.", "Leave save_to out; page with cursor.")
    if cursor is not None:
        raise Invalid("save_to writes the whole list, so a cursor has no meaning.", "Leave one of them out.")
    folders = Folders(here.settings.folders)
    # Check the path first, so that a refusal comes before the rows are fetched.
    place = await anyio.to_thread.run_sync(partial(free_place, save_to, folders, overwrite=overwrite))
    async with aclosing(found):
        taken, cut = await _taken(found, flat)
    saved: dict[str, Any] = {"path": str(place.path), "rows": len(taken), "cut": cut, "columns": columns_of(taken)}
    if not taken:
        return Reply(f"There are no {what}, so no file was written.", {**facts, "saved": {**saved, "path": None}})
    await anyio.to_thread.run_sync(write_rows, place, taken)
    shown = ", ".join(quoted(column, 60) for column in saved["columns"][:COLUMNS_SHOWN])
    left = len(saved["columns"]) - COLUMNS_SHOWN
    text = f"Wrote {len(taken)} {what} to {place.path}; columns: {shown}{f' and {left} more' if left > 0 else ''}."
    if cut:
        text += f" There are more: a file ends after {MOST_ROWS} rows. Narrow the list to get the rest."
    return Reply(text, {**facts, "saved": saved})


async def page_place(here: Session, save_to: str, *, overwrite: bool) -> NewFile:
    """The new file for an HTML page.

    Raises:
        Invalid: the name does not end in .html, the file exists already without `overwrite`, or the path is not
            allowed.
        Unsupported: the server is read-only.
    """
    if here.settings.read_only:
        raise Unsupported("This server is read-only, so no file is written.", "Leave save_to out.")
    folders = Folders(here.settings.folders)
    return await anyio.to_thread.run_sync(partial(free_place, save_to, folders, (".html",), overwrite=overwrite))


async def _taken(
    found: AsyncIterable[RowT], flat: Callable[[RowT], Mapping[str, Any]]
) -> tuple[Sequence[Mapping[str, Any]], bool]:
    taken: list[Mapping[str, Any]] = []
    async for row in found:
        if len(taken) == MOST_ROWS:
            return taken, True
        taken.append(flat(row))
    return taken, False
