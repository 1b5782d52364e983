"""The parser of filters: text to tree. The language resembles an SQL condition, without functions and subqueries.

    filter     = conjunct { OR conjunct }
    conjunct   = negation { AND negation }
    negation   = NOT negation | "(" filter ")" | condition
    condition  = field ( sign literal | [NOT] IN "(" literal { "," literal } ")" | [NOT] LIKE text
                       | [NOT] BETWEEN literal AND literal | [NOT] CONTAINS text | IS [NOT] NULL )
    sign       = "=" | "==" | "!=" | "<>" | "<" | "<=" | ">" | ">="
    literal    = text | number | TRUE | FALSE | NULL (after "=" and "!=" only)

Words may have any case. Text is in single quotes; `''` inside it is one quote. A field is bare
(`attributes.http.status-code`) or, if it has other characters, in double quotes (`"eval.my judge.label"`).
"""

import math
import re
from dataclasses import dataclass
from typing import Final, Literal, NoReturn, TypeAlias, cast

from assaykit.errors import Invalid, quote
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
    Operator,
    Or,
    Value,
)
from assaykit.filters.values import number

MAX_CHARACTERS = 4000
MAX_DEPTH = 64
MAX_LITERALS = 500
MAX_PATTERN = 256

EXAMPLE: Final = "Write for example: status_code = 'OK' AND latency_ms < 5000"
_LITERAL: Final = "text in single quotes, a number, true or false"
_CONDITION: Final = "an operator (= != < <= > >= IN BETWEEN LIKE CONTAINS IS)"

