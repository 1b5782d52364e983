"""The stored outputs of an experiment, read as its task gave them, and the verdicts of functions on them."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.api.batches import batches, characters
from assaykit.api.client import LONGEST_NAME, Api, path
from assaykit.api.experiments import named
from assaykit.experiments.executing import add, call_of
from assaykit.runner.code import DIGITS
from assaykit.runner.results import MIME_TYPE, ExampleCall, RowResult, output_of, verdict_columns
from assaykit.runner.worker_pool import PendingCall
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    Experiment,
    ExperimentRun,
    ExperimentRunInput,
    ExperimentWithRunIds,
)
from assaykit.wire.run_columns import METADATA, PREFIX, VERSION_KEYS, place_of
from assaykit.wire.run_verdicts import RunVerdict, RunVerdictCounts, RunVerdictsRequest

_OWN = ("id", "example_id", "annotations")
_EXPERIMENT_METADATA = "metadata."
_HEX = frozenset("0123456789abcdef")


class StoredRow(NamedTuple):
    """A run with an output, and the call by which its verdicts are known: no two rows share one."""

    run: ExperimentRun
    call: ExampleCall


def rows_with_outputs(found: Sequence[ExperimentRun]) -> list[StoredRow]:
    """The runs that did not fail. Of several with one example and repetition each has a number of its own."""
    rows: list[StoredRow] = []
    seen: set[ExampleCall] = set()
    for run in found:
        if run.error or (run.model_extra or {}).get("execution_status") == "FAILED":
            continue
        call = call_of(run)
        while call in seen:
            call = call._replace(repetition=call.repetition + 1)
        seen.add(call)
        rows.append(StoredRow(run, call))
    return rows


def failed_calls(found: Sequence[ExperimentRun]) -> set[ExampleCall]:
    """The calls for which every run failed."""
    ended: dict[ExampleCall, bool] = {}
    for run in found:
        call = call_of(run)
        ended[call] = ended.get(call, False) or not run.error
    return {call for call, is_good in ended.items() if not is_good}


def without_verdicts_of(rows: Sequence[StoredRow], codes: Sequence[str | None]) -> list[StoredRow]:
    """The rows on which not every function with these digests has given a verdict. One that failed is none."""
    return [row for row in rows if not all(code in _codes(row.run) for code in codes)]


def _codes(run: ExperimentRun) -> set[str]:
    """The digests of the functions that have a label or a score on a run."""
    columns = run.model_extra or {}
    names = {
        place[0]
        for column, value in columns.items()
        if (place := place_of(column)) and place[1] in ("label", "score") and value not in (None, "")
    }
    return {code for name in names if (code := _code(columns, name)) is not None}


def _code(columns: Mapping[str, Any], name: str) -> str | None:
    """The digest of the function that gave the verdict `name`; None if no function of a file gave it."""
    at = f"{PREFIX}{name}{METADATA}"
    version = next((str(columns[at + key]) for key in VERSION_KEYS if columns.get(at + key)), "")
    return version if len(version) == DIGITS and set(version) <= _HEX else None


def names_of_others(found: Sequence[ExperimentRun]) -> list[str]:
    """The names of evaluators on the runs that are no functions of a file: judges, and columns of uploads."""
    names: dict[str, bool] = {}
    for run in found:
        columns = run.model_extra or {}
        for column in columns:
            if place := place_of(column):
                names[place[0]] = names.get(place[0], False) or _code(columns, place[0]) is not None
    return [name for name, is_function in names.items() if not is_function]


def metadata_of(found: Sequence[ExperimentRun]) -> dict[str, str]:
    """The metadata of an experiment, as its first run has it."""
    columns = (found[0].model_extra or {}) if found else {}
    return {
        key.removeprefix(_EXPERIMENT_METADATA): value
        for key, value in columns.items()
        if key.startswith(_EXPERIMENT_METADATA) and isinstance(value, str)
    }


def calls_on(rows: Sequence[StoredRow], examples: Mapping[str, Mapping[str, Any]] | None) -> list[PendingCall]:
    """The calls of the evaluators on the stored outputs.

    Without a dataset (`examples` is None) the columns of the run itself stand for those of its example.
    """
    return [
        PendingCall(
            row.call,
            {"id": row.call.example_id, **(_own_columns(row.run) if examples is None else
                                           examples.get(row.call.example_id, {}))},
            {
                "output": output_of(row.run.output, (row.run.model_extra or {}).get(MIME_TYPE)),
                "trace_id": (row.run.model_extra or {}).get("result.trace.id"),
            },
        )
        for row in rows
    ]  # fmt: skip


def _own_columns(run: ExperimentRun) -> dict[str, Any]:
    return {key: value for key, value in (run.model_extra or {}).items() if not key.startswith(PREFIX)}


def with_failures(result: RowResult, evaluators: Sequence[str]) -> RowResult:
    """The result of a row whose process ended: each evaluator without a verdict failed."""
    if result.error is None:
        return result
    judged = {one.get("evaluator", one["name"]) for one in result.evaluations}
    failed = [{"name": name, "error": result.error} for name in evaluators if name not in judged]
    return result._replace(error=None, evaluations=[*result.evaluations, *failed])


async def write_verdicts(
    api: Api, made: Experiment, rows: Sequence[StoredRow], results: Sequence[RowResult]
) -> RunVerdictCounts:
    """Write verdicts on the runs of an experiment. Only an engine has this route."""
    runs = {row.call: row.run.id for row in rows}
    every = [_verdict(runs[one.call], verdict) for one in results for verdict in one.evaluations]
    counts = RunVerdictCounts()
    for some in batches(every, _characters):
        body = RunVerdictsRequest(verdicts=some)
        told = await api.put(path("x", "experiments", made.id, "verdicts"), RunVerdictCounts, body)
        counts = RunVerdictCounts(
            new=counts.new + told.new,
            replaced=counts.replaced + told.replaced,
            unchanged=counts.unchanged + told.unchanged,
        )
    return counts


def _verdict(run_id: str, verdict: Mapping[str, Any]) -> RunVerdict:
    columns = verdict_columns(verdict)
    metadata = {key: value for key, value in columns.items() if key.startswith("metadata.") and key != "metadata.code"}
    return RunVerdict(
        run_id=run_id,
        name=verdict["name"],
        label=columns.get("label"),
        score=columns.get("score"),
        explanation=columns.get("explanation"),
        code=columns.get("metadata.code"),
        metadata={key.removeprefix("metadata."): value for key, value in metadata.items()},
    )


def _characters(verdict: RunVerdict) -> int:
    return characters(verdict.model_dump())


async def copy_judged(
    api: Api, made: Experiment, found: Sequence[ExperimentRun], rows: Sequence[StoredRow], results: Sequence[RowResult]
) -> Experiment:
    """A further experiment of the same runs with the new verdicts: the contract of AX cannot add any to a run."""
    calls, judged = {row.run.id: row.call for row in rows}, {one.call: one for one in results}
    names = dict.fromkeys(verdict["name"] for one in results for verdict in one.evaluations)
    title = await _free(api, made, " ".join([made.name, "judged by", ", ".join(names)]))
    copies = [_copy(run, judged.get(calls[run.id]) if run.id in calls else None) for run in found]
    copied: Experiment | None = None
    for some in batches(copies):
        inputs = [ExperimentRunInput.model_validate(one) for one in some]
        if copied is None:
            scope = {"dataset_id": made.dataset_id} if made.dataset_id else {"space_id": made.space_id}
            body = CreateExperimentRequest(name=title, experiment_runs=inputs, **scope)
            copied = await api.post("/v2/experiments", ExperimentWithRunIds, body)
        else:
            await add(api, copied, inputs)
    return copied or made


async def _free(api: Api, made: Experiment, title: str) -> str:
    title = title[: LONGEST_NAME - 6]
    number = 1
    while made.dataset_id and await named(api, made.dataset_id, _numbered(title, number)) is not None:
        number += 1
    return _numbered(title, number)


def _numbered(title: str, number: int) -> str:
    return title if number == 1 else f"{title} {number}"


def _copy(run: ExperimentRun, result: RowResult | None) -> dict[str, Any]:
    columns = {key: value for key, value in (run.model_extra or {}).items() if key not in _OWN}
    told = {"example_id": run.example_id, "output": run.output or "", **columns}
    told |= {} if run.error is None else {"error": run.error}
    for verdict in () if result is None else result.evaluations:
        at = f"{PREFIX}{verdict['name']}."
        told = {key: value for key, value in told.items() if not key.startswith(at)}
        told |= {f"{at}{field}": value for field, value in verdict_columns(verdict).items()}
    return told
