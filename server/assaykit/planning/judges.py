"""Judges as a user specifies them, and the version bodies made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.known_judges import with_direction
from assaykit.foreign import exactly
from assaykit.judge import catalogue, score
from assaykit.judge.placeholders import names, rewritten, written_as
from assaykit.judge.providers.registry import ANY_KEY_VARIABLE, PROVIDERS
from assaykit.session import Session
from assaykit.wire.evaluators import (
    CreateCodeVersionRequest,
    CreateTemplateVersionRequest,
    Direction,
    EvaluatorLlmConfig,
    InvocationParams,
    ManagedCodeConfig,
    ManagedEvaluator,
    ProviderParams,
    StaticParam,
    TemplateConfig,
)
from assaykit.wire.integrations import AiIntegration, AiIntegrationPage
from assaykit.wire.validation import describe

_NO_MODEL = EvaluatorLlmConfig(
    ai_integration_id="-",
    model_name="-",
    invocation_parameters=InvocationParams(),
    provider_parameters=ProviderParams(),
)
"""Placeholder while the rest of a judge is checked. The model is looked up last."""

_ON_AX = "Make an AI integration with `create_integration` or in the settings of Arize AX"
_KEY_ON_AX = "Give it a key in the settings of Arize AX."

JudgeSource = Literal["catalogue", "template", "code"]

COMMIT_MESSAGE = "Created with assaykit"


@dataclass(frozen=True)
class Recipe:
    """A judge as a user specifies it, from one of three sources: `catalogue`, `template` with `choices`, or `code`."""

    name: str
    catalogue: str | None = None
    template: str | None = None
    choices: Mapping[str, float] | None = None
    code: ManagedEvaluator | None = None
    variables: Sequence[str] | None = None
    pattern: str | None = None
    keywords: Sequence[str] | None = None
    direction: Direction | None = None
    explanations: bool = True

    @property
    def way(self) -> JudgeSource:
        """The source of the judge.

        Raises:
            Invalid: no source or several sources were given.
        """
        ways: tuple[JudgeSource, ...] = ("catalogue", "template", "code")
        given: list[JudgeSource] = [way for way in ways if getattr(self, way) is not None]
        if len(given) != 1:
            found = "none of them was given" if not given else f"{' and '.join(given)} were given"
            raise Invalid(
                f"A judge comes from exactly one of catalogue, template and code; {found}.",
                "`list_judges` shows the catalogue.",
            )
        return given[0]


async def version_of(
    here: Session, recipe: Recipe, *, integration: str | None, model: str | None
) -> CreateTemplateVersionRequest | CreateCodeVersionRequest:
    """The version body of a judge, checked before anything is sent.

    Raises:
        Invalid: the recipe does not make a judge.
        NotFound: no such catalogue judge or integration.
    """
    try:
        if recipe.way == "code":
            code = _code(recipe)
            score.check(code)
            message = with_direction(COMMIT_MESSAGE, recipe.direction)
            return CreateCodeVersionRequest(commit_message=message, code_config=code)
        template = _template(recipe, _NO_MODEL)
        score.check(template)
        llm = await _llm(here, integration, model)
        return CreateTemplateVersionRequest(
            commit_message=COMMIT_MESSAGE, template_config=template.model_copy(update={"llm_config": llm})
        )
    except ValidationError as error:
        raise Invalid(describe(error), "Correct the argument and try again.") from error


def _code(recipe: Recipe) -> ManagedCodeConfig:
    params: list[StaticParam] = []
    if recipe.pattern is not None:
        params.append(StaticParam(name="pattern", type="REGEX", default_value=recipe.pattern))
    if recipe.keywords is not None:
        params.append(StaticParam(name="keywords", type="STRING_ARRAY", default_value=list(recipe.keywords)))
    if recipe.choices is not None:
        raise Invalid("A code evaluator has labels of its own.", "Leave out choices.")
    return ManagedCodeConfig(
        type="MANAGED",
        name=recipe.name,
        managed_evaluator=recipe.code or "EXACT_MATCH",
        variables=list(recipe.variables or _usual_variables(recipe.code)),
        static_params=params or None,
    )


def _usual_variables(code: ManagedEvaluator | None) -> list[str]:
    return ["output", "expected"] if code == "EXACT_MATCH" else ["output"]


def _in_single_braces(template: str) -> str:
    """A judge's template that was written with `{{x}}`. It stays as it is where a name has no form with `{x}`."""
    told = rewritten(template, "MUSTACHE", "F_STRING")
    return told if names(told, "F_STRING") == names(template, "MUSTACHE") else template


def _template(recipe: Recipe, llm: EvaluatorLlmConfig) -> TemplateConfig:
    for word in ("variables", "pattern", "keywords"):
        if getattr(recipe, word) is not None:
            raise Invalid(f"{word} belongs to a code evaluator.", "Leave it out, or pass code.")
    template, choices, direction = recipe.template, recipe.choices, recipe.direction
    if recipe.catalogue is not None:
        ready = catalogue.find(recipe.catalogue)
        if ready is None:
            known = ", ".join(judge.name for judge in catalogue.all())
            raise NotFound(
                f"The catalogue has no judge {exactly(recipe.catalogue)}; it has {known}.", "Use one of these."
            )
        if choices is not None:
            raise Invalid("A catalogue judge has choices of its own.", "Leave out choices, or write a template.")
        template, choices, direction = ready.template, ready.choices, direction or ready.direction
    elif template and written_as(template) == "MUSTACHE":
        template = _in_single_braces(template)
    if not choices:
        raise Invalid(
            "A judge of your own needs choices.",
            "Pass choices={'good': 1, 'bad': 0}: each label with its score.",
        )
    return TemplateConfig(
        name=recipe.name,
        template=template or "",
        include_explanations=recipe.explanations,
        use_function_calling=True,
        use_structured_output=True,
        classification_choices=dict(choices),
        direction=direction or "MAXIMIZE",
        data_granularity="SPAN",
        llm_config=llm,
    )


async def _llm(here: Session, integration: str | None, model: str | None) -> EvaluatorLlmConfig:
    every = [one async for one in rows(here.api, "/v2/ai-integrations", AiIntegrationPage)]
    on_engine = await here.api.has_engine_routes()
    if not every:
        key = f"Set {ANY_KEY_VARIABLE} in the server's environment and start it again" if on_engine else _ON_AX
        code = "`create_judge` with code makes an evaluator that needs no model."
        raise Invalid("No model is there to judge with.", f"{key}. {code}")
    named = await here.names.integration(integration)
    chosen = await here.api.get(path("v2", "ai-integrations", named.id), AiIntegration)
    usual = PROVIDERS[chosen.provider].environment
    if chosen.has_api_key is False and usual is not None:
        key = f"Set {usual.key_variable} in the server's environment and start it again." if on_engine else _KEY_ON_AX
        raise Invalid(f"Integration {exactly(chosen.name)} has no key.", key)
    wanted = model or next(iter(chosen.model_names or ()), None) or (usual and usual.default_model)
    if wanted is None:
        raise Invalid(f"Integration {exactly(chosen.name)} names no model.", "Pass model.")
    return EvaluatorLlmConfig(
        ai_integration_id=chosen.id,
        model_name=wanted,
        invocation_parameters=InvocationParams(temperature=0),
        provider_parameters=ProviderParams(),
    )
