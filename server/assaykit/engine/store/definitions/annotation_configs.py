"""Annotation configs in the store: the answers that people may give, and the check of one answer."""

import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import sqlalchemy as sa

from assaykit.engine.clock import Clock
from assaykit.engine.problems import Malformed
from assaykit.engine.store.definitions import spaces
from assaykit.engine.store.keys import next_id, row_of
from assaykit.engine.store.pages import PageRequest, by_arrival, named_like
from assaykit.engine.store.tables import annotation_configs
from assaykit.engine.store.times import moment
from assaykit.errors import Conflict, Invalid, quote
from assaykit.wire.annotations import (
    AnnotationConfig,
    AnnotationConfigPage,
    AnnotationInput,
    CategoricalValue,
    CreateAnnotationConfigRequest,
    UpdateAnnotationConfigRequest,
)

_OWN_COLUMNS = {"name", "space_id", "annotation_config_type"}


def create(connection: sa.Connection, wanted: CreateAnnotationConfigRequest, clock: Clock) -> AnnotationConfig:
    """A new config.

    Raises:
        NotFound: no such space.
        Conflict: the space has a config of this name.
        Invalid: a label is blank or occurs twice, or the minimum is not below the maximum.
    """
    spaces.get(connection, wanted.space_id)
    _refuse_taken(connection, wanted.space_id, wanted.name)
    config = wanted.model_dump(mode="json", exclude_none=True, exclude=_OWN_COLUMNS)
    if wanted.annotation_config_type != "FREEFORM":
        config.setdefault("optimization_direction", "NONE")
    _check(config)
    row = connection.execute(
        annotation_configs.insert()
        .values(
            id=next_id(connection, "AnnotationConfig", clock),
            space_id=wanted.space_id,
            name=wanted.name,
            type=wanted.annotation_config_type,
            config=config,
            created_ns=clock.now_ns(),
        )
        .returning(annotation_configs)
    ).one()
    return _config(row)


def page(
    connection: sa.Connection, *, space_id: str | None, space_name: str | None, name: str | None, at: PageRequest
) -> AnnotationConfigPage:
    """Configs, newest first."""
    query = sa.select(annotation_configs).where(spaces.within(annotation_configs, space_id, space_name))
    if name:
        query = query.where(named_like(annotation_configs.c.name, name))
    rows, pagination = by_arrival(connection, query, annotation_configs.c.n, at)
    return AnnotationConfigPage(annotation_configs=[_config(row) for row in rows], pagination=pagination)


def get(connection: sa.Connection, config_id: str) -> AnnotationConfig:
    """One config.

    Raises:
        NotFound: there is none with this id.
    """
    return _config(_row(connection, config_id))


def update(connection: sa.Connection, config_id: str, wanted: UpdateAnnotationConfigRequest) -> AnnotationConfig:
    """Change the given fields. Existing annotations keep their names and values.

    Raises:
        NotFound: there is none with this id.
        Malformed: the type differs, no field is given, or a field is null.
        Conflict: the space has a config of this name.
        Invalid: a label is blank or occurs twice, or the minimum is not below the maximum.
    """
    row = _row(connection, config_id)
    if wanted.annotation_config_type != row.type:
        raise Malformed(f"annotation_config_type is {row.type} and cannot be changed.", f"Send {row.type}.")
    given = wanted.model_dump(mode="json", exclude_unset=True, exclude={"annotation_config_type"})
    if not given:
        raise Malformed("The body changes nothing.", "Send the fields to change beside annotation_config_type.")
    if empty := [name for name, value in given.items() if value is None]:
        raise Malformed(f"{', '.join(empty)} cannot be null.", "Leave out the fields to keep.")
    name = given.pop("name", row.name)
    if name != row.name:
        _refuse_taken(connection, row.space_id, name)
    config = {**row.config, **given}
    _check(config)
    change = annotation_configs.update().where(annotation_configs.c.id == config_id)
    return _config(connection.execute(change.values(name=name, config=config).returning(annotation_configs)).one())


def delete(connection: sa.Connection, config_id: str) -> None:
    """Remove a config; annotations made with it stay.

    Raises:
        NotFound: there is none with this id.
    """
    _row(connection, config_id)
    connection.execute(annotation_configs.delete().where(annotation_configs.c.id == config_id))


def of_space(connection: sa.Connection, space_id: str) -> dict[str, AnnotationConfig]:
    """Every config of a space by name."""
    query = sa.select(annotation_configs).where(annotation_configs.c.space_id == space_id)
    return {row.name: _config(row) for row in connection.execute(query)}


