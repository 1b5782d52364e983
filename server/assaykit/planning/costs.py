"""Cost estimates for the calls of a plan, made before any call."""

from collections.abc import Sequence
from dataclasses import replace

import anyio.to_thread

from assaykit.api.client import Api, path
from assaykit.errors import NotFound, Unauthorized
from assaykit.judge.providers.prices import Estimate, Prices, Rate, estimate
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.spans import EvaluatorShare, TaskPlan, Variable
from assaykit.session import Session
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.integrations import AiIntegration

FRAME_CHARACTERS = 600
"""Characters of a judge's prompt besides the template and the values: the fences and the text about the choices."""


async def with_costs(here: Session, plan: TaskPlan, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """The plan with an estimate for each judge's calls. Code evaluators call no model, so they have none.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    prices = Prices(here.settings.home)
    pairs = zip(plan.shares, wanted, strict=True)
    return replace(plan, shares=[await _with_cost(here.api, prices, share, one) for share, one in pairs])


async def _with_cost(api: Api, prices: Prices, share: EvaluatorShare, one: WantedEvaluator) -> EvaluatorShare:
    expected = await _expected(api, prices, share, one.config) if share.calls else None
    return replace(share, estimate=expected)


async def _expected(api: Api, prices: Prices, share: EvaluatorShare, config: object) -> Estimate | None:
    if not isinstance(config, TemplateConfig):
        return None
    llm = config.llm_config
    rate = await rate_of(prices, await integration_of(api, llm.ai_integration_id), llm.model_name)
    characters = characters_of(config, share.variables)
    if share.characters is not None:
        characters = characters_of(config, ()) + share.characters
    return estimate(llm.model_name, rate, share.calls, characters)


def characters_of(config: TemplateConfig, variables: Sequence[Variable]) -> float:
    """The characters of a judge's prompt, with values as long as those that its variables were tried on."""
    return len(config.template) + FRAME_CHARACTERS + sum(variable.characters for variable in variables)


async def rate_of(prices: Prices, integration: AiIntegration | None, model: str) -> Rate | None:
    """The price of a model of an integration; None if it is not known.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    return await anyio.to_thread.run_sync(prices.rate, "" if integration is None else integration.provider, model)


async def integration_of(api: Api, integration_id: str) -> AiIntegration | None:
    """The integration with this id; None if it is gone or hidden from us.

    Source: REST v2 `GET /v2/ai-integrations/{id}`.
    """
    try:
        return await api.get(path("v2", "ai-integrations", integration_id), AiIntegration)
    except (NotFound, Unauthorized):
        return None
