"""Plans of tasks and backfills, made from real rows before anything is created or spent.

A plan counts the rows that each evaluator would score, and resolves every variable's mapping on a sample of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from assaykit.api.client import Api
from assaykit.api.experiments import runs_of
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound, named
from assaykit.experiments.examples import example_columns
from assaykit.filters.fields import row_tree, span_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import fields
from assaykit.judge.columns import Row, as_text, columns, resolve, seen_by_runs, span_row
from assaykit.judge.missing_values import ATTRIBUTES, near
from assaykit.judge.providers.prices import Estimate
from assaykit.judge.score import variables
from assaykit.planning.periods import Period
from assaykit.planning.repeats import Repeats, repeats_of
from assaykit.wire.evaluators import EvaluatorWithVersion, Granularity, ManagedCodeConfig, TemplateConfig
from assaykit.wire.experiments import ExperimentRun
from assaykit.wire.spans import ListSpansRequest, Span, SpanPage
from assaykit.wire.tasks import TaskQueryFilters

SAMPLE = 50
"""Rows that mappings are tried on."""

ROWS_PER_PAGE = 500
PATHS_SHOWN = 16

USUAL_PATHS = {"input": "attributes.input.value", "output": "attributes.output.value"}
"""OpenInference paths for the variables of nearly every judge."""

OWN_COLUMNS = frozenset(
    [
        "name",
        "span_kind",
        "status_code",
        "latency_ms",
        "context.span_id",
        "context.trace_id",
        "parent_id",
        "start_time",
        "id",
        "example_id",
    ]
)
"""Columns that exist whatever an application records."""


@dataclass(frozen=True)
class WantedEvaluator:
    """A requested evaluator, with its own filter and mappings. Its mappings override the usual paths."""

    evaluator: EvaluatorWithVersion
    query_filter: str | None = None
    column_mappings: Mapping[str, str] | None = None
    query_ids: Mapping[str, Sequence[str]] | None = None
    """For a task with lettered filters: the letters of the filters whose spans each variable reads."""

    @property
    def granularity(self) -> Granularity:
        """The kind of unit that the evaluator judges."""
        return self.config.data_granularity or "SPAN"

    @property
    def judge(self) -> TemplateConfig | None:
        """The configuration if the evaluator asks a model."""
        config = self.evaluator.version.config
        return config if isinstance(config, TemplateConfig) else None

    @property
    def config(self) -> TemplateConfig | ManagedCodeConfig:
        """The configuration that a task runs.

        Raises:
            Invalid: the evaluator is of a type that no task runs here.
        """
        config = self.evaluator.version.config
        if isinstance(config, (TemplateConfig, ManagedCodeConfig)):
            return config
        raise Invalid(
            f"{self.evaluator.name!r} is neither a judge nor a managed code evaluator.",
            "Use one of these; `list_judges` shows what there is.",
        )


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
        return f"{self.name} <- {self.path} ({self.filled} of {self.tried} {self.things}{note})"


@dataclass(frozen=True)
class EvaluatorShare:
    """One evaluator's part of a plan: `matched` rows pass its filters, `labelled` of them already have its verdict."""

    name: str
    column: str
    matched: int
    labelled: int
    calls: int
    variables: Sequence[Variable]
    estimate: Estimate | None = None
    """Estimated cost of the calls. None if no model is called or no estimate was made."""
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
            "rows_to_score": self.calls,
            "column_mappings": self.mappings,
            **({"expected": self.estimate._asdict()} if self.estimate else {}),
            **({"rows_like_their_parent": self.repeats._asdict()} if self.repeats else {}),
            "warnings": self.warnings,
        }

    @property
    def warnings(self) -> list[str]:
        """Sentences about suspicious mappings (empty on some rows, the same value on all) and repeated texts."""
        found = [self.repeats.as_text(self.matched)] if self.repeats else []
        for variable in self.variables:
            if variable.filled < variable.tried:
                empty = variable.tried - variable.filled
                found.append(
                    f"{variable.name}: {empty} of {variable.tried} sampled {variable.things} have no {variable.path}"
                )
            if variable.constant:
                found.append(f"{variable.name}: {variable.path} is the same on every sampled {variable.things[:-1]}")
        return found


