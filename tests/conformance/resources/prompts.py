"""Prompts, their versions and labels."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.prompts.types import (
    InputVariableFormat,
    InvocationParamsRequest,
    LLMMessageRequest,
    LlmProvider,
    MessageRole,
)
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"
HOW = {"input_variable_format": InputVariableFormat.F_STRING, "provider": LlmProvider.OPEN_AI}


def said(text: str) -> list[LLMMessageRequest]:
    return [LLMMessageRequest(role=MessageRole.SYSTEM, content=text), LLMMessageRequest(role="USER", content="{q}")]


def life(calls: Ledger, _given: Given) -> None:
    prompts = ArizeClient().prompts
    made = calls.call(
        prompts.create,
        space=SPACE,
        name="greeting",
        description="Says hello.",
        commit_message="First.",
        messages=said("Be kind."),
        model="m-1",
        invocation_params=InvocationParamsRequest(temperature=0.2, max_tokens=50),
        **HOW,
    )
    calls.check("its first version is with it", made.version.messages[0].content == "Be kind.")
    calls.check("the parameters are kept", made.version.invocation_params.temperature == 0.2)
    calls.check("id leads to it", calls.call(prompts.get, prompt=made.id).id == made.id)
    twice = {"space": SPACE, "name": "greeting", "commit_message": "x", "messages": said("x")}
    calls.refused(ApiException, "409", prompts.create, **twice, **HOW)
    second = calls.call(
        prompts.create_version,
        prompt="greeting",
        space=SPACE,
        commit_message="Second.",
        messages=said("Be brief."),
        **HOW,
    )
    latest = calls.call(prompts.get, prompt="greeting", space=SPACE)
    calls.check("the newest is the prompt's", latest.version.id == second.id)
    calls.check(
        "the first can be asked for",
        calls.call(prompts.get, prompt=made.id, version_id=made.version.id).version.id == made.version.id,
    )
    calls.check(
        "by itself too", calls.call(prompts.get_version, version_id=second.id).messages[0].content == "Be brief."
    )
    pages = calls.pages("prompt_versions", prompts.list_versions, prompt=made.id, limit=1)
    calls.check("both are listed", {one.id for one in pages} == {made.version.id, second.id})
    labels(calls, made.id, made.version.id, second.id)
    changed = calls.call(prompts.update, prompt=made.id, description="Greets.")
    calls.check("it is described anew", changed.description == "Greets.")
    found = calls.call(prompts.list, name="GREET", space=SPACE)
    calls.check("a part of the name finds it", [one.id for one in found.prompts] == [made.id])
    calls.call(prompts.delete, prompt="greeting", space=SPACE)
    calls.refused(NotFoundError, "greeting", prompts.get, prompt="greeting", space=SPACE)
    calls.refused(ApiException, "404", prompts.get, prompt=made.id)


def labels(calls: Ledger, prompt: str, first: str, second: str) -> None:
    prompts = ArizeClient().prompts
    marked = calls.call(prompts.set_labels, version_id=first, labels=["production", "kind"])
    calls.check("it has both", set(marked.labels) == {"production", "kind"})
    calls.call(prompts.set_labels, version_id=second, labels=["production"])
    now = calls.call(prompts.get_version_by_label, prompt="greeting", space=SPACE, label_name="production")
    calls.check("a label moves", now.id == second)
    calls.check("get takes it too", calls.call(prompts.get, prompt=prompt, label="kind").version.id == first)
    calls.call(prompts.delete_label, version_id=second, label_name="production")
    calls.refused(ApiException, "404", prompts.get_version_by_label, prompt=prompt, label_name="production")


play(life)
