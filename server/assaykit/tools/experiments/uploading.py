"""Upload of a variant's results: the rows of a file become an experiment, all of them or none.

The engine stages the rows until the upload is complete. On AX every request writes, so the file is read once to check
all rows, and once more to send them.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.api.staging import Body, ahead, staged
from assaykit.matching import Matching, is_refused
from assaykit.session import Session
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.experiments.result_files import Results, UploadTarget
from assaykit.tools.experiments.upload_replies import misfit
from assaykit.wire.datasets import (
    CreateDatasetRequest,
    Dataset,
    DatasetVersionWithExampleIds,
    InsertDatasetExamplesRequest,
)
from assaykit.wire.experiments import (
    CreateExperimentRequest,
    ExperimentRunInput,
    ExperimentWithRunIds,
    InsertExperimentRunsRequest,
)
from assaykit.wire.local import Matches, NewDataset, Uploaded


async def upload(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    """Write the results, all of them or none.

    Raises:
        Invalid: a row cannot be read, or rows match no example of the dataset; the message gives lines or ids.
        Conflict: a name is taken.
    """
    told = await _once(here, place, results)
    matches = told.matches or Matches()
    is_foreign = not told.is_written and place.key is None and not matches.covered and bool(matches.examples)
    # The ids may be those of another dataset, of which this one is a copy.
    if is_foreign and place.dataset_id and await results.look_for_key(here, place.dataset_id, if_absent=False):
        place = place._replace(key=results.key)
        told = await _once(here, place, results)
    if not told.is_written and results.tries.are_all(told.matches):
        # Each row but the last of an example failed and was tried again, or the file numbers its repetitions.
        told = await _once(here, place._replace(repetitions=True), results)
    here.names.forget()
    if not told.is_written:
        raise misfit(told.matches or Matches(), place, results)
    return told


async def upload_free(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    """Write the results as an experiment without a dataset: all rows are checked before the first one is sent.

    Raises:
        Invalid: a row cannot be read; the message gives its line.
        Conflict: an experiment without a dataset has the name.
    """
    async for _ in ahead(results.parts()):
        pass
    experiment_id, sent = "", 0
    try:
        async for part, _ in ahead(results.parts()):
            runs = [pair.run for pair in part]
            experiment_id = await _runs_sent(here, place, experiment_id, runs)
            sent += len(runs)
    except BaseException as error:
        if experiment_id:
            await take_back(here, "experiments", experiment_id, place.experiment, error)
        raise
    here.names.forget()
    return Uploaded(is_written=True, experiment_id=experiment_id, runs=sent, matches=Matches())


async def _runs_sent(
    here: Session,
    place: UploadTarget,
    experiment_id: str,
    runs: list[ExperimentRunInput],
    dataset_id: str | None = None,
) -> str:
    """Send runs to an experiment, which the first of them make. Returns its id."""
    if experiment_id:
        more = InsertExperimentRunsRequest(experiment_runs=runs)
        await here.api.post(path("v2", "experiments", experiment_id, "runs"), ExperimentWithRunIds, more)
        return experiment_id
    space_id = place.space_id if dataset_id is None else None
    body = CreateExperimentRequest(
        name=place.experiment, dataset_id=dataset_id, space_id=space_id, experiment_runs=runs
    )
    return (await here.api.post("/v2/experiments", ExperimentWithRunIds, body)).id


async def _once(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    if await here.api.has_engine_routes():
        return await _at_once(here, place, results)
    return await _in_steps(here, place, results)


async def _at_once(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    asked: dict[str, Any] = {
        "dataset_id": place.dataset_id,
        "new_dataset": None if place.dataset_id else NewDataset(name=place.name, space_id=place.space_id),
        "experiment": place.experiment,
        "key": place.key,
        "skip_unmatched": place.skip_unmatched,
        "repetitions": place.repetitions,
    }
    return await staged(here.api, asked, _bodies(results))


async def _bodies(results: Results) -> AsyncGenerator[Body]:
    async with aclosing(ahead(results.parts())) as parts:
        async for part, is_last in parts:
            examples = [pair.example for pair in part if pair.example is not None]
            yield Body(examples, [pair.run for pair in part], is_last)


async def _in_steps(here: Session, place: UploadTarget, results: Results) -> Uploaded:
    """Upload to a backend where each request writes: check all rows first, and undo the writes if a request fails."""
    matches = await _looked_at(here, place, results)
    if is_refused(matches, skip_unmatched=place.skip_unmatched, repetitions=place.repetitions):
        return Uploaded(matches=matches)
    dataset_id = place.dataset_id or await _new_dataset(here, place, results)
    try:
        experiment_id, runs = await _sent(here, place, dataset_id, results)
    except BaseException as error:
        if place.dataset_id is None:
            await take_back(here, "datasets", dataset_id, place.name, error)
        raise
    return Uploaded(
        is_written=True,
        dataset_id=dataset_id,
        experiment_id=experiment_id,
        examples=results.examples,
        runs=runs,
        matches=matches,
    )


async def _looked_at(here: Session, place: UploadTarget, results: Results) -> Matches:
    """Match the whole file to the dataset, or to its own examples if the dataset is new. Reads the file to its end."""
    matching, _ = await _known(here, place, place.dataset_id)
    number = 0
    async for part, _ in ahead(results.parts()):
        for pair in part:
            of_its_own = None
            if pair.example is not None:
                number += 1
                of_its_own = f"example {number}"
                matching.add(of_its_own, pair.example)
            matching.id_of(pair.run.example_id, of_its_own)
    return matching.found()


async def _known(here: Session, place: UploadTarget, dataset_id: str | None) -> tuple[Matching, list[str]]:
    """The dataset's examples, ready for matching, and their ids in order."""
    matching, ids = Matching(place.key), list[str]()
    if dataset_id is not None:
        async for example in examples_of(here.api, dataset_id):
            matching.add(example.id, example.model_extra or {})
            ids.append(example.id)
    return matching, ids


