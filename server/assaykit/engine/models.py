"""From a judge's configuration to the model it calls."""

from collections.abc import Mapping

import httpx

from assaykit.engine.store import integrations
from assaykit.engine.store.database import Database
from assaykit.judge.models import ChatModel, Endpoint
from assaykit.judge.providers import chat_model
from assaykit.wire.evaluators import ManagedCodeConfig, TemplateConfig


class Models:
    """Makes chat models; the keys come from the environment when they are needed and are kept nowhere.

    The client they share is made for the first of them: reading the certificates takes longer than all else that
    an engine does to open, and most never call a model.
    """

    def __init__(self, database: Database, environment: Mapping[str, str]) -> None:
        self._database = database
        self._environment = environment
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close what the models share."""
        if self._client is not None:
            await self._client.aclose()

    async def for_config(self, config: TemplateConfig | ManagedCodeConfig) -> ChatModel | None:
        """The model of a judge; None for a code evaluator, which needs none.

        Raises:
            NotFound: the integration that the judge names is gone.
        """
        if isinstance(config, ManagedCodeConfig):
            return None
        llm = config.llm_config
        access = await self._database.read(integrations.access, llm.ai_integration_id)
        endpoint = Endpoint(
            provider=access.provider,
            base_url=access.base_url,
            key=integrations.secret(access.secret_ref, self._environment),
            key_name=(access.secret_ref or "").removeprefix("env:"),
            model=llm.model_name,
            params=llm.invocation_parameters,
            function_calling=config.use_function_calling,
            structured_output=config.use_structured_output is not False,
        )
        if self._client is None:
            # Proxies and redirects would carry a provider's key to where nobody registered it.
            self._client = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        return chat_model(endpoint, self._client)
