"""Disclosures: the rows, calls, tokens and dollars of paid work, and the text that each host gets, before any call.

Every tool that spends makes one before it starts anything, and its preview and its reply show it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from assaykit.errors import Invalid
from assaykit.figures import dollars
from assaykit.foreign import as_word, exactly
from assaykit.judge.providers import cloud_places
from assaykit.judge.providers.prices import Estimate, Prices, estimate
from assaykit.judge.providers.registry import PROVIDERS
from assaykit.planning.costs import characters_of, integration_of, rate_of
from assaykit.planning.queries import WantedEvaluator
from assaykit.planning.spans import EvaluatorShare, TaskPlan, Variable
from assaykit.session import Session
from assaykit.wire.evaluators import TemplateConfig
from assaykit.wire.integrations import AiIntegration

TEXTS_SHOWN = 12
HOSTS_SHOWN = 5
DAYS_OF_WEEK = 7


class ModelCalls(NamedTuple):
    """The calls of one judge or prompt to one model.

    `host` is the host of the model's address, and `texts` are the columns or attributes whose values it gets.
    `tokens` and `cost` (US dollars) are estimates; None if unknown.
    """

    model: str
    host: str
    calls: int
    texts: Sequence[str] = ()
    tokens: int | None = None
    cost: float | None = None


class Disclosure(NamedTuple):
    """What a call spends, and what it sends to whom.

    `models` leaves out evaluators that call no model. `basis` is set for a continuous task: `rows` and `models` are
    then those of a week at the rate of that time, such as "last week". `stops_at` is the limit in US dollars that the
    engine enforces, and `at_once` is the most questions in flight, if known. `max_spans` is the most rows of a run on a
    backend that enforces no dollars.
    """

    rows: int = 0
    things: str = "rows"
    models: Sequence[ModelCalls] = ()
    on_ax: bool = False
    stops_at: float | None = None
    max_spans: int | None = None
    basis: str = ""
    at_once: int | None = None

    @property
    def calls(self) -> int:
        """The calls to models; for a continuous task, those of a week."""
        return sum(one.calls for one in self.models)

    @property
    def cost(self) -> float:
        """US dollars of the calls whose price is known, at most `stops_at`."""
        known = sum(one.cost or 0.0 for one in self.models)
        return known if self.stops_at is None else min(known, self.stops_at)

    @property
    def is_priced(self) -> bool:
        """True if the price of every call is known."""
        return all(one.cost is not None for one in self.models if one.calls)

    def times(self, factor: int) -> "Disclosure":
        """The same work so many times."""

        def scaled(one: ModelCalls) -> ModelCalls:
            tokens = None if one.tokens is None else one.tokens * factor
            cost = None if one.cost is None else one.cost * factor
            return one._replace(calls=one.calls * factor, tokens=tokens, cost=cost)

        return self._replace(rows=self.rows * factor, models=[scaled(one) for one in self.models])

    def amount(self) -> str:
        """`1,200 calls to models for 600 rows, about 960,000 tokens, $4.20 by list prices`."""
        calls = f"{counted(self.calls, 'calls')} to models for {counted(self.rows, self.things)}"
        tokens = sum(one.tokens or 0 for one in self.models)
        return ", ".join([calls, *([f"about {tokens:,} tokens"] if tokens else []), self._price()])

    def lines(self) -> list[str]:
        """The disclosure in words, one line each. Empty if no model is called."""
        if not self.models:
            return []
        if not self.calls:
            return ["No forecast: no matching row arrived in the last week", *self._sent()] if self.basis else []
        return [self._forecast() if self.basis else self.amount(), *self._sent(), *self._limit()]

    def as_dict(self) -> dict[str, Any]:
        """Plain data. `cost` is null if the price of a call is not known."""
        tokens = sum(one.tokens or 0 for one in self.models)
        sent = [{"host": one.host, "model": one.model, "texts": [*one.texts]} for one in self.models]
        cost = self.cost if self.is_priced else None
        found = {"rows": self.rows, "calls": self.calls, "tokens": tokens, "cost": cost, "sent": sent}
        return {**found, "stops_at": self.stops_at} | ({"per": "week"} if self.basis else {})

    def _forecast(self) -> str:
        number = self.calls / DAYS_OF_WEEK
        a_day = f"{number:,.0f} calls" if number >= DAYS_OF_WEEK else f"{number:.1f} calls"
        if self.is_priced:
            a_day = f"{dollars(self.cost / DAYS_OF_WEEK)} and {a_day}"
        return f"About {a_day} a day at {self.basis}'s rate; in a week {self.amount()}"

    def _price(self) -> str:
        unknown = sum(one.calls for one in self.models if one.cost is None)
        if not unknown:
            return f"{dollars(sum(one.cost or 0.0 for one in self.models))} by list prices"
        if unknown == self.calls:
            return "price unknown"
        return f"{dollars(self.cost)} by list prices and {counted(unknown, 'calls')} of unknown price"

    def _sent(self) -> list[str]:
        """One line for each host and model with the texts that it gets."""
        texts: dict[tuple[str, str], dict[str, None]] = {}
        for one in self.models:
            texts.setdefault((one.host, one.model), {}).update(dict.fromkeys(one.texts))
        asks = "Arize AX asks the model" if self.on_ax else "Sent to"
        lines = [
            f"{asks} {as_word(model)} at {host} with: {_some(list(of))}"
            if self.on_ax
            else f"{asks} {host} for {as_word(model)}: {_some(list(of))}"
            for (host, model), of in texts.items()
        ]
        more = [f"and to {len(lines) - HOSTS_SHOWN} more models"] if len(lines) > HOSTS_SHOWN else []
        return [*lines[:HOSTS_SHOWN], *more]

    def _limit(self) -> list[str]:
        if self.basis and self.stops_at is not None:
            most = dollars(self.stops_at)
            return [f"It stops after {most} from now on (max_cost); the questions in flight then may exceed it"]
        if self.basis:
            limit = "on Arize AX limits dollars" if self.on_ax else "limits dollars without max_cost"
            return [f"Nothing {limit}; update_task(is_continuous=false) ends the task"]
        if self.stops_at is not None:
            then = "the questions in flight then" + ("" if self.at_once is None else f", at most {self.at_once},")
            return [f"It stops at {dollars(self.stops_at)} (max_cost); {then} may exceed it"]
        if self.on_ax:
            rows = f"; max_spans={self.max_spans} bounds the rows of each run" if self.max_spans else ""
            return [f"Nothing on Arize AX enforces dollars{rows}"]
        return []


def counted(number: int, things: str) -> str:
    """`1,200 calls`, or `1 call`. `things` is a plural that ends with s."""
    return f"{number:,} {things[:-1] if number == 1 else things}"


def _some(texts: Sequence[str]) -> str:
    """The first texts by name, after the prompt, which is always sent."""
    shown = ["the prompt", *map(as_word, texts[:TEXTS_SHOWN])]
    more = f" and {len(texts) - TEXTS_SHOWN} more" if len(texts) > TEXTS_SHOWN else ""
    return ", ".join(shown) + more


class Bounds(NamedTuple):
    """The bounds of the work that a plan starts."""

    max_cost: float | None = None
    max_spans: int | None = None


async def disclosed(
    here: Session, plan: TaskPlan, wanted: Sequence[WantedEvaluator], bounds: Bounds | None = None, basis: str = ""
) -> Disclosure:
    """The disclosure of a plan whose costs are estimated by `with_costs`."""
    within = bounds or Bounds()
    hosts = Hosts(here)
    models = [
        await _calls_of(hosts, share, one.judge)
        for share, one in zip(plan.shares, wanted, strict=True)
        if one.judge is not None
    ]
    return Disclosure(
        plan.rows if models else 0,
        plan.things,
        models,
        on_ax=not await here.api.has_engine_routes(),
        stops_at=within.max_cost,
        max_spans=within.max_spans,
        basis=basis,
    )


def refuse_unpriced(spending: Disclosure, home: Path) -> None:
    """Refuse a limit of dollars where the price of a model is not known, before anything is made.

    Raises:
        Invalid: the price of a model is not known; the message names the model.
    """
    unpriced = next((one.model for one in spending.models if one.calls and one.cost is None), None)
    if spending.stops_at is not None and unpriced is not None:
        raise Invalid(
            f"The price of model {exactly(unpriced)} is not known, so max_cost cannot be enforced.",
            f'Write {{"{unpriced}": {{"input": 0.15, "output": 0.6}}}}, dollars for a million tokens, into '
            f"{Prices(home).file}; or limit the run by max_rows.",
        )


async def _calls_of(hosts: "Hosts", share: EvaluatorShare, config: TemplateConfig) -> ModelCalls:
    llm = config.llm_config
    texts = [variable.path for variable in share.variables]
    return calls_to(llm.model_name, await hosts.of(llm.ai_integration_id), share.calls, texts, share.estimate)


async def judge_calls(
    here: Session, hosts: "Hosts", config: TemplateConfig, variables: Sequence[Variable], calls: int
) -> ModelCalls:
    """The calls of a judge that reads these variables.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    llm = config.llm_config
    texts = [one.path for one in variables]
    integration = await hosts.integration(llm.ai_integration_id)
    return await prompt_calls(here, integration, llm.model_name, calls, texts, characters_of(config, variables))


