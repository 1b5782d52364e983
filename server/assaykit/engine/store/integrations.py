"""AI integrations in the store: where a model is called, and the name of the variable that holds its key."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.store.keys import next_id
from assaykit.engine.store.pages import Slice, by_arrival, named_like
from assaykit.engine.store.tables import integrations
from assaykit.engine.store.times import moment
from assaykit.errors import NotFound
from assaykit.wire.integrations import AiIntegration, AiIntegrationPage, Provider


class Access(NamedTuple):
    """How to reach the model of one integration. `secret_ref` is a name such as `env:OPENAI_API_KEY`."""

    name: str
    provider: Provider
    base_url: str | None
    secret_ref: str | None


class FromEnvironment(NamedTuple):
    """An integration that exists as soon as its key is in the environment."""

    name: str
    provider: Provider
    key_variable: str
    url_variable: str


FROM_ENVIRONMENT = (
    FromEnvironment("openai", "OPEN_AI", "OPENAI_API_KEY", "OPENAI_BASE_URL"),
    FromEnvironment("anthropic", "ANTHROPIC", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"),
)


def adopt_environment(connection: sa.Connection, environment: Mapping[str, str], clock: Clock) -> None:
    """Make an integration for each provider whose key is in the environment, and follow its base URL."""
    for known in FROM_ENVIRONMENT:
        if not environment.get(known.key_variable):
            continue
        base_url = environment.get(known.url_variable) or None
        found = connection.execute(sa.select(integrations).where(integrations.c.name == known.name)).first()
        if found is None:
            connection.execute(
                integrations.insert().values(
                    id=next_id(connection, "LlmIntegration", clock),
                    name=known.name,
                    provider=known.provider,
                    base_url=base_url,
                    secret_ref=f"env:{known.key_variable}",
                    model_names=[],
                    created_ns=clock.now_ns(),
                    updated_ns=clock.now_ns(),
                )
            )
        elif found.base_url != base_url:
            connection.execute(
                integrations.update()
                .where(integrations.c.name == known.name)
                .values(base_url=base_url, updated_ns=clock.now_ns())
            )


def page(connection: sa.Connection, name: str | None, at: Slice, environment: Mapping[str, str]) -> AiIntegrationPage:
    """Integrations, newest first."""
    query = sa.select(integrations)
    if name:
        query = query.where(named_like(integrations.c.name, name))
    rows, pagination = by_arrival(connection, query, integrations.c.n, at)
    return AiIntegrationPage(ai_integrations=[_integration(row, environment) for row in rows], pagination=pagination)


def get(connection: sa.Connection, integration_id: str, environment: Mapping[str, str]) -> AiIntegration:
    """One integration.

    Raises:
        NotFound: there is none with this id.
    """
    return _integration(_row(connection, integration_id), environment)


def access(connection: sa.Connection, integration_id: str) -> Access:
    """How to reach its model.

    Raises:
        NotFound: there is none with this id.
    """
    row = _row(connection, integration_id)
    return Access(row.name, cast("Provider", row.provider), row.base_url, row.secret_ref)


def secret(secret_ref: str | None, environment: Mapping[str, str]) -> str | None:
    """The key that a reference points at, or None."""
    if secret_ref is None or not secret_ref.startswith("env:"):
        return None
    return environment.get(secret_ref.removeprefix("env:")) or None


def _row(connection: sa.Connection, integration_id: str) -> sa.Row[Any]:
    row = connection.execute(sa.select(integrations).where(integrations.c.id == integration_id)).first()
    if row is None:
        raise NotFound(
            f"There is no AI integration with the id {integration_id!r}.",
            "GET /v2/ai-integrations lists them.",
        )
    return row


def _integration(row: sa.Row[Any], environment: Mapping[str, str]) -> AiIntegration:
    return AiIntegration(
        id=row.id,
        name=row.name,
        provider=row.provider,
        has_api_key=secret(row.secret_ref, environment) is not None,
        base_url=row.base_url,
        model_names=row.model_names,
        enable_default_models=not row.model_names,
        function_calling_enabled=True,
        auth_type="DEFAULT",
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )
