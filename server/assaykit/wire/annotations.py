"""Annotations of spans, runs and examples by people, and the configs that define the possible answers.

Source: REST v2 `/v2/annotation-configs` and the `annotate` routes of spans, experiments and datasets.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from assaykit.wire.bodies import AnyCase, Name, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.evaluators import Direction, Granularity

ConfigType = Literal["CATEGORICAL", "CONTINUOUS", "FREEFORM"]

RECORDS_PER_REQUEST = 1000
"""Most records of one write."""

SESSIONS_PER_REQUEST = 100
"""Most records of one write at granularity SESSION."""

Score = float | int


class CategoricalValue(RequestBody):
    """One label of a categorical config, with its score."""

    label: str = Field(min_length=1, max_length=255)
    score: Score | None = None


Values = Annotated[list[CategoricalValue], Field(min_length=2, max_length=500)]


class CreateAnnotationConfigRequest(RequestBody):
    """A config of any type. Source: `POST /v2/annotation-configs`.

    This model joins the contract's three variants; `annotation_config_type` decides which fields belong. The
    direction is NONE by default.
    """

    name: Name
    space_id: str
    annotation_config_type: Annotated[ConfigType, AnyCase]
    values: Values | None = None
    minimum_score: Score | None = None
    maximum_score: Score | None = None
    optimization_direction: Annotated[Direction | None, AnyCase] = None

    @model_validator(mode="after")
    def _has_what_its_type_needs(self) -> "CreateAnnotationConfigRequest":
        refuse_foreign_fields(self.annotation_config_type, self.model_fields_set)
        if self.annotation_config_type == "CATEGORICAL" and self.values is None:
            raise ValueError("a CATEGORICAL config needs values")
        if self.annotation_config_type == "CONTINUOUS" and (self.minimum_score is None or self.maximum_score is None):
            raise ValueError("a CONTINUOUS config needs minimum_score and maximum_score")
        return self


class UpdateAnnotationConfigRequest(RequestBody):
    """Omitted fields stay; `values` replaces the whole list. Source: `PATCH /v2/annotation-configs/{id}`.

    The request must repeat the type of the config, which cannot be changed.
    """

    annotation_config_type: Annotated[ConfigType, AnyCase]
    name: Name | None = None
    values: Values | None = None
    minimum_score: Score | None = None
    maximum_score: Score | None = None
    optimization_direction: Annotated[Direction | None, AnyCase] = None

    @model_validator(mode="after")
    def _has_no_foreign_field(self) -> "UpdateAnnotationConfigRequest":
        refuse_foreign_fields(self.annotation_config_type, self.model_fields_set)
        return self


class AnnotationConfig(ReplyBody):
    """One config of any type. Source: `GET /v2/annotation-configs/{annotation_config_id}`."""

    id: str
    name: str
    created_at: Timestamp | None = None
    space_id: str | None = None
    type: Annotated[ConfigType, AnyCase]
    values: list[CategoricalValue] | None = None
    minimum_score: Score | None = None
    maximum_score: Score | None = None
    optimization_direction: Annotated[Direction | None, AnyCase] = None


class AnnotationConfigPage(Page[AnnotationConfig]):
    """Newest first. Source: `GET /v2/annotation-configs`; `limit` at most 100."""

    annotation_configs: list[AnnotationConfig] = []

    @property
    def rows(self) -> Sequence[AnnotationConfig]:
        """The configs of this page."""
        return self.annotation_configs


class AnnotationInput(RequestBody):
    """One answer, under the name of a config. Omitted fields stay; null clears a field."""

    name: str
    score: Score | None = None
    label: str | None = None
    text: str | None = None


class AnnotateRecordInput(RequestBody):
    """The answers about one record: a span, trace, session, experiment run or dataset example."""

    record_id: str
    values: list[AnnotationInput] = Field(min_length=1)


Records = Annotated[list[AnnotateRecordInput], Field(min_length=1, max_length=RECORDS_PER_REQUEST)]


class AnnotateSpansRequest(RequestBody):
    """Answers about spans, traces or sessions of one project. Source: `POST /v2/spans/annotate`.

    A `record_id` is a span id, a trace's root span id, or a session id. The default and widest window is the 31 days
    before `end_time`, or 7 days for SESSION. A request holds at most 100 sessions.
    """

    project_id: str
    start_time: Timestamp | None = None
    end_time: Timestamp | None = None
    granularity: Annotated[Granularity | None, AnyCase] = None
    annotations: Records


class AnnotateRecordsRequest(RequestBody):
    """Answers about runs or examples.

    Source: `POST /v2/experiments/{experiment_id}/runs/annotate`, `POST /v2/datasets/{dataset_id}/examples/annotate`.
    """

    annotations: Records


def refuse_foreign_fields(kind: ConfigType, given: set[str]) -> None:
    """Refuse fields that belong to another type of config.

    Raises:
        ValueError: a field of another type is set.
    """
    owned: dict[ConfigType, set[str]] = {
        "CATEGORICAL": {"values", "optimization_direction"},
        "CONTINUOUS": {"minimum_score", "maximum_score", "optimization_direction"},
        "FREEFORM": set(),
    }
    foreign = given & {"values", "minimum_score", "maximum_score", "optimization_direction"} - owned[kind]
    if foreign:
        raise ValueError(f"{', '.join(sorted(foreign))} does not belong to a {kind} config")