async def prompt_calls(
    here: Session, integration: AiIntegration | None, model: str, calls: int, texts: Sequence[str], characters: float
) -> ModelCalls:
    """The calls of a prompt that has so many characters, values included.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    rate = await rate_of(Prices(here.settings.home), integration, model)
    return calls_to(model, host_of(integration), calls, texts, estimate(model, rate, max(calls, 1), characters))


def calls_to(model: str, host: str, calls: int, texts: Sequence[str], expected: Estimate | None) -> ModelCalls:
    """The calls to a model, with the tokens and the cost of an estimate for any number of them."""
    if expected is None:
        return ModelCalls(model, host, calls, texts)
    of = expected.of(calls)
    return ModelCalls(model, host, calls, texts, of.prompt_tokens + of.completion_tokens, of.cost)


class Hosts:
    """The hosts of integrations. Each integration is fetched once."""

    def __init__(self, here: Session) -> None:
        self._here = here
        self._found: dict[str, AiIntegration | None] = {}

    async def integration(self, integration_id: str) -> AiIntegration | None:
        """The integration; None if it is gone or hidden from us."""
        if integration_id not in self._found:
            self._found[integration_id] = await integration_of(self._here.api, integration_id)
        return self._found[integration_id]

    async def of(self, integration_id: str) -> str:
        """The host of the integration's models, with a port if it names one."""
        return host_of(await self.integration(integration_id))


def place_address(integration: AiIntegration) -> str | None:
    """The address of the cloud's place that the integration names, if it names one."""
    metadata = integration.provider_metadata
    told = {} if metadata is None else metadata.model_dump(exclude_none=True)
    is_whole = integration.provider != "VERTEX_AI" or {"project_id", "location"} <= told.keys()
    return cloud_places.address(integration.provider, None, told) if is_whole else None


def host_of(integration: AiIntegration | None) -> str:
    """The host of an integration's models, without user and password; else the provider's name."""
    if integration is None:
        return "an unknown host"
    row = PROVIDERS.get(integration.provider)
    address = integration.base_url or (None if row is None else row.own_url) or place_address(integration)
    try:
        parts = urlsplit(address or "")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return f"the provider {integration.provider}"
    return as_word(parts.hostname) + port if parts.hostname else f"the provider {integration.provider}"
