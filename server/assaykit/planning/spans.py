"""Plans of tasks and backfills, made from real rows before anything is created or spent.

A plan counts the rows that each evaluator would score, and resolves every variable's mapping on a sample of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from assaykit.api.client import Api
from assaykit.api.experiments import runs_of
from assaykit.column_paths import Row, reader_of, resolve
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.examples import example_columns
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.foreign import as_word, exactly
from assaykit.judge.columns import OWN_COLUMNS, as_text, columns, seen_by_runs, span_row, text_at
from assaykit.judge.providers.prices import Estimate
from assaykit.judge.score import has, variables
from assaykit.planning.absent_fields import absent
from assaykit.planning.ax_paths import on_ax, remarks
from assaykit.planning.counts import (
    Mapped,
    counted_by_engine,
    counted_from_lists,
    request_for_runs,
    request_for_spans,
)
from assaykit.planning.listed_rows import counted_runs, listed_spans
from assaykit.planning.queries import SpanQuery, WantedEvaluator, both, own_filter
from assaykit.planning.repeats import Repeats, repeats_of
from assaykit.planning.stale_verdicts import stale_of
from assaykit.wire.evaluators import Granularity
from assaykit.wire.experiments import ExperimentRun
from assaykit.wire.plans import PlannedRows, RunPlan
from assaykit.wire.runs import TriggerEvaluationRequest
from assaykit.wire.spans import ListSpansRequest, Span, SpanPage

SAMPLE = 50
"""Rows that mappings are tried on."""

ROWS_PER_PAGE = 500
PATHS_SHOWN = 16

USUAL_PATHS = {"input": "attributes.input.value", "output": "attributes.output.value"}
"""OpenInference paths for the variables of nearly every judge."""

LENGTHS = {
    "shortened": "have a value over 32 KiB: the judge sees their beginning and end, or on_too_long='skip' skips them",
    "cut": "have a value of which only a part was kept; code is not run on it",
    "silent_turns": "have a turn without output",
}
"""Sentences of a plan about rows by the length of their values, by the names of `PlannedRows`."""


@dataclass(frozen=True)
class Variable:
    """One variable's mapping on the sample: `filled` of `tried` rows have a value at `path`."""

    name: str
    path: str
    filled: int
    tried: int
    constant: bool
    things: str = "rows"
    characters: float = 0.0
    """Mean length of a value over all tried rows. A row without a value counts as 0."""

    def as_text(self) -> str:
        """`input <- attributes.input.value (50 of 50 rows)`."""
        note = ", the same value on every one" if self.constant else ""
        return f"{as_word(self.name)} <- {as_word(self.path)} ({self.filled} of {self.tried} {self.things}{note})"


