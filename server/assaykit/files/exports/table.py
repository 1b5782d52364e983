"""The table of exports, and the translation of a file whose first row has the shape of one."""

from collections.abc import Iterator
from itertools import chain

from assaykit.files.exports import deepeval, hosted, inspect_ai, lm_eval, mlflow, openai_evals, promptfoo, ragas
from assaykit.files.exports.shared_columns import ExportFormat
from assaykit.files.rows import FileRow

EXPORTS: tuple[ExportFormat, ...] = (
    promptfoo.RESULTS,
    promptfoo.TABLE,
    deepeval.CASES,
    inspect_ai.SAMPLES,
    mlflow.TRACES,
    mlflow.TABLE,
    lm_eval.SAMPLES,
    ragas.SAMPLES,
    openai_evals.EVENTS,
    hosted.LANGSMITH_TABLE,
    hosted.LANGSMITH_RUNS,
    hosted.LANGFUSE,
    hosted.BRAINTRUST,
)
"""Every export that is read. The first one that fits a file counts."""


def left_out_by(tool: str) -> list[str]:
    """The columns of a tool's exports that are not stored."""
    return list(dict.fromkeys(column for one in EXPORTS if one.tool == tool for column in one.left_out))


def translated(rows: Iterator[FileRow]) -> Iterator[FileRow]:
    """Yield the rows of a file; those of another tool's export under our names, with an `id` each."""
    first = next(rows, None)
    if first is None:
        return
    every = chain([first], rows)
    export = next((one for one in EXPORTS if one.fits(first.values)), None)
    if export is None:
        yield from every
        return
    for number, (line, values) in enumerate(export.translate(every)):
        yield FileRow(line, {"id": number, **values}, export.tool)
