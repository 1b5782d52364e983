"""Two spans of one model call: that of an instrumentation, and that of the client or of another instrumentation.

Both count as calls of a model, so a call would be two rows, and its tokens would count twice. The span that says more
stays the row; the other one, its twin, names it.

The spans of a call may arrive in different requests, the inner one first. So the last calls are remembered.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from assaykit.engine.readings import INPUT, KIND, OUTPUT

SAME_CALL = "assaykit.same_call_as"
"""The attribute of a twin that names the span of the same call."""

SCOPE_NAME = "scope.name"
MOST = 2_000
"""The calls that are remembered of all projects."""

KINDS = frozenset({"LLM", "EMBEDDING"})
_RESPONSE = "gen_ai.response.id"
_PROMPT_TOKENS = "llm.token_count.prompt"
_COMPLETION_TOKENS = "llm.token_count.completion"
_NOT_COUNTED = (None, None)
_COUNTED = ("llm.token_count.", "llm.cost.")

_Id = tuple[str, str]
"""A project and a span."""


_Key = tuple[str, Literal["below", "response", "silent", "speaking"], str | None]
"""A project, and a fact that several of its calls may share."""


class ModelCall(NamedTuple):
    """The facts of a span that tell whether another one is of the same call. `tokens` are None where none were sent."""

    span_id: str
    trace_id: str
    parent_id: str | None
    kind: str
    scope: str | None
    model: str | None
    response_id: str | None
    tokens: tuple[Any, Any]
    start_ns: int
    end_ns: int
    failed: bool
    has_messages: bool


def call_of(row: Mapping[str, Any]) -> ModelCall | None:
    """The call of a span as a row of `tables.spans`; None for a span of another kind, and for a twin."""
    if row["kind"] not in KINDS:
        return None
    told: Mapping[str, Any] = row["attributes"]
    get = told.get
    return ModelCall(
        row["span_id"],
        row["trace_id"],
        row["parent_id"],
        row["kind"],
        get(SCOPE_NAME),
        row["model_name"],
        get(_RESPONSE),
        (get(_PROMPT_TOKENS), get(_COMPLETION_TOKENS)),
        row["start_ns"],
        row["end_ns"],
        row["status_code"] == "ERROR",
        INPUT in told or OUTPUT in told,
    )


def as_twin(row: Mapping[str, Any], of: str) -> dict[str, Any]:
    """The columns of a twin that change. It keeps what it sent, but its tokens count no more."""
    told = {name: value for name, value in row["attributes"].items() if not name.startswith(_COUNTED)}
    return {"kind": "UNKNOWN", "attributes": told | {KIND: "UNKNOWN", SAME_CALL: of}}


def twin_of(one: ModelCall, other: ModelCall) -> tuple[ModelCall, ModelCall] | None:
    """The twin and the span that stays the row, if both are of one call."""
    if one.kind != other.kind or one.span_id == other.span_id:
        return None
    inner, outer = (one, other) if _is_within(one, other) else (other, one)
    if not _is_same(inner, outer):
        return None
    return (outer, inner) if _tells(inner) > _tells(outer) else (inner, outer)


def _tells(call: ModelCall) -> tuple[bool, bool]:
    """The parts of a call that its span tells: messages and tokens."""
    return call.has_messages, call.tokens != _NOT_COUNTED


def _is_within(one: ModelCall, other: ModelCall) -> bool:
    if one.trace_id == other.trace_id and other.span_id == one.parent_id:
        return True
    if one.trace_id == other.trace_id and one.span_id == other.parent_id:
        return False
    return (one.start_ns, -one.end_ns) > (other.start_ns, -other.end_ns)


def _is_same(inner: ModelCall, outer: ModelCall) -> bool:
    """Whether a call that began within another one is the same call."""
    is_below = inner.trace_id == outer.trace_id and inner.parent_id == outer.span_id
    speaks_alone = inner.has_messages != outer.has_messages
    if is_below and (speaks_alone or _is_frame(outer, inner)):
        return True
    if not outer.start_ns <= inner.start_ns <= outer.end_ns or not (speaks_alone or inner.scope != outer.scope):
        return False
    if inner.response_id and outer.response_id:
        return inner.response_id == outer.response_id
    if inner.scope == outer.scope or inner.model != outer.model or inner.failed != outer.failed:
        return False
    if is_below:
        return inner.tokens == outer.tokens
    is_beside = inner.parent_id is None or (inner.trace_id, inner.parent_id) == (outer.trace_id, outer.parent_id)
    is_free = None in inner.tokens or inner.tokens == outer.tokens
    return is_beside and is_free and speaks_alone and inner.end_ns <= outer.end_ns


def _is_frame(outer: ModelCall, inner: ModelCall) -> bool:
    """Whether a span without messages and tokens stands around the call that another one tells."""
    return outer.model == inner.model and not any(_tells(outer)) and _tells(inner)[1]


class RecentCalls:
    """The calls that arrived last, at most `MOST`, and the twins among them."""

    def __init__(self) -> None:
        self.is_filled = False
        self._calls: OrderedDict[_Id, ModelCall] = OrderedDict()
        self._filed: dict[_Key, dict[_Id, None]] = {}
        self._twins: dict[_Id, str] = {}

    def fill(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember calls from before, in the order of arrival. Each row has its `project_id`."""
        self.is_filled = True
        for row in rows:
            if (call := call_of(row)) is not None:
                self._remember(row["project_id"], call)

    def twins(self, project_id: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """The spans that are twins now that these rows arrive, each with the span that stays the row, by span id.

        They are among the rows, or arrived before.
        """
        calls = [call for row in rows if (call := call_of(row)) is not None]
        for call in calls:
            self._remember(project_id, call)
        found: dict[str, str] = {}
        for call in calls:
            pairs = [pair for other in self._candidates(project_id, call) if (pair := twin_of(call, other)) is not None]
            for twin, kept in sorted(pairs, key=lambda pair: pair[1].start_ns, reverse=True):
                if (row := self._row_of(project_id, twin, kept)) is not None:
                    self._twins[project_id, twin.span_id] = found[twin.span_id] = row
                    break
        return found

    def _row_of(self, project_id: str, twin: ModelCall, kept: ModelCall) -> str | None:
        """The id of the span that stays the row; None if the twin is known, or if the row has another twin.

        Without the id of a response, calls at the same time look alike, so a row has one twin.
        """
        row = self._twins.get((project_id, kept.span_id), kept.span_id)
        if (project_id, twin.span_id) in self._twins or row == twin.span_id:
            return None
        is_sure = twin.parent_id == kept.span_id or (twin.response_id and kept.response_id)
        return row if is_sure or row not in self._twins.values() else None

    def _candidates(self, project_id: str, call: ModelCall) -> Iterator[ModelCall]:
        keys: list[_Key] = [(project_id, "below", call.span_id)]
        keys.append((project_id, "silent" if call.has_messages else "speaking", call.model))
        if call.response_id:
            keys.append((project_id, "response", call.response_id))
        found: dict[_Id, None] = {(project_id, call.parent_id): None} if call.parent_id else {}
        for key in keys:
            if key in self._filed:
                found |= self._filed[key]
        for one in found:
            if one in self._calls:
                yield self._calls[one]

    def _remember(self, project_id: str, call: ModelCall) -> None:
        one = (project_id, call.span_id)
        if one in self._calls:
            self._drop(one)
        self._calls[one] = call
        for key in _keys(project_id, call):
            self._filed.setdefault(key, {})[one] = None
        if len(self._calls) > MOST:
            self._drop(next(iter(self._calls)))

    def _drop(self, one: _Id) -> None:
        self._twins.pop(one, None)
        call = self._calls.pop(one, None)
        for key in _keys(one[0], call) if call is not None else ():
            filed = self._filed[key]
            del filed[one]
            if not filed:
                del self._filed[key]


def _keys(project_id: str, call: ModelCall) -> list[_Key]:
    """The keys under which a call is found."""
    keys: list[_Key] = [(project_id, "speaking" if call.has_messages else "silent", call.model)]
    if call.parent_id:
        keys.append((project_id, "below", call.parent_id))
    if call.response_id:
        keys.append((project_id, "response", call.response_id))
    return keys
