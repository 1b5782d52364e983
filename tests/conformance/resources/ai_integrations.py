"""AI integrations."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.ai_integrations.types import AiIntegrationAuthType, AiIntegrationProvider
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"
RAW = "sk-conformance-0123456789"
KEY = "env:MODEL_KEY"
"""The place of a key, in words of the engine."""


def life(calls: Ledger, given: Given) -> None:
    integrations = ArizeClient().ai_integrations
    made = calls.call(
        integrations.create,
        name="life",
        provider=AiIntegrationProvider.CUSTOM,
        base_url=given["model"],
        api_key=KEY,
        model_names=["m-1"],
        headers={"x-team": "checks"},
        function_calling_enabled=True,
        auth_type=AiIntegrationAuthType.DEFAULT,
    )
    calls.check("it says that there is a key", made.has_api_key is True)
    calls.check("it does not say which", "MODEL_KEY" not in made.model_dump_json())
    calls.check("it keeps the model's name", made.model_names == ["m-1"])
    raw = {"provider": AiIntegrationProvider.OPEN_AI, "api_key": RAW}
    keyed = calls.call(integrations.create, name="with a key", **raw)
    calls.check("a raw key is kept and not shown", keyed.has_api_key is True and RAW not in keyed.model_dump_json())
    moved = calls.call(integrations.update, integration=keyed.id, base_url=given["model"])
    calls.check("it does not move to another address", moved.has_api_key is False)
    calls.call(integrations.update, integration=keyed.id, api_key=RAW)
    calls.call(integrations.delete, integration=keyed.id)
    calls.check("id leads to it", calls.call(integrations.get, integration=made.id).name == "life")
    calls.check("name leads to it", calls.call(integrations.get, integration="life", space=SPACE).id == made.id)
    calls.refused(
        ApiException,
        "409",
        integrations.create,
        name="life",
        provider=AiIntegrationProvider.CUSTOM,
        base_url=given["model"],
    )
    changed = calls.call(integrations.update, integration=made.id, name="second life", model_names=["m-1", "m-2"])
    calls.check("it is changed", (changed.name, changed.model_names) == ("second life", ["m-1", "m-2"]))
    calls.check("what was not named stays", changed.has_api_key is True)
    bare = calls.call(integrations.update, integration=made.id, api_key=None)
    calls.check("null takes the key away", bare.has_api_key is False)
    calls.call(integrations.delete, integration="second life", space=SPACE)
    calls.refused(ApiException, "404", integrations.get, integration=made.id)
    calls.refused(NotFoundError, "second life", integrations.get, integration="second life", space=SPACE)


def lists(calls: Ledger, given: Given) -> None:
    integrations = ArizeClient().ai_integrations
    for name, provider in (("list one", AiIntegrationProvider.OPEN_AI), ("list two", AiIntegrationProvider.ANTHROPIC)):
        calls.call(integrations.create, name=name, provider=provider, base_url=given["model"])
    pages = calls.pages("ai_integrations", integrations.list, name="LIST", space=SPACE, limit=1)
    calls.check("newest first, over two pages", [one.name for one in pages] == ["list two", "list one"])


play(life, lists)
