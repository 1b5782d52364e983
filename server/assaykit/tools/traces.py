"""Toolset traces: the projects that spans arrive in, and the spans with their verdicts."""

import re
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple, get_args

from pydantic import Field

from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.foreign import as_word, exactly
from assaykit.judge.cut_text import sizes_before
from assaykit.judge.verdicts import Note
from assaykit.names import PROJECT, Named, holds_experiment_traces
from assaykit.planning.near_judges import near_judges
from assaykit.planning.periods import Period, parse
from assaykit.planning.search_totals import SearchedPage, total_of
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import id_and_name, list_named, name_of, page_of, save
from assaykit.toolkit.parameters import Here, Limit, ListLimit, PeriodText, ProjectName, SaveTo, SpaceName
from assaykit.toolkit.replies import Reply, fitting, one_line, quoted
from assaykit.tools.runs.rows import spans_of
from assaykit.tools.runs.why_nothing_scored import NextStep
from assaykit.tools.span_facts import clipped, facts_of, lines_of
from assaykit.tools.span_files import SpanObjects, file_row
from assaykit.wire.spans import Evaluation, ListSpansRequest, Span, SpanPage

EXPERIMENT_TRACES = "traces of an experiment"
"""The mark of a project that was made for the traces of an experiment."""

ROWS_PER_PAGE = 500
MOST_OF_TRACE = 1000
"""Spans of one trace that are read."""

SPAN_ID_DIGITS = 16
DEEPEST_INDENT = 20
SpanFilter = Annotated[str | None, Field(description="eval.tone.label = 'rude'")]
_HEX = re.compile(r"[0-9a-f]{32}|[0-9a-f]{16}")
_NEVER = datetime.max.replace(tzinfo=UTC)


