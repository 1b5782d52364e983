"""Bodies of the engine-only route `POST /x/judge`, which judges a few rows and stores nothing."""

from pydantic import Field

from assaykit.wire.bodies import ReplyBody, RequestBody
from assaykit.wire.evaluators import CreateVersionRequest


class JudgeRowsRequest(RequestBody):
    """Judge a few rows now, without a task, and store nothing. Exactly one of `evaluator_id` and `version` is set.

    On AX: a task with a small `max_spans`. Source: `POST /x/judge`; at most 20 rows.
    """

    evaluator_id: str | None = None
    version: CreateVersionRequest | None = None
    rows: list[dict[str, str | None]] = Field(min_length=1, max_length=20)


class JudgedRow(ReplyBody):
    """The outcome of one row: a label or a score, or the reason for their absence in `error`.

    `shortened` means that the judge saw only the beginning and the end of a value.
    """

    label: str | None = None
    score: float | None = None
    explanation: str | None = None
    error: str | None = None
    shortened: bool = False


class JudgedRows(ReplyBody):
    """The outcomes, in the order of the rows."""

    results: list[JudgedRow] = []
