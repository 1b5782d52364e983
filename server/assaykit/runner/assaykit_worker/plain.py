# pyright: basic
"""The user's values as JSON values, with an error that names the place of a value that JSON cannot hold.

Source: the conversion of outputs in `arize.experiments` 8.61. Text that it gives for unknown objects is refused here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import os
import sys
import uuid
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

DEEPEST = 100
_SHOWN = 500


class NotJson(Exception):
    """The value holds something that JSON cannot hold. The text names the place and the value."""


def plain(value: Any, path: str = "output", depth: int = 0) -> Any:
    """The value as JSON: objects with fields as objects, sequences and sets as lists, dates, paths and ids as text.

    Raises:
        NotJson: a part has no such form, is no finite number, or is nested deeper than 100 levels.
    """
    if depth > DEEPEST:
        raise NotJson(f"{path[:200]} is nested deeper than {DEEPEST} levels")
    if value is None or isinstance(value, (str, bool, int, float, enum.Enum)):
        return plain(value.value, path, depth + 1) if isinstance(value, enum.Enum) else _scalar(value, path)
    if isinstance(value, Mapping):
        return _members(value, path, depth)
    told = simpler(value)
    if told is not value:
        return plain(told, path, depth + 1)
    if isinstance(value, (Sequence, AbstractSet)):
        return [plain(item, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
    if hasattr(value, "__float__"):
        return _finite(float(value), path)
    raise NotJson(
        f"{path} is a {type(value).__name__}, which JSON cannot hold; return dicts, lists, text, numbers, bools or None"
        f" (it was {_shown(value)})"
    )


def _scalar(value: Any, path: str) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _whole(str.__str__(value), path)
    return int(value) if isinstance(value, int) else _finite(float(value), path)


_BY_TYPE: tuple[tuple[Any, Any], ...] = (
    # A missing time of pandas differs from itself, and is no time.
    ((dt.date, dt.time), lambda value: value.isoformat() if value == value else None),  # noqa: PLR0124  (see above)
    (dt.timedelta, dt.timedelta.total_seconds),
    (os.PathLike, os.fspath),
    ((uuid.UUID, BaseException), str),
    (type, lambda value: value),
)


def simpler(value: Any) -> Any:
    """The value in terms of simpler ones; the value itself if there are none."""
    for kinds, told in _BY_TYPE:
        if isinstance(value, kinds):
            return told(value)
    if dataclasses.is_dataclass(value):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if hasattr(type(value), "__attrs_attrs__"):
        return {one.name: getattr(value, one.name) for one in type(value).__attrs_attrs__}
    if type(value).__module__.partition(".")[0] == "pandas":
        return _of_pandas(value)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return value.tolist()
    return _dumped(value)


def _dumped(value: Any) -> Any:
    """The fields of a model of pydantic; any other value unchanged."""
    for dump in ("model_dump", "dict"):
        if callable(getattr(value, dump, None)):
            found = getattr(value, dump)()
            return found if isinstance(found, Mapping) else value
    return value


def _of_pandas(value: Any) -> Any:
    """A table as a list of its rows, a series as a list; a missing value is None."""
    pandas = sys.modules["pandas"]
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [{key: _present(cell, pandas) for key, cell in row.items()} for row in value.to_dict("records")]
    if hasattr(value, "tolist"):
        return [_present(cell, pandas) for cell in value.tolist()]
    return None if value is pandas.NA else value


def _present(cell: Any, pandas: Any) -> Any:
    return None if pandas.api.types.is_scalar(cell) and pandas.isna(cell) else cell


def _members(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, member in value.items():
        name = _key(key, path, depth)
        if name in told:
            raise NotJson(f"{path} has two keys that are {name!r:.60} as text")
        told[name] = plain(member, f"{path}[{name!r}]", depth + 1)
    return told


def _key(key: Any, path: str, depth: int) -> str:
    """A key as JSON writes it: null, true and numbers as their text."""
    found = plain(key, f"a key of {path}", depth + 1)
    if isinstance(found, str):
        return found
    if isinstance(found, (list, dict)):
        return _whole(str(key), path)
    if found is None or isinstance(found, bool):
        return {None: "null", True: "true", False: "false"}[found]
    return str(found)


def _finite(value: float, path: str) -> float:
    if not math.isfinite(value):
        raise NotJson(f"{path} is {value!r}, which JSON cannot hold")
    return value


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001  (a broken repr is the user's)
        text = object.__repr__(value)
    return readable(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def _whole(text: str, path: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotJson(f"{path} has half a character at {error.start}: {text[error.start]!a}") from None
    return text


def readable(text: str) -> str:
    """The text with a question mark for each lone surrogate."""
    return text.encode("utf-8", "replace").decode()
