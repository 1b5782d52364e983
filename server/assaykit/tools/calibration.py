"""Toolset judges: judges held against people's labels."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from assaykit.experiments.calibrating import CalibrationRequest, calibrated
from assaykit.planning.periods import parse
from assaykit.report.calibration import calibration_lines
from assaykit.toolkit.builder import tool
from assaykit.toolkit.parameters import Here, PeriodText, ProjectName, SpaceName
from assaykit.toolkit.replies import Reply, quoted

TOOLSET = "judges"
SHOWN = 10
"""Rows of each kind of disagreement in the data of a reply."""

_PARTS: Mapping[str, Literal["develop", "held out"]] = {"develop": "develop", "held_out": "held out"}


@tool("read")
async def calibrate_judge(
    here: Here,
    judge: str,
    truth: Annotated[str, Field(description="Column or evaluator")],
    experiments: list[str] | None = None,
    project: ProjectName = None,
    filter: str | None = None,  # noqa: A002  (AX's word for it)
    window: PeriodText = None,
    people: list[str] | None = None,
    labels: Annotated[dict[str, str] | None, Field(description="{one: other}")] = None,
    failures: list[str] | None = None,
    slice_by: list[str] | None = None,
    part: Literal["develop", "held_out"] | None = None,
    against: str | None = None,
    space: SpaceName = None,
) -> Reply:
    """Hold a judge against people's labels.

    Source: REST v2 `GET /v2/experiments/{id}/runs`, `POST /v2/spans`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space)
    period = parse(window or "everything", here.now()) if project is not None else None
    asked = CalibrationRequest(
        judge, truth, experiments or (), project,
        None if period is None else period.start, None if period is None else period.end,
        filter, people or (), labels or {}, failures or (), slice_by or (), None if part is None else _PARTS[part],
        against,
    )  # fmt: skip
    found = await calibrated(here, within, asked)
    data: dict[str, Any] = {**here.source(within), "judge": judge, "truth": truth, **found.as_dict()}
    data["disagreements"] = [_cut(one) for one in data["disagreements"]]
    head = f"Judge {quoted(judge)} against {quoted(truth)}, {found.agreement.rows} rows"
    if part is not None:
        head += f", {_PARTS[part]} part"
    after = "Next: sharpen the judge with create_judge(new_version=true), score the rows anew, and calibrate again."
    if found.record is not None and part != "develop":
        after = "The result is kept; check_release cites it. " + after
    return Reply(head, data, calibration_lines(found, judge, truth), after)


def _cut(kind: Mapping[str, Any]) -> dict[str, Any]:
    return {**kind, "examples": kind["examples"][:SHOWN], "left_out": max(0, kind["rows"] - SHOWN)}