async def _new_dataset(here: Session, place: UploadTarget, results: Results) -> str:
    dataset_id = ""
    try:
        async for part, _ in ahead(results.parts()):
            examples = [pair.example for pair in part if pair.example is not None]
            if examples and not dataset_id:
                body = CreateDatasetRequest(name=place.name, space_id=place.space_id, examples=examples)
                dataset_id = (await here.api.post("/v2/datasets", Dataset, body)).id
            elif examples:
                more = InsertDatasetExamplesRequest(examples=examples)
                at = path("v2", "datasets", dataset_id, "examples")
                await here.api.post(at, DatasetVersionWithExampleIds, more)
    except BaseException as error:
        if dataset_id:
            await take_back(here, "datasets", dataset_id, place.name, error)
        raise
    return dataset_id


async def _sent(here: Session, place: UploadTarget, dataset_id: str, results: Results) -> tuple[str, int]:
    """Send the runs. Returns the experiment's id and the number of runs."""
    matching, ids = await _known(here, place, dataset_id)
    following = iter(ids)
    experiment_id, sent = "", 0
    try:
        async for part, _ in ahead(results.parts()):
            runs: list[ExperimentRunInput] = []
            for pair in part:
                of_its_own = None if pair.example is None else next(following, None)
                if example_id := matching.id_of(pair.run.example_id, of_its_own):
                    runs.append(pair.run.model_copy(update={"example_id": example_id}))
            sent += len(runs)
            if runs:
                experiment_id = await _runs_sent(here, place, experiment_id, runs, dataset_id)
    except BaseException as error:
        # A part of the results would be compared as if it were all of them.
        if experiment_id:
            await take_back(here, "experiments", experiment_id, place.experiment, error)
        raise
    return experiment_id, sent
