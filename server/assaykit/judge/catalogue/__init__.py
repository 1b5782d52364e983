"""Ready-made judges, one JSON file each, read on first use.

A file holds the task and the data as lines, and the labels with their definitions once. The loader appends the labels
to the template, so that template and labels cannot diverge.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from pydantic import BaseModel, ConfigDict

from assaykit.judge import templates
from assaykit.wire.evaluators import Direction, Granularity


class _File(BaseModel):
    """The content of a judge's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    display_name: str
    description: str
    version: int
    direction: Direction
    granularity: Granularity
    choices: dict[str, float]
    labels: dict[str, str]
    template: list[str]


@dataclass(frozen=True, slots=True)
class Judge:
    """One ready-made judge. `choices` is `{label: score}`, `labels` is `{label: definition}`.

    `version` goes up whenever its verdicts may change.
    """

    name: str
    display_name: str
    description: str
    version: int
    template: str
    choices: dict[str, float]
    labels: dict[str, str]
    direction: Direction
    granularity: Granularity

    @property
    def variables(self) -> list[str]:
        """The names of the template's placeholders; each needs a column."""
        return templates.placeholders(self.template)


@cache
def _loaded() -> dict[str, Judge]:
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    judges = [_judge(file.read_text(encoding="utf-8")) for file in files if file.name.endswith(".json")]
    return {judge.name: judge for judge in judges}


def _judge(text: str) -> Judge:
    file = _File.model_validate_json(text)
    fields: dict[str, Any] = file.model_dump()
    labels = [f'- "{label}": {definition}' for label, definition in file.labels.items()]
    fields["template"] = "\n".join([*file.template, "", "Answer with exactly one of these labels:", *labels])
    return Judge(**fields)


def all() -> list[Judge]:  # noqa: A001  (callers write `catalogue.all()`)
    """Every judge, by name."""
    return list(_loaded().values())


def find(name: str) -> Judge | None:
    """The judge of that name, in any letter case."""
    return _loaded().get(name.strip().casefold())
