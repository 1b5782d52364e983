"""Toolset prompts: prompts, their immutable versions, and the labels that point at versions."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from assaykit.api.client import path
from assaykit.api.pages import rows
from assaykit.errors import Ambiguous, Conflict, Invalid, NotFound
from assaykit.foreign import as_word, exactly
from assaykit.judge.placeholders import names
from assaykit.names import PROMPT, Named
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.listing import list_named
from assaykit.toolkit.parameters import Here, ListLimit, SaveTo, SpaceName
from assaykit.toolkit.replies import Reply, one_line, quoted
from assaykit.tools.prompts.deciding_experiment import record, recorded, records, without_records
from assaykit.wire import ids
from assaykit.wire.bodies import AnyCase
from assaykit.wire.prompts import (
    CreatePromptRequest,
    CreatePromptVersionRequest,
    InputVariableFormat,
    LlmMessage,
    LlmProvider,
    Prompt,
    PromptVersion,
    PromptVersionPage,
    PromptWithVersion,
    SetPromptVersionLabelsRequest,
)

SHORTEST_HASH = 4
PromptName = str | None
Version = Annotated[str | None, Field(description="Id or commit hash; else the newest")]


@tool("read")
async def list_prompts(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List a space's prompts.

    Source: REST v2 `GET /v2/prompts`.
    Raises: Invalid.
    """
    within = await here.space(space)
    query = {"space_id": within.id, "name": name}
    nothing = f"No prompt in space {exactly(within.name)} yet; `save_prompt` makes one."
    if name is not None:
        nothing = (
            f"No prompt in space {exactly(within.name)} has {quoted(name)} in its name. Leave name out to see all."
        )
    return await list_named(
        here,
        PROMPT,
        query,
        limit,
        cursor,
        save_to,
        overwrite=overwrite,
        within=within,
        nothing=nothing,
        facts=_listed,
        line=_line,
    )


def _listed(prompt: Prompt) -> dict[str, Any]:
    return prompt.model_dump(mode="json", include={"id", "name", "description", "updated_at"})


def _line(prompt: Prompt) -> str:
    about = f": {quoted(prompt.description, 160)}" if prompt.description else ""
    return f"{quoted(prompt.name)} ({prompt.id}){about}"


@tool("read")
async def get_prompt(
    here: Here, prompt: PromptName = None, version: Version = None, label: str | None = None, space: SpaceName = None
) -> Reply:
    """Show a prompt's messages, also of a named or labelled version.

    Source: REST v2 `GET /v2/prompts/{id}`.
    Raises: NotFound, Invalid.
    """
    if version is not None and label is not None:
        raise Invalid("A version is named by version or by label.", "Pass one of them.")
    within = await here.space(space)
    named = await here.names.prompt(prompt, within)
    version_id = None if version is None else _the_one(version, await _versions(here, named)).id
    at = path("v2", "prompts", named.id)
    found = await here.api.get(at, PromptWithVersion, version_id=version_id, label=label)
    shown = found.version
    head = f"Prompt {quoted(found.name)}, version {_named(shown)} ({_described(shown)})"
    lines = [line for message in shown.messages for line in _message(message)]
    data = {"id": found.id, "name": found.name, "description": found.description, "version": _facts(shown)}
    return Reply(head, {**here.source(within), "prompt": data}, lines)