@dataclass(frozen=True)
class EvaluatorShare:
    """One evaluator's part of a plan: `matched` rows pass its filters, `labelled` of them already have its verdict.

    It scores `rows` rows, with `calls` calls to its model. `characters` is the mean length of the values in a question;
    None if the questions were not read.
    """

    name: str
    column: str
    matched: int
    labelled: int
    rows: int
    calls: int
    variables: Sequence[Variable]
    characters: float | None = None
    estimate: Estimate | None = None
    """Estimated cost of the calls. None if no model is called or no estimate was made."""
    lengths: PlannedRows = field(default_factory=PlannedRows)
    """The rows that were read, by the length of their values."""
    stale: int = 0
    """Spans whose verdict is older than their text."""
    repeats: Repeats | None = None
    """Spans that repeat their parent's text. None if there is none, or if the rows are no spans."""

    @property
    def mappings(self) -> dict[str, str]:
        """The column mappings to create the task with."""
        return {variable.name: variable.path for variable in self.variables}

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "evaluator": self.name,
            "rows_matched": self.matched,
            "rows_labelled_already": self.labelled,
            "rows_to_score": self.rows,
            **self._versions(),
            "column_mappings": self.mappings,
            **({"expected": self.estimate._asdict()} if self.estimate else {}),
            **{name: number for name in LENGTHS if (number := getattr(self.lengths, name))},
            **({"verdicts_older_than_text": self.stale} if self.stale else {}),
            **({"rows_like_their_parent": self.repeats._asdict()} if self.repeats else {}),
            "warnings": self.warnings,
        }

    def _versions(self) -> dict[str, Any]:
        of = self.lengths
        return {"version": of.version, "rows_of_other_versions": of.others} if of.others else {}

    @property
    def warnings(self) -> list[str]:
        """Sentences about suspicious mappings (empty on some rows, the same value on all) and repeated texts."""
        found = [self.repeats.as_text(self.matched)] if self.repeats else []
        if self.stale:
            found.append(
                f"{self.stale} of the rows labelled already were sent again with other values since; "
                "override_evaluations=true scores all anew"
            )
        read = self.lengths.rows_read
        for name, sentence in LENGTHS.items():
            if number := getattr(self.lengths, name):
                found.append(f"{number} of {read} rows read {sentence}")
        for variable in self.variables:
            name, at = as_word(variable.name), as_word(variable.path)
            if variable.filled < variable.tried:
                empty = variable.tried - variable.filled
                found.append(f"{name}: {empty} of {variable.tried} sampled {variable.things} have no {at}")
            if variable.constant:
                found.append(f"{name}: {at} is the same on every sampled {variable.things[:-1]}")
        return found

    def as_text(self, things: str, at_least: str) -> str:
        """`tone: 40 rows match, 3 labelled already, 37 to score with 30 calls: about 9,000 tokens of gpt-4o-mini`."""
        others = self.lengths.others
        mine = self.labelled - sum(others.values())
        done = f", {mine} labelled already" if mine else ""
        if others:
            now = "" if self.lengths.version is None else f" (now v{self.lengths.version})"
            done += f", {' and '.join(f'{rows} by v{one}' for one, rows in others.items())}{now}"
        asks = self.estimate is not None and self.calls != self.rows
        calls = f" with {self.calls} {'call' if self.calls == 1 else 'calls'}" if asks else ""
        takes = f": {self.estimate.as_text()}" if self.estimate else ""
        return (
            f"{as_word(self.name)}: {at_least}{self.matched} {things} match{done}, {self.rows} to score{calls}{takes}"
        )


@dataclass(frozen=True)
class TaskPlan:
    """The plan of a task. `existing` counts the rows without any filter; it may stop after the first page.

    `counted` has the counts of the rows that runs would take. `unit` names a row: span, trace, session or experiment
    run. `remarks` are further sentences for the user.
    """

    shares: Sequence[EvaluatorShare]
    existing: int
    counted: RunPlan
    unit: str
    remarks: Sequence[str] = ()
    absent: Sequence[str] = ()
    """For filters that match nothing: one sentence for each attribute that they ask for and no row has."""
    partly: bool = False
    """True if only the newest rows were counted."""

    @property
    def things(self) -> str:
        """The plural for rows in sentences."""
        return f"{self.unit}s" if self.unit in {"trace", "session"} else "rows"

    @property
    def capped(self) -> bool:
        """True if more rows match than one run takes."""
        return self.counted.selection.capped

    @property
    def matched(self) -> int:
        """The number of rows that the task's filter matches."""
        return self.counted.selection.matched

    @property
    def rows(self) -> int:
        """The number of rows that are scored."""
        return self.counted.rows

    @property
    def has_nothing(self) -> bool:
        """True if no row is left to score."""
        return not self.rows and not self.partly and not self.capped

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"evaluators": [share.as_dict() for share in self.shares], "capped_at_max_spans": self.capped}

    def lines(self) -> list[str]:
        """The plan in words, one line per evaluator and mapping."""
        found: list[str] = []
        for share in self.shares:
            found.append(share.as_text(self.things, "at least " if self.capped or self.partly else ""))
            found += [f"  {variable.as_text()}" for variable in share.variables]
        left_out = self.counted.selection.sampled_out
        if left_out:
            found.append(f"The sampling rate leaves out {left_out} of {self.matched} {self.things}.")
        if self.capped:
            found.append(f"More {self.things} match than one run takes (max_spans); a backfill makes several runs.")
        return [*found, *self.remarks]