@tool("read")
async def list_projects(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List the projects with traces to score.

    Source: REST v2 `GET /v2/projects`.
    Raises: Invalid.
    """
    within = await here.space(space)
    query = {"space_id": within.id, "name": name}
    if name is not None:
        nothing = (
            f"No project in space {exactly(within.name)} has {quoted(name, 60)} in its name. Leave name out to see all."
        )
    else:
        begin = "Send spans to Arize AX with any OpenTelemetry exporter."
        if await here.api.has_engine_routes():
            begin = (
                "Start `assaykit engine` and send spans to its /v1/traces with any OpenTelemetry exporter; "
                "`assaykit demo` shows a sample."
            )
        nothing = f"No project in space {exactly(within.name)} yet. {begin}"
    reply = await list_named(
        here, PROJECT, query, limit, cursor, save_to, overwrite=overwrite, within=within, nothing=nothing,
        facts=_project_facts, label=_project_label,
    )  # fmt: skip
    real = [one for one in reply.data.get("projects", ()) if "holds" not in one]
    if not real:
        return reply
    name = real[0]["name"]
    step = NextStep("search_spans", {"project": name if quoted(name) == repr(name) else real[0]["id"]})
    return reply._replace(after=f"Next: {step}", data={**reply.data, "next": step.as_dict()})


def _project_facts(project: Any) -> dict[str, Any]:
    holds = {"holds": EXPERIMENT_TRACES} if holds_experiment_traces(project) else {}
    return {**id_and_name(project), **holds}


def _project_label(project: Any) -> str:
    return f"{name_of(project)}{f' ({EXPERIMENT_TRACES})' if holds_experiment_traces(project) else ''}"


@tool("read")
async def search_spans(
    here: Here,
    project: ProjectName = None,
    filter: SpanFilter = None,  # noqa: A002  (AX's word for it)
    run: str | None = None,
    window: PeriodText = None,
    limit: Limit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Find spans of run, or the last 7 days, with verdicts, newest first.

    Source: REST v2 `POST /v2/spans`; on the engine `POST /x/span-count`, with run `POST /x/task-runs/{id}/spans`.
    Raises: NotFound, Invalid, Unsupported.
    """
    within = await here.space(space)
    target, at = await _listed_at(here, within, project, run)
    now = here.now()
    period = None if run else Period(now - timedelta(days=7), now)
    if window:
        period = parse(window, now)
    start, end = (None, None) if period is None else period
    asked = ListSpansRequest(project_id=target.id, start_time=start, end_time=end, filter=filter)
    if save_to is not None:
        found = rows(here.api, at, SpanObjects, body=asked, limit=ROWS_PER_PAGE)
        facts = {**here.source(within), "project": target.name}
        return await save(here, save_to, cursor, found, file_row, "spans", facts, overwrite=overwrite)
    try:
        shown = await page_of(lambda most: here.api.post(at, SpanPage, asked, limit=most, cursor=cursor), limit, _line)
    except Invalid as error:
        near = await near_judges(here, within.id, filter or "")
        raise Invalid(error.message, f"{near} {error.next}" if near else error.next) from error
    page = SearchedPage(shown.rows, is_first=cursor is None, is_last=shown.following is None)
    total = await total_of(here.api, asked, run, page)
    listed = [{**_as_dict(span), **_said_by_people(span)} for span in shown.rows]
    data = {**here.source(within), "project": target.name, "spans": listed, "next_cursor": shown.following}
    data |= {"total": total.matching, "total_is_exact": total.is_exact, "absent": list(total.absent)}
    near = await near_judges(here, within.id, filter) if filter and (total.absent or not listed) else ""
    remarks = " ".join([*total.absent, *([near] if near else [])])
    if not listed:
        of_run = "" if run is None else f" that run {run} selected"
        when = "" if period is None else f" {period.told}"
        advice = remarks or "Widen the window, or loosen the filter."
        return Reply(f"No span of {quoted(target.name)}{of_run}{when} matches. {advice}", data)
    head = f"{total.as_text(len(listed))} span(s) of {quoted(target.name)}, newest first{shown.more}"
    head += f". {remarks}" if remarks else ""
    return Reply(head, data, shown.lines, "Next: get_trace(trace=id) shows one with its tree.")


async def _listed_at(here: Session, within: Named, project: str | None, run: str | None) -> tuple[Named, str]:
    """The project of the spans, and the path that lists them."""
    if run is None:
        return await here.names.project(project, within), "/v2/spans"
    named = None if project is None else await here.names.project(project, within)
    return await spans_of(here, run, named)


@tool("read")
async def get_trace(
    here: Here,
    trace: Annotated[str, Field(description="Its id or a span's")],
    project: ProjectName = None,
    limit: Limit = 100,
    space: SpaceName = None,
) -> Reply:
    """Show a trace as a tree of spans with input, output, verdicts, explanations.

    Source: REST v2 `POST /v2/spans`.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    target = await here.names.project(project, within)
    spans, whole = await _spans_of_trace(here, target, trace)
    nodes = in_order(spans)
    branches = ["\n".join(_branch(node)) for node in nodes[:limit]]
    branches = branches[: fitting(branches)]
    shown = [
        {"depth": node.depth, "parent_id": node.span.parent_id, **_in_full(node)} for node in nodes[: len(branches)]
    ]
    trace_id = spans[0].context.trace_id
    count = f"{len(spans)} span(s)" if whole else f"its newest {len(spans)} spans; there are more"
    head = f"Trace {trace_id} of {quoted(target.name)}: {count}"
    after = "Next: `preview_judge` tries a judge on such spans; `annotate` records a verdict of a person."
    if len(shown) < len(spans):
        head += f", the first {len(shown)} shown"
        asked = f"filter=\"context.trace_id = '{trace_id}'\", window='everything'"
        after = f"Next: search_spans({asked}) pages through all, and save_to='trace.jsonl' writes them to a file."
    facts = {"project": target.name, "trace_id": trace_id, "spans": len(spans), "complete": whole, "nodes": shown}
    return Reply(head, {**here.source(within), **facts}, branches, after)


async def _spans_of_trace(here: Session, project: Named, wanted: str) -> tuple[list[Span], bool]:
    """The spans of a trace, at most 1,000, and whether these are all of them."""
    given = wanted.strip().lower()
    if not _HEX.fullmatch(given):
        raise Invalid(
            f"{quoted(wanted, 60)} is not an id of a trace or a span: those have 32 or 16 hexadecimal digits.",
            "`search_spans` shows both.",
        )
    field = "context.span_id" if len(given) == SPAN_ID_DIGITS else "context.trace_id"
    if field == "context.span_id":
        first = await here.api.post("/v2/spans", SpanPage, _anytime(here, project, f"{field} = '{given}'"), limit=1)
        given = first.spans[0].context.trace_id if first.spans else ""
    found: list[Span] = []
    whole = True
    if given:
        asked = _anytime(here, project, f"context.trace_id = '{given}'")
        async with aclosing(rows(here.api, "/v2/spans", SpanPage, body=asked, limit=ROWS_PER_PAGE)) as every:
            async for span in every:
                if whole := len(found) < MOST_OF_TRACE:
                    found.append(span)
                else:
                    break
    if not found:
        what = field.removeprefix("context.").replace("_", " ")
        raise NotFound(
            f"Project {quoted(project.name)} has no span with the {what} {quoted(wanted, 60)}.",
            "`search_spans` finds spans; look in another project with project=.",
        )
    return found, whole


def _anytime(here: Session, project: Named, filter_text: str) -> ListSpansRequest:
    period = parse("everything", here.now())
    return ListSpansRequest(
        project_id=project.id, start_time=period.start, end_time=period.end + timedelta(days=1), filter=filter_text
    )


class SpanNode(NamedTuple):
    """A span at its place in a tree; a root has depth 0."""

    depth: int
    span: Span


def in_order(spans: Sequence[Span]) -> list[SpanNode]:
    """The spans as a tree from the top, siblings by start time. A span without its parent among them is a root."""
    by_start = sorted(spans, key=lambda span: (span.start_time or _NEVER, span.context.span_id))
    known = {span.context.span_id for span in by_start}
    below: dict[str | None, list[Span]] = {}
    for span in by_start:
        below.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    found: list[SpanNode] = []
    seen: set[str] = set()
    # Spans in a cycle of parents are below no root, so any span may have to begin a tree.
    for top in [*below.get(None, []), *by_start]:
        waiting = [SpanNode(0, top)]
        while waiting:
            node = waiting.pop()
            span_id = node.span.context.span_id
            if span_id not in seen:
                seen.add(span_id)
                found.append(node)
                waiting += [SpanNode(node.depth + 1, child) for child in reversed(below.get(span_id, []))]
    return found


def _in_full(node: SpanNode) -> dict[str, Any]:
    """The details of a span in a tree. Verdicts on the whole trace or session are shown only at a root."""
    span = node.span
    told = {key: value for key, value in _as_dict(span).items() if key != "trace_id"}
    return {
        **told,
        "evaluations": [_verdict(one) for one in span.evaluations if node.depth == 0 or not one.is_shared],
        "status_message": clipped(span.status_message),
        **facts_of(span),
        **_said_by_people(span, of_trace=node.depth == 0),
    }


def _said_by_people(span: Span, *, of_trace: bool = True) -> dict[str, Any]:
    """The annotations of a span; those of its whole trace are named `trace_annotation.<name>`."""
    shared = [one.model_copy(update={"name": f"trace_annotation.{one.name}"}) for one in span.trace_annotations]
    said = [*span.annotations, *(shared if of_trace else [])]
    return {"annotations": [one.model_dump(mode="json", exclude_none=True) for one in said]}


def _answers(told: dict[str, Any]) -> Iterator[str]:
    """A line for each annotation of a span, with its note."""
    for said in told["annotations"]:
        label = one_line(said.get("label", said.get("score", "-")), 60)
        text = f": {one_line(said['text'])}" if said.get("text") else ""
        yield f"{one_line(said['name'], 80)}={label}, by a person{text}"


def _branch(node: SpanNode) -> Iterator[str]:
    """The lines of one span in the tree."""
    told = _in_full(node)
    indent = "  " * min(node.depth, DEEPEST_INDENT)
    latency = "" if told["latency_ms"] is None else f" {told['latency_ms']:.0f} ms"
    verdicts = ", ".join(_short(verdict) for verdict in told["evaluations"])
    yield (
        f"{indent}{one_line(told['name'], 60)} {told['kind']} {told['status']}{latency}"
        f"{f' [{verdicts}]' if verdicts else ''} {told['span_id']}"
    )
    for word, key in (("in", "input"), ("out", "output"), ("error", "status_message")):
        if told[key]:
            yield f"{indent}  {word}: {one_line(told[key])}"
    for fact in lines_of(told):
        yield f"{indent}  {fact}"
    for attribute, size in told.get("cut", {}).items():
        yield f"{indent}  only a part of {as_word(attribute)} was kept: it had {size:,} bytes"
    for verdict in told["evaluations"]:
        if verdict.get("explanation"):
            yield f"{indent}  {_short(verdict)}: {one_line(verdict['explanation'])}"
    for said in _answers(told):
        yield f"{indent}  {said}"


def _short(verdict: dict[str, Any]) -> str:
    said = f"{one_line(verdict['name'], 60)}={_said(verdict)}"
    said += "".join(f", before {_said(one)}" for one in verdict.get("earlier", ()))
    said += " (on a shortened value)" if verdict.get("shortened") else ""
    return f"{said} (older than the text)" if verdict.get("stale") else said


def _said(verdict: dict[str, Any]) -> str:
    """The label or score of a verdict, and the number of the version that gave it."""
    label = one_line(verdict.get("label", verdict.get("score")), 60)
    return f"{label} (v{one_line(verdict.get('version', '?'), 20)})"


def _as_dict(span: Span) -> dict[str, Any]:
    return {
        "span_id": span.context.span_id,
        "trace_id": span.context.trace_id,
        "name": span.name,
        "kind": span.kind,
        "status": span.status_code,
        "start_time": None if span.start_time is None else span.start_time.isoformat(),
        "latency_ms": _latency_ms(span),
        "input": clipped(span.attributes.get("input.value")),
        "output": clipped(span.attributes.get("output.value")),
        **({"cut": cut} if (cut := cuts_of(span)) else {}),
        "evaluations": [_verdict(verdict) for verdict in span.evaluations],
    }


def cuts_of(span: Span) -> dict[str, int]:
    """The bytes that each attribute had of which only a part was kept."""
    found = {key: sizes_before(value) for key, value in span.attributes.items()}
    return {key: sum(sizes) for key, sizes in found.items() if sizes}


def _verdict(verdict: Evaluation) -> dict[str, Any]:
    made_by = verdict.metadata or {}
    whole = verdict.model_dump(exclude={"metadata"}, exclude_none=True)
    whole |= {key: made_by[key] for key in ("version", "model") if key in made_by}
    if "earlier" in made_by:
        fields = ("version", "model", "label", "score")
        whole["earlier"] = [{key: one[key] for key in fields if key in one} for one in made_by["earlier"]]
    whole |= {note: True for note in (*get_args(Note), "stale") if made_by.get(note)}
    return {key: clipped(value) if key == "explanation" else value for key, value in whole.items()}


def _latency_ms(span: Span) -> float | None:
    if span.start_time is None or span.end_time is None:
        return None
    return (span.end_time - span.start_time) / timedelta(milliseconds=1)


def _line(found: Span) -> str:
    span = {**_as_dict(found), **_said_by_people(found)}
    verdicts = ", ".join(_short(verdict) for verdict in span["evaluations"])
    parts = [
        f"{span['span_id']} {one_line(span['name'], 40)} {span['kind']} {span['status']}",
        f"[{verdicts}]" if verdicts else "[no verdict]",
        f"in: {one_line(span['input'] or '-', 100)}",
        f"out: {one_line(span['output'] or '-', 100)}",
        *([f"only a part kept: {', '.join(map(as_word, span['cut']))}"] if "cut" in span else []),
        *_answers(span),
    ]
    return " | ".join(parts)
