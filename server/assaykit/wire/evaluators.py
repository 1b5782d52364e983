"""Evaluators and their versions: LLM judges and code evaluators. Source: REST v2 `/v2/evaluators`."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.invocation import InvocationParams, ProviderParams

EvaluatorType = Literal["TEMPLATE", "CODE", "HARNESS", "REMOTE"]
Granularity = Literal["SPAN", "TRACE", "SESSION"]
Direction = Literal["MAXIMIZE", "MINIMIZE", "NONE"]
ManagedEvaluator = Literal[
    "MATCHES_REGEX", "JSON_PARSEABLE", "CONTAINS_ANY_KEYWORD", "CONTAINS_ALL_KEYWORDS", "EXACT_MATCH"
]
StaticParamType = Literal["STRING", "STRING_ARRAY", "REGEX"]

COLUMN_NAME = r"^[a-zA-Z0-9_\s\-&()]+$"
"""The pattern of an evaluation's name. The name becomes part of columns such as `eval.<name>.label`."""

CommitMessage = Annotated[str, Field(min_length=1, max_length=1000)]
ColumnName = Annotated[str, Field(pattern=COLUMN_NAME, max_length=255)]


class EvaluatorLlmConfig(RequestBody):
    """The model of a judge. `ai_integration_id` is the integration with the credentials."""

    ai_integration_id: str
    model_name: str
    invocation_parameters: InvocationParams
    provider_parameters: ProviderParams


class TemplateConfig(RequestBody):
    """An LLM judge: a template with `{variable}` placeholders, and its possible labels.

    `classification_choices` is `{label: score}`. Without it the judge answers free text. AX accepts such a judge at
    creation but fails its runs, so the tools always ask for choices. `data_granularity` None, as in old evaluators,
    means SPAN.
    """

    name: ColumnName
    template: str = Field(min_length=1)
    include_explanations: bool
    use_function_calling: bool
    use_structured_output: bool | None = None
    classification_choices: dict[str, float] | None = None
    direction: Annotated[Direction, AnyCase] = "MAXIMIZE"
    data_granularity: Annotated[Granularity | None, AnyCase] = None
    llm_config: EvaluatorLlmConfig


class StaticParam(RequestBody):
    """A fixed argument of a code evaluator, such as the pattern of MATCHES_REGEX."""

    name: str
    type: Annotated[StaticParamType, AnyCase]
    default_value: str | list[str]


class ManagedCodeConfig(RequestBody):
    """One of the five built-in code evaluators, with its variables and static parameters."""

    type: Annotated[Literal["MANAGED"], AnyCase]
    name: ColumnName
    managed_evaluator: Annotated[ManagedEvaluator, AnyCase]
    variables: list[str]
    static_params: list[StaticParam] | None = None
    data_granularity: Annotated[Granularity | None, AnyCase] = None
    query_filter: str | None = None


class CustomCodeConfig(RequestBody):
    """A code evaluator in the user's own Python. The contract has it; the engine does not run it."""

    type: Annotated[Literal["CUSTOM"], AnyCase]
    name: ColumnName
    code: str
    imports: str | None = None
    variables: list[str]
    static_params: list[StaticParam] | None = None
    data_granularity: Annotated[Granularity | None, AnyCase] = None
    query_filter: str | None = None


class RemoteConfig(RequestBody):
    """An evaluator behind the user's own endpoint."""

    integration_id: str


CodeConfig = ManagedCodeConfig | CustomCodeConfig


class CreateTemplateVersionRequest(RequestBody):
    """A new version of an LLM judge. Source: `POST /v2/evaluators/{evaluator_id}/versions`."""

    commit_message: CommitMessage
    template_config: TemplateConfig


class CreateCodeVersionRequest(RequestBody):
    """A new version of a code evaluator. Source: `POST /v2/evaluators/{evaluator_id}/versions`."""

    commit_message: CommitMessage
    code_config: CodeConfig


class CreateRemoteVersionRequest(RequestBody):
    """A new version of a remote evaluator. Source: `POST /v2/evaluators/{evaluator_id}/versions`."""

    commit_message: CommitMessage
    remote_config: RemoteConfig


CreateVersionRequest = CreateTemplateVersionRequest | CreateCodeVersionRequest | CreateRemoteVersionRequest


class CreateEvaluatorRequest(RequestBody):
    """`type` and the config inside `version` must agree. Source: `POST /v2/evaluators`."""

    space_id: str
    name: Name
    description: str | None = None
    type: Annotated[EvaluatorType, AnyCase]
    version: CreateVersionRequest


class UpdateEvaluatorRequest(RequestBody):
    """At least one field; null clears the description. Source: `PATCH /v2/evaluators/{evaluator_id}`."""

    name: Name | None = None
    description: str | None = None


class DeleteEvaluatorVersionsRequest(RequestBody):
    """The versions to delete for good; a repeated id counts once.

    Source: `DELETE /v2/evaluators/{evaluator_id}/versions`.
    """

    version_ids: Annotated[list[str], Field(min_length=1, max_length=100)]


class DeleteEvaluatorVersionsResponse(ReplyBody):
    """The deleted ids, and the ids that are not versions of the evaluator."""

    completed: bool | None = None
    deleted_version_ids: list[str] = []
    not_deleted_version_ids: list[str] = []


class EvaluatorVersion(ReplyBody):
    """One immutable version. Exactly one config is set: the one of its `type`."""

    id: str
    evaluator_id: str | None = None
    commit_hash: str | None = None
    commit_message: str | None = None
    created_at: Timestamp | None = None
    type: Annotated[EvaluatorType, AnyCase]
    template_config: TemplateConfig | None = None
    code_config: CodeConfig | None = None
    remote_config: RemoteConfig | None = None

    @property
    def config(self) -> TemplateConfig | CodeConfig | None:
        """The template or code config; None for a remote or harness evaluator, which the engine cannot run."""
        return self.template_config or self.code_config


class Evaluator(ReplyBody):
    """One evaluator without its version. Source: `GET /v2/evaluators`."""

    id: str
    name: str
    description: str | None = None
    type: Annotated[EvaluatorType, AnyCase]
    space_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class EvaluatorWithVersion(Evaluator):
    """One evaluator with its newest or the requested version. Source: `GET /v2/evaluators/{id}`."""

    version: EvaluatorVersion


class EvaluatorPage(Page[Evaluator]):
    """Last updated first. Source: `GET /v2/evaluators`; `limit` at most 100."""

    evaluators: list[Evaluator] = []

    @property
    def rows(self) -> Sequence[Evaluator]:
        """The evaluators of this page."""
        return self.evaluators


class EvaluatorVersionPage(Page[EvaluatorVersion]):
    """Newest first. Source: `GET /v2/evaluators/{evaluator_id}/versions`; `limit` at most 100."""

    evaluator_versions: list[EvaluatorVersion] = []

    @property
    def rows(self) -> Sequence[EvaluatorVersion]:
        """The versions of this page."""
        return self.evaluator_versions


class EvaluatorTemplate(ReplyBody):
    """A ready-made judge of the catalogue. Source: `GET /v2/evaluator-templates`, not paged."""

    column_name: str
    display_name: str | None = None
    template: str
    rails: list[str] | None = None
    classification_choices: dict[str, float] | None = None
    direction: Direction | None = None
    data_granularity: Granularity | None = None


class EvaluatorTemplates(ReplyBody):
    """The whole catalogue."""

    evaluator_templates: list[EvaluatorTemplate] = []