def parts(given: AnnotationInput, configs: Mapping[str, AnnotationConfig]) -> dict[str, Any]:
    """Check an answer against its config. Returns its label, score and text; a label implies its score.

    Raises:
        Invalid: there is no such config, the answer is empty, or the config does not allow a value.
    """
    config = configs.get(given.name)
    if config is None:
        raise _unknown(given.name, list(configs))
    said = {name: getattr(given, name) for name in ("label", "score", "text") if name in given.model_fields_set}
    if not said:
        raise Invalid(f"The annotation {given.name!r} sets nothing.", "Give a label, a score or a text.")
    match config.type:
        case "CATEGORICAL":
            return _categorical(config, said)
        case "CONTINUOUS":
            return _continuous(config, said)
        case "FREEFORM":
            return _only(config, said, {"text"})


def _categorical(config: AnnotationConfig, said: dict[str, Any]) -> dict[str, Any]:
    scores = {value.label: value.score for value in config.values or ()}
    label, score = said.get("label"), said.get("score")
    if label is None:
        if score is not None:
            raise Invalid(
                f"{config.name!r} is categorical, and the annotation has a score but no label.",
                f"Give one of the labels {_listed(scores)}.",
            )
        # Removing a label also removes its score.
        return said | {"score": None} if "label" in said else said
    if label not in scores:
        raise Invalid(f"{quote(label, 60)!r} is not a label of {config.name!r}.", f"Give one of {_listed(scores)}.")
    known = scores[label]
    if score is not None and known is not None and score != known:
        raise Invalid(
            f"The label {label!r} of {config.name!r} has the score {known}, not {score}.",
            "Leave the score out.",
        )
    return said | {"score": score if known is None else known}


def _continuous(config: AnnotationConfig, said: dict[str, Any]) -> dict[str, Any]:
    score, low, high = said.get("score"), config.minimum_score, config.maximum_score
    if score is not None and not (_below(low, score) and _below(score, high)):
        raise Invalid(f"The score {score} of {config.name!r} is out of bounds.", f"Give one from {low} to {high}.")
    return _only(config, said, {"score", "text"})


def _below(low: float | None, high: float | None) -> bool:
    return low is None or high is None or low <= high


def _only(config: AnnotationConfig, said: dict[str, Any], allowed: set[str]) -> dict[str, Any]:
    if foreign := sorted(name for name, value in said.items() if name not in allowed and value is not None):
        raise Invalid(
            f"{config.name!r} is {config.type.lower()} and takes no {' and no '.join(foreign)}.",
            f"Give {' or '.join(sorted(allowed))} alone.",
        )
    return {name: value for name, value in said.items() if name in allowed}


def _unknown(name: str, there: Sequence[str]) -> Invalid:
    near = get_close_matches(name, there, n=3, cutoff=0.5)
    names = ", ".join(repr(each) for each in near or sorted(there)[:5])
    known = f"Did you mean {names}?" if near else f"Its configs are {names}." if there else "It has none yet."
    return Invalid(
        f"This space has no annotation config named {quote(name, 60)!r}.",
        f"{known} POST /v2/annotation-configs creates one.",
    )


def _check(config: Mapping[str, Any]) -> None:
    labels = [CategoricalValue.model_validate(value).label for value in config.get("values", ())]
    if any(not label.strip() for label in labels) or len(set(labels)) < len(labels):
        raise Invalid("A label is blank or occurs twice.", "Give each value its own label.")
    low, high = config.get("minimum_score"), config.get("maximum_score")
    if low is not None and high is not None and not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise Invalid(f"The bounds {low} and {high} are not a range.", "Give a finite minimum below a finite maximum.")


def _listed(scores: Mapping[str, Any]) -> str:
    shown = ", ".join(repr(label) for label in list(scores)[:10])
    return f"{shown}, ..." if len(scores) > 10 else shown  # noqa: PLR2004  (as many as are shown)


def _refuse_taken(connection: sa.Connection, space_id: str, name: str) -> None:
    c = annotation_configs.c
    if connection.execute(sa.select(c.id).where(c.space_id == space_id, c.name == name)).first():
        raise Conflict(
            f"This space has an annotation config named {name!r} already.", "Use it, or choose another name."
        )


def _row(connection: sa.Connection, config_id: str) -> sa.Row[Any]:
    return row_of(connection, annotation_configs, config_id, "annotation config", "/v2/annotation-configs")


def _config(row: sa.Row[Any]) -> AnnotationConfig:
    return AnnotationConfig.model_validate(
        {
            **row.config,
            "id": row.id,
            "name": row.name,
            "space_id": row.space_id,
            "created_at": moment(row.created_ns),
            "type": row.type,
        }
    )