@dataclass(frozen=True)
class TaskPlan:
    """The plan of a task. `existing` counts the rows without any filter; it may stop after the first page.

    `unit` names a row: span, trace, session or experiment run. `remarks` are further sentences for the user.
    """

    shares: Sequence[EvaluatorShare]
    existing: int
    capped: bool
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
    def matched(self) -> int:
        """The largest number of rows that one evaluator matches."""
        return max((share.matched for share in self.shares), default=0)

    def has_nothing(self, *, override: bool) -> bool:
        """True if no row is left to score. `override` scores labelled rows again."""
        done = all(share.matched == (0 if override else share.labelled) for share in self.shares)
        return done and not self.partly and not self.capped

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"evaluators": [share.as_dict() for share in self.shares], "capped_at_max_spans": self.capped}

    def lines(self) -> list[str]:
        """The plan in words, one line per evaluator and mapping."""
        found: list[str] = []
        for share in self.shares:
            done = f", {share.labelled} labelled already" if share.labelled else ""
            takes = f": {share.estimate.as_text()}" if share.estimate else ""
            found.append(f"{share.name}: {share.matched} {self.things} match{done}, {share.calls} to score{takes}")
            found += [f"  {variable.as_text()}" for variable in share.variables]
        if self.capped:
            found.append(f"More {self.things} match than one run takes (max_spans); a backfill makes several runs.")
        return [*found, *self.remarks]


@dataclass(frozen=True)
class SpanQuery:
    """The spans that a plan covers."""

    project_id: str
    period: Period
    query_filter: str | None = None
    sampling_rate: float = 1.0
    max_spans: int = 10_000
    override: bool = False
    filters: TaskQueryFilters | None = None
    """Lettered filters, which a task may have instead of `query_filter`."""
    only_counts: bool = False
    """True for a count that accepts a mapping without a value on any row."""


