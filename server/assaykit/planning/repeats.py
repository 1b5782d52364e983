"""Spans that repeat the text of their parent, so that a judge would judge one text twice."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple

from assaykit.api.client import Api
from assaykit.api.pages import rows
from assaykit.column_paths import Row, resolve
from assaykit.filters.fields import span_tree
from assaykit.filters.memory import matches
from assaykit.judge.columns import as_text, span_row
from assaykit.wire.spans import ListSpansRequest, SpanPage

SPANS_COMPARED = 500
"""Spans that are compared with their parents: the newest ones."""

CHARACTERS_COMPARED = 4_000
"""Characters of each value that are compared."""

_OWN = ("name", "span_kind", "parent_id")


class Repeats(NamedTuple):
    """`repeated` of the newest `compared` spans have the text of their parent, which is among these spans too.

    `left_out_by` is a filter that takes all other spans and none of these; None if no simple filter does.
    """

    compared: int
    repeated: int
    left_out_by: str | None

    def as_text(self, matched: int) -> str:
        """A sentence for a plan that matches so many spans."""
        of = f"{self.compared} matched spans" if matched <= self.compared else f"the newest {self.compared} spans"
        advice = (
            f"the filter {self.left_out_by} leaves them out"
            if self.left_out_by
            else "a filter on name or span_kind may leave them out"
        )
        return f"{self.repeated} of {of} repeat the text of their parent, so one text gets two verdicts; {advice}"


class _Compared(NamedTuple):
    span_id: str
    parent_id: str | None
    row: Row
    text: int | None
    """The hash of the values; None if there is no value."""


async def repeats_of(api: Api, body: ListSpansRequest, mappings: Mapping[str, str], sample: Sequence[Row]) -> Repeats:
    """Compare the newest spans of a request with their parents, at the paths of an evaluator's variables.

    The backend sends the compared columns alone, with at most 4,000 characters each, unless a path leads into the JSON
    of a column.
    """
    paths = list(mappings.values())
    columns = {column for row in sample for column in row}
    if all(path in columns for path in paths):
        told_by = ["events"] if any(path.startswith(("event.", "exception.")) for path in paths) else []
        asked = [*_OWN, *paths, *told_by]
        narrowed = {"included_columns": asked, "truncate_string_length": CHARACTERS_COMPARED}
        body = body.model_copy(update=narrowed)
    found: list[_Compared] = []
    async with aclosing(rows(api, "/v2/spans", SpanPage, body=body, limit=SPANS_COMPARED)) as every:
        async for span in every:
            row = span_row(span)
            kept = {"name": span.name, "span_kind": span.kind, "parent_id": span.parent_id}
            found.append(_Compared(span.context.span_id, span.parent_id, kept, _text(row, paths)))
            if len(found) == SPANS_COMPARED:
                break
    return among(found)


def among(spans: Sequence[_Compared]) -> Repeats:
    """The spans among these that have the text of their parent."""
    texts = {one.span_id: one.text for one in spans}
    is_repeat = [one.text is not None and texts.get(one.parent_id or "") == one.text for one in spans]
    repeated = [one.row for one, is_so in zip(spans, is_repeat, strict=True) if is_so]
    others = [one.row for one, is_so in zip(spans, is_repeat, strict=True) if not is_so]
    return Repeats(len(spans), len(repeated), _left_out_by(repeated, others) if repeated else None)


def _left_out_by(repeated: Sequence[Row], others: Sequence[Row]) -> str | None:
    def takes(text: str) -> Callable[[Row], bool]:
        tree = span_tree(text)
        return lambda row: matches(tree, row.get)

    for text in _candidates(repeated):
        if all(map(takes(text), others)) and not any(map(takes(text), repeated)):
            return text
    return None


def _candidates(repeated: Sequence[Row]) -> Iterator[str]:
    yield "parent_id IS NULL"
    for column in ("span_kind", "name"):
        values = {row[column] for row in repeated}
        value = next(iter(values))
        # Only a plain word is written into a filter that a model may copy.
        if len(values) == 1 and isinstance(value, str) and value.replace("_", "").isalnum() and value.isascii():
            yield f"{column} != '{value}'"


def _text(row: Row, paths: Sequence[str]) -> int | None:
    values = [(as_text(resolve(row, path)) or "")[:CHARACTERS_COMPARED] for path in paths]
    return hash(tuple(values)) if any(values) else None