async def plan_spans(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """The plan of a project task on spans.

    Raises:
        Invalid: a filter cannot be read, or a mapping resolves on no row.
    """
    texts = [both(query.query_filter, one.query_filter, own_filter(one)) for one in wanted]
    samples = [[span_row(span) for span in await _sample(api, query, text)] for text in texts]
    is_engine = await api.has_engine_routes()
    tried = [
        try_mappings(one, replace(_of_rows(sample), has_short_forms=is_engine), refuse=not query.only_counts)
        for one, sample in zip(wanted, samples, strict=True)
    ]
    told = [] if is_engine else ax_remarks(tried, samples, "SPAN")
    counted, partly = await _counted(api, query, wanted, tried)
    shares: list[EvaluatorShare] = []
    for counted_share, text, sample in zip(shares_of(wanted, tried, counted), texts, samples, strict=True):
        share = counted_share
        if is_engine and share.labelled:
            share = replace(share, stale=await stale_of(api, _body(query, text), share.column))
        if share.rows > 1 and not query.only_counts:
            repeats = await repeats_of(api, _body(query, text), share.mappings, sample)
            shares.append(replace(share, repeats=repeats if repeats.repeated else None))
        else:
            shares.append(share)
    if all(share.matched for share in shares):
        return TaskPlan(shares, SAMPLE, counted, "span", told, partly=partly)
    there = [span_row(span) for span in await _sample(api, query, None)]
    missing = [sentence for text in texts if text is not None for sentence in absent(text, there)]
    return TaskPlan(shares, len(there), counted, "span", told, absent=list(dict.fromkeys(missing)), partly=partly)


def ax_remarks(tried: Sequence[Sequence[Variable]], samples: Sequence[Sequence[Row]], level: Granularity) -> list[str]:
    """What Arize AX reads otherwise than an engine, for the variables of each evaluator on its sample."""
    pairs = zip(tried, samples, strict=True)
    every = (line for some, rows in pairs for line in remarks({one.name: one.path for one in some}, rows, level))
    return list(dict.fromkeys(every))


async def _counted(
    api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator], tried: Sequence[Sequence[Variable]]
) -> tuple[RunPlan, bool]:
    """The counts, and whether only the newest rows were counted."""
    if await api.has_engine_routes():
        found = await counted_by_engine(api, request_for_spans(query, mapped(wanted, tried), "SPAN"))
        return found, found.looked_back_to is not None
    listed = await listed_spans(api, query, wanted)
    return counted_from_lists(listed, query, len(wanted)), listed.partly


def mapped(wanted: Sequence[WantedEvaluator], tried: Sequence[Sequence[Variable]]) -> list[Mapped]:
    """The evaluators with the paths of their variables."""
    pairs = zip(wanted, tried, strict=True)
    return [Mapped(one, {variable.name: variable.path for variable in variables}) for one, variables in pairs]


def shares_of(
    wanted: Sequence[WantedEvaluator], tried: Sequence[Sequence[Variable]], counted: RunPlan
) -> list[EvaluatorShare]:
    """The share of each evaluator in a plan. A code evaluator makes no calls."""
    return [
        EvaluatorShare(
            one.evaluator.name,
            one.config.name,
            of.matched,
            of.labelled,
            of.rows,
            of.calls if one.judge is not None else 0,
            variables,
            of.characters / of.calls if of.characters and of.calls else None,
            lengths=of,
        )
        for one, variables, of in zip(wanted, tried, counted.evaluators, strict=True)
    ]


