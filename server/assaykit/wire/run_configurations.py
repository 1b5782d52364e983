"""Run configurations: the work of a RUN_EXPERIMENT task on each example. Source: REST v2, `RunConfigurationRequest`."""

from typing import Annotated, Any, Literal, cast, get_args

from pydantic import Discriminator, Field, Tag, TypeAdapter

from assaykit.wire.bodies import AnyCase, RequestBody
from assaykit.wire.invocation import InvocationParams, ToolConfig
from assaykit.wire.prompts import InputVariableFormat, LlmMessage

ExperimentType = Literal["LLM_GENERATION", "TEMPLATE_EVALUATION", "AGENT_CALL"]


class LlmGenerationConfig(RequestBody):
    """Prompt a model with each example; its answer is the output.

    The model receives `messages`; `prompt_version_id` only records their origin. `model_name` defaults to the
    integration's first model.
    """

    experiment_type: Annotated[Literal["LLM_GENERATION"], AnyCase]
    ai_integration_id: str
    model_name: str | None = None
    messages: list[LlmMessage] = Field(min_length=1)
    input_variable_format: Annotated[InputVariableFormat, AnyCase]
    invocation_parameters: InvocationParams | None = None
    provider_parameters: dict[str, Any] | None = None
    tool_config: ToolConfig | None = None
    prompt_version_id: str | None = None


class TemplateEvaluationConfig(RequestBody):
    """Judge each example by a template with `{{variable}}` placeholders; the label is the output.

    `column_mapping` is `{variable: dataset column path}`; a variable without a path reads the column of its own name.
    `evaluator_version_id` records the judge of the template.
    """

    experiment_type: Annotated[Literal["TEMPLATE_EVALUATION"], AnyCase]
    ai_integration_id: str
    model_name: str | None = None
    template: str = Field(min_length=1)
    provide_explanation: bool
    classification_choices: dict[str, float] | None = None
    column_mapping: dict[str, str] | None = None
    evaluator_version_id: str | None = None
    invocation_parameters: InvocationParams | None = None
    provider_parameters: dict[str, Any] | None = None


class AgentCallConfig(RequestBody):
    """Send each example to an agent at an endpoint. `input_template` is a JSON body with `{{column}}` placeholders."""

    experiment_type: Annotated[Literal["AGENT_CALL"], AnyCase]
    integration_id: str
    input_template: dict[str, Any]


def _experiment_type(given: Any) -> str | None:
    if isinstance(given, dict):
        kind = cast("dict[str, Any]", given).get("experiment_type")
    else:
        kind = getattr(given, "experiment_type", None)
    return kind.upper() if isinstance(kind, str) else None


RunConfiguration = Annotated[
    Annotated[LlmGenerationConfig, Tag("LLM_GENERATION")]
    | Annotated[TemplateEvaluationConfig, Tag("TEMPLATE_EVALUATION")]
    | Annotated[AgentCallConfig, Tag("AGENT_CALL")],
    Discriminator(
        _experiment_type,
        custom_error_type="experiment_type",
        custom_error_message=f"experiment_type must be one of {', '.join(get_args(ExperimentType))}",
    ),
]
"""One of the three configurations; `experiment_type`, in any letter case, decides which."""

RUN_CONFIGURATION: TypeAdapter[LlmGenerationConfig | TemplateEvaluationConfig | AgentCallConfig] = TypeAdapter(
    RunConfiguration
)
"""The adapter that validates a configuration outside a task."""
