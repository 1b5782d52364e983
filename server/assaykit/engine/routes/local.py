"""The engine-only routes under `/x/`. Each docstring names the alternative on AX; `wire.local` has the bodies."""

import json
from datetime import datetime
from itertools import chain
from typing import get_args

import anyio
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assaykit.engine.problems import Malformed
from assaykit.engine.requests import JSON, answer, body, created, engine, page
from assaykit.engine.routes.spans import SPANS_PER_PAGE, page_answer, shape_of, window
from assaykit.engine.runs import plans
from assaykit.engine.store import integrity
from assaykit.engine.store.definitions import (
    datasets,
    evaluators,
    example_columns,
    experiments,
    projects,
    ranked_rows,
    run_columns,
    run_verdicts,
)
from assaykit.engine.store.migrations import HEAD
from assaykit.engine.store.queue import run_reports, runs, schedules
from assaykit.engine.store.times import earlier, nanoseconds
from assaykit.engine.store.traces import logged_evaluations, span_counts, spans
from assaykit.engine.store.traces.span_updates import Said
from assaykit.engine.store.traces.verdicts import VERDICT_FIELDS
from assaykit.errors import Invalid, Unsupported
from assaykit.judge.score import check, is_shortened, score
from assaykit.judge.verdicts import Verdict
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateTemplateVersionRequest,
    ManagedCodeConfig,
    TemplateConfig,
)
from assaykit.wire.local import (
    MOST_SPANS_COUNTED,
    CountSpansRequest,
    ExperimentJudges,
    LogEvaluationsRequest,
    LoggedEvaluations,
    PinnedExperiment,
    RowState,
    StoreStatus,
)
from assaykit.wire.plans import PlanRequest
from assaykit.wire.previews import JudgedRow, JudgedRows, JudgeRowsRequest
from assaykit.wire.run_columns import (
    ExamplesRequest,
    ExperimentEvaluators,
    OutputsRequest,
    RankedRowsRequest,
    RunOutputs,
    SomeExamples,
)
from assaykit.wire.run_verdicts import RunVerdictsRequest
from assaykit.wire.spans import ListSpansRequest

DEADLINE_S = 45
"""Seconds for all rows of `judge_rows`. The client's deadline is longer, so it receives the rows judged in time."""

ROWS_PER_PAGE = 500
MOST_COLUMN_ROWS = 10_000
_FOREVER = 2**63 - 1


UNMATCHED_SHOWN = 10


async def judge_rows(request: Request) -> Response:
    """`POST /x/judge`: judge a few rows now without storing them. On AX: trigger a task with a small `max_spans`."""
    wanted = await body(request, JudgeRowsRequest)
    here = engine(request)
    config = await _config(request, wanted)
    priced = await here.models.for_config(config)
    model = None if priced is None else priced.model
    results: list[JudgedRow] = [JudgedRow(error="The model did not answer in time.")] * len(wanted.rows)

    async def one(position: int, values: dict[str, str | None]) -> None:
        result = await score(config, values, model)
        if isinstance(result, Verdict):
            told = JudgedRow(label=result.label, score=result.score, explanation=result.explanation)
            results[position] = told.model_copy(update={"shortened": is_shortened(config, values)})
        else:
            results[position] = JudgedRow(error=result.detail)

    with anyio.move_on_after(DEADLINE_S):
        async with anyio.create_task_group() as group:
            for position, values in enumerate(wanted.rows):
                group.start_soon(one, position, values)
    return answer(JudgedRows(results=results))


async def plan_runs(request: Request) -> Response:
    """`POST /x/plan`: count the rows that runs would take, by the selection of runs. On AX: the contract's lists."""
    wanted = await body(request, PlanRequest)
    here = engine(request)
    return answer(await here.database.read(plans.plan, wanted, here.models.identity, here.clock.now_ns()))


async def report_run(request: Request) -> Response:
    """`GET /x/task-runs/{run_id}/report`: a run's outcomes by label and cause. On AX: the run's log page."""
    here = engine(request)
    now_ns, silent_ns = here.clock.now_ns(), here.executor.silent_ns
    return answer(await here.database.read(run_reports.report, request.path_params["run_id"], now_ns, silent_ns))


async def list_run_rows(request: Request) -> Response:
    """`GET /x/task-runs/{run_id}/rows`: the outcome of each row, newest first. On AX: the run's log page."""
    at = page(request, most=ROWS_PER_PAGE)
    asked = request.query_params.get("state")
    state = next((one for one in get_args(RowState) if asked is not None and asked.upper() == one), None)
    if asked is not None and state is None:
        raise Malformed(f"state must be {', '.join(get_args(RowState))}, not {asked[:20]!r}.")
    return answer(await engine(request).database.read(run_reports.page, request.path_params["run_id"], state, at))