_WORDS: Final = frozenset({"AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "CONTAINS", "IS", "NULL", "TRUE", "FALSE"})
_SIGNS: Final[dict[str, Operator]] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">=",
}  # fmt: skip
_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<text>'(?:[^']|'')*'(?!'))
    | (?P<quoted>"(?:[^"]|"")*"(?!"))
    | (?P<number>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.]))
    | (?P<name>[^\W\d]\w*(?:-\w+)*(?:\.\w+(?:-\w+)*)*)
    | (?P<sign>==|!=|<>|<=|>=|=|<|>)
    | (?P<mark>[(),])
    """,
    re.VERBOSE,
)
# SQLite ends a text at NUL, and its driver cannot encode a lone surrogate.
_UNSENDABLE: Final = re.compile("[\x00\ud800-\udfff]")

_Kind: TypeAlias = Literal["text", "quoted", "number", "name", "word", "sign", "mark", "end"]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: _Kind
    text: str
    """The text as written, or a word in upper case."""
    at: int
    """The position of the first character, from 0."""

    @property
    def shown(self) -> str:
        return "the end" if self.kind == "end" else repr(quote(self.text, 60))


def parse(text: str) -> Node:
    """The tree of a filter, with its fields as written.

    Limits: 4000 characters, 500 literals, 64 levels of NOT and parentheses, 256 characters in a LIKE pattern.

    Raises:
        Invalid: the filter is blank, exceeds a limit, or has a syntax error. The message gives the column, counted
            from 1.
    """
    if not text.strip():
        raise Invalid("The filter is blank.", f"{EXAMPLE}, or leave the filter out to select everything.")
    if len(text) > MAX_CHARACTERS:
        raise Invalid(
            f"The filter has {len(text)} characters; the limit is {MAX_CHARACTERS}.",
            "Split it, or use IN or LIKE.",
        )
    if found := _UNSENDABLE.search(text):
        raise Invalid(f"At column {found.start() + 1}, the filter has a character that text cannot hold.", "Remove it.")
    reader = Reader(text)
    return reader.whole()


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            _refuse_character(text, at)
        kind, written = found.lastgroup, found.group()
        if kind == "name" and written.upper() in _WORDS:
            kind, written = "word", written.upper()
        if kind != "space":
            tokens.append(_Token(cast("_Kind", kind), written, at))
        at = found.end()
    return [*tokens, _Token("end", "", at)]


def _refuse_character(text: str, at: int) -> NoReturn:
    where = f"At column {at + 1}"
    if text[at] in "'\"":
        raise Invalid(f"{where}, a quote opens but never closes.", "Close it; double each quote inside the text.")
    if word := re.compile(r"[\w.-]*\w").match(text, at):
        raise Invalid(
            f"{where}, {quote(word.group(), 60)!r} is neither a number nor a field.",
            "Put text in single quotes, and a field that begins with a digit in double quotes.",
        )
    raise Invalid(f"{where}, {text[at]!r} has no meaning in a filter.", f"{EXAMPLE}.")


CARET_CONTEXT = 30
"""Most characters of the filter that an error shows on each side of its caret."""


class Reader:
    """A recursive descent parser of AND, OR, NOT and parentheses. Subclasses override `condition`, the operand."""

    what = "filter"

    def __init__(self, text: str) -> None:
        self._whole = text
        self._tokens = _tokens(text)
        self._next = 0
        self._literals = 0

    def whole(self) -> Node:
        """Read the whole text."""
        node = self.filter()
        if self.token.kind != "end":
            self.refuse("AND, OR or the end")
        return node

    @property
    def token(self) -> _Token:
        """The current token."""
        return self._tokens[self._next]

    def refuse(self, wanted: str, advice: str = f"{EXAMPLE}.") -> NoReturn:
        """Raise `Invalid` at the current token, with the expected text."""
        at = self.token.at
        before, after = self._whole[max(at - CARET_CONTEXT, 0) : at], self._whole[at : at + CARET_CONTEXT]
        said = f"At column {at + 1} of the {self.what}, expected {wanted}, not {self.token.shown}"
        raise Invalid(f"{said}: {quote(f'{before}^{after}', 4 * CARET_CONTEXT)}", advice)

    def _exceed(self, limit: str, advice: str) -> NoReturn:
        raise Invalid(f"At column {self.token.at + 1}, the {self.what} exceeds {limit}.", advice)

    def _took(self, text: str) -> bool:
        """Step over this word or mark if it is the current token; return whether it was."""
        here = self.token.kind in {"word", "mark"} and self.token.text == text
        self._next += here
        return here

    def _take(self, text: str) -> None:
        if not self._took(text):
            self.refuse(text if text.isalpha() else repr(text))

    def step(self) -> None:
        """Step over the current token."""
        self._next += 1

    def filter(self, depth: int = 0) -> Node:
        """Read up to the end or a closing parenthesis."""
        items = [self._conjunct(depth)]
        while self._took("OR"):
            items.append(self._conjunct(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _conjunct(self, depth: int) -> Node:
        items = [self._negation(depth)]
        while self._took("AND"):
            items.append(self._negation(depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self._exceed(f"{MAX_DEPTH} levels of NOT and parentheses", "Use fewer levels.")
        if self._took("NOT"):
            return Not(self._negation(depth + 1))
        if self._took("("):
            inner = self.filter(depth + 1)
            self._take(")")
            return inner
        return self.condition()

    def condition(self) -> Node:
        """Read one condition: a field with its operator and literals."""
        field = self._field()
        if self.token.kind == "sign":
            return self._comparison(field)
        if self._took("IS"):
            negated = self._took("NOT")
            self._take("NULL")
            return Not(IsNull(field)) if negated else IsNull(field)
        negated = self._took("NOT")
        leaf = self._leaf(field)
        return Not(leaf) if negated else leaf

    def _field(self) -> str:
        token = self.token
        if token.kind == "name":
            field = token.text
        elif token.kind == "quoted":
            field = token.text[1:-1].replace('""', '"')
        elif token.kind == "text":
            self.refuse("a field", f"Put the field on the left, bare or in double quotes. {EXAMPLE}.")
        else:
            self.refuse("a field", f"Put the field on the left and the literal on the right. {EXAMPLE}.")
        if not field.strip():
            self.refuse("a field")
        self._next += 1
        return field

    def _comparison(self, field: str) -> Node:
        sign = _SIGNS[self.token.text]
        self._next += 1
        if sign in {"=", "!="} and self._took("NULL"):
            return IsNull(field) if sign == "=" else Not(IsNull(field))
        value = self._literal() if sign in {"=", "!="} else self._ordered()
        return Compare(field, sign, value)

    def _leaf(self, field: str) -> Leaf:
        if self._took("IN"):
            return In(field, self._list())
        if self._took("BETWEEN"):
            return self._between(field)
        if self._took("CONTAINS"):
            return Contains(field, self._text())
        if self._took("LIKE"):
            return Like(field, self._pattern())
        advice = "There are no functions. " if self.token.text == "(" else ""
        return self.refuse(_CONDITION, f"{advice}{EXAMPLE}.")

    def _list(self) -> tuple[Value, ...]:
        self._take("(")
        values = [self._literal()]
        while self._took(","):
            values.append(self._literal())
        if not self._took(")"):
            self.refuse("',' or ')'")
        return tuple(values)

    def _between(self, field: str) -> Between:
        low = self._ordered()
        self._take("AND")
        high = self._ordered()
        if isinstance(low, str) != isinstance(high, str):
            self._next -= 1
            self.refuse("a literal of the same sort", "Give BETWEEN two numbers or two texts.")
        return Between(field, low, high)

    def _pattern(self) -> str:
        pattern = self._text()
        if len(pattern) > MAX_PATTERN:
            self._next -= 1
            self._exceed(f"{MAX_PATTERN} characters in a LIKE pattern", "Use CONTAINS for long text.")
        return pattern

    def _text(self) -> str:
        if self.token.kind == "number":
            self.refuse("text in single quotes", f"Write '{self.token.text}'.")
        value = self._literal()
        if not isinstance(value, str):
            self._next -= 1
            self.refuse("text in single quotes")
        return value

    def _ordered(self) -> str | float:
        if self.token.text in {"TRUE", "FALSE"}:
            self.refuse("text or a number", "true and false have no order; compare them with = or !=.")
        return self._literal()

    def _literal(self) -> Value:
        token = self.token
        value: Value
        if token.kind == "text":
            value = token.text[1:-1].replace("''", "'")
        elif token.kind == "number":
            value = self._number()
        elif token.text in {"TRUE", "FALSE"} and token.kind == "word":
            value = token.text == "TRUE"
        else:
            self._refuse_literal()
        self._literals += 1
        if self._literals > MAX_LITERALS:
            self._exceed(f"{MAX_LITERALS} literals", "Use several filters.")
        self._next += 1
        return value

    def _number(self) -> float:
        text = self.token.text
        value = number(int(text) if text.lstrip("+-").isdigit() else float(text))
        if math.isinf(value):
            self._exceed("the largest number", "Numbers end at about 1.8e308.")
        return value

    def _refuse_literal(self) -> NoReturn:
        token = self.token
        if token.kind == "quoted":
            inner = quote(token.text[1:-1].replace("'", "''"), 60)
            self.refuse(_LITERAL, f"Double quotes are for fields; write text in single quotes: '{inner}'.")
        if token.kind == "name":
            self.refuse(_LITERAL, f"Put text in single quotes: '{quote(token.text, 60)}'.")
        if token.text == "NULL":
            self.refuse(_LITERAL, "Test for absence with IS NULL, for presence with IS NOT NULL.")
        self.refuse(_LITERAL)
