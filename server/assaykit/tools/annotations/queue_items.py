"""The items that a queue may have: of a project, a dataset or an experiment."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Literal, NamedTuple

from assaykit.analysis.reading import RowReader
from assaykit.analysis.rows import cell
from assaykit.api.experiments import each_columns, examples_of, experiment_of
from assaykit.api.pages import rows
from assaykit.column_paths import is_there, resolve
from assaykit.errors import Invalid
from assaykit.experiments.examples import example_columns
from assaykit.judge.columns import seen_by_runs, span_row
from assaykit.matching import text_of
from assaykit.names import Named
from assaykit.planning.periods import Period
from assaykit.session import Session
from assaykit.wire.evaluators import Granularity
from assaykit.wire.spans import Annotation, Evaluation, ListSpansRequest, Span, SpanPage

QueueLevel = Literal["SPAN", "TRACE", "SESSION", "EXAMPLE", "RUN"]

MOST_CANDIDATES = 100_000
"""Spans, examples or runs that are read for one queue."""

ROWS_PER_PAGE = 500


class QueueSource(NamedTuple):
    """The project, dataset or experiment whose items are labelled. `period` and `filter` are those of spans."""

    level: QueueLevel
    named: Named
    period: Period | None = None
    filter: str | None = None

    @property
    def argument(self) -> str:
        """The argument that names it."""
        return {"EXAMPLE": "dataset", "RUN": "experiment"}.get(self.level, "project")


class QueueCandidate(NamedTuple):
    """An item that may stand in a queue.

    `verdicts` are the labels of judges and people by name, of a score its text. `first` and `last` are the start times
    of its spans.
    """

    key: str
    stratum: str | None = None
    verdicts: Mapping[str, str] = {}
    first: datetime | None = None
    last: datetime | None = None


class Candidates(NamedTuple):
    """The items of a source, oldest first, with the columns that they have. `failed` runs have no output to label."""

    items: Sequence[QueueCandidate]
    columns: Sequence[str]
    has_path: bool
    failed: int = 0


async def candidates(here: Session, source: QueueSource, path: str | None) -> Candidates:
    """Read the items of a source. `path` is that of the strata.

    Raises:
        Invalid: the filter cannot be read, or there are too many items.
    """
    match source.level:
        case "RUN":
            return await _runs(here, source, path)
        case "EXAMPLE":
            return await _examples(here, source, path)
        case level:
            return await _spans(here, source, level, path)


async def _examples(here: Session, source: QueueSource, path: str | None) -> Candidates:
    found: list[QueueCandidate] = []
    columns: dict[str, None] = {}
    has_path = path is None
    async with aclosing(examples_of(here.api, source.named.id)) as every:
        async for example in every:
            row = example.model_extra or {}
            columns.update(dict.fromkeys(row))
            has_path = has_path or is_there(path or "", [row])
            found.append(QueueCandidate(example.id, _stratum(row, path)))
            _refuse_many(len(found), "examples")
    return Candidates(found, list(columns), has_path)


async def _runs(here: Session, source: QueueSource, path: str | None) -> Candidates:
    made = await experiment_of(here.api, source.named.id)
    examples = {} if made.dataset_id is None else await example_columns(here.api, made.dataset_id)
    reader = RowReader(explained=False)
    found: list[QueueCandidate] = []
    columns: dict[str, None] = {}
    has_path, failed = path is None, 0
    async with aclosing(each_columns(here.api, source.named.id)) as every:
        async for run in every:
            outcome = reader.outcome(run)
            if outcome.error is not None:
                failed += 1
                continue
            example = examples.get(run.get("example_id") or "", {})
            row = {**seen_by_runs(example), **{f"dataset.{key}": value for key, value in example.items()}, **run}
            columns.update(dict.fromkeys(key for key in row if not key.startswith("dataset.")))
            has_path = has_path or is_there(path or "", [row])
            said = {name: one for name, verdict in outcome.evaluations.items() if (one := _label(verdict))}
            noted = [Annotation.model_validate(one) for one in run.get("annotations") or ()]
            found.append(QueueCandidate(run["id"], _stratum(row, path), said | _labels(noted)))
            _refuse_many(len(found), "runs")
    return Candidates(found, list(columns), has_path, failed)


async def _spans(here: Session, source: QueueSource, level: Granularity, path: str | None) -> Candidates:
    start, end = (None, None) if source.period is None else source.period
    asked = ListSpansRequest(project_id=source.named.id, start_time=start, end_time=end, filter=source.filter)
    found: dict[str, QueueCandidate] = {}
    columns: dict[str, None] = {}
    has_path, read = path is None, 0
    async with aclosing(rows(here.api, "/v2/spans", SpanPage, body=asked, limit=ROWS_PER_PAGE)) as every:
        async for span in every:
            read += 1
            _refuse_many(read, "spans")
            key = _key(span, level)
            if key is None:
                continue
            row = span_row(span)
            columns.update(dict.fromkeys(row))
            has_path = has_path or is_there(path or "", [row])
            found[key] = _joined(found.get(key, QueueCandidate(key)), span, level, _stratum(row, path))
    return Candidates(list(reversed(found.values())), list(columns), has_path)


def _key(span: Span, level: Granularity) -> str | None:
    match level:
        case "SPAN":
            return span.context.span_id
        case "TRACE":
            return span.context.trace_id
        case "SESSION":
            told = span.attributes.get("session.id")
            return told if isinstance(told, str) and told else None


def _joined(known: QueueCandidate, span: Span, level: Granularity, stratum: str | None) -> QueueCandidate:
    """The item with one more of its spans. The value of the first root counts; spans come newest first."""
    own = level.lower() + "_eval."
    said = [
        one.model_copy(update={"name": one.name.removeprefix(own)})
        for one in span.evaluations
        if level == "SPAN" or one.name.startswith(own)
    ]
    noted = span.annotations if level == "SPAN" else span.trace_annotations if level == "TRACE" else []
    counts = stratum is not None and (known.stratum is None or span.parent_id is None)
    starts = [one for one in (known.first, known.last, span.start_time) if one is not None]
    return known._replace(
        stratum=stratum if counts else known.stratum,
        verdicts={**known.verdicts, **_labels(said), **_labels(noted)},
        first=min(starts, default=None),
        last=max(starts, default=None),
    )


def _stratum(row: Mapping[str, Any], path: str | None) -> str | None:
    value = None if path is None else resolve(row, path)
    return None if value is None else text_of(value)


def _labels(given: Iterable[Evaluation | Annotation]) -> dict[str, str]:
    return {one.name: label for one in given if (label := _label(one)) is not None}


def _label(verdict: Any) -> str | None:
    """The label of a verdict, else its score as text."""
    if verdict is None:
        return None
    label = cell(verdict.label)
    return label if label is not None else cell(verdict.score)


def _refuse_many(count: int, noun: str) -> None:
    if count > MOST_CANDIDATES:
        raise Invalid(f"There are more than {MOST_CANDIDATES:,} {noun}.", "Narrow the window or the filter.")
