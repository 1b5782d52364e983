"""Experiments as columns: verdicts, errors, latency, tokens and cost of all runs, without outputs and explanations.

These bodies belong to engine-only routes under `/x/`; each class names the alternative on AX.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from assaykit.wire.bodies import Page, ReplyBody, RequestBody
from assaykit.wire.datasets import DatasetExample
from assaykit.wire.evaluators import Direction

BARE_LATENCY = "latency"
LATENCIES = ("latency_ms", BARE_LATENCY, "duration_ms")
LATENCIES_S = ("latency_s", "duration_s", "seconds")
TOKENS = ("token_count", "total_tokens", "tokens", "llm.token_count.total")
TOKENS_IN = ("prompt_tokens", "input_tokens", "llm.token_count.prompt")
TOKENS_OUT = ("completion_tokens", "output_tokens", "llm.token_count.completion")
COSTS = ("total_cost", "cost", "cost_usd", "llm.cost.total")
"""Column names for latency, tokens and cost in Arize AX, in OpenInference and in user files; the first match counts."""

STATUS, ERROR, REPETITION = "execution_status", "error", "repetition"

VERSION_KEYS = ("evaluator_version_id", "evaluator_version", "version", "code", "commit")
MODEL_KEYS = ("model", "model_name")
"""Keys of a verdict's metadata with the version and the model of its evaluator; the first that is there counts."""

SHORTENED_KEY = "shortened"
"""The key of a verdict whose judge saw only the beginning and the end of a value."""

TOKEN_KEYS = ("prompt_tokens", "completion_tokens")
COST_KEY = "cost"
LABEL_BEFORE_KEY = "label_before"
ASKED_KEYS = (*TOKEN_KEYS, COST_KEY, LABEL_BEFORE_KEY)
"""Keys of a verdict about its question: tokens, US dollars by list prices, and the label that it had before."""

MAKER_KEYS = frozenset({*VERSION_KEYS, *MODEL_KEYS, SHORTENED_KEY})

PREFIX, METADATA = "eval.", ".metadata."
EXPLANATION = "explanation"

_FIELDS = frozenset({"label", "score", EXPLANATION})
_OTHERS = frozenset(
    {*LATENCIES, *LATENCIES_S, *TOKENS, *TOKENS_IN, *TOKENS_OUT, *COSTS, STATUS, ERROR, REPETITION}
)  # fmt: skip
_KEYS = frozenset({"key", "id", "name", "ref", "case", "slug", "number"})


def place_of(column: str) -> tuple[str, str] | None:
    """Split a column name into evaluator name and field; None if it is not an evaluator column."""
    if not column.startswith(PREFIX):
        return None
    name, _, field = column.removeprefix(PREFIX).rpartition(".")
    # A metadata key may be called "score" too, but no column below `metadata` is a field.
    return (name, field) if name and field in _FIELDS and METADATA not in column else None


def maker_of(column: str) -> tuple[str, str] | None:
    """Split the name of a column about the maker of a verdict into evaluator name and key; None for other columns."""
    if not column.startswith(PREFIX) or METADATA not in column:
        return None
    name, _, key = column.removeprefix(PREFIX).partition(METADATA)
    return (name, key) if key in MAKER_KEYS else None


def is_kept(column: str) -> bool:
    """Whether a comparison reads the column of every run."""
    return column in _OTHERS or place_of(column) is not None or maker_of(column) is not None


def is_explanation(column: str) -> bool:
    """Whether the column has an evaluator's explanations. Only its name is kept, because it names an evaluator."""
    place = place_of(column)
    return place is not None and place[1] == EXPLANATION


def is_key(column: str) -> bool:
    """Whether the name of an example's column says that it holds a key or an id."""
    lower = column.lower()
    return lower in _KEYS or lower.endswith(("id", "key"))


class RowGroup(ReplyBody):
    """Rows with the same columns, in order. `places` are their positions in the part; None if they are all its rows.

    `columns` has a list of values for each of the `names`; None instead of explanations.
    """

    names: list[str] = []
    columns: list[list[Any] | None] = []
    places: list[int] | None = None


class ColumnPart(ReplyBody):
    """Consecutive rows as columns: their numbers `ns` in order of arrival, their example ids, and groups of them.

    A non-empty error is the text "failed". Of the columns of a run those that `is_kept` names are there, and of an
    example those that `is_key` names.
    """

    ns: list[int] = []
    example_ids: list[str | None] = []
    groups: list[RowGroup] = []


class ColumnPage(Page[ColumnPart]):
    """Source: `GET /x/experiments/{experiment_id}/columns`, `GET /x/datasets/{dataset_id}/columns`.

    `limit` counts rows, at most 10,000. On AX: the lists of runs and of examples.
    """

    keeps_columns = True

    parts: list[ColumnPart] = []

    @property
    def rows(self) -> Sequence[ColumnPart]:
        """The parts of this page."""
        return self.parts


class OutputsRequest(RequestBody):
    """Read the outputs of some runs by their numbers `ns`.

    On AX: the list of runs. Source: `POST /x/run-outputs`.
    """

    experiment_id: str
    ns: list[int] = Field(max_length=10_000)


class RunOutput(ReplyBody):
    """The output of a run and its error, as the run has them."""

    n: int
    output: str | None = None
    error: str | None = None


class RunOutputs(ReplyBody):
    """The outputs, in no order. Numbers without a run are left out."""

    runs: list[RunOutput] = []


class ExamplesRequest(RequestBody):
    """Read some examples of a dataset's last version by their ids.

    On AX: the list of examples. Source: `POST /x/some-examples`.
    """

    dataset_id: str
    ids: list[str] = Field(max_length=500)


class SomeExamples(ReplyBody):
    """The examples, in no order. Ids without an example are left out."""

    keeps_columns = True

    examples: list[DatasetExample] = []


class ExperimentEvaluators(ReplyBody):
    """The names of the evaluators that have a column in an experiment, sorted.

    On AX: the list of runs. Source: `GET /x/experiments/{experiment_id}/evaluators`.
    """

    evaluators: list[str] = []


class RankedRowsRequest(RequestBody):
    """Read a page of an experiment's rows, and the counts of all its rows.

    `worst_first` puts failed rows first, then rows by their worst score as `directions` says, and last the failed rows
    that were tried again. `offset` rows come before the page.

    On AX: the list of runs. Source: `POST /x/ranked-rows`.
    """

    experiment_id: str
    worst_first: bool = True
    directions: Mapping[str, Direction] = {}
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=20, ge=1, le=500)


class EvaluatorCounts(ReplyBody):
    """The counts of one evaluator over the rows that count: each label, the rows with a label, the rows with a score.

    `tried` counts the scores of rows that did not fail and `passed` those that are 1, if all are 0 or 1.
    """

    labels: dict[str, int] = {}
    labelled: int = 0
    scored: int = 0
    tried: int = 0
    passed: int | None = None


class RankedRows(ReplyBody):
    """A page of rows with all columns, and the counts of all `total` rows.

    `failed` rows count. A further `tried_again` rows failed and have a later run; `past` has the positions of those on
    this page. `unknown_runs` name an example that the dataset did not have when they came; `unknown_ids` has the first
    10 of these examples. If `is_plain` is false, a value is not of the usual type, nothing was counted, and the caller
    has to read the list of runs.
    """

    keeps_columns = True

    is_plain: bool = True
    total: int = 0
    failed: int = 0
    tried_again: int = 0
    evaluators: dict[str, EvaluatorCounts] = {}
    experiment_runs: list[dict[str, Any]] = []
    past: list[int] = []
    unknown_runs: int = 0
    unknown_ids: list[str] = []