async def list_run_spans(request: Request) -> Response:
    """`POST /x/task-runs/{run_id}/spans`: the spans that a run selected. On AX: a filter on its evaluator's label.

    The body is that of `POST /v2/spans`, except that a missing start or end leaves the window open on that side.
    """
    wanted = await body(request, ListSpansRequest)
    at = page(request, most=SPANS_PER_PAGE)
    within = _open_window(wanted.start_time, wanted.end_time)

    def read(connection: sa.Connection, run_id: str) -> Response:
        task = runs.task_of(connection, run_id)
        if task.project_id != wanted.project_id:
            raise Invalid(f"The run does not read project {wanted.project_id!r}.", "Send the project of its task.")
        return page_answer(connection, wanted, within, shape_of(wanted), at, run_id)

    return await engine(request).database.read(read, request.path_params["run_id"])


def _open_window(start: datetime | None, end: datetime | None) -> spans.TimeRange:
    """The window between two times; a missing one leaves it open on that side."""
    start_ns, end_ns = nanoseconds(start), nanoseconds(end)
    return spans.TimeRange(
        earlier(0, _FOREVER) if start_ns is None else start_ns, _FOREVER if end_ns is None else end_ns + 999
    )


async def count_spans(request: Request) -> Response:
    """`POST /x/span-count`: count the spans that a search matches. On AX: the pages of the list.

    A search of a run's spans has the window of `list_run_spans`, any other that of `POST /v2/spans`.
    """
    wanted = await body(request, CountSpansRequest)
    search, here = wanted.search, engine(request)
    shape_of(search)
    bounds = search.start_time, search.end_time
    within = window(*bounds, here.clock.now_ns()) if wanted.run_id is None else _open_window(*bounds)
    found = await here.database.read(
        span_counts.count, search.project_id, within, search.filter, wanted.run_id, wanted.fields
    )
    return answer(found)


async def show_schedule(request: Request) -> Response:
    """`GET /x/tasks/{task_id}/schedule`: the times of a continuous task, and the process that runs it. On AX: none."""
    here = engine(request)
    task_id = request.path_params["task_id"]
    found = await here.database.read(schedules.get, task_id, here.scheduler.worker, here.clock)
    return answer(found)


async def show_status(request: Request) -> Response:
    """`GET /x/status`: the place, schema version and row counts of the store. On AX: none."""
    here = engine(request)

    def read(connection: sa.Connection) -> StoreStatus:
        return StoreStatus(
            home=str(here.home),
            schema_version=HEAD,
            spans=spans.count(connection, MOST_SPANS_COUNTED),
            projects=projects.count(connection),
            running=runs.active(connection),
        )

    return answer(await here.database.read(read))


async def check_store(request: Request) -> Response:
    """`GET /x/check`: check every page and every verdict of the store. On AX: none."""
    return answer(await engine(request).database.read(integrity.check))


async def log_evaluations(request: Request) -> Response:
    """`POST /x/evaluations`: write verdicts computed elsewhere. On AX: `spans.update_evaluations` of its SDK."""
    wanted = await body(request, LogEvaluationsRequest)
    here = engine(request)
    if wanted.more:
        upload = here.uploads.keep(wanted.upload_id, json.dumps(_said(wanted)).encode())
        return answer(LoggedEvaluations(upload_id=upload))
    with here.uploads.taken(wanted.upload_id) as kept:
        # Each request checked its own part, so the transaction does not check the parts again.
        earlier = ([Said(*one) for one in json.loads(part)] for part in kept)
        parts = chain(earlier, [_said(wanted)])
        found = await here.database.write(
            logged_evaluations.log, wanted.project_id, parts, here.clock, skip_unmatched=wanted.skip_unmatched
        )
    told = LoggedEvaluations(
        new=found.new,
        replaced=found.replaced,
        unchanged=found.unchanged,
        unmatched=len(found.unmatched),
        unmatched_ids=list(found.unmatched[:UNMATCHED_SHOWN]),
    )
    return answer(told)


def _said(part: LogEvaluationsRequest) -> list[Said]:
    return [
        Said(one.key, one.name, {field: getattr(one, field) for field in VERDICT_FIELDS}, one.level, one.by)
        for one in part.evaluations
    ]


async def _config(request: Request, wanted: JudgeRowsRequest) -> TemplateConfig | ManagedCodeConfig:
    if (wanted.evaluator_id is None) == (wanted.version is None):
        raise Malformed("Give exactly one of evaluator_id and version.")
    if wanted.evaluator_id is not None:
        found = await engine(request).database.read(evaluators.get, wanted.evaluator_id)
        config = found.version.config
    elif isinstance(wanted.version, CreateTemplateVersionRequest):
        config = wanted.version.template_config
    elif isinstance(wanted.version, CreateCodeVersionRequest):
        config = wanted.version.code_config
    else:
        config = None
    if not isinstance(config, (TemplateConfig, ManagedCodeConfig)):
        raise Unsupported(
            "The engine runs only LLM judges and managed code evaluators.", "Judge the rows with one of those."
        )
    check(config)
    return config