async def plan_spans(api: Api, query: SpanQuery, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """The plan of a project task.

    Raises:
        Invalid: a filter cannot be read, or a mapping resolves on no row.
    """
    shares: list[EvaluatorShare] = []
    capped = False
    for one in wanted:
        text = both(query.query_filter, one.query_filter, own_filter(one))
        counted = await _count(api, query, text, one.config.name)
        sample = [span_row(span) for span in await _sample(api, query, text)]
        done = 0 if query.override else counted.labelled
        calls = min(round((counted.matched - done) * query.sampling_rate), query.max_spans)
        mapped = try_mappings(one, sample, refuse=not query.only_counts)
        share = EvaluatorShare(one.evaluator.name, one.config.name, counted.matched, counted.labelled, calls, mapped)
        if calls > 1 and not query.only_counts:
            repeats = await repeats_of(api, _body(query, text), share.mappings, sample)
            share = replace(share, repeats=repeats if repeats.repeated else None)
        shares.append(share)
        capped = capped or counted.capped
    if all(share.matched for share in shares):
        return TaskPlan(shares, SAMPLE, capped, "span")
    there = [span_row(span) for span in await _sample(api, query, None)]
    asked = (both(query.query_filter, one.query_filter, own_filter(one)) for one in wanted)
    missing = [sentence for text in asked if text is not None for sentence in absent(text, there)]
    return TaskPlan(shares, len(there), capped, "span", absent=list(dict.fromkeys(missing)))


def absent(filter_text: str, rows: Sequence[Row]) -> list[str]:
    """One sentence for each attribute that a filter asks for and no row has."""
    try:
        asked = dict.fromkeys(fields(span_tree(filter_text)))
    except Invalid:
        return []  # the backend's filter language may have syntax that ours lacks
    missing = [name for name in asked if name.startswith(ATTRIBUTES) and all(name not in row for row in rows)]
    alike = {name: ", ".join(map(named, near(name, rows))) for name in missing}
    return [f"No span there has {name}{f'; near it: {found}' if found else ''}." for name, found in alike.items()]


async def plan_experiments(
    api: Api,
    dataset_id: str,
    experiment_ids: Sequence[str],
    wanted: Sequence[WantedEvaluator],
    query_filter: str | None = None,
    *,
    override: bool = False,
    only_counts: bool = False,
) -> TaskPlan:
    """The plan of a dataset task over some experiments' runs. `only_counts` is as in `SpanQuery`.

    Raises:
        Invalid: a filter cannot be read, or a mapping resolves on no row.
    """
    every = await experiment_rows(api, dataset_id, experiment_ids)
    shares: list[EvaluatorShare] = []
    for one in wanted:
        text = both(query_filter, one.query_filter, own_filter(one))
        tree = None if text is None else row_tree(text)
        taken = every if tree is None else [row for row in every if matches(tree, row.get)]
        labelled = sum(f"eval.{one.config.name}.label" in row for row in taken)
        shares.append(
            EvaluatorShare(
                one.evaluator.name,
                one.config.name,
                len(taken),
                labelled,
                len(taken) - (0 if override else labelled),
                try_mappings(reads_run(one), taken[:SAMPLE], refuse=not only_counts),
            )
        )
    return TaskPlan(shares, len(every), capped=False, unit="experiment run")


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
    return [span_row(span) for span in (await _sample(api, query, query.query_filter))[:most]]


def mappings_for(wanted: WantedEvaluator, sample: "Sequence[Row] | Sample") -> dict[str, str]:
    """The path of each variable, as a task would have it.

    Raises:
        Invalid: a variable resolves on no row of the sample, or a mapping names no variable.
    """
    return {variable.name: variable.path for variable in try_mappings(wanted, sample)}


@dataclass(frozen=True)
class _Count:
    matched: int
    labelled: int
    capped: bool


async def _count(api: Api, query: SpanQuery, text: str | None, column: str) -> _Count:
    body = _body(query, text, ["context.span_id", f"eval.{column}.label"])
    matched = labelled = 0
    async for span in rows(api, "/v2/spans", SpanPage, body=body, limit=ROWS_PER_PAGE):
        matched += 1
        labelled += any(verdict.name == column for verdict in span.evaluations)
        # Rows that have a verdict do not count towards the cap of a run, unless `override` scores them again.
        if matched - (0 if query.override else labelled) > query.max_spans:
            return _Count(matched, labelled, capped=True)
    return _Count(matched, labelled, capped=False)


async def _sample(api: Api, query: SpanQuery, text: str | None) -> Sequence[Span]:
    return (await api.post("/v2/spans", SpanPage, _body(query, text), limit=SAMPLE)).spans


def _body(query: SpanQuery, text: str | None, included_columns: list[str] | None = None) -> ListSpansRequest:
    return ListSpansRequest(
        project_id=query.project_id,
        start_time=query.period.start,
        end_time=query.period.end,
        filter=text,
        included_columns=included_columns,
    )


def both(*filters: str | None) -> str | None:
    """One filter that asks for all of these. None if there are none."""
    # A blank filter is kept, so that the backend refuses it.
    given = [text for text in filters if text is not None]
    return " AND ".join(f"({text})" for text in given) if len(given) > 1 else next(iter(given), None)


def own_filter(wanted: WantedEvaluator) -> str | None:
    """The filter of a code evaluator's own configuration."""
    config = wanted.config
    return config.query_filter if isinstance(config, ManagedCodeConfig) else None


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
            f"{wanted.evaluator.name!r} has no variable {unknown[0]!r}; it has {', '.join(names)}.",
            "Correct column_mappings.",
        )
    tried = [_tried(name, given.get(name) or _usual_path(name, tried_on), tried_on) for name in names]
    if refuse and tried_on.size and (empty := [variable for variable in tried if variable.filled == 0]):
        missing = ", ".join(f"{variable.name!r} (tried {variable.path})" for variable in empty)
        there = ", ".join(map(named, sorted(columns(tried_on.rows), key=_is_ours)[:PATHS_SHOWN]))
        raise Invalid(
            f"{wanted.evaluator.name!r} finds no value on any of {tried_on.size} {tried_on.things} for {missing}. "
            f"Paths that exist: {there}.",
            "Map each variable with column_mappings={'variable': 'path'}.",
        )
    return tried


def _of_rows(rows: Sequence[Row]) -> Sample:
    return Sample(len(rows), lambda place, _, at: as_text(resolve(rows[place], at)), rows, "rows")


def _is_ours(column: str) -> bool:
    """True for a column that every row has. As a sort key it puts the application's own columns first."""
    return column in OWN_COLUMNS


def _usual_path(name: str, sample: Sample) -> str:
    def is_there(at: str) -> bool:
        return any(sample.read(place, name, at) is not None for place in range(sample.size))

    usual = USUAL_PATHS.get(name)
    if usual is not None and is_there(usual):
        return usual
    return name if is_there(name) else (usual or name)


def try_path(name: str, at: str, sample: Sequence[Row]) -> Variable:
    """Try one variable's path on some rows."""
    return _tried(name, at, _of_rows(sample))


def _tried(name: str, at: str, sample: Sample) -> Variable:
    values = [value for place in range(sample.size) if (value := sample.read(place, name, at)) is not None]
    constant = len(values) > 1 and len(set(values)) == 1
    characters = sum(map(len, values)) / max(sample.size, 1)
    return Variable(name, at, len(values), sample.size, constant, sample.things, characters)
