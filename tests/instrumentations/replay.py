"""The facts of recorded spans, after an engine has taken the requests over HTTP."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
from tests.engine.door import Door, HandClock, opened
from tests.instrumentations.aspects import Row
from tests.instrumentations.exports import Export, items

from assaykit.judge.columns import span_row, text_at
from assaykit.wire.spans import Span

_DAYS = {"start_time": "2025-12-31T00:00:00Z", "end_time": "2026-01-02T00:00:00Z"}


class Seen(NamedTuple):
    """A span as a judge sees it, with the session and the user, and the span of the same call if it is a twin."""

    row: Row
    session: str | None
    user: str | None
    twin_of: str | None
    span_id: str


def seen(exports: Sequence[Export]) -> list[Seen]:
    """The spans of the requests of one client, in order of start; of two that start at once, the longer one first."""
    sent = [span for export in exports if export.path == "/v1/traces" for span in items(export)]
    order = {span["spanId"]: (int(span["startTimeUnixNano"]), -int(span["endTimeUnixNano"])) for span in sent}

    async def taken() -> list[Span]:
        with tempfile.TemporaryDirectory() as home:
            async with opened(Path(home), clock=HandClock()) as door:
                return await _spans(door, exports)

    spans = sorted(anyio.run(taken), key=lambda span: order[span.context.span_id])
    return [_seen(span) for span in spans]


async def _spans(door: Door, exports: Sequence[Export]) -> list[Span]:
    for path, body in exports:
        await door.post(path, body)
    (project,) = (await door.get("/v2/projects"))["projects"]
    return [Span.model_validate(row) for row in await door.spans(project["id"], **_DAYS)]


def _seen(span: Span) -> Seen:
    columns, told = span_row(span), span.attributes
    asked, said = text_at(columns, "input"), text_at(columns, "output")
    row = Row(span.kind or "", asked, said, told.get("llm.model_name"), told.get("llm.token_count.total"))
    return Seen(
        row, told.get("session.id"), told.get("user.id"), told.get("assaykit.same_call_as"), span.context.span_id
    )