@tool("add")
async def save_prompt(
    here: Here,
    prompt: str,
    template: Annotated[str | None, Field(description="One user message")] = None,
    messages: Annotated[
        list[dict[str, Any]] | None, Field(description='[{"role": "SYSTEM", "content": "..."}]')
    ] = None,
    provider: Annotated[LlmProvider | None, AnyCase] = None,
    model: str | None = None,
    input_variable_format: Annotated[
        InputVariableFormat | None, AnyCase, Field(description="{x} is F_STRING, {{x}} MUSTACHE")
    ] = None,
    commit_message: str | None = None,
    description: str | None = None,
    space: SpaceName = None,
) -> Reply:
    """Save a prompt, or a new version of the one of that name: it keeps the provider, model, variable format left out.

    Source: REST v2 `POST /v2/prompts`, `POST /v2/prompts/{id}/versions`.
    Raises: Invalid, Conflict.
    """
    if (template is None) == (messages is None):
        raise Invalid("A prompt comes from exactly one of template and messages.", "Pass one of them.")
    within = await here.space(space)
    named = await _existing(here, prompt, within)
    before = None
    if named is not None:
        if description is not None:
            raise Invalid(
                f"Prompt {exactly(named.name)} exists, and its description is fixed.", "Leave description out."
            )
        before = (await here.api.get(path("v2", "prompts", named.id), PromptWithVersion)).version
    wanted_provider = provider or (before.provider if before is not None else None)
    if wanted_provider is None:
        raise Invalid(
            f"There is no prompt {exactly(prompt)} yet, and a first version needs a provider.",
            "Pass provider and model.",
        )
    body = CreatePromptVersionRequest(
        commit_message=commit_message or "Saved with assaykit",
        input_variable_format=input_variable_format or (before and before.input_variable_format) or "F_STRING",
        provider=wanted_provider,
        # A model of another provider is not kept.
        model=model or (before.model if before is not None and before.provider == wanted_provider else None),
        messages=_messages(template, messages),
        invocation_params=before.invocation_params if before is not None else None,
    )
    if named is None:
        wanted = CreatePromptRequest(space_id=within.id, name=prompt, description=description, version=body)
        made = await here.api.post("/v2/prompts", PromptWithVersion, wanted)
        told, prompt_id, name, version = "Created prompt", made.id, made.name, made.version
    else:
        version = await here.api.post(path("v2", "prompts", named.id, "versions"), PromptVersion, body)
        told, prompt_id, name = "Added a version to prompt", named.id, named.name
    here.names.forget()
    data = {"id": prompt_id, "name": name, "created": named is None, "version": _facts(version)}
    told = f"{told} {exactly(name)}: version {_named(version)} ({_described(version)})."
    return Reply(" ".join([told, *_doubts(body)]), {**here.source(within), "prompt": data})


@tool("change")
async def label_prompt(
    here: Here,
    labels: list[str] | None = None,
    remove: list[str] | None = None,
    prompt: PromptName = None,
    version: Version = None,
    experiment: Annotated[str | None, Field(description="That decided it; kept with the version")] = None,
    space: SpaceName = None,
) -> Reply:
    """Move labels to a version, and remove others from it.

    Source: REST v2 `PUT /v2/prompt-versions/{id}/labels`.
    Raises: NotFound, Invalid, Ambiguous.
    """
    within = await here.space(space)
    named = await here.names.prompt(prompt, within)
    every = await _versions(here, named)
    chosen = every[0] if version is None else _the_one(version, every)
    before = without_records(chosen.labels)
    wanted = _labels_after(before, labels or (), remove or ())
    if experiment is None:
        # The record of the experiment stays as long as the version has a label.
        now, kept = await _set_labels(here, chosen, wanted, records(chosen.labels) if wanted else [])
    else:
        decided_by = await here.names.experiment(experiment, within)
        now, kept = await _set_labels(here, chosen, wanted, [record(decided_by)])
    here.names.forget()
    removed = [label for label in before if label not in wanted]
    moved = {
        label: other.commit_hash or other.id
        for other in every
        for label in other.labels
        if label in wanted and other.id != chosen.id
    }
    told = [f"Version {chosen.commit_hash or chosen.id} of prompt {exactly(named.name)} has {_labels(now)}."]
    told += [f"{exactly(label)} moved from version {where}." for label, where in moved.items()]
    told += [f"Removed: {', '.join(repr(label) for label in removed)}."] if removed else []
    told += [] if kept else ["The experiment could not be recorded: this backend takes no such label."]
    return Reply(
        " ".join(told),
        {
            **here.source(within),
            "prompt": named.name,
            "version": _facts(now),
            "moved_from": moved,
            "removed": removed,
        },
    )


def _labels_after(before: Sequence[str], added: Sequence[str], removed: Sequence[str]) -> list[str]:
    """The labels of a version after a change.

    Raises:
        Invalid: nothing is to change, a label is added and removed, or a label to remove is not there.
    """
    if not (added or removed):
        raise Invalid("No label was given.", "Pass labels to add, or remove.")
    if both := [label for label in added if label in removed]:
        raise Invalid(f"{exactly(both[0])} is added and removed.", "Do one of the two.")
    if absent := [label for label in removed if label not in before]:
        there = ", ".join(map(repr, before)) or "none"
        raise Invalid(
            f"The version has no label {exactly(absent[0])}; it has: {there}.", "Name one of these, or another version."
        )
    return list(dict.fromkeys([*(label for label in before if label not in removed), *added]))


async def _set_labels(
    here: Session, version: PromptVersion, labels: list[str], recording: list[str]
) -> tuple[PromptVersion, bool]:
    """Set the labels with the record of an experiment, or alone if the backend refuses the record.

    Returns the version, and whether the record was kept.

    Raises:
        Invalid: a text in `labels` cannot be a label.
    """
    at = path("v2", "prompt-versions", version.id, "labels")
    try:
        body = SetPromptVersionLabelsRequest(labels=[*labels, *recording])
        return await here.api.put(at, PromptVersion, body), True
    except Invalid:
        if not recording:
            raise
    return await here.api.put(at, PromptVersion, SetPromptVersionLabelsRequest(labels=labels)), False


