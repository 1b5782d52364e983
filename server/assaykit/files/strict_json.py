"""A strict JSON reader: it refuses input that the standard library accepts and other parsers do not.

It refuses NaN (unless the caller reads it as null), infinities, numbers too large for a float, repeated keys in one
object, halves of surrogate pairs, and nesting deeper than 64.
"""

import contextlib
import json
import math
import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import cast

MAX_DEPTH = 64
MAX_VALUE = 16 * 1024 * 1024
"""Limit on the characters of one row, or of another value beside the rows. No backend accepts more."""

ROW_KEYS = ("rows", "data", "examples", "runs", "results", "testCases", "samples")

SPLITS = ("train", "test", "validation", "valid", "val", "dev", "eval", "split")
"""The names under which the splits of a data set have their rows."""

_KEYS = frozenset({*ROW_KEYS, *SPLITS})

_WHITE = " \t\r\n"
_SPACE = re.compile(f"[{_WHITE}]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONGEST_WORD = 16
"""Characters. An error this near to the end of the text may mean that a word, number or escape was cut off."""


class JsonError(ValueError):
    """A fault: a short `reason` and its `line` (from 1). `has_rows` is false if the text has no array of rows."""

    def __init__(self, reason: str, line: int, *, has_rows: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.has_rows = has_rows


def parse(text: str, *, nan_is_null: bool = False) -> object:
    """Parse one JSON value, followed only by white space.

    Raises: JsonError.
    """
    body = text.strip(_WHITE)
    if "\\u" not in body and body.count("[") + body.count("{") <= MAX_DEPTH:
        with contextlib.suppress(ValueError, RecursionError):
            value, end = (_NAN_IS_NULL if nan_is_null else _DECODER).raw_decode(body)
            if end == len(body):
                return value
    # Text with escapes, deep nesting or a fault is parsed again with all checks, which also locate the fault.
    cursor = _Cursor((text,), nan_is_null=nan_is_null)
    _, value = cursor.value()
    cursor.require_end()
    return value


def parse_rows(chunks: Iterable[str], *, nan_is_null: bool = False) -> Iterator[tuple[int, object]]:
    """Yield the elements of an array, or of an object's array under one of `ROW_KEYS`, each with its line.

    An object under such a key may hold the array in turn. An array under one of `SPLITS` counts too.
    Lists below `columns`, as pandas writes them, become objects.

    `chunks` are the pieces of one text, cut anywhere. The elements are parsed one at a time, so that an error has its
    line and a large file is never in memory as a whole.

    Raises: JsonError.
    """
    cursor = _Cursor(chunks, nan_is_null=nan_is_null)
    if cursor.sees("["):
        yield from cursor.elements()
    elif cursor.sees("{"):
        yield from cursor.rows_of_object()
    else:
        raise cursor.bad("expected an array of objects")
    cursor.require_end()


class _Cursor:
    """A position in a text. Reading methods advance it past the value read, and drop the text before it."""

    def __init__(self, chunks: Iterable[str], *, nan_is_null: bool) -> None:
        self._chunks = iter(chunks)
        self._decoder = _NAN_IS_NULL if nan_is_null else _DECODER
        self._text = ""
        self._at = 0
        self._line = 1
        self._counted = 0
        self._column = 0
        self._skip_space()

    def sees(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def bad(self, reason: str) -> JsonError:
        return JsonError(reason, self._line_here())

    def value(self) -> tuple[int, object]:
        """The line a value starts on, and the value."""
        line, told = self._line_here(), ""
        while True:
            start = self._at
            try:
                value, end = self._decoder.raw_decode(self._text, start)
            except json.JSONDecodeError as error:
                if self._may_go_on(error) and self._read_on(line):
                    continue
                raise JsonError(
                    f"{error.msg} (column {self._column_of(error.pos)})", self._line_of(error.pos)
                ) from None
            except RecursionError:
                raise JsonError(f"nested deeper than {MAX_DEPTH}", line) from None
            except ValueError as error:
                # The number in the error may continue in the next chunk.
                if str(error) != told and self._read_on(line):
                    told = str(error)
                    continue
                is_long = str(error).startswith("Exceeds the limit")
                raise JsonError("a number with too many digits" if is_long else str(error), line) from None
            # A number this near to the end may continue: if 1.5 is cut after its point, the decoder reads 1.
            is_closed = self._text[start] in '{["' or end < len(self._text) - _LONGEST_WORD
            if is_closed or not self._read_on(line):
                break
        self._at = end
        self._require_sound(value, start, line)
        self._skip_space()
        return line, value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        """Whether the end of the chunk may be the cause of the error."""
        return error.pos >= len(self._text) - _LONGEST_WORD or error.msg.startswith("Unterminated string")

    def _read_on(self, line: int) -> bool:
        """Read until twice as much text is ahead, so that a long value needs few attempts; False at the end."""
        wanted = 2 * (len(self._text) - self._at)
        if wanted > 2 * MAX_VALUE:
            raise JsonError(f"a row of more than {MAX_VALUE:,} characters", line)
        is_more = self._take_chunk()
        while is_more and len(self._text) - self._at < wanted and self._take_chunk():
            pass
        return is_more

    def _take_chunk(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._line_here()
        newline = self._text.rfind("\n", 0, self._at)
        self._column = self._at - newline - 1 if newline >= 0 else self._column + self._at
        self._text = self._text[self._at :] + chunk
        self._at = self._counted = 0
        return True

    def _require_sound(self, value: object, start: int, line: int) -> None:
        # The text rules out most faults quickly, because most rows are flat and without escapes.
        brackets = self._text.count("[", start, self._at) + self._text.count("{", start, self._at)
        if brackets > MAX_DEPTH and _is_deep(value):
            raise JsonError(f"nested deeper than {MAX_DEPTH}", line)
        if _SURROGATE.search(self._text, start, self._at) and not _encodes(value):
            raise JsonError("half of a surrogate pair, which is not a character", line)

    def elements(self) -> Iterator[tuple[int, object]]:
        self._take("[")
        if self._took("]"):
            return
        while True:
            yield self.value()
            if self._took("]"):
                return
            self._take(",")

    def rows_of_object(self) -> Iterator[tuple[int, object]]:
        """Yield the rows under a key of an object."""
        if not (yield from self._rows_within(1)):
            reason = f"the object has no array under any of {', '.join(ROW_KEYS)}"
            raise JsonError(reason, self._line_here(), has_rows=False)

    def _rows_within(self, depth: int) -> Generator[tuple[int, object], None, str]:
        """Yield the rows under a key of an object, or of an object under such a key; the value is that key."""
        found, names = "", list[object]()
        self._take("{")
        more = not self._took("}")
        while more:
            key, under = self._key(), ""
            if key in _KEYS and self.sees("["):
                self._require_alone(found, key)
                under = key
                yield from self._named(names)
            elif key in ROW_KEYS and self.sees("{") and depth < MAX_DEPTH:
                under = yield from self._rows_within(depth + 1)
                self._require_alone(found if under else "", under)
            else:
                _, value = self.value()
                names = cast("list[object]", value) if key == "columns" and isinstance(value, list) else names
            found = found or under
            more = not self._took("}")
            if more:
                self._take(",")
        return found

    def _require_alone(self, found: str, key: str) -> None:
        if found:
            raise self.bad(f"the object has rows under {found!r} and under {key!r}; keep one of them")

    def _named(self, names: Sequence[object]) -> Iterator[tuple[int, object]]:
        """The elements of an array; those that are lists of values get the `names` that stand before them."""
        for line, value in self.elements():
            cells = cast("list[object]", value) if isinstance(value, list) else []
            is_record = bool(names) and len(cells) == len(names)
            yield line, dict(zip(map(str, names), cells, strict=True)) if is_record else value

    def require_end(self) -> None:
        if self._at < len(self._text):
            raise self.bad("more text after the end")

    def _key(self) -> str:
        if not self.sees('"'):
            raise self.bad("expected a key in double quotes")
        _, key = self.value()
        self._take(":")
        return str(key)

    def _took(self, mark: str) -> bool:
        if not self.sees(mark):
            return False
        self._at += 1
        self._skip_space()
        return True

    def _take(self, mark: str) -> None:
        if not self._took(mark):
            raise self.bad(f"expected {mark!r}")

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or not self._take_chunk():
                return

    def _line_here(self) -> int:
        # Continue from the last count, because counting from the start for every row would be quadratic.
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def _line_of(self, place: int) -> int:
        return self._line_here() + self._text.count("\n", self._at, place)

    def _column_of(self, place: int) -> int:
        newline = self._text.rfind("\n", 0, place)
        return place - newline if newline >= 0 else self._column + place + 1


def _constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number; use null for a missing value")


def _constant_or_null(name: str) -> object:
    return None if name == "NaN" else _constant(name)


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:20]} is too large")
    return number


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) != len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key {twice[:60]!r} occurs twice in one object")
    return values


_DECODER = json.JSONDecoder(parse_constant=_constant, parse_float=_float, object_pairs_hook=_object)
_NAN_IS_NULL = json.JSONDecoder(parse_constant=_constant_or_null, parse_float=_float, object_pairs_hook=_object)


def _is_deep(value: object) -> bool:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return any(isinstance(outer, dict | list) for outer in level)


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(cast("dict[str, object]", value).values())
    return cast("list[object]", value) if isinstance(value, list) else []


def _encodes(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
