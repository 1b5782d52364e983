"""Checks of a run configuration against the store: integration, model, prompt and template."""

import sqlalchemy as sa
from pydantic import ValidationError

from assaykit.engine.store.definitions import evaluators, integrations, prompts
from assaykit.errors import Invalid, NotFound, Unsupported
from assaykit.judge import placeholders
from assaykit.judge.providers import provider_parameters
from assaykit.judge.providers.registry import PROVIDERS
from assaykit.judge.score import check_template
from assaykit.wire.invocation import ProviderParams
from assaykit.wire.run_configurations import AgentCallConfig, LlmGenerationConfig, TemplateEvaluationConfig
from assaykit.wire.validation import describe

Runnable = LlmGenerationConfig | TemplateEvaluationConfig

COLUMN = "template_evaluation"
"""The evaluation column of a template that belongs to no judge."""


def runnable(config: Runnable | AgentCallConfig) -> Runnable:
    """Return the configuration if the engine supports it.

    Raises:
        Unsupported: it calls an agent.
    """
    if isinstance(config, AgentCallConfig):
        raise Unsupported(
            "The embedded engine calls no agents: it has no agent integrations.",
            "Run the agent over the dataset's examples yourself and upload its outputs as an experiment.",
        )
    return config


def check(connection: sa.Connection, wanted: Runnable | AgentCallConfig) -> Runnable:
    """Check a configuration as far as possible before a run, and return it.

    Raises:
        Unsupported: it calls an agent, or has provider_parameters that the engine does not send.
        NotFound: no such integration.
        Invalid: there is no model, no such version of a prompt or judge, or the messages or template cannot work.
    """
    config = runnable(wanted)
    access = integrations.access(connection, config.ai_integration_id)
    model_of(config, access)
    provider_parameters.check(access.provider, provider_params(config))
    if isinstance(config, TemplateEvaluationConfig):
        check_template(config.template, config.classification_choices, "MUSTACHE")
        column_of(connection, config)
        return config
    for message in config.messages:
        placeholders.refuse_sections(message.content or "", config.input_variable_format)
    params = config.invocation_parameters
    takes_format = PROVIDERS[access.provider].takes_response_format
    if not takes_format and params is not None and params.response_format:
        raise Invalid(
            f"{access.provider}'s API has no response_format.", "Ask for the format in the prompt, or by a tool."
        )
    if config.prompt_version_id is not None:
        try:
            prompts.version(connection, config.prompt_version_id)
        except NotFound as error:
            raise Invalid(error.message, "Leave prompt_version_id out; only the messages are sent.") from error
    return config


def provider_params(config: Runnable) -> ProviderParams:
    """The parameters that only one provider has.

    Raises:
        Invalid: there is no such parameter, or it has another type.
    """
    try:
        return ProviderParams.model_validate(config.provider_parameters or {})
    except ValidationError as error:
        raise Invalid(f"provider_parameters: {describe(error, ProviderParams.model_fields)}") from error


def model_of(config: Runnable, access: integrations.Access) -> str:
    """The name of the model to ask.

    Raises:
        Invalid: neither the configuration nor the integration names one.
    """
    found = config.model_name or next(iter(access.model_names), None)
    if found is None:
        raise Invalid(f"Integration {access.name!r} lists no models, so none can be chosen.", "Give model_name.")
    return found


def column_of(connection: sa.Connection, config: TemplateEvaluationConfig) -> str:
    """The evaluation column of the verdicts: the judge's if the template belongs to a judge.

    Raises:
        Invalid: no such judge.
    """
    if config.evaluator_version_id is None:
        return COLUMN
    try:
        found = evaluators.version(connection, config.evaluator_version_id).template_config
    except NotFound as error:
        raise Invalid(error.message, "Leave evaluator_version_id out, or name a version of a judge.") from error
    if found is None:
        raise Invalid("evaluator_version_id names an evaluator without a template.", "Name a version of a judge.")
    return found.name