async def _existing(here: Session, prompt: str, within: Named) -> Named | None:
    """The prompt that gets a version; None if there is none of that name.

    Raises:
        Conflict: a prompt has this name in another letter case. A new version of it may not be meant.
    """
    try:
        found = await here.names.prompt(prompt, within)
    except NotFound:
        if ids.kind_of(prompt) is not None:
            raise
        return None
    if prompt not in {found.name, found.id}:
        raise Conflict(
            f"There is a prompt {exactly(found.name)}, whose name differs in letter case alone.",
            f"Pass {exactly(found.name)} to add a version to it, or another name.",
        )
    return found


async def _versions(here: Session, named: Named) -> list[PromptVersion]:
    at = path("v2", "prompts", named.id, "versions")
    return [version async for version in rows(here.api, at, PromptVersionPage)]


def _the_one(wanted: str, every: Sequence[PromptVersion]) -> PromptVersion:
    """The version with this id, commit hash, or beginning of a commit hash.

    Raises:
        NotFound: no version has it.
        Ambiguous: several hashes begin with it.
    """
    found = [version for version in every if wanted in {version.id, version.commit_hash}]
    if not found and len(wanted) >= SHORTEST_HASH:
        found = [version for version in every if (version.commit_hash or "").startswith(wanted)]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(version.commit_hash or version.id for version in (found or every)[:5])
    if found:
        raise Ambiguous(f"{len(found)} versions begin with {exactly(wanted)}: {listed}.", "Give more of the hash.")
    raise NotFound(
        f"No version of the prompt is {exactly(wanted)}; newest first there are {listed}.", "Use one of these."
    )


def _messages(template: str | None, messages: list[dict[str, Any]] | None) -> list[LlmMessage]:
    if template is not None:
        return [LlmMessage(role="USER", content=template)]
    return [LlmMessage.model_validate(message) for message in messages or ()]


def _variables(messages: Sequence[LlmMessage], written: InputVariableFormat | None) -> list[str]:
    found = [name for message in messages for name in names(message.content or "", written or "F_STRING")]
    return list(dict.fromkeys(found))


def _doubts(body: CreatePromptVersionRequest) -> list[str]:
    """A warning if only the other format has variables here. They would be sent to the model without values."""
    if _variables(body.messages, body.input_variable_format):
        return []
    other: InputVariableFormat = "F_STRING" if body.input_variable_format == "MUSTACHE" else "MUSTACHE"
    names = _variables(body.messages, other)
    if not names or body.input_variable_format == "NONE":
        return []
    return [f"Warning: it has no variable as {body.input_variable_format}, but {', '.join(names)} as {other}."]


def _facts(version: PromptVersion) -> dict[str, Any]:
    kept = version.model_dump(
        mode="json", exclude_none=True, exclude={"prompt_id", "invocation_params", "provider_params"}
    )
    decided_by = recorded(version.labels)
    return {
        **kept,
        "labels": without_records(version.labels),
        "variables": _variables(version.messages, version.input_variable_format),
        "experiment": None if decided_by is None else {"id": decided_by.id, "name": decided_by.name},
    }


def _named(version: PromptVersion) -> str:
    """The version's hash and id. The id is shown since a run configuration takes no hash."""
    return f"{version.commit_hash}, id {version.id}" if version.commit_hash else version.id


def _described(version: PromptVersion) -> str:
    names = _variables(version.messages, version.input_variable_format)
    model = as_word(version.model) if version.model else "no default model"
    variables = f"variables {', '.join(map(as_word, names))}" if names else "no variables"
    return f"{version.provider} {model}; {version.input_variable_format}, {variables}; {_labels(version)}"


def _labels(version: PromptVersion) -> str:
    given, decided_by = without_records(version.labels), recorded(version.labels)
    told = f"label(s) {', '.join(quoted(label) for label in given)}" if given else "no label"
    if decided_by is None:
        return told
    return f"{told}; decided by experiment {quoted(decided_by.name)} ({decided_by.id})"


def _message(message: LlmMessage) -> list[str]:
    first, *rest = (message.content or "(no text)").splitlines() or [""]
    calls = [
        f"  calls {as_word(call.function.name)}({one_line(call.function.arguments)})"
        for call in message.tool_calls or ()
    ]
    return [f"{message.role}: {first}", *rest, *calls]
