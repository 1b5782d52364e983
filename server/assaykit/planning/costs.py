"""Cost estimates for the calls of a plan, made before any call."""

from collections.abc import Sequence
from dataclasses import replace

import anyio.to_thread

from assaykit.api.client import Api, path
from assaykit.errors import NotFound, Unauthorized
from assaykit.judge.providers.prices import Estimate, Prices, estimate
from assaykit.planning.spans import EvaluatorShare, TaskPlan, WantedEvaluator
from assaykit.session import Session
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.integrations import AiIntegration

FRAME_CHARACTERS = 600
"""Characters of a judge's prompt besides the template and the values: the fences and the text about the choices."""


async def with_costs(here: Session, plan: TaskPlan, wanted: Sequence[WantedEvaluator]) -> TaskPlan:
    """The plan with an estimate for each judge's calls. Code evaluators call no model, so they have none.

    Source: REST v2 `GET /v2/ai-integrations/{id}`.

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
    provider = await _provider(api, llm.ai_integration_id)
    rate = await anyio.to_thread.run_sync(prices.rate, provider, llm.model_name)
    values = sum(variable.characters for variable in share.variables)
    return estimate(llm.model_name, rate, share.calls, len(config.template) + FRAME_CHARACTERS + values)


async def _provider(api: Api, integration_id: str) -> str:
    """The provider of an integration. Empty if the integration is gone or hidden from us; no price is known then."""
    try:
        return (await api.get(path("v2", "ai-integrations", integration_id), AiIntegration)).provider
    except (NotFound, Unauthorized):
        return ""
