"""The plans of experiments in the data folder, so that a retry needs none, and the content that rows were made from."""

import hashlib
import json
from pathlib import Path

import structlog

from assaykit.experiments.content import CONTENT, Content
from assaykit.experiments.executing import ExperimentPlan, FunctionReference
from assaykit.runner.journal import FOLDER

MOST_PLANS = 1_000
"""The most plans of experiments that a data folder keeps for retries."""

log = structlog.get_logger()


def remember(home: Path, experiment_id: str, plan: ExperimentPlan, origin: Content) -> None:
    """Store the plan of an experiment, so that its failed rows can be run again without giving the plan again.

    `origin` is the content that its rows were made from.

    A plan that cannot be stored is left out with a warning in the log, because the experiment itself is recorded. The
    newest `MOST_PLANS` plans are kept.
    """
    functions = [[str(one.file), one.name] for one in plan.functions]
    told = plan._asdict() | {"python": str(plan.python), "functions": functions, "origin": origin._asdict()}
    del told["task"], told["evaluators"]
    place = _kept_at(home, experiment_id)
    # Replaced in one step: a full disk or a killed process leaves no half of a plan.
    partly = place.with_suffix(".part")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partly.write_text(json.dumps(told), encoding="utf-8")
        partly.replace(place)
        by_age = sorted(place.parent.glob("*.json"), key=lambda one: one.stat().st_mtime, reverse=True)
        for old in by_age[MOST_PLANS:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.warning("plan_not_kept", experiment=experiment_id, cause=error.strerror)


def recalled(home: Path, experiment_id: str) -> ExperimentPlan | None:
    """The stored plan of an experiment. None if this data folder has none, or only a part of one."""
    try:
        told = json.loads(_kept_at(home, experiment_id).read_text(encoding="utf-8"))
        told.pop("origin", None)
        task, *evaluators = (FunctionReference(Path(file), name) for file, name in told.pop("functions"))
        return ExperimentPlan(task, evaluators, Path(told.pop("python")), **told)
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def origin_of(home: Path, experiment_id: str) -> Content:
    """The content that the rows of an experiment were made from; empty where this data folder does not know it."""
    try:
        return CONTENT.validate_python(json.loads(_kept_at(home, experiment_id).read_text(encoding="utf-8"))["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        return Content()


def _kept_at(home: Path, experiment_id: str) -> Path:
    return home / FOLDER / f"{hashlib.sha256(experiment_id.encode()).hexdigest()[:24]}.json"
