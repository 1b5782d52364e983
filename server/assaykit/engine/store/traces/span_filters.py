"""Filters over spans, as SQL. By the rules of `filters.values`, a tree means the same here and in memory.

User input (literals, attribute keys, names of evaluators) is passed in bound parameters only. The condition on the
project stands outside the user's tree, so no filter can reach another project.
"""

import json
import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    String,
    Table,
    and_,
    case,
    cast,
    func,
    literal,
    not_,
    or_,
    select,
)

from assaykit.column_paths import WHOLES
from assaykit.engine.store.tables import annotations, evals, spans
from assaykit.errors import Invalid, quote
from assaykit.filters.fields import canonical, event, verdict
from assaykit.filters.tree import (
    And,
    Between,
    Compare,
    Contains,
    In,
    IsNull,
    Leaf,
    Like,
    Node,
    Not,
    Or,
    Value,
)
from assaykit.filters.values import decimal

_TEXT_COLUMNS: Final[dict[str, ColumnElement[Any]]] = {
    "name": spans.c.name,
    "status_code": spans.c.status_code,
    "status_message": spans.c.status_message,
    "parent_id": spans.c.parent_id,
    "context.trace_id": spans.c.trace_id,
    "context.span_id": spans.c.span_id,
    "span_kind": spans.c.kind,
    # Attributes with a column of their own, which an index can serve.
    "attributes.llm.model_name": spans.c.model_name,
    "attributes.session.id": spans.c.session_id,
}
_NUMBER_COLUMNS: Final[dict[str, ColumnElement[Any]]] = {
    "latency_ms": spans.c.latency_ms,
    "start_time": spans.c.start_ns,
    "end_time": spans.c.end_ns,
}
_VERDICT_TARGETS: Final[dict[str, tuple[Table, str, ColumnElement[Any]]]] = {
    "eval": (evals, "SPAN", spans.c.span_id),
    "trace_eval": (evals, "TRACE", spans.c.trace_id),
    "session_eval": (evals, "SESSION", spans.c.session_id),
    "annotation": (annotations, "SPAN", spans.c.span_id),
    "trace_annotation": (annotations, "TRACE", spans.c.trace_id),
}
_ORDER: Final[dict[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_STALE: Final = "metadata.stale"
"""The part of a verdict that is true if the verdict is older than the attributes of its span."""
_UNKNOWN: Final = literal(None, Boolean)


@dataclass(frozen=True, slots=True)
class _Held:
    """The value of a field, with one view for each type. A view is null in rows with a value of another type.

    A view of None would be null in every row.
    """

    value: ColumnElement[Any]
    text: ColumnElement[Any] | None = None
    number: ColumnElement[Any] | None = None
    """Numbers, and plain decimals written as text."""
    strict_number: ColumnElement[Any] | None = None
    flag: ColumnElement[Any] | None = None
    inner_text: Callable[[str], ColumnElement[bool]] | None = None
    """Makes the condition that a list or an object holds a text that contains the given one."""


def where(node: Node, project_id: str, *, by_arrival: bool = False) -> ColumnElement[bool]:
    """Translate a tree from `span_tree` to a condition on `spans` within one project.

    Raises:
        Invalid: a field is not canonical, or an attribute key cannot stand in a JSON path.
    """
    return and_(of_project(project_id, by_arrival=by_arrival), _clause(node, project_id), *by_index(node))


def by_index(node: Node) -> Iterator[ColumnElement[bool]]:
    """Conditions that hold wherever the filter does, and that an index serves.

    A decimal in text also equals a number, which `user_id` leaves out, so a filter with one has no such condition.
    """
    for item in node.items if isinstance(node, And) else (node,):
        match item:
            case Compare("attributes.user.id", "=", str() as user) if decimal(user) is None:
                yield spans.c.user_id == user
            case _:
                pass


def of_project(project_id: str, *, by_arrival: bool = False) -> ColumnElement[bool]:
    """The condition that a span belongs to a project. Set `by_arrival` together with a condition on `n`.

    The project is then compared as an expression, which no index matches. With an index, SQLite would walk all spans of
    the project instead of the few that arrived.
    """
    return (spans.c.project_id.concat("") if by_arrival else spans.c.project_id) == project_id


def _clause(node: Node, project_id: str) -> ColumnElement[bool]:
    match node:
        case And(items):
            return and_(*(_clause(item, project_id) for item in items))
        case Or(items):
            return or_(*(_clause(item, project_id) for item in items))
        case Not(item):
            return not_(_clause(item, project_id))
        case _:
            return _leaf(node, _held(node.field, project_id))


def _leaf(node: Leaf, held: _Held) -> ColumnElement[bool]:
    match node:
        case Compare(_, "=", value):
            clause = _equal(held, [value])
        case Compare(_, "!=", value):
            clause = not_(_equal(held, [value]))
        case Compare(_, sign, value):
            clause = _ordered(held, sign, value)
        case In(_, values):
            clause = _equal(held, values)
        case Between(_, low, high):
            clause = and_(_ordered(held, ">=", low), _ordered(held, "<=", high))
        case Contains(_, text):
            clause = _contains(held, text)
        case Like(_, pattern):
            clause = _UNKNOWN if held.text is None else held.text.ilike(pattern)
        case IsNull():
            clause = held.value.is_(None)
    return clause


def _equal(held: _Held, values: Sequence[Value]) -> ColumnElement[bool]:
    flags = [value for value in values if isinstance(value, bool)]
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    texts = [value for value in values if isinstance(value, str)]
    decimals = [found for text in texts if (found := decimal(text)) is not None]
    pairs = [(held.text, texts), (held.number, numbers), (held.strict_number, decimals), (held.flag, flags)]
    return _known([_among(view, wanted) for view, wanted in pairs if view is not None and wanted])


def _among(view: ColumnElement[Any], values: Sequence[Value]) -> ColumnElement[bool]:
    # `literal` keeps an integer an integer; in a plain list, a Float column would make it a double.
    found = [literal(value) for value in values]
    return view == found[0] if len(found) == 1 else view.in_(found)


def _ordered(held: _Held, sign: str, value: Value) -> ColumnElement[bool]:
    pairs: list[tuple[ColumnElement[Any] | None, Value | None]]
    if isinstance(value, bool):
        pairs = [(held.flag, value)]
    elif isinstance(value, str):
        pairs = [(held.text, value), (held.strict_number, decimal(value))]
    else:
        pairs = [(held.number, value)]
    compare = _ORDER[sign]
    return _known([compare(view, literal(each)) for view, each in pairs if view is not None and each is not None])


def _known(answers: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    """True if some answer is true, else false if some is false, else unknown."""
    if not answers:
        return _UNKNOWN
    return answers[0] if len(answers) == 1 else case((or_(*answers), True), else_=func.coalesce(*answers))


def _contains(held: _Held, text: str) -> ColumnElement[bool]:
    if held.text is None:
        return _UNKNOWN
    answer = held.text.icontains(text, autoescape=True)
    return answer if held.inner_text is None else func.coalesce(answer, held.inner_text(text))


def _held(field: str, project_id: str) -> _Held:
    if canonical(field) != field:
        raise Invalid(f"{quote(field)!r} is an alias of a span field.", "Read the filter with `span_tree`.")
    if field in _TEXT_COLUMNS:
        return _text(_TEXT_COLUMNS[field])
    if field in _NUMBER_COLUMNS:
        return _number(_NUMBER_COLUMNS[field])
    sort, _, rest = field.partition(".")
    if sort == "attributes":
        return _attribute(rest)
    if sort == "exception":
        return _of_event("exception", f"attributes.{field}")
    if sort == "event":
        return _of_event(*event(field))
    return _verdict(field, project_id)


def _of_event(name: str, part: str) -> _Held:
    """A part of the last event of a name that has it: `timestamp`, or an attribute such as `attributes.retries`."""
    at = func.json_each(spans.c.events).table_valued("key", "value")
    kind, _, key = part.partition(".")
    path = _path(key, at.c.value, "$.attributes") if key else literal(f"$.{kind}")
    value = func.json_extract(at.c.value, path, type_=String)

    def last(found: ColumnElement[Any]) -> ColumnElement[Any]:
        is_one = func.json_extract(at.c.value, "$.name") == name
        query = select(found).where(is_one, value.is_not(None)).order_by(at.c.key.desc()).limit(1)
        return query.correlate(spans).scalar_subquery()

    return _of_json(last(value), last(func.json_type(at.c.value, path, type_=String)), None)


def _text(column: ColumnElement[Any]) -> _Held:
    return _Held(column, text=column, number=case((_is_decimal(column), cast(column, Float))))


def _number(column: ColumnElement[Any]) -> _Held:
    return _Held(column, number=column, strict_number=column)


def _verdict(field: str, project_id: str) -> _Held:
    sort, name, part = verdict(field)
    table, level, target = _VERDICT_TARGETS[sort]
    column = table.c[part] if part in table.c else _of_maker(table, part)
    if part == _STALE:
        column = case((table.c.updated_ns < spans.c.changed_ns, literal(True)))  # noqa: FBT003  (a literal of SQL)
    found = (
        select(column)
        .where(
            table.c.scope_id == project_id,
            table.c.level == level,
            table.c.target_id == target,
            table.c.name == name,
        )
        .correlate(spans)
        .scalar_subquery()
    )
    if part == _STALE:
        return _Held(found, flag=found)
    return _number(found) if part in {"score", "metadata.version"} else _text(found)


def _of_maker(table: Table, part: str) -> ColumnElement[Any]:
    """A part such as `metadata.version`; null if the verdict does not tell it."""
    return func.json_extract(table.c.metadata, f"$.{part.removeprefix('metadata.')}", type_=String)


def _attribute(key: str) -> _Held:
    path = _path(key, spans.c.attributes)
    value = func.json_extract(spans.c.attributes, path, type_=String)
    sort = func.json_type(spans.c.attributes, path, type_=String)
    held = _of_json(value, sort, path)
    return _with_parts(held, key) if key in WHOLES else held


def _with_parts(held: _Held, key: str) -> _Held:
    """A list or object that has a value too if attributes hold its parts."""

    def inside(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        found = select(literal(1)).where(at.c.fullkey.between(f'$."{key}.', f'$."{key}/'), *conditions)
        return found.correlate(spans).exists()

    def inner_text(text: str) -> ColumnElement[bool]:
        holds = inside(at.c.type == "text", cast(at.c.atom, String).icontains(text, autoescape=True))
        mine = held.inner_text(text) if held.inner_text else _UNKNOWN
        return func.coalesce(mine, case((inside(), holds)))

    at = func.json_tree(spans.c.attributes).table_valued("atom", "type", "fullkey")
    return replace(held, value=func.coalesce(held.value, case((inside(), literal("")))), inner_text=inner_text)


def _of_json(value: ColumnElement[Any], sort: ColumnElement[Any], path: ColumnElement[str] | None) -> _Held:
    """A value of a JSON type. `path` leads to it in the attributes; None if it stands elsewhere."""
    is_number = sort.in_(["integer", "real"])

    def inner_text(text: str) -> ColumnElement[bool]:
        tree = func.json_tree(value) if path is None else func.json_tree(spans.c.attributes, path)
        inside = tree.table_valued("atom", "type")
        atom = cast(inside.c.atom, String)
        holds = select(literal(1)).where(inside.c.type == "text", atom.icontains(text, autoescape=True))
        return case((sort.in_(["array", "object"]), holds.correlate(spans).exists()))

    return _Held(
        value,
        text=case((sort == "text", value)),
        number=case((is_number, value), (and_(sort == "text", _is_decimal(value)), cast(value, Float))),
        strict_number=case((is_number, value)),
        flag=case((sort == "true", True), (sort == "false", False)),
        inner_text=inner_text,
    )


def _path(key: str, document: ColumnElement[Any], above: str = "$") -> ColumnElement[str]:
    """The JSON path of one key, which may contain dots, below another path of a document."""
    plain = literal(f'{above}."{key}"')
    if key.isascii():
        return plain
    # Older SQLite compares keys with their spelling in the stored JSON, which may be `\u00e9` for `é`.
    escaped = literal(f"{above}.{json.dumps(key)}")
    return case((func.json_type(document, plain).is_(None), escaped), else_=plain)


def _is_decimal(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """`filters.values.decimal` as SQL: a sign or digit, then digits and dots, last a digit; at most one dot."""
    return and_(
        or_(column.bool_op("GLOB")("[0-9]*"), column.bool_op("GLOB")("-[0-9]*")),
        column.bool_op("GLOB")("*[0-9]"),
        not_(func.substr(column, 2).bool_op("GLOB")("*[^0-9.]*")),
        not_(column.bool_op("GLOB")("*.*.*")),
    )