async def trace_experiment(request: Request) -> Response:
    """`POST /x/experiments/{experiment_id}/traces`: the project for spans of its runs, created if needed."""
    here = engine(request)
    found = await here.database.read(experiments.get, request.path_params["experiment_id"])
    return answer(await here.database.write(experiments.traced, found, here.clock))


async def create_pinned_experiment(request: Request) -> Response:
    """`POST /x/experiments`: an experiment on an older version of its dataset. On AX: none."""
    wanted, here = await body(request, PinnedExperiment), engine(request)
    version = wanted.dataset_version_id
    return created(await here.database.write(experiments.create, wanted.experiment, here.clock, version))


async def show_judges(request: Request) -> Response:
    """`GET /x/experiments/{experiment_id}/judges`: the evaluator versions behind its verdicts. On AX: none."""
    found = await engine(request).database.read(experiments.judged_by, request.path_params["experiment_id"])
    return answer(ExperimentJudges(judges=found))


async def write_run_verdicts(request: Request) -> Response:
    """`PUT /x/experiments/{experiment_id}/verdicts`: verdicts on its runs. On AX: a further experiment."""
    wanted = await body(request, RunVerdictsRequest)
    here, experiment_id = engine(request), request.path_params["experiment_id"]
    return answer(await here.database.write(run_verdicts.write, experiment_id, wanted.verdicts, here.clock))


async def list_columns(request: Request) -> Response:
    """`GET /x/experiments/{experiment_id}/columns`: the verdicts and amounts of all runs. On AX: the list of runs."""
    at = page(request, default=MOST_COLUMN_ROWS, most=MOST_COLUMN_ROWS)
    read = engine(request).database.read
    return Response(await read(run_columns.page, request.path_params["experiment_id"], at), media_type=JSON)


async def list_example_columns(request: Request) -> Response:
    """`GET /x/datasets/{dataset_id}/columns`: the keys of all examples. On AX: the list of examples."""
    at = page(request, default=MOST_COLUMN_ROWS, most=MOST_COLUMN_ROWS)
    version = request.query_params.get("dataset_version_id")
    read = engine(request).database.read
    return Response(await read(example_columns.page, request.path_params["dataset_id"], version, at), media_type=JSON)


async def list_experiment_evaluators(request: Request) -> Response:
    """`GET /x/experiments/{experiment_id}/evaluators`: their names. On AX: the list of runs."""
    found = await engine(request).database.read(run_columns.evaluators, request.path_params["experiment_id"])
    return answer(ExperimentEvaluators(evaluators=found))


async def read_outputs(request: Request) -> Response:
    """`POST /x/run-outputs`: the outputs of some runs. On AX: the list of runs."""
    wanted = await body(request, OutputsRequest)
    found = await engine(request).database.read(experiments.outputs, wanted.experiment_id, wanted.ns)
    return answer(RunOutputs(runs=found))


async def read_examples(request: Request) -> Response:
    """`POST /x/some-examples`: examples of a dataset by their ids. On AX: the list of examples."""
    wanted = await body(request, ExamplesRequest)
    found = await engine(request).database.read(datasets.some_examples, wanted.dataset_id, wanted.ids)
    return answer(SomeExamples(examples=found))


async def rank_rows(request: Request) -> Response:
    """`POST /x/ranked-rows`: a page, the worst first, and all counts. On AX: the list of runs."""
    wanted = await body(request, RankedRowsRequest)
    return answer(await engine(request).database.read(ranked_rows.ranked, wanted))


routes = [
    Route("/x/evaluations", log_evaluations, methods=["POST"]),
    Route("/x/judge", judge_rows, methods=["POST"]),
    Route("/x/experiments", create_pinned_experiment, methods=["POST"]),
    Route("/x/experiments/{experiment_id}/traces", trace_experiment, methods=["POST"]),
    Route("/x/experiments/{experiment_id}/judges", show_judges),
    Route("/x/experiments/{experiment_id}/verdicts", write_run_verdicts, methods=["PUT"]),
    Route("/x/experiments/{experiment_id}/columns", list_columns),
    Route("/x/experiments/{experiment_id}/evaluators", list_experiment_evaluators),
    Route("/x/run-outputs", read_outputs, methods=["POST"]),
    Route("/x/some-examples", read_examples, methods=["POST"]),
    Route("/x/ranked-rows", rank_rows, methods=["POST"]),
    Route("/x/datasets/{dataset_id}/columns", list_example_columns),
    Route("/x/task-runs/{run_id}/report", report_run),
    Route("/x/task-runs/{run_id}/rows", list_run_rows),
    Route("/x/task-runs/{run_id}/spans", list_run_spans, methods=["POST"]),
    Route("/x/tasks/{task_id}/schedule", show_schedule),
    Route("/x/span-count", count_spans, methods=["POST"]),
    Route("/x/plan", plan_runs, methods=["POST"]),
    Route("/x/status", show_status),
    Route("/x/check", check_store),
]
