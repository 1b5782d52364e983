"""Traces."""

from datetime import UTC, datetime, timedelta

from arize import ArizeClient
from ledger import Given, Ledger, play

SPACE = "default"


def reading(calls: Ledger, given: Given) -> None:
    traces = ArizeClient().traces
    project, ids = given["project"], given["spans"]
    listed = calls.call(traces.list, project=project, space=SPACE)
    calls.check("one trace for each span, newest first", [one.root_span_id for one in listed.traces] == ids)
    calls.check("a trace has its spans", [one.context.span_id for one in listed.traces[0].spans] == ids[:1])
    calls.check("none is cut", not listed.traces[0].spans_truncated)
    paged = [one.root_span_id for one in calls.pages("traces", traces.list, project=project, space=SPACE, limit=3)]
    calls.check("two pages have the same", paged == ids)
    now = datetime.now(UTC)
    found = calls.call(
        traces.list,
        project=project,
        space=SPACE,
        start_time=now - timedelta(hours=1),
        end_time=now,
        filter="attributes.input.value CONTAINS 'traces 2'",
    )
    calls.check("a filter picks the trace of its span", [one.root_span_id for one in found.traces] == [ids[2]])


play(reading)