async def plan_experiments(
    api: Api,
    dataset_id: str,
    trigger: TriggerEvaluationRequest,
    wanted: Sequence[WantedEvaluator],
    query_filter: str | None = None,
    *,
    max_rows: int | None = None,
    only_counts: bool = False,
    outdated: bool = False,
) -> TaskPlan:
    """The plan of one run of a dataset task. `trigger` names the experiments.

    `only_counts` and `outdated` are as in `SpanQuery`.

    Raises:
        Invalid: a filter cannot be read, or a mapping resolves on no row.
    """
    every = await experiment_rows(api, dataset_id, trigger.experiment_ids or ())
    reading = [reads_run(one) for one in wanted]
    texts = [both(query_filter, one.query_filter, own_filter(one)) for one in wanted]
    trees = [None if text is None else row_tree(text) for text in texts]
    tried = [
        try_mappings(
            one,
            [row for row in every if tree is None or matches(tree, reader_of(row))][:SAMPLE],
            refuse=not only_counts,
        )
        for one, tree in zip(reading, trees, strict=True)
    ]
    if await api.has_engine_routes():
        counted = await counted_by_engine(
            api, request_for_runs(trigger, mapped(reading, tried), query_filter, max_rows, outdated=outdated)
        )
    else:
        counted = counted_runs(every, wanted, query_filter, trigger, max_rows)
    return TaskPlan(shares_of(wanted, tried, counted), len(every), counted, "experiment run")


def reads_run(wanted: WantedEvaluator) -> WantedEvaluator:
    """The evaluator for experiments: its variable `output` is the run's output, not the example's column."""
    mapped = dict(wanted.column_mappings or {})
    if "output" in variables(wanted.config):
        mapped.setdefault("output", "output")
    return replace(wanted, column_mappings=mapped)


async def experiment_rows(api: Api, dataset_id: str, experiment_ids: Sequence[str]) -> list[Row]:
    """One row for every run, with the columns that evaluators see: those of `run_row`.

    A deleted experiment has none, as in the run of a task that still lists it.
    """
    examples = await example_columns(api, dataset_id)
    found: list[Row] = []
    for experiment_id in experiment_ids:
        try:
            runs = await runs_of(api, experiment_id)
        except NotFound:
            continue
        found += [run_row(run, examples.get(run.example_id or "", {})) for run in runs]
    return found


def run_row(run: ExperimentRun, example: Row) -> Row:
    """A run's columns merged over the columns of its example. The latter are also at `dataset.<column>`.

    The example's columns `eval.*` and `annotation.*` are there alone.
    """
    of_dataset = {f"dataset.{column}": value for column, value in example.items()}
    own = {"output": run.output, "example_id": run.example_id, "id": run.id}
    return {**seen_by_runs(example), **of_dataset, **(run.model_extra or {}), **own}


async def sample_rows(api: Api, query: SpanQuery, most: int = SAMPLE) -> list[Row]:
    """The newest spans of a query as rows, at most `most`."""
    return [span_row(span) for span in await _sample(api, query, query.query_filter, most)]


def mappings_for(wanted: WantedEvaluator, sample: "Sequence[Row] | Sample") -> dict[str, str]:
    """The path of each variable, as a task would have it.

    Raises:
        Invalid: a variable resolves on no row of the sample, or a mapping names no variable.
    """
    return {variable.name: variable.path for variable in try_mappings(wanted, sample)}


async def _sample(api: Api, query: SpanQuery, text: str | None, most: int = SAMPLE) -> Sequence[Span]:
    return (await api.post("/v2/spans", SpanPage, _body(query, text), limit=most)).spans


def _body(query: SpanQuery, text: str | None) -> ListSpansRequest:
    return ListSpansRequest(
        project_id=query.project_id, start_time=query.period.start, end_time=query.period.end, filter=text
    )


