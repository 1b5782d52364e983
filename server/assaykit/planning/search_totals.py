"""The number of all spans that a search matches, of which a page shows some, and what its filter names in vain."""

from collections.abc import Sequence
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.column_paths import Row
from assaykit.judge.columns import span_row
from assaykit.planning.absent_fields import told, unseen
from assaykit.planning.spans import SAMPLE
from assaykit.wire.local import CountSpansRequest, SpanCount
from assaykit.wire.spans import ListSpansRequest, Span, SpanPage


class SearchedPage(NamedTuple):
    """A page of spans. `is_first` and `is_last` say whether spans stand before it and after it."""

    spans: Sequence[Span]
    is_first: bool
    is_last: bool


class SearchTotal(NamedTuple):
    """The number of spans that match, `is_exact` or at least; and sentences about what no span has."""

    matching: int
    is_exact: bool
    absent: Sequence[str] = ()

    def as_text(self, shown: int) -> str:
        """`4`, `3 of 4` or `3 of at least 4`."""
        if self.is_exact and shown == self.matching:
            return str(shown)
        return f"{shown} of {'' if self.is_exact else 'at least '}{self.matching:,}"


async def total_of(api: Api, search: ListSpansRequest, run_id: str | None, page: SearchedPage) -> SearchTotal:
    """The total of a search. An engine counts where the spans lie; of Arize AX the page tells a lower bound."""
    shown, is_whole = len(page.spans), page.is_first and page.is_last
    missing = unseen(search.filter, map(span_row, page.spans))
    if not await api.has_engine_routes():
        bound = shown + (not page.is_first) + (not page.is_last)
        return SearchTotal(bound, is_whole, await _missing_on_ax(api, search, missing))
    if is_whole and not missing:
        return SearchTotal(shown, is_exact=True)
    asked = CountSpansRequest(search=search, run_id=run_id, fields=missing)
    found = await api.post("/x/span-count", SpanCount, asked)
    matching = max(found.matching, shown)
    there = "No span there" if found.looked_at is None else f"None of the newest {found.looked_at:,} spans"
    rows = await _sample(api, search) if found.absent else []
    is_empty = not (rows or matching or run_id)
    return SearchTotal(
        shown if is_whole else matching,
        is_whole or found.is_exact,
        [] if is_empty else told(found.absent, rows, there),
    )


async def _missing_on_ax(api: Api, search: ListSpansRequest, missing: Sequence[str]) -> list[str]:
    """Sentences about the fields that no span among the newest has."""
    if not missing:
        return []
    rows = await _sample(api, search)
    return told(unseen(search.filter, rows), rows, f"None of the newest {len(rows)} spans") if rows else []


async def _sample(api: Api, search: ListSpansRequest) -> list[Row]:
    anything = search.model_copy(update={"filter": None})
    return [span_row(span) for span in (await api.post("/v2/spans", SpanPage, anything, limit=SAMPLE)).spans]
