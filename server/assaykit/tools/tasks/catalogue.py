"""Judges of the catalogue that are named as evaluators before the space has them."""

import difflib
from collections.abc import Sequence

from assaykit.api.client import path
from assaykit.errors import NotFound
from assaykit.foreign import as_word, exactly
from assaykit.judge import catalogue
from assaykit.names import Named
from assaykit.planning.judges import Recipe, version_of
from assaykit.planning.queries import WantedEvaluator
from assaykit.session import Session
from assaykit.wire.evaluators import (
    CreateTemplateVersionRequest,
    EvaluatorVersion,
    EvaluatorWithVersion,
    TemplateConfig,
)

NOT_MADE = ""
"""The id of a judge that does not exist yet. `created` makes it."""


async def evaluator_of(here: Session, within: Named, name: str) -> EvaluatorWithVersion:
    """The evaluator of this name, or else the catalogue's judge of this name, which is not created yet.

    Raises:
        NotFound: neither the space nor the catalogue has the name.
        Invalid: no model is there for a judge of the catalogue.
    """
    try:
        named = await here.names.judge(name, within)
    except NotFound as absent:
        if catalogue.find(name) is None:
            near = difflib.get_close_matches(name.casefold(), [one.name for one in catalogue.all()], n=1)
            raise NotFound(
                absent.message + "".join(f" The catalogue has {exactly(one)}." for one in near), absent.next
            ) from None
    else:
        return await here.api.get(path("v2", "evaluators", named.id), EvaluatorWithVersion)
    version = await version_of(here, Recipe(name, catalogue=name), integration=None, model=None)
    config = version.template_config if isinstance(version, CreateTemplateVersionRequest) else None
    empty = EvaluatorVersion(id=NOT_MADE, type="TEMPLATE", template_config=config)
    return EvaluatorWithVersion(id=NOT_MADE, name=name, type="TEMPLATE", version=empty)


def is_new(one: WantedEvaluator) -> bool:
    """True for a judge of the catalogue that does not exist yet. A new copy for traces or sessions is none."""
    return one.evaluator.id == NOT_MADE and one.granularity == "SPAN"


def judges_told(wanted: Sequence[WantedEvaluator], *, created: bool) -> list[str]:
    """One line for each judge of the catalogue that the call creates, with its model."""
    verb = "Created" if created else "The call creates"
    return [
        f"{verb} judge {exactly(one.evaluator.name)} from the catalogue, with model {as_word(_model(one))}"
        for one in wanted
        if is_new(one)
    ]


def _model(one: WantedEvaluator) -> str:
    config = one.config
    return config.llm_config.model_name if isinstance(config, TemplateConfig) else ""
