"""Chat models for judges and experiments, made from their configurations."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

import anyio.to_thread
import sqlalchemy as sa

from assaykit.engine import credentials, raw_keys
from assaykit.engine.known_keys import KnownKeys
from assaykit.engine.runs.limits import Expectation
from assaykit.engine.store.database import Database
from assaykit.engine.store.definitions import evaluators, integrations
from assaykit.engine.validation import run_configurations
from assaykit.errors import Invalid
from assaykit.importing import imported
from assaykit.judge.providers import cloud_places, cloud_signatures, provider_parameters
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.chat import chat_model
from assaykit.judge.providers.models import ChatModel, Endpoint
from assaykit.judge.providers.output_modes import FallbackModel
from assaykit.judge.providers.prices import Prices, Rate, expected, load_list, most
from assaykit.judge.providers.rate_control import Gate
from assaykit.judge.providers.transport import Transport
from assaykit.wire.evaluators import InvocationParams, ManagedCodeConfig, TemplateConfig
from assaykit.wire.run_configurations import RUN_CONFIGURATION
from assaykit.wire.tasks import CreateTaskRequest, Task


class Priced(NamedTuple):
    """A model, the price of its tokens if known, and a digest of all settings that influence an answer.

    `max_tokens` is the most tokens of a reply; None if the parameters do not limit it.
    """

    model: FallbackModel
    rate: Rate | None
    identity: bytes
    max_tokens: int | None

    def expectation(self, characters: int) -> Expectation:
        """The expected cost of a prompt of so many characters."""
        limit = most(self.rate, characters, self.max_tokens)
        return Expectation(self.identity.hex(), expected(self.rate, characters), limit)


class Models:
    """Makes chat models. It reads a key whenever it makes a model, and stores none.

    All calls with one key to one address share a `Gate`, across runs and previews.

    The models share one transport, made with the first model: loading the certificates takes longer than the rest of
    the engine's start, and most engines never call a model.
    """

    def __init__(
        self,
        database: Database,
        environment: Mapping[str, str],
        concurrency: int,
        calls_a_second: float | None,
        prices: Prices,
        keys: raw_keys.RawKeys,
        known: KnownKeys,
    ) -> None:
        self.prices = prices
        self.raw_keys = keys
        self._known = known
        self._database = database
        self.environment = environment
        self._concurrency = concurrency
        self._calls_a_second = calls_a_second
        self._transport: Transport | None = None
        self._awaited = anyio.Event()
        self._gates: dict[tuple[str, str | None, str | None], Gate] = {}

    def expect(self) -> None:
        """A model will be asked soon: a judge or an integration was stored, or a run was planned."""
        self._awaited.set()

    async def make_ready(self) -> None:
        """Import what the first question needs, once a question is expected. So the first judged row need not wait."""
        await self._awaited.wait()
        await self._ready_transport()
        await anyio.to_thread.run_sync(load_list)

    @property
    def rows_at_once(self) -> int:
        """The rows to process at once: four per concurrent call, so that a row waiting for a retry blocks no other."""
        return 4 * self._concurrency

    async def aclose(self) -> None:
        """Close the shared transport."""
        if self._transport is not None:
            await self._transport.aclose()

    async def for_config(self, config: TemplateConfig | ManagedCodeConfig) -> Priced | None:
        """The model of a judge; None for a code evaluator, which needs no model.

        Raises:
            NotFound: the judge's integration does not exist any more.
            Unsupported: the integration's key is in a keyring that cannot be read.
            Invalid: the user's price list cannot be read.
        """
        if isinstance(config, ManagedCodeConfig):
            return None
        access = await self._database.read(integrations.access, config.llm_config.ai_integration_id)
        return await self._priced(access, self._of_judge(access, config))

    def identity(self, connection: sa.Connection, config: TemplateConfig) -> bytes:
        """The digest of a judge's model, as in `Priced`. Its key is not read.

        Raises:
            NotFound: the judge's integration does not exist any more.
        """
        access = integrations.access(connection, config.llm_config.ai_integration_id)
        return _identity(self._of_judge(access, config))

    async def for_experiment(self, config: run_configurations.Runnable) -> Priced:
        """The model of an experiment's run configuration.

        Raises:
            NotFound: the configuration's integration does not exist any more.
            Invalid: neither the configuration nor the integration names a model, or the user's price list cannot be
                read.
            Unsupported: the integration's key is in a keyring that cannot be read.
        """
        access = await self._database.read(integrations.access, config.ai_integration_id)
        model = run_configurations.model_of(config, access)
        params = config.invocation_parameters or InvocationParams()
        own = provider_parameters.headers(access.provider, run_configurations.provider_params(config))
        return await self._priced(access, self._endpoint(access, model, params, own))

    async def to_check(self, access: integrations.Access, model: str) -> ChatModel:
        """A model of an integration with default parameters, for a connection check.

        Raises:
            Invalid: the user's price list cannot be read.
            Unsupported: the integration's key is in a keyring that cannot be read.
        """
        return (await self._priced(access, self._endpoint(access, model, InvocationParams()))).model

    async def rates(self, task: Task | CreateTaskRequest) -> list[tuple[str, Rate | None]]:
        """The models that a task calls, each with its price if known.

        Raises:
            NotFound: an evaluator or integration of the task does not exist any more.
            Invalid: the user's price list cannot be read, or the run configuration is not valid any more.
        """
        found = await self._database.read(self._rates, task)
        if found:
            self.expect()
        return found

    async def refuse_unpriced(self, task: Task | CreateTaskRequest) -> None:
        """Refuse a limit of cost for a task if the price of one of its models is unknown.

        Raises:
            Invalid: the price of a model is unknown; the message names the model.
            NotFound, Invalid: as `rates`.
        """
        for model, rate in await self.rates(task):
            if rate is None:
                raise Invalid(
                    f"The price of model {model!r} is not known, so max_cost cannot be enforced.",
                    f'Write {{"{model}": {{"input": 0.15, "output": 0.6}}}}, dollars for a million tokens, into '
                    f"{self.prices.file}; or limit the run by max_rows.",
                )

    def _rates(self, connection: sa.Connection, task: Task | CreateTaskRequest) -> list[tuple[str, Rate | None]]:
        asked: list[tuple[str, str]] = []
        if task.run_configuration is not None:
            config = run_configurations.check(connection, RUN_CONFIGURATION.validate_python(task.run_configuration))
            asked.append((config.ai_integration_id, config.model_name or ""))
        for entry in task.evaluators or ():
            judge = evaluators.get(connection, entry.evaluator_id, entry.evaluator_version_id).version.config
            if isinstance(judge, TemplateConfig):
                asked.append((judge.llm_config.ai_integration_id, judge.llm_config.model_name))
        of_models: list[tuple[str, Rate | None]] = []
        for integration_id, named in asked:
            access = integrations.access(connection, integration_id)
            model = named or next(iter(access.model_names), "")
            of_models.append((model, self.prices.rate(access.provider, model)))
        return of_models

    def _endpoint(
        self,
        access: integrations.Access,
        model: str,
        params: InvocationParams,
        provider_headers: Mapping[str, str] = MappingProxyType({}),
        *,
        function_calling: bool = True,
        structured_output: bool = True,
    ) -> Endpoint:
        """The address and the settings of a model, without its key."""
        base_url = credentials.address(access.base_url, self.environment)
        return Endpoint(
            provider=access.provider,
            base_url=cloud_places.address(access.provider, base_url, access.provider_metadata),
            key=None,
            key_name=credentials.described(access.secret_ref),
            model=model,
            params=params,
            function_calling=function_calling and access.function_calling,
            structured_output=structured_output,
            headers=access.headers,
            provider_headers=provider_headers,
            aws_place=cloud_places.aws_place(access.provider_metadata),
        )

    def _of_judge(self, access: integrations.Access, config: TemplateConfig) -> Endpoint:
        """The address and the settings of a judge's model, without its key."""
        llm = config.llm_config
        return self._endpoint(
            access,
            llm.model_name,
            llm.invocation_parameters,
            provider_parameters.headers(access.provider, llm.provider_parameters),
            function_calling=config.use_function_calling,
            structured_output=config.use_structured_output is not False,
        )

    async def _key(self, access: integrations.Access) -> str | None:
        """The key of an integration; None if there is none."""
        if access.secret_ref is None or not raw_keys.is_kept(access.secret_ref):
            return await credentials.read(access.secret_ref, self.environment)
        base_url = credentials.address(access.base_url, self.environment)
        bound_to = raw_keys.binding(access.id, access.provider, base_url, access.headers)
        return await self.raw_keys.read(access.secret_ref, bound_to)

    async def _priced(self, access: integrations.Access, endpoint: Endpoint) -> Priced:
        """The model at the endpoint, with its key and its price."""
        # The provider may repeat the key of another integration.
        await self._known.learn()
        key = await self._key(access)
        identity = _identity(endpoint)
        endpoint = await anyio.to_thread.run_sync(cloud_signatures.located, replace(endpoint, key=key))
        transport = self._transport or await self._ready_transport()
        place = (access.provider, endpoint.base_url, endpoint.aws_place.role_arn or access.secret_ref)
        gate = self._gates.setdefault(place, Gate(self._concurrency, self._calls_a_second))
        rate = await anyio.to_thread.run_sync(self.prices.rate, access.provider, endpoint.model)
        max_tokens = endpoint.params.max_tokens or endpoint.params.max_completion_tokens
        return Priced(chat_model(endpoint, Line(transport, gate)), rate, identity, max_tokens)

    async def _ready_transport(self) -> Transport:
        # This imports aiohttp, which takes as long as all other imports of the engine together.
        module = await imported("assaykit.judge.providers.aiohttp_transport")
        ready = self._transport or module.AiohttpTransport()
        self._transport = ready
        return ready


def _identity(endpoint: Endpoint) -> bytes:
    """A digest of the endpoint's settings without its key."""
    asked = (endpoint.params.model_dump_json(), endpoint.function_calling, endpoint.structured_output)
    headers = sorted({**endpoint.headers, **endpoint.provider_headers}.items())
    text = repr((endpoint.provider, endpoint.base_url, endpoint.model, *asked, headers))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
