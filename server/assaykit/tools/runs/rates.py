"""The labels of runs by evaluator, with the version that gave them, and failure rates corrected by its calibration."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.judged_rates import JudgedRate, judged_rate
from assaykit.api.client import path
from assaykit.experiments.calibration_records import known_calibrations
from assaykit.foreign import as_word
from assaykit.session import Session
from assaykit.wire.evaluators import EvaluatorWithVersion
from assaykit.wire.local import RunJudge, RunReport
from assaykit.wire.runs import TaskRun


class JudgedLabels(NamedTuple):
    """The labels that an evaluator gave in a run, the version that gave them, and the rate of failures among them.

    `rate` is None without a calibration of the judge, and for one that does not say which labels are failures.
    `is_calibrated` says whether there is one at all.
    """

    name: str
    labels: Mapping[str, int]
    made_by: RunJudge | None
    rate: JudgedRate | None
    is_calibrated: bool

    @property
    def maker_told(self) -> str:
        """The version and the model in parentheses, and whether a judge has no calibration."""
        if self.made_by is None:
            return ""
        model = "" if self.made_by.model is None else f", model {as_word(self.made_by.model)}"
        bare = ", not calibrated" if self.made_by.model is not None and not self.is_calibrated else ""
        return f" (v{self.made_by.version or '?'}{model}{bare})"


async def judged_by(here: Session, report: RunReport) -> list[JudgedLabels]:
    """The labels of each evaluator of a run."""
    found: list[JudgedLabels] = []
    for evaluator_id, labels in report.labels.items():
        judge = await here.api.get(path("v2", "evaluators", evaluator_id), EvaluatorWithVersion)
        made_by = report.judges.get(evaluator_id)
        rate = None
        record = known_calibrations(here.settings, judge.space_id or "").get(_column(judge))
        if record is not None and made_by is not None:
            rate = judged_rate(labels, record, made_by.version_id, made_by.version)
        found.append(JudgedLabels(judge.name, labels, made_by, rate, record is not None))
    return found


def _column(judge: EvaluatorWithVersion) -> str:
    """The name under which a calibration of spans or experiments finds the verdicts of an evaluator."""
    config = judge.version.config
    if config is None:
        return judge.name
    level = config.data_granularity or "SPAN"
    return config.name if level == "SPAN" else f"{level.lower()}_eval.{config.name}"


async def rates_of_task(here: Session, space_id: str, runs: Sequence[TaskRun]) -> list[str]:
    """A line for each calibrated judge of a task: its rate over these runs, as far as one version made them."""
    if not known_calibrations(here.settings, space_id) or not await here.api.has_engine_routes():
        return []
    labels: dict[str, Counter[str]] = {}
    judges: dict[str, tuple[str, RunJudge]] = {}
    for run in runs:
        report = await here.api.get(path("x", "task-runs", run.id, "report"), RunReport)
        for evaluator_id, counted in report.labels.items():
            if (made_by := report.judges.get(evaluator_id)) is not None:
                judges[made_by.version_id] = evaluator_id, made_by
                labels.setdefault(made_by.version_id, Counter()).update(counted)
    lines: list[str] = []
    for version_id, counted in labels.items():
        evaluator_id, made_by = judges[version_id]
        one = RunReport(labels={evaluator_id: dict(counted)}, judges={evaluator_id: made_by})
        (told,) = await judged_by(here, one)
        if told.rate is not None:
            lines.append(f"{as_word(told.name)} v{made_by.version or '?'} in these runs: {told.rate.as_text()}")
    return lines
