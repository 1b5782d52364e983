"""Toolset experiments: upload and comparison of the results of variants."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Annotated, Any, Literal

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field

from assaykit.analysis.findings import SHOWN
from assaykit.analysis.reading import evaluators_of, outcome
from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.comparing import ComparisonRequest, compared, ranges_of
from assaykit.experiments.estimating import Estimated, estimated
from assaykit.experiments.releases import decide_release, policy_in
from assaykit.figures import things
from assaykit.files.columns import EvaluatorColumns
from assaykit.files.folders import Folders
from assaykit.files.writing import write_text
from assaykit.files.xlsx import sheet_in
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.planning.sizes import SizeRequest, planned
from assaykit.report.gate import gate_lines
from assaykit.report.html import EXAMPLES_SHOWN, comparison_html
from assaykit.report.passages import classification_lines, usage_lines
from assaykit.report.text import LEFT_OUT, comparison_text
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import more, page_of, page_place, plain, save
from assaykit.toolkit.parameters import File, Here, Limit, ListLimit, SaveTo, SpaceName
from assaykit.toolkit.replies import Reply, bullets, fitting, quoted
from assaykit.tools.experiments.matching_columns import EXAMPLE_ID
from assaykit.tools.experiments.ranking import MOST_ROWS, RankedPage, estimated_of, ranked_page, ranked_runs
from assaykit.tools.experiments.rows import flat, line, summary, told
from assaykit.tools.experiments.variants import FileUpload, upload_file
from assaykit.wire.bodies import AnyCase
from assaykit.wire.evaluators import Direction
from assaykit.wire.experiments import (
    Experiment,
    ExperimentPage,
    ExperimentRunPage,
)

ROWS_PER_PAGE = 500
GOAL_FORMS = "better by 5 points, not worse by more than 2 points, the same within 2 points, at least 80 %"
RULE_FORMS = "right: not worse by more than 2 points, right: at least 80 %"
GUESS_NAMES = "discordant (0-1), sd, within, expected, change, cluster, icc"


class FileColumns(BaseModel):
    """The columns of one evaluator's results."""

    model_config = ConfigDict(extra="forbid")

    label: str | None = None
    score: str | None = None
    explanation: str | None = None
    metadata: dict[str, str] | None = None


def title_of(file: str) -> str:
    """The name of an experiment without one: that of its file, with the sheet that it names."""
    path_of, sheet = sheet_in(file)
    return PurePath(path_of).stem + ("" if sheet is None else f" {sheet}")


