"""AI integrations in the store: the address of a provider, and the name of the variable with its key."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from assaykit.engine import credentials, raw_keys
from assaykit.engine.clock import Clock
from assaykit.engine.store.definitions import spaces
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import evaluator_versions, evaluators, integrations, tasks
from assaykit.engine.store.times import moment
from assaykit.errors import Conflict, Invalid, Unsupported
from assaykit.judge.providers import cloud_places
from assaykit.judge.providers.registry import ADOPTED, PROVIDERS, FromEnvironment, Provider
from assaykit.wire.integrations import (
    PROVIDER_METADATA,
    AiIntegration,
    AiIntegrationPage,
    CreateAiIntegrationRequest,
    ProviderName,
    UpdateAiIntegrationRequest,
)

_INTEGRATION_PATH = "$.llm_config.ai_integration_id"
_OF_CONFIGURATION = "$.ai_integration_id"
_COLUMNS = {
    "name": "name",
    "provider": "provider",
    "api_key": "secret_ref",
    "base_url": "base_url",
    "model_names": "model_names",
    "headers": "headers",
    "enable_default_models": "default_models",
    "function_calling_enabled": "function_calling",
    "provider_metadata": "provider_metadata",
}
"""Maps the fields of an update to the columns that they change."""


class Access(NamedTuple):
    """The data to reach the models of one integration.

    `secret_ref` is a name such as `env:OPENAI_API_KEY`. `base_url` is an address or a name such as
    `env:OPENAI_BASE_URL`; `credentials.address` resolves it.
    """

    id: str
    name: str
    provider: ProviderName
    base_url: str | None
    secret_ref: str | None
    headers: Mapping[str, str]
    function_calling: bool
    model_names: Sequence[str]
    provider_metadata: Mapping[str, str] | None = None


def unadopted(connection: sa.Connection, environment: Mapping[str, str]) -> Sequence[tuple[Provider, FromEnvironment]]:
    """The providers whose key is in the environment, and for which there is no integration yet."""
    keyed = [(one, known) for one, known in ADOPTED if environment.get(known.key_variable, "").strip()]
    query = sa.select(integrations.c.name).where(integrations.c.name.in_([known.name for _, known in keyed]))
    names = set(connection.execute(query).scalars())
    return [(provider, known) for provider, known in keyed if known.name not in names]


def adopt_environment(connection: sa.Connection, environment: Mapping[str, str], clock: Clock) -> None:
    """Make an integration for each provider whose key is in the environment, unless there is one of that name.

    The integration names the variables of the key and of the base URL. Each process that calls reads its own.
    """
    for provider, known in unadopted(connection, environment):
        connection.execute(
            integrations.insert().values(
                id=next_id(connection, "LlmIntegration", clock),
                name=known.name,
                provider=provider.name,
                base_url=f"env:{known.url_variable}",
                secret_ref=f"env:{known.key_variable}",
                model_names=[],
                created_ns=clock.now_ns(),
                updated_ns=clock.now_ns(),
            )
        )


def page(
    connection: sa.Connection,
    *,
    space_id: str | None,
    space_name: str | None,
    name: str | None,
    at: PageRequest,
    environment: Mapping[str, str],
) -> AiIntegrationPage:
    """Integrations, newest first; each serves every space."""
    query = sa.select(integrations).where(spaces.exists(space_id, space_name))
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
    """The data to reach the models of an integration.

    Raises:
        NotFound: there is none with this id.
    """
    row = _row(connection, integration_id)
    return Access(
        row.id,
        row.name,
        cast("ProviderName", row.provider),
        row.base_url,
        row.secret_ref,
        row.headers or {},
        row.function_calling,
        row.model_names,
        row.provider_metadata,
    )


def key_references(connection: sa.Connection) -> Sequence[str]:
    """The references to the keys of all integrations."""
    column = integrations.c.secret_ref
    return connection.execute(sa.select(column).where(column.is_not(None)).distinct()).scalars().all()


def create(
    connection: sa.Connection, wanted: CreateAiIntegrationRequest, environment: Mapping[str, str], clock: Clock
) -> AiIntegration:
    """A new integration. The store keeps the name of its key, never the key. One that is sent itself is kept later.

    Raises:
        Conflict: there is an integration of this name.
        Invalid: `api_key` cannot be a key or a reference, a header holds a key, the address is unsafe, or
            `provider_metadata` does not fit the provider or the address.
        Unsupported: a field or a provider that the engine does not support.
    """
    _refuse_unsupported(wanted)
    _refuse_taken(connection, wanted.name)
    metadata = _checked_metadata(wanted.provider, wanted.provider_metadata)
    _check_provider(wanted.provider, wanted.base_url, metadata)
    now = clock.now_ns()
    row = connection.execute(
        integrations.insert()
        .values(
            id=next_id(connection, "LlmIntegration", clock),
            name=wanted.name,
            provider=wanted.provider,
            base_url=None if wanted.base_url is None else credentials.check_address(wanted.base_url),
            secret_ref=_reference(wanted.api_key, environment),
            model_names=wanted.model_names or [],
            headers=credentials.check_headers(wanted.headers) if wanted.headers else sa.null(),
            function_calling=wanted.function_calling_enabled is not False,
            default_models=bool(wanted.enable_default_models),
            provider_metadata=metadata or sa.null(),
            created_ns=now,
            updated_ns=now,
        )
        .returning(integrations)
    ).one()
    return _integration(row, environment)


def update(
    connection: sa.Connection,
    integration_id: str,
    wanted: UpdateAiIntegrationRequest,
    environment: Mapping[str, str],
    clock: Clock,
) -> AiIntegration:
    """Change the given fields; null removes the key, the base URL, the headers or the provider's metadata.

    A kept key is bound to its address and headers, so a change of them without `api_key` drops it.

    Raises:
        NotFound: there is none with this id.
        Conflict: there is an integration of this name.
        Invalid: as for `create`, or the stored key would be sent to a new address.
        Unsupported: a field or a provider that the engine does not support.
    """
    row = _row(connection, integration_id)
    _refuse_unsupported(wanted)
    values = _changes(wanted, environment)
    if values.get("base_url", row.base_url) == credentials.address(row.base_url, environment):
        values.pop("base_url", None)  # the address as it was shown, which may come from a variable
    if wanted.name is not None and wanted.name != row.name:
        _refuse_taken(connection, wanted.name)
    provider, base_url = values.get("provider", row.provider), values.get("base_url", row.base_url)
    metadata = _checked_metadata(provider, values.get("provider_metadata", row.provider_metadata))
    if "provider_metadata" in values:
        values["provider_metadata"] = metadata or sa.null()
    _check_provider(provider, base_url, metadata)
    moves = (provider, base_url) != (row.provider, row.base_url)
    headers = wanted.headers if "headers" in values else row.headers
    if raw_keys.is_kept(row.secret_ref) and (moves or (headers or {}) != (row.headers or {})):
        values.setdefault("secret_ref", None)
    is_sent = not (PROVIDERS[row.provider].is_signed and PROVIDERS[provider].is_signed)
    if moves and is_sent and row.secret_ref is not None and "secret_ref" not in values:
        raise Invalid(
            "The change of provider or base_url would send the stored key to a new address.",
            "Send api_key in the same request, or null to remove the key.",
        )
    change = integrations.update().where(integrations.c.id == integration_id)
    values["updated_ns"] = clock.now_ns()
    return _integration(connection.execute(change.values(values).returning(integrations)).one(), environment)


def attach(
    connection: sa.Connection, integration_id: str, reference: str, environment: Mapping[str, str]
) -> AiIntegration:
    """Note the place of a key that was sent itself.

    Raises:
        NotFound: there is none with this id.
    """
    _row(connection, integration_id)
    change = integrations.update().where(integrations.c.id == integration_id).values(secret_ref=reference)
    return _integration(connection.execute(change.returning(integrations)).one(), environment)


def delete(connection: sa.Connection, integration_id: str) -> None:
    """Remove an integration. If it came from the environment, the next start creates it again.

    Raises:
        NotFound: there is none with this id.
        Conflict: the newest version of a judge or a RUN_EXPERIMENT task uses it. The message lists them.
    """
    row = _row(connection, integration_id)
    c = evaluator_versions.c
    newest = sa.select(sa.func.max(c.n)).group_by(c.evaluator_id)
    used = sa.select(evaluators.c.name).join(evaluator_versions, c.evaluator_id == evaluators.c.id)
    used = used.where(c.n.in_(newest), sa.func.json_extract(c.config, _INTEGRATION_PATH) == integration_id)
    if names := connection.execute(used.order_by(evaluators.c.name)).scalars().all():
        raise Conflict(
            f"Integration {row.name!r} is used by the judge(s) {', '.join(repr(name) for name in names)}.",
            "Give them a version with another integration, or delete them first.",
        )
    asking = sa.select(tasks.c.name).where(
        sa.func.json_extract(tasks.c.run_configuration, _OF_CONFIGURATION) == integration_id
    )
    if names := connection.execute(asking.order_by(tasks.c.name)).scalars().all():
        raise Conflict(
            f"Integration {row.name!r} is used by the task(s) {', '.join(repr(name) for name in names)}.",
            "Give them another integration, or delete them first.",
        )
    connection.execute(integrations.delete().where(integrations.c.id == integration_id))


def _changes(wanted: UpdateAiIntegrationRequest, environment: Mapping[str, str]) -> dict[str, Any]:
    """The columns to change, with checked values."""
    values: dict[str, Any] = {
        column: getattr(wanted, name) for name, column in _COLUMNS.items() if name in wanted.model_fields_set
    }
    if wanted.api_key is not None:
        values["secret_ref"] = _reference(wanted.api_key, environment)
    if wanted.base_url is not None:
        values["base_url"] = credentials.check_address(wanted.base_url)
    if "headers" in values:
        values["headers"] = credentials.check_headers(wanted.headers) if wanted.headers else sa.null()
    return values


def _reference(api_key: str | None, environment: Mapping[str, str]) -> str | None:
    """The reference for the store; None for a key itself, whose place is known later."""
    if api_key is None or credentials.is_reference(api_key):
        return None if api_key is None else credentials.check_reference(api_key)
    credentials.check_key(api_key, environment)
    return None


def _checked_metadata(provider: ProviderName, metadata: Mapping[str, Any] | None) -> dict[str, str] | None:
    return None if metadata is None else cloud_places.checked(provider, metadata)


def _check_provider(provider: ProviderName, base_url: str | None, metadata: Mapping[str, str] | None) -> None:
    known = PROVIDERS[provider]
    if known.api is None:
        raise Unsupported(f"The embedded engine cannot call models of {provider}.", known.instead)
    address = cloud_places.address(provider, base_url, metadata)
    if known.own_url is None and address is None and provider != "AWS_BEDROCK":
        instead = "Send base_url, or provider_metadata." if known.is_signed else "Send base_url."
        raise Invalid(f"{provider} has no address of its own.", instead)


def _refuse_unsupported(wanted: CreateAiIntegrationRequest | UpdateAiIntegrationRequest) -> None:
    if wanted.auth_type not in {None, "DEFAULT"}:
        raise Unsupported(
            f"The embedded engine does not support auth_type {wanted.auth_type}.",
            "Leave auth_type out; requests then send the key.",
        )
    if any(scoping.organization_id or scoping.space_id for scoping in wanted.scopings or ()):
        raise Unsupported("The engine's integrations serve every space.", "Leave scopings out.")


def _refuse_taken(connection: sa.Connection, name: str) -> None:
    if connection.execute(sa.select(integrations.c.id).where(integrations.c.name == name)).first():
        raise Conflict(f"There is an AI integration named {name!r} already.", "Change it, or choose another name.")


def _row(connection: sa.Connection, integration_id: str) -> sa.Row[Any]:
    return row_of(connection, integrations, integration_id, "AI integration", "/v2/ai-integrations")


def _integration(row: sa.Row[Any], environment: Mapping[str, str]) -> AiIntegration:
    return AiIntegration(
        id=row.id,
        name=row.name,
        provider=row.provider,
        has_api_key=credentials.has_key(row.secret_ref, environment),
        base_url=credentials.address(row.base_url, environment),
        model_names=row.model_names,
        headers=row.headers,
        enable_default_models=row.default_models,
        function_calling_enabled=row.function_calling,
        auth_type="DEFAULT",
        provider_metadata=row.provider_metadata and PROVIDER_METADATA.validate_python(row.provider_metadata),
        created_at=moment(row.created_ns),
        updated_at=moment(row.updated_ns),
    )
