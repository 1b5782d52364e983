"""Events that reach a span from the logs signal, before it or after it, become events of the span.

The facts that a span owes to its events are read again, as if all events had been sent with it. So the order of arrival
makes no difference.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from assaykit.engine import openinference, readings
from assaykit.engine.model_calls import SAME_CALL
from assaykit.engine.readings import INPUT, KIND, MODEL, OUTPUT, REASONING, SESSION, USER
from assaykit.engine.store.times import moment
from assaykit.wire.bodies import rfc3339

_TOLD_BY_MESSAGES = (INPUT, OUTPUT, REASONING)
_FACTS = (*_TOLD_BY_MESSAGES, KIND, SESSION, USER, MODEL)


def event_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """An event of a span in the form of the store, from a row of `tables.log_events`."""
    at = moment(row["time_ns"])
    return {"name": row["name"], "timestamp": rfc3339(at) if at else None, "attributes": row["attributes"]}


def joined(row: Mapping[str, Any], late: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The columns of a span that change when events of the logs signal join it. `late` are all of them, in order.

    `row` has the columns `attributes`, `events`, `kind`, `session_id` and `model_name`.
    """
    before: list[Any] = row["events"]
    joining = [event_of(one) for one in late]
    events = [*(event for event in before if event not in joining), *joining]
    attributes = _as_sent(row["attributes"], before)
    told = openinference.storable(readings.facts_of(attributes, events))
    if SAME_CALL in attributes:  # its kind and tokens are those of the other span
        told = {key: value for key, value in told.items() if key in _TOLD_BY_MESSAGES}
    attributes |= told
    return {
        "attributes": attributes,
        "events": events,
        "kind": openinference.kind_of(attributes),
        "session_id": _text(attributes.get(SESSION)) or row["session_id"],
        "model_name": _text(attributes.get(MODEL)) or row["model_name"],
    }


def _as_sent(attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The attributes without those that follow from others and from events."""
    rest = {key: value for key, value in attributes.items() if key not in _FACTS}
    told = openinference.storable(readings.facts_of(rest, events))
    return {key: value for key, value in attributes.items() if key in rest or told.get(key) != value}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
