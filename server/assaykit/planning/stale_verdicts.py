"""Verdicts on spans that were sent again with other attributes since: the verdict is older than the text."""

from assaykit.api.client import Api
from assaykit.filters.parse import MAX_CHARACTERS
from assaykit.filters.text import written
from assaykit.filters.tree import Compare
from assaykit.planning.queries import both
from assaykit.wire.local import CountSpansRequest, SpanCount
from assaykit.wire.spans import ListSpansRequest


async def stale_of(api: Api, search: ListSpansRequest, column: str) -> int:
    """The number of spans of a search whose verdict of a column is older than the text, counted by an engine.

    A filter that is too long to be narrowed counts none.
    """
    asked = both(search.filter, written(Compare(f"eval.{column}.metadata.stale", "=", value=True))) or ""
    if len(asked) > MAX_CHARACTERS:
        return 0
    body = CountSpansRequest(search=search.model_copy(update={"filter": asked}))
    return (await api.post("/x/span-count", SpanCount, body)).matching
