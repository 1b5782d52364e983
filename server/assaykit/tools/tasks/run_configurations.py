"""Run configurations of tasks that run an experiment: resolved from arguments, and tried on real rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.column_paths import Row, is_there
from assaykit.errors import Invalid
from assaykit.foreign import as_word, exactly
from assaykit.judge import placeholders
from assaykit.judge.columns import columns
from assaykit.judge.placeholders import Writing
from assaykit.names import Named
from assaykit.planning.disclosures import Disclosure, Hosts, ModelCalls, prompt_calls
from assaykit.planning.spans import PATHS_SHOWN, SAMPLE, Variable, try_path
from assaykit.session import Session
from assaykit.toolkit.replies import CELL_LIMIT, quoted
from assaykit.tools.tasks.configuration_forms import in_contract
from assaykit.wire.datasets import ExamplePage
from assaykit.wire.prompts import InputVariableFormat, PromptVersion, PromptWithVersion
from assaykit.wire.run_configurations import (
    RUN_CONFIGURATION,
    AgentCallConfig,
    LlmGenerationConfig,
    TemplateEvaluationConfig,
)
from assaykit.wire.tasks import Task
from assaykit.wire.validation import describe

RunConfiguration = LlmGenerationConfig | TemplateEvaluationConfig | AgentCallConfig

_BY_NAME = ("integration", "prompt")
"""Keys that take names. On the wire they become ids, and the prompt's messages."""

_MODELS: Mapping[str, type[RunConfiguration]] = {
    "LLM_GENERATION": LlmGenerationConfig,
    "TEMPLATE_EVALUATION": TemplateEvaluationConfig,
    "AGENT_CALL": AgentCallConfig,
}


class Tried(NamedTuple):
    """A configuration, with its variables as found in the dataset's first examples, and warnings."""

    config: RunConfiguration
    variables: Sequence[Variable]
    doubts: Sequence[str]

    def lines(self) -> list[str]:
        """The configuration, its variables and its warnings, one line each."""
        return [
            described(self.config.model_dump(mode="json")),
            *(one.as_text() for one in self.variables),
            *self.doubts,
        ]


async def configured(here: Session, within: Named, given: Mapping[str, Any], dataset_id: str) -> Tried:
    """The requested configuration with its names resolved, tried on the dataset.

    Raises:
        Invalid: an unknown key, a wrong value, or a variable that no example has.
        NotFound: no such integration or prompt.
    """
    wanted, notes = in_contract({key: value for key, value in given.items() if value is not None})
    kind = str(wanted["experiment_type"]).upper()
    if kind == "LLM_GENERATION":
        wanted = await _with_prompt(here, within, wanted)
        wanted.setdefault("input_variable_format", "F_STRING")
    if kind == "TEMPLATE_EVALUATION":
        wanted.setdefault("provide_explanation", True)
    if kind in {"LLM_GENERATION", "TEMPLATE_EVALUATION"}:
        named = wanted.pop("integration", None) or wanted.get("ai_integration_id")
        wanted["ai_integration_id"] = (await here.names.integration(named)).id
    try:
        config = RUN_CONFIGURATION.validate_python(wanted)
    except ValidationError as error:
        known = [*_MODELS[kind].model_fields, *_BY_NAME] if kind in _MODELS else []
        following = f"run_configuration takes: {', '.join(known)}." if known else "Correct run_configuration."
        raise Invalid(f"run_configuration: {describe(error, known)}", following) from error
    tried = await _tried(here, config, dataset_id)
    return tried._replace(doubts=[*notes, *tried.doubts])


