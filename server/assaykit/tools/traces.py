"""Toolset traces: the projects that spans arrive in, and the spans with their verdicts."""

from datetime import timedelta
from typing import Any

from assaykit.api.pages import rows
from assaykit.tools.builder import tool
from assaykit.tools.fields import Filter, Here, Limit, Project, Space, Window
from assaykit.tools.replies import Reply, fenced, one_line
from assaykit.windows import Period, parse
from assaykit.wire.projects import ProjectPage
from assaykit.wire.spans import Evaluation, ListSpansRequest, Span, SpanPage

VALUE_LIMIT = 400
"""Characters of an input or output that a list of spans shows."""


@tool("read")
async def list_projects(here: Here, name: str | None = None, space: Space = None) -> Reply:
    """List the projects whose traces can be scored.

    Source: REST v2 `GET /v2/projects`.
    """
    within = await here.space(space)
    found = [row async for row in rows(here.api, "/v2/projects", ProjectPage, {"space_id": within.id, "name": name})]
    listed = [{"id": project.id, "name": project.name} for project in found]
    if found:
        text = f"{len(found)} project(s) in space {within.name!r}: " + ", ".join(
            one_line(project.name) for project in found
        )
    elif name is not None:
        text = f"No project in space {within.name!r} has {one_line(name)!r} in its name. Leave name out to see all."
    else:
        text = (
            f"No project in space {within.name!r} yet. Start `assaykit engine` and send spans to its /v1/traces "
            "with any OpenTelemetry exporter; `assaykit demo` shows a sample."
        )
    return Reply(text, {**here.source(within), "projects": listed})


@tool("read")
async def search_spans(
    here: Here,
    project: Project = None,
    filter: Filter = None,  # noqa: A002  (AX's word for it)
    window: Window = None,
    limit: Limit = 20,
    cursor: str | None = None,
    space: Space = None,
) -> Reply:
    """Find spans, newest first, each with its input, output and verdicts; of the last 7 days without window.

    filter reads verdicts too: eval.tone.label = 'rude'.

    Source: REST v2 `POST /v2/spans`.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    target = await here.names.project(project, within)
    now = here.now()
    period = parse(window, now) if window else Period(now - timedelta(days=7), now)
    asked = ListSpansRequest(project_id=target.id, start_time=period.start, end_time=period.end, filter=filter)
    page = await here.api.post("/v2/spans", SpanPage, asked, limit=limit, cursor=cursor)
    following = page.pagination.next_cursor if page.pagination.has_more else None
    listed = [_as_dict(span) for span in page.spans]
    if not listed:
        text = f"No span of {target.name!r} from {period} matches. Widen the window, or loosen the filter."
    else:
        more = f"; more: cursor={following!r}" if following else ""
        text = f"{len(listed)} span(s) of {target.name!r}, newest first{more}\n" + fenced(
            _line(span) for span in listed
        )
    return Reply(text, {**here.source(within), "project": target.name, "spans": listed, "next_cursor": following})


def _as_dict(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.context.span_id,
        "trace_id": span.context.trace_id,
        "name": span.name,
        "kind": span.kind,
        "status": span.status_code,
        "start_time": None if span.start_time is None else span.start_time.isoformat(),
        "latency_ms": _latency_ms(span),
        "input": _clipped(span.attributes.get("input.value")),
        "output": _clipped(span.attributes.get("output.value")),
        "evaluations": [_verdict(verdict) for verdict in span.evaluations],
    }


def _verdict(verdict: Evaluation) -> dict[str, Any]:
    whole = verdict.model_dump(exclude={"metadata"}, exclude_none=True)
    return {key: _clipped(value) if key == "explanation" else value for key, value in whole.items()}


def _latency_ms(span: Span) -> float | None:
    if span.start_time is None or span.end_time is None:
        return None
    return (span.end_time - span.start_time) / timedelta(milliseconds=1)


def _clipped(value: object) -> str | None:
    return None if value is None else one_line(value, VALUE_LIMIT)


def _line(span: dict[str, Any]) -> str:
    verdicts = ", ".join(
        f"{verdict['name']}={verdict.get('label', verdict.get('score'))}" for verdict in span["evaluations"]
    )
    parts = [
        f"{span['span_id']} {one_line(span['name'], 40)} {span['kind']} {span['status']}",
        f"[{verdicts}]" if verdicts else "[no verdict]",
        f"in: {one_line(span['input'] or '-', 100)}",
        f"out: {one_line(span['output'] or '-', 100)}",
    ]
    return " | ".join(parts)
