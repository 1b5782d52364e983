"""Bodies of the engine-only route that writes verdicts on the runs of an experiment."""

from typing import Annotated

from pydantic import Field

from assaykit.wire.bodies import Name, ReplyBody, RequestBody
from assaykit.wire.datasets import ROWS_PER_REQUEST


class RunVerdict(RequestBody):
    """A function's verdict on a run. One without label and score failed, and its explanation says why.

    `code` is the digest of the function. `metadata` is the function's own.
    """

    run_id: str
    name: Name
    label: str | None = None
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    explanation: str | None = None
    code: str | None = None
    metadata: dict[str, str] = {}


class RunVerdictsRequest(RequestBody):
    """Write verdicts on runs of an experiment, all or none. A verdict of other code is kept as an earlier one.

    On AX: a further experiment of the same outputs. Source: `PUT /x/experiments/{experiment_id}/verdicts`.
    """

    verdicts: Annotated[list[RunVerdict], Field(min_length=1, max_length=ROWS_PER_REQUEST)]


class RunVerdictCounts(ReplyBody):
    """The counts of written verdicts: new ones, ones that replaced another, and ones that equal the stored verdict."""

    new: int = 0
    replaced: int = 0
    unchanged: int = 0