async def configuration_calls(
    here: Session, hosts: Hosts, given: Mapping[str, Any], examples: Sequence[Row], calls: int
) -> ModelCalls:
    """The calls of a run over these examples, for a configuration as the backend has it.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    try:
        config = RUN_CONFIGURATION.validate_python(given)
    except ValidationError:
        # AX may have types of configurations that ours lacks.
        return ModelCalls("the task's model", "an unknown host", calls)
    if isinstance(config, AgentCallConfig):
        return ModelCalls("the agent", "its endpoint", calls)
    texts, written, mapping = _written(config)
    names = dict.fromkeys(name for text in texts for name in placeholders.names(text, written))
    takes_null = isinstance(config, TemplateEvaluationConfig)
    tried = [try_path(name, mapping.get(name, name), examples[:SAMPLE], takes_null=takes_null) for name in names]
    integration = await hosts.integration(config.ai_integration_id)
    usual = next(iter((integration and integration.model_names) or ()), "the integration's first model")
    characters = sum(map(len, texts)) + sum(one.characters for one in tried)
    paths = [one.path for one in tried]
    return await prompt_calls(here, integration, config.model_name or usual, calls, paths, characters)


async def of_configuration(here: Session, given: Mapping[str, Any], dataset_id: str) -> Disclosure:
    """The model calls of one run over all examples of a dataset, and their cost.

    Raises:
        Invalid: the user's price list cannot be read.
    """
    examples = [example_row(one.id, one.model_extra or {}) async for one in examples_of(here.api, dataset_id)]
    models = [await configuration_calls(here, Hosts(here), given, examples, len(examples))]
    return Disclosure(len(examples), "examples", models, on_ax=not await here.api.has_engine_routes())


def described(config: Mapping[str, Any]) -> str:
    """A configuration, as the contract has it, on one line."""
    given = config.get("model_name")
    model = as_word(str(given)) if given else "the integration's first model"
    if config.get("experiment_type") == "TEMPLATE_EVALUATION":
        labels = ", ".join(map(as_word, config.get("classification_choices") or {})) or "free text"
        return f"TEMPLATE_EVALUATION by {model}: {labels}"
    if config.get("experiment_type") == "LLM_GENERATION":
        said = [message.get("content") or "" for message in config.get("messages") or ()]
        return f"LLM_GENERATION by {model}: {quoted(' / '.join(said), CELL_LIMIT)}"
    return as_word(config.get("experiment_type") or "no configuration")


def of_task(task: Task) -> str:
    """The configuration of a task on one line."""
    return described(task.run_configuration or {})


async def _with_prompt(here: Session, within: Named, given: Mapping[str, Any]) -> dict[str, Any]:
    """Add the messages, format, model and parameters of a saved prompt if one is named. Given values override them."""
    wanted = dict(given)
    prompt, version_id = wanted.pop("prompt", None), wanted.get("prompt_version_id")
    if prompt is None and (version_id is None or "messages" in wanted):
        return wanted
    if "messages" in wanted:
        raise Invalid("run_configuration has messages and prompt.", "Pass one of them; a prompt brings its messages.")
    if prompt is None:
        version = await here.api.get(path("v2", "prompt-versions", str(version_id)), PromptVersion)
    else:
        named = await here.names.prompt(prompt, within)
        at = path("v2", "prompts", named.id)
        version = (await here.api.get(at, PromptWithVersion, version_id=version_id)).version
    brought = {
        "messages": version.messages,
        "input_variable_format": version.input_variable_format,
        "model_name": version.model,
        "invocation_parameters": version.invocation_params,
        "prompt_version_id": version.id,
    }
    return {**{key: value for key, value in brought.items() if value is not None}, **wanted}


async def _tried(here: Session, config: RunConfiguration, dataset_id: str) -> Tried:
    if isinstance(config, AgentCallConfig):
        return Tried(config, [], [])
    texts, written, mapping = _written(config)
    names = list(dict.fromkeys(name for text in texts for name in placeholders.names(text, written)))
    if not names:
        return Tried(config, [], [_doubt(texts, written)])
    found = await here.api.get(path("v2", "datasets", dataset_id, "examples"), ExamplePage, limit=SAMPLE)
    sample = [example_row(example.id, example.model_extra or {}) for example in found.examples]
    takes_null = isinstance(config, TemplateEvaluationConfig)
    tried = [try_path(name, mapping.get(name, name), sample, takes_null=takes_null) for name in names]
    if sample and (empty := [variable for variable in tried if variable.filled == 0]):
        missing = ", ".join(f"{exactly(variable.name)} (tried {as_word(variable.path)})" for variable in empty)
        there = [column for column in columns(sample) if column != "id" and not column.startswith("dataset.")]
        raise Invalid(
            f"None of {len(sample)} examples has a value for {missing}. "
            f"Columns: {', '.join(map(as_word, there[:PATHS_SHOWN]))}.",
            "Name the variables after columns" + (", or map them with column_mapping." if mapping else "."),
        )
    partly = [one for one in tried if one.filled < one.tried]
    skipped = [f"Warning: examples without {as_word(one.path)} are skipped." for one in partly]
    return Tried(config, tried, [*skipped, *_left(texts, written, sample)])


def _left(texts: Sequence[str], written: InputVariableFormat, sample: Sequence[Row]) -> list[str]:
    """A warning for each column that stands in the other notation, which is sent as it is."""
    if written == "NONE":
        return []
    other: Writing = "F_STRING" if written == "MUSTACHE" else "MUSTACHE"
    names = dict.fromkeys(name for text in texts for name in placeholders.names(text, other))
    return [
        f"Warning: {as_word(placeholders.spelt(name, other))} is sent as it is; "
        f"{as_word(placeholders.spelt(name, written))} is the column."
        for name in names
        if is_there(name, sample)
    ]


def _written(
    config: LlmGenerationConfig | TemplateEvaluationConfig,
) -> tuple[list[str], InputVariableFormat, Mapping[str, str]]:
    if isinstance(config, TemplateEvaluationConfig):
        return [config.template], "MUSTACHE", config.column_mapping or {}
    return [message.content or "" for message in config.messages], config.input_variable_format, {}


def example_row(example_id: str, example: Row) -> Row:
    """An example as the backend sees it."""
    return {"id": example_id, **{f"dataset.{column}": value for column, value in example.items()}, **example}


def _doubt(texts: Sequence[str], written: InputVariableFormat) -> str:
    """A warning that the messages contain no part of an example.

    Raises:
        Invalid: the messages have variables in the other format.
    """
    other: InputVariableFormat = "F_STRING" if written == "MUSTACHE" else "MUSTACHE"
    names = [name for text in texts for name in placeholders.names(text, other)]
    if names and written != "NONE":
        raise Invalid(
            f"There is no variable as {written}, but {', '.join(map(as_word, dict.fromkeys(names)))} as {other}.",
            "Write {x} for F_STRING, {{x}} for MUSTACHE; messages take input_variable_format, templates are MUSTACHE.",
        )
    return "Warning: nothing of the examples is sent, so each gets the same messages."