@tool("add")
async def upload_experiment(
    here: Here,
    file: File,
    dataset: str | None = None,
    name: str | None = None,
    output: str = "output",
    example_id: str = EXAMPLE_ID,
    key: Annotated[str | None, Field(description="Match by; 'file=dataset'")] = None,
    evaluators: Annotated[dict[str, FileColumns] | None, Field(description="{name: columns}")] = None,
    variant: str | None = None,
    new_dataset: Annotated[list[str] | None, Field(description="Of these columns")] = None,
    repetitions: Annotated[bool, Field(description="Several rows per example")] = False,
    skip_unmatched: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Upload results as an experiment, one per variant, with your scores.

    Columns eval.<name>.label and .score count.

    Source: REST v2 `POST /v2/experiments`, `POST /v2/experiments/{id}/runs`; on the engine `POST /x/uploads`.
    Raises: Invalid, NotFound, Conflict.
    """
    within = await here.space(space)
    title = name or title_of(file)
    if set(title) & {'"', "\\"}:
        raise Invalid(f"The name {exactly(title)} has a double quote or a backslash.", "Pass another name.")
    mapped = {evaluator: EvaluatorColumns(**one.model_dump()) for evaluator, one in (evaluators or {}).items()}
    asked = FileUpload(
        file, dataset, title, output, example_id, key, mapped, new_dataset, repetitions, skip_unmatched, variant
    )
    made = await upload_file(here, within, asked)
    return Reply(f"{made.text} Next: `compare_experiments`.", {**here.source(within), **made.facts})


@tool("read")
async def compare_experiments(
    here: Here,
    experiments: list[str],
    baseline: str | None = None,
    dataset: str | None = None,
    evaluators: list[str] | None = None,
    directions: dict[str, Annotated[Direction, AnyCase]] | None = None,
    positive: Annotated[dict[str, str | list[str]] | None, Field(description="{evaluator: good labels}")] = None,
    slice_by: list[str] | None = None,
    cluster_by: str | None = None,
    truth: Annotated[str | None, Field(description="Column or evaluator")] = None,
    predicted: Annotated[str | None, Field(description="Evaluator; else output")] = None,
    primary: str | None = None,
    all_pairs: bool = False,
    failures: Literal["exclude"] | None = None,
    range: Annotated[  # noqa: A002
        dict[str, list[float]] | None, Field(description="{evaluator: [low, high]}")
    ] = None,
    save_to: Annotated[str | None, Field(description="report.html")] = None,
    overwrite: bool = False,
    detail: Literal["full"] | None = None,
    space: SpaceName = None,
) -> Reply:
    """Say which experiment is better, if it can be shown.

    Paired by example: tests, latency, pass@k.

    Source: REST v2 `GET /v2/experiments/{id}/runs`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space)
    counted = {name: [one] if isinstance(one, str) else one for name, one in (positive or {}).items()}
    asked = ComparisonRequest(
        experiments, baseline, dataset, evaluators, directions or {}, counted, slice_by or (), truth, predicted,
        failures or "count", primary, ranges_of(range or {}), all_pairs, cluster_by,
    )  # fmt: skip
    if len({*experiments, *([] if baseline is None else [baseline])}) == 1:
        if save_to is not None:
            raise Invalid("A page compares experiments, and there is one.", "Name a second one, or leave out save_to.")
        return _alone(here, within, await estimated(here, within, asked))
    # Check the path first, so that a refusal comes before the work.
    place = None if save_to is None else await page_place(here, save_to, overwrite=overwrite)
    is_full = detail == "full"
    shown = SHOWN if place is None else EXAMPLES_SHOWN
    found = await compared(here, within, asked, shown=None if is_full else shown)
    data = {**here.source(within), "comparison": found.as_dict(is_full=is_full)}
    text = comparison_text(
        found.comparison, examples=found.questions, keys=found.keys, details=found.details, is_full=is_full
    )
    after = "Next: get_experiment shows the rows of one."
    if not is_full and LEFT_OUT in text:
        after += " detail='full' or save_to='report.html' shows more of the comparison."
    if place is not None:
        noted = replace(found.comparison, notes=(*found.comparison.notes, *found.looks))
        page = comparison_html(noted, found.details, found.questions, found.keys)
        await anyio.to_thread.run_sync(write_text, place, page)
        after = f"Wrote the report to {place.path}, for a browser.\n{after}"
        data["saved"] = str(place.path)
    others = len(found.comparison.challengers)
    head = f"{others} experiment(s) compared with {quoted(found.comparison.baseline)}"
    if all_pairs:
        head = f"{others + 1} experiments compared, each with each"
    looks = [f"Note: {note}" for note in found.looks]
    return Reply("\n".join([f"{head}, verdicts first", *looks]), data, text.rstrip("\n").split("\n"), after)


def _alone(here: Session, within: Named, found: Estimated) -> Reply:
    """The reply on one experiment."""
    lines = [f"{quoted(one.evaluator, 60)}: {one.words}" for one in found.estimates]
    text = [*usage_lines(found.details), *classification_lines(found.details), *(f"Note: {one}" for one in found.notes)]
    head = f"Experiment {quoted(found.name)} alone, {things(found.rows, 'row')}\n{bullets(lines or ['no verdicts'])}"
    data = {**here.source(within), "alone": found.as_dict()}
    return Reply(head, data, text, "Next: name a second experiment to compare, or get_experiment shows the rows.")


