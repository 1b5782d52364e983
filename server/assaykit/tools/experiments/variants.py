"""Upload of a file: one experiment, or one for each variant in it; all of them or none."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import anyio.to_thread

from assaykit.api import experiments as stored
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.kept_columns import KEY
from assaykit.files.columns import EvaluatorColumns, ExperimentColumns, Filled
from assaykit.files.folders import Folders
from assaykit.foreign import as_word
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.taking_back import take_back
from assaykit.tools.experiments.file_looks import FileLook, experiments_told, look_at, named_after
from assaykit.tools.experiments.matching_columns import EXAMPLE_ID, MatchingColumns, kept_key, output_column, sides
from assaykit.tools.experiments.ranking import ranked_page, ranked_runs
from assaykit.tools.experiments.result_files import Results, UploadTarget
from assaykit.tools.experiments.upload_replies import facts_of, told_of
from assaykit.tools.experiments.uploading import upload, upload_free
from assaykit.wire.local import Uploaded

NO_DATASET = ""
"""The name that stands for no dataset."""


class FileUpload(NamedTuple):
    """The arguments of `upload_experiment`; `title` is the name of the experiment."""

    file: str
    dataset: str | None
    title: str
    output: str
    example_id: str
    key: str | None
    evaluators: Mapping[str, EvaluatorColumns]
    new_dataset: Sequence[str] | None
    repetitions: bool
    skip_unmatched: bool
    variant: str | None


class UploadedFile(NamedTuple):
    """The upload in words and as data."""

    text: str
    facts: dict[str, Any]


class _Made(NamedTuple):
    told: Uploaded
    place: UploadTarget
    results: Results
    read_from: str


async def upload_file(here: Session, within: Named, asked: FileUpload) -> UploadedFile:
    """Upload the rows of the file.

    Raises:
        NotFound, Invalid, Conflict: as `upload`; nothing is left of the experiments before the one that failed.
    """
    folders = Folders(here.settings.folders)
    target = None if asked.new_dataset is not None else await _dataset(here, within, asked.dataset)
    look = await anyio.to_thread.run_sync(look_at, asked.file, folders, asked.variant)
    if look.tool is not None and asked.new_dataset is not None:
        columns = asked.new_dataset or look.example_columns
        asked = asked._replace(new_dataset=columns, key=asked.key or ("id" if asked.example_id == EXAMPLE_ID else None))
    variants: Sequence[str | None] = look.variants or [None]
    titles = await _titles(here, asked.title, variants, target)
    made: list[_Made] = []
    try:
        for variant, title in zip(variants, titles, strict=True):
            made.append(await _one(here, within, asked._replace(title=title), target, look, variant))
            if target is None and asked.new_dataset is not None:
                target = Named(id=made[0].told.dataset_id or "", name=made[0].place.name)
    except BaseException as error:
        for one in reversed(made):
            await take_back(here, "experiments", one.told.experiment_id or "", one.place.experiment, error)
        if made and asked.new_dataset is not None:
            await take_back(here, "datasets", made[0].told.dataset_id or "", made[0].place.name, error)
        raise
    first = made[0]
    text = " ".join(told_of(one.told, one.place, one.results) for one in made)
    text += "" if first.read_from == asked.output else f" The output is read from {as_word(first.read_from)}."
    facts = facts_of(*first[:3])
    if len(made) > 1:
        text += experiments_told(titles, look.variant)
        facts = {**facts, "experiments": [facts_of(*one[:3]) for one in made]}
    text += look.told()
    if look.tool is not None:
        facts["export_of"] = look.tool
    return UploadedFile(text, facts)


async def _titles(here: Session, title: str, variants: Sequence[str | None], target: Named | None) -> list[str]:
    """The name of each variant's experiment.

    Raises:
        Conflict: the dataset has an experiment of one of the names.
    """
    titles: list[str] = []
    for variant in variants:
        titles.append(title if variant is None else named_after(title, variant, titles.__contains__))
        if target is not None and await stored.named(here.api, target.id, titles[-1]) is not None:
            raise stored.taken(target.name, titles[-1])
    return titles


async def _one(
    here: Session, within: Named, asked: FileUpload, target: Named | None, look: FileLook, variant: str | None
) -> _Made:
    """Upload one experiment, onto `target` or a new dataset."""
    folders = Folders(here.settings.folders)
    read_from = await anyio.to_thread.run_sync(output_column, asked.output, asked.file, folders)
    both = None if asked.key is None else await anyio.to_thread.run_sync(sides, asked.key, asked.file, folders)
    columns = ExperimentColumns(
        both.of_file if both else asked.example_id, read_from, both is not None, asked.evaluators
    )
    of_dataset = asked.new_dataset if target is None else None
    results = Results(asked.file, folders, columns, both and both.of_file, of_dataset, repetitions=asked.repetitions)
    results.take(look, variant)
    if target is not None:
        if both is not None:
            results.match_by(both._replace(of_dataset=await _key_of(here, target, asked, both)))
        elif asked.example_id == EXAMPLE_ID and not await results.look_for_key(here, target.id, if_absent=True):
            await anyio.to_thread.run_sync(results.refuse_unknown_ids, target.name)
        dataset_id, dataset = target.id, target.name
    elif asked.new_dataset is None:
        return await _free(here, within, asked, results, read_from)
    else:
        if asked.dataset is None or not asked.new_dataset:
            raise Invalid("A new dataset needs a name and columns.", "Pass dataset, and new_dataset=[columns].")
        if both is None and asked.example_id == EXAMPLE_ID:
            await anyio.to_thread.run_sync(results.look_for_ids)
        dataset_id, dataset = None, asked.dataset
    place = UploadTarget(
        dataset, dataset_id, within.id, asked.title, results.key, asked.skip_unmatched, asked.repetitions
    )
    made = _Made(await upload(here, place, results), place, results, read_from)
    if made.told.matches is not None and made.told.matches.unmatched:
        await _count_stored(here, within, made)
    return made


async def _count_stored(here: Session, within: Named, made: _Made) -> None:
    """Count the failed rows, labels and scores of the stored runs: those of the file include the rows left out."""
    named = Named(id=made.told.experiment_id or "", name=made.place.experiment)
    page = await ranked_page(here, within, named, failures_first=False, start=0, limit=1)
    if page is None:
        stored_runs = await ranked_runs(here, within, named, None, failures_first=False, is_shown=False)
        page = stored_runs.page(0, 1)
    counts = page.tally
    made.results.found.failed = counts.failed + counts.tried_again
    made.results.found.evaluators = {
        name: Filled(one["labelled"], one["scored"]) for name, one in counts.evaluators.items()
    }


async def _free(here: Session, within: Named, asked: FileUpload, results: Results, read_from: str) -> _Made:
    """Upload one experiment without a dataset."""
    if asked.key is None:
        await anyio.to_thread.run_sync(results.take_own_ids)
    place = UploadTarget(
        NO_DATASET, None, within.id, asked.title, None, skip_unmatched=False, repetitions=True, is_free=True
    )
    return _Made(await upload_free(here, place, results), place, results, read_from)


async def _dataset(here: Session, within: Named, wanted: str | None) -> Named | None:
    """The dataset of an upload; None for no dataset, if that is asked for or the space has none."""
    if wanted == NO_DATASET:
        return None
    try:
        return await here.names.dataset(wanted, within)
    except NotFound:
        if wanted is not None:
            raise
        return None


async def _key_of(here: Session, target: Named, asked: FileUpload, both: MatchingColumns) -> str | None:
    """The column of the dataset; in one that this upload has made, `id` is the key."""
    if asked.new_dataset is not None and both.of_dataset == "id":
        return KEY
    return await kept_key(here, target.id, both.of_dataset)
