"""Replies of an upload: the counts, the evaluators, and the reasons why nothing was written."""

from collections.abc import Sequence
from typing import Any

from assaykit.errors import Invalid
from assaykit.foreign import as_word, exactly
from assaykit.planning.disclosures import counted
from assaykit.toolkit.columns import listed
from assaykit.toolkit.replies import quoted
from assaykit.tools.experiments.file_looks import LIKELY_VARIANTS
from assaykit.tools.experiments.matching_columns import IDS_SHOWN
from assaykit.tools.experiments.result_files import COLUMNS_SHOWN, Results, UploadTarget
from assaykit.wire.local import Matches, Uploaded

SHOWN = 5


def facts_of(told: Uploaded, place: UploadTarget, results: Results) -> dict[str, Any]:
    """The upload as data."""
    matches = told.matches or Matches()
    return {
        "experiment": {"id": told.experiment_id, "name": place.experiment},
        "dataset": None if place.is_free else place.name,
        "examples_created": told.examples,
        "runs": told.runs,
        "failed": results.found.failed,
        "examples_covered": matches.covered,
        "examples_without_run": matches.examples - matches.covered,
        "examples_with_several_runs": matches.repeated,
        "rows_tried_again": (results.repetitions or results.tries).tried_again,
        "skipped": {"rows": matches.unmatched, "examples": matches.unmatched_ids},
        "evaluators": list(results.found.evaluators),
        **({"columns_kept": unread} if (unread := results.kept_unread()) else {}),
    }


def told_of(told: Uploaded, place: UploadTarget, results: Results) -> str:
    """The upload in words."""
    matches = told.matches or Matches()
    scored = "; ".join(
        f"{quoted(evaluator, 60)}: {filled.labelled} labels, {filled.scored} scores"
        for evaluator, filled in list(results.found.evaluators.items())[:COLUMNS_SHOWN]
    )
    made = (
        ""
        if place.is_free
        else f"Created dataset {exactly(place.name)} with {told.examples} example(s). "
        if place.dataset_id is None
        else ""
    )
    runs = counted(told.runs, "runs")
    there = f"on {exactly(place.name)}: {runs} over {matches.covered} of {matches.examples} examples"
    text = (
        f"{made}Uploaded experiment {exactly(place.experiment)} ({told.experiment_id}) "
        f"{f'without a dataset: {runs}' if place.is_free else there}. "
        f"Evaluators in the file: {scored or 'none'}."
    )
    if without := matches.examples - matches.covered:
        text += f" {without} example(s) have no run."
    if results.found.failed:
        text += f" {results.found.failed} row(s) failed: they have an error and no output, and count as failures."
    if matches.repeated:
        text += f" {matches.repeated} example(s) have several runs"
        text += f"{(results.repetitions or results.tries).told()}."
    text += results.cells.told()
    if unread := results.kept_unread():
        text += f" Kept with the runs as they are: {listed(unread)}."
    if results.guessed is not None:
        text += results.guessed.told()
    if matches.unmatched:
        text += f" Skipped {matches.unmatched} row(s) that match no example, such as {_some(matches.unmatched_ids)}."
    return text


def misfit(matches: Matches, place: UploadTarget, results: Results) -> Invalid:
    """The error that nothing was written, with the number of unfit rows and some of their ids."""
    dataset, key = place.name, place.key or "example_id"
    if matches.columns is not None:
        known = ", ".join(as_word(column) for column in matches.columns[:COLUMNS_SHOWN])
        first = ", ".join(exactly(one, 60) for one in matches.unmatched_ids[:IDS_SHOWN])
        unknown = f", so it has no example of {first}" if first else ""
        return Invalid(
            f"The dataset has no column {exactly(key)}{unknown}; it has {known}.",
            "Use one of these as key, or key='file column=dataset column'.",
        )
    if matches.ambiguous:
        return Invalid(
            f"The dataset has {_shown(matches.ambiguous_ids, matches.ambiguous)} in {exactly(key)} more than once, "
            "so it cannot be the key.",
            "Match by example_id, or by a column with a value of its own in each example.",
        )
    said: list[str] = []
    helps: list[str] = []
    if matches.unmatched:
        said.append(
            f"{matches.unmatched:,} of {results.found.count:,} rows of {exactly(results.file)} match no example of "
            f"dataset {exactly(dataset)}, with {exactly(key)} {_some(matches.unmatched_ids)}"
        )
        skip = ", or skip_unmatched=true to leave these rows out" if matches.covered else ""
        helps.append(f"Use the ids of the dataset's examples, or key= with a column that both share{skip}.")
    if matches.repeated and not place.repetitions:
        said.append(
            f"{matches.repeated:,} example(s) have several rows, with {exactly(key)} "
            f"{_shown(matches.repeated_ids, matches.repeated)}"
        )
        helps.append(
            "Leave out repeated rows; if a run was tried again, keep its last row. Or pass repetitions=true if each "
            f"row is a run of its own{_or_variant(results)}."
        )
    return Invalid(f"{'; '.join(said)}; nothing was written.", " ".join(helps))


def _or_variant(results: Results) -> str:
    """The column that may tell variants apart, for an advice; empty without any."""
    column = next((one for one in LIKELY_VARIANTS if one in results.found.columns), None)
    return "" if column is None else f", or variant={exactly(column)} for an experiment of each {column}"


def _shown(ids: Sequence[str], count: int) -> str:
    return f"{_listed(ids)} and {count - SHOWN} more" if count > SHOWN else _listed(ids)


def _some(ids: Sequence[str]) -> str:
    """The first ids. Their total is unknown: the matches count rows, and several rows may have one id."""
    return f"{_listed(ids)}, ..." if len(ids) > SHOWN else _listed(ids)


def _listed(ids: Sequence[str]) -> str:
    return ", ".join(exactly(one, 60) for one in ids[:SHOWN])
