"""From the configuration of a judge or of an experiment to the model it calls."""

from collections.abc import Mapping

import anyio.to_thread

from assaykit.engine import credentials
from assaykit.engine.store import integrations, run_configurations
from assaykit.engine.store.database import Database
from assaykit.judge.calls import Line
from assaykit.judge.connections import Connections
from assaykit.judge.ladder import LadderModel
from assaykit.judge.models import ChatModel, Endpoint
from assaykit.judge.pacing import Gate
from assaykit.judge.providers import chat_model
from assaykit.wire.evaluators import InvocationParams, ManagedCodeConfig, TemplateConfig


class Models:
    """Makes chat models; the keys are read where they lie when they are needed and are kept nowhere.

    All that is asked with one key at one address goes through one gate, whichever run or preview asks.

    The connections they share are made for the first of them: reading the certificates takes longer than all else that
    an engine does to open, and most never call a model.
    """

    def __init__(self, database: Database, environment: Mapping[str, str], concurrency: int) -> None:
        self._database = database
        self._environment = environment
        self._concurrency = concurrency
        self._connections: Connections | None = None
        self._gates: dict[tuple[str, str | None, str | None], Gate] = {}

    @property
    def rows_at_once(self) -> int:
        """How many rows to have in work: a row that waits to be asked again must keep no other waiting."""
        return 4 * self._concurrency

    async def aclose(self) -> None:
        """Close what the models share."""
        if self._connections is not None:
            await self._connections.aclose()

    async def for_config(self, config: TemplateConfig | ManagedCodeConfig) -> ChatModel | None:
        """The model of a judge; None for a code evaluator, which needs none.

        Raises:
            NotFound: the integration that the judge names is gone.
            Unsupported: its key is in a keyring that cannot be read here.
        """
        if isinstance(config, ManagedCodeConfig):
            return None
        llm = config.llm_config
        access = await self._database.read(integrations.access, llm.ai_integration_id)
        return await self._model(
            access,
            llm.model_name,
            llm.invocation_parameters,
            function_calling=config.use_function_calling,
            structured_output=config.use_structured_output is not False,
        )

    async def for_experiment(self, config: run_configurations.Runnable) -> LadderModel:
        """The model that an experiment is run with.

        Raises:
            NotFound: the integration that the configuration names is gone.
            Invalid: neither the configuration nor the integration names a model.
            Unsupported: its key is in a keyring that cannot be read here.
        """
        access = await self._database.read(integrations.access, config.ai_integration_id)
        model = run_configurations.model_of(config, access)
        return await self._model(access, model, config.invocation_parameters or InvocationParams())

    async def to_check(self, access: integrations.Access, model: str) -> ChatModel:
        """A model of an integration as it is, for one plain question.

        Raises:
            Unsupported: its key is in a keyring that cannot be read here.
        """
        return await self._model(access, model, InvocationParams())

    async def _model(
        self,
        access: integrations.Access,
        model: str,
        params: InvocationParams,
        *,
        function_calling: bool = True,
        structured_output: bool = True,
    ) -> LadderModel:
        key = await anyio.to_thread.run_sync(credentials.read, access.secret_ref, self._environment)
        endpoint = Endpoint(
            provider=access.provider,
            base_url=access.base_url,
            key=key,
            key_name=credentials.described(access.secret_ref),
            model=model,
            params=params,
            function_calling=function_calling and access.function_calling,
            structured_output=structured_output,
            headers=access.headers,
        )
        if self._connections is None:
            connections = await anyio.to_thread.run_sync(_connections)
            self._connections = self._connections or connections
        gate = self._gates.setdefault((access.provider, access.base_url, access.secret_ref), Gate(self._concurrency))
        return chat_model(endpoint, Line(self._connections, gate))


def _connections() -> Connections:
    # aiohttp comes with it, which costs as much as all else that an engine imports: for the first judge.
    from assaykit.judge.transport import Transport  # noqa: PLC0415

    return Transport()
