"""Labels that people gave to runs and examples with `annotate`, as evaluators and columns of a calibration."""

from collections.abc import Mapping, Sequence
from typing import Any

from assaykit.analysis.rows import Judgement, Outcome, cell
from assaykit.api.client import Api
from assaykit.api.experiments import examples_of
from assaykit.wire.experiments import RunColumns
from assaykit.wire.spans import Annotation


def outcome_with_labels(row: Outcome, run: RunColumns) -> Outcome:
    """The outcome with the annotations of its run among the evaluators. An evaluator of the same name stays."""
    given = {one.name: _judgement(one) for one in _annotations(run.get("annotations"))}
    return row._replace(evaluations={**given, **row.evaluations}) if given else row


async def labelled_columns(api: Api, dataset_id: str) -> dict[str, Mapping[str, Any]]:
    """The columns of every example of a dataset, by its id, with the labels of its annotations under their names.

    A column of the same name stays.
    """
    return {
        example.id: {**_labels(example.annotations), **(example.model_extra or {})}
        async for example in examples_of(api, dataset_id)
    }


def _labels(given: Sequence[Annotation]) -> dict[str, str]:
    told = {one.name: cell(one.label) or cell(one.score) for one in given}
    return {name: label for name, label in told.items() if label is not None}


def _judgement(one: Annotation) -> Judgement:
    return Judgement(one.name, one.score, one.label, one.text)


def _annotations(given: object) -> Sequence[Annotation]:
    return [Annotation.model_validate(one) for one in given] if isinstance(given, list) else []  # pyright: ignore[reportUnknownVariableType]