@tool("read")
async def plan_experiment(
    here: Here,
    goal: Annotated[str, Field(description=GOAL_FORMS)],
    pilot: Annotated[list[str] | None, Field(description="Baseline first")] = None,
    guesses: Annotated[dict[str, float] | None, Field(description=GUESS_NAMES)] = None,
    repetitions: int = 1,
    criteria: int = 1,
    dataset: str | None = None,
    space: SpaceName = None,
) -> Reply:
    """Say how many examples and runs a goal needs at 80 % power, and the cost.

    Source: REST v2 `GET /v2/experiments/{id}/runs`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space) if pilot else None
    asked = SizeRequest(goal, pilot or (), dataset, guesses or {}, {}, repetitions, criteria)
    found = await planned(here, within, asked)
    return Reply("\n".join(found.lines), found.as_dict(), (), "Next: create_dataset, then run_experiment.")


@tool("read")
async def check_release(
    here: Here,
    candidate: str | None = None,
    baseline: str | None = None,
    rules: Annotated[list[str] | None, Field(description=RULE_FORMS)] = None,
    policy: Annotated[str | None, Field(description="gate.toml")] = None,
    directions: dict[str, Annotated[Direction, AnyCase]] | None = None,
    positive: dict[str, str] | None = None,
    space: SpaceName = None,
) -> Reply:
    """Decide by rules whether to release a candidate.

    Source: REST v2 `GET /v2/experiments/{id}/runs`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space)
    given = {"candidate": candidate, "baseline": baseline}
    read = await anyio.to_thread.run_sync(policy_in, policy, rules or (), Folders(here.settings.folders))
    found = await decide_release(
        here, within, read.given(given, directions or {}, {name: [label] for name, label in (positive or {}).items()})
    )
    text = f"Decision: {found.outcome}. `assaykit gate` exits with {found.exit_code}."
    after = "Next: compare_experiments shows the examples that changed."
    return Reply(text, {**here.source(within), **found.as_dict()}, gate_lines(found), after)