@dataclass(frozen=True)
class Sample:
    """A sample of rows or units that mappings are tried on.

    `size` is the number of items, and `things` the plural for them. `read(place, variable, path)` is the text of a
    variable in the item at a place, or None. `rows` are the rows that the items consist of. `ids` are those of units.
    """

    size: int
    read: Callable[[int, str, str], str | None]
    rows: Sequence[Row]
    things: str
    ids: Sequence[str] = ()
    has_short_forms: bool = True
    """Whether the backend reads `input` as the text of messages, and of a trace as that of its root."""


def try_mappings(wanted: WantedEvaluator, sample: Sequence[Row] | Sample, *, refuse: bool = True) -> list[Variable]:
    """Try each variable on a sample, at the path given or else a usual one. Without `refuse`, any mapping passes.

    Raises:
        Invalid: a variable resolves nowhere, or a mapping names no variable.
    """
    tried_on = sample if isinstance(sample, Sample) else _of_rows(sample)
    given = dict(wanted.column_mappings or {})
    names = variables(wanted.config)
    if (unknown := sorted(given.keys() - set(names))) and refuse:
        raise Invalid(
            f"{exactly(wanted.evaluator.name)} has no variable {exactly(unknown[0])}; "
            f"it has {', '.join(map(as_word, names))}.",
            "Correct column_mappings.",
        )
    paths = {name: given.get(name) or _usual_path(name, tried_on) for name in names}
    if not tried_on.has_short_forms and wanted.query_ids is None:
        paths = {name: on_ax(at, tried_on.rows) for name, at in paths.items()}
    tried = [_tried(name, at, tried_on, partial(has, wanted.config)) for name, at in paths.items()]
    if refuse and tried_on.size and (empty := [variable for variable in tried if variable.filled == 0]):
        missing = ", ".join(f"{exactly(variable.name)} (tried {as_word(variable.path)})" for variable in empty)
        there = ", ".join(map(as_word, sorted(columns(tried_on.rows), key=OWN_COLUMNS.__contains__)[:PATHS_SHOWN]))
        raise Invalid(
            f"{exactly(wanted.evaluator.name)} finds no value on any of {tried_on.size} {tried_on.things} for "
            f"{missing}. Paths that exist: {there}.",
            "Map each variable with column_mappings={'variable': 'path'}.",
        )
    return tried


def _of_rows(rows: Sequence[Row]) -> Sample:
    return Sample(len(rows), lambda place, _, at: text_at(rows[place], at), rows, "rows")


def _usual_path(name: str, sample: Sample) -> str:
    def is_there(at: str) -> bool:
        return any((sample.read(place, name, at) or "").strip() for place in range(sample.size))

    usual = USUAL_PATHS.get(name)
    if usual is not None and is_there(usual):
        places = range(sample.size) if sample.has_short_forms else ()
        is_same = all(sample.read(place, name, name) == sample.read(place, name, usual) for place in places)
        return usual if is_same else name
    return name if is_there(name) else (usual or name)


def try_path(name: str, at: str, sample: Sequence[Row], *, takes_null: bool) -> Variable:
    """Try one variable's path on some rows. A null is a value for a judge and none for a prompt."""

    def is_value(text: str | None) -> bool:
        return bool(text and text.strip())

    if takes_null:
        return _tried(name, at, _of_rows(sample), is_value)
    read = Sample(len(sample), lambda place, _, at: as_text(resolve(sample[place], at)), sample, "rows")
    return _tried(name, at, read, is_value)


def _tried(name: str, at: str, sample: Sample, is_value: Callable[[str | None], bool]) -> Variable:
    read = (sample.read(place, name, at) for place in range(sample.size))
    values = [value for value in read if value is not None and is_value(value)]
    constant = len(values) > 1 and len(set(values)) == 1
    characters = sum(map(len, values)) / max(sample.size, 1)
    return Variable(name, at, len(values), sample.size, constant, sample.things, characters)