@tool("read")
async def list_experiments(
    here: Here,
    dataset: str | None = None,
    name: str | None = None,
    limit: ListLimit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List the experiments of a dataset, or all, with rows and evaluators.

    Source: REST v2 `GET /v2/experiments`, `GET /v2/experiments/{id}/runs` for each.
    Raises: NotFound, Invalid.
    """
    within = await here.space(space)
    target = None if dataset is None else await here.names.dataset(dataset, within)
    query = {"space_id": within.id} if target is None else {"dataset_id": target.id}
    query |= {} if name is None else {"name": name}
    if save_to is not None:
        found = rows(here.api, "/v2/experiments", ExperimentPage, query)
        return await save(here, save_to, cursor, found, plain, "experiments", here.source(within), overwrite=overwrite)
    told: dict[str, dict[str, Any]] = {}

    async def fetch(most: int) -> ExperimentPage:
        page = await here.api.get("/v2/experiments", ExperimentPage, limit=most, cursor=cursor, **query)
        for one in page.experiments:
            if one.id not in told:
                told[one.id] = {
                    "id": one.id,
                    "name": one.name,
                    "dataset": target.name if target is not None else await _dataset_name(here, within, one),
                    "created_at": None if one.created_at is None else one.created_at.isoformat(),
                    **await _content(here, one),
                }
        return page

    shown = await page_of(fetch, limit, lambda one: _named(one, told[one.id]))
    listed = [told[one.id] for one in shown.rows]
    where = f"space {quoted(within.name)}" if target is None else f"dataset {quoted(target.name)}"
    text = f"{shown.number} experiment(s) of {where}{shown.more}\n{bullets(shown.lines)}"
    if not listed:
        text = f"No experiment of {where} fits. `upload_experiment` makes one."
    return Reply(text, {**here.source(within), "experiments": listed, "next_cursor": shown.following})


@tool("read")
async def get_experiment(
    here: Here,
    experiment: str | None = None,
    dataset: str | None = None,
    filter: Annotated[str | None, Field(description="eval.tone.label = 'rude'")] = None,  # noqa: A002
    failures_first: bool = True,
    limit: Limit = 20,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Show an experiment's rows: output, error, verdicts. Errors first, then worst scores.

    Source: REST v2 `GET /v2/experiments/{id}/runs`.
    Raises: NotFound, Ambiguous, Invalid.
    """
    within = await here.space(space)
    dataset_id = None if dataset is None else (await here.names.dataset(dataset, within)).id
    named = await here.names.experiment(experiment, within, dataset_id)
    start = _offset(cursor)
    facts: dict[str, Any] = {**here.source(within), "experiment": {"id": named.id, "name": named.name}}
    ranked: RankedPage | None = None
    if filter is None and save_to is None:
        ranked = await ranked_page(here, within, named, failures_first=failures_first, start=start, limit=limit)
    if ranked is None:
        is_shown = save_to is None
        found = await ranked_runs(here, within, named, filter, failures_first=failures_first, is_shown=is_shown)
        if save_to is not None:
            facts["rows"] = len(found.order)
            return await save(here, save_to, cursor, found.each(), flat, "rows", facts, overwrite=overwrite)
        ranked = found.page(start, limit)
        if not start and found.tally.evaluators:
            of_rows = await estimated_of(here, named, found.counted, found.judges)
            ranked = ranked._replace(estimates=of_rows)
    shown = [told(run, outcome(run), is_past=is_past) for run, is_past in ranked.rows]
    lines = [line(row) for row in shown]
    shown = shown[: fitting(lines)]
    end, counts = start + len(shown), ranked.tally
    following = str(end) if end < ranked.kept else None
    of_all = f" that fit, of {ranked.every}" if filter is not None else ""
    head = f"Experiment {quoted(named.name)}: {len(shown)} of {ranked.kept} rows{of_all}{more(following)}"
    lines_of_all = summary(counts, ranked.directions, ranked.estimates)
    if counts.evaluators and not start and not ranked.estimates and ranked.kept > MOST_ROWS:
        lines_of_all.append("Rates and means with intervals: compare_experiments with this experiment alone")
    lines_of_all += [ranked.unknown.told()] if ranked.unknown.runs else []
    text = f"{head}\n{bullets(lines_of_all)}"
    errors = {"failed": counts.failed, "tried_again": counts.tried_again}
    evaluators = {
        name: {**one, **({"estimate": ranked.estimates[name].as_dict()} if name in ranked.estimates else {})}
        for name, one in counts.evaluators.items()
    }
    data = {**facts, "rows": ranked.kept, "errors": errors, "evaluators": evaluators, "runs": shown}
    data |= {"unknown_examples": ranked.unknown._asdict()} if ranked.unknown.runs else {}
    return Reply(text, {**data, "next_cursor": following}, lines[: len(shown)])


def _offset(cursor: str | None) -> int:
    """The number of rows before the page. Raises: Invalid: the cursor is not one of this list."""
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):  # noqa: PLR2004  (no list is longer)
        raise Invalid(f"{quoted(cursor, 60)} is not a cursor that this list gave.", "Leave it out to begin anew.")
    return int(cursor)


async def _content(here: Session, experiment: Experiment) -> dict[str, Any]:
    """The number of rows and the evaluators of an experiment, from its first 500 rows."""
    page = await here.api.get(path("v2", "experiments", experiment.id, "runs"), ExperimentRunPage, limit=ROWS_PER_PAGE)
    names = dict.fromkeys(name for run in page.experiment_runs for name in evaluators_of(run))
    more_rows = {"more_rows": True} if page.pagination.has_more else {}
    return {"rows": len(page.experiment_runs), **more_rows, "evaluators": list(names)}


def _named(experiment: Experiment, told: Mapping[str, Any]) -> str:
    on = "" if told["dataset"] is None else f" on {quoted(told['dataset'])}"
    when = "" if experiment.created_at is None else f", {experiment.created_at:%Y-%m-%d %H:%M} UTC"
    rows_told = f"{told['rows']}{' or more' if 'more_rows' in told else ''} rows"
    judged = ", ".join(quoted(name, 60) for name in told["evaluators"]) or "no evaluators"
    return f"{quoted(experiment.name)} ({experiment.id}){on}{when}: {rows_told}; {judged}"


async def _dataset_name(here: Session, within: Named, experiment: Experiment) -> str | None:
    """The name of the experiment's dataset. Each new dataset costs one request."""
    try:
        return None if experiment.dataset_id is None else (await here.names.dataset(experiment.dataset_id, within)).name
    except NotFound:
        return experiment.dataset_id
