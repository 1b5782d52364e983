"""Sixty results of evaluators and sixty outputs of tasks, as expressions that `both_sources.py` evaluates."""

# ruff: noqa: F401  (the expressions use these names)

import collections
import dataclasses
import datetime as dt
import enum
import pathlib
import types
import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pydantic
from arize.experiments import EvaluationResult
from phoenix.evals import Score


class Grade(str, enum.Enum):  # noqa: UP042  (users still write it so)
    GOOD = "good"


class Level(enum.IntEnum):
    HIGH = 3


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Model(pydantic.BaseModel):
    name: str = "a"
    when: dt.date = dt.date(2026, 1, 2)
    inner: Any = None


class Judged(pydantic.BaseModel):
    score: float = 0.5
    label: str = "half"


@dataclasses.dataclass
class Pair:
    left: Any
    right: Any = None


@dataclasses.dataclass
class Verdict:
    score: float
    explanation: str


class Point(NamedTuple):
    x: int
    y: int


class Plain:
    def __init__(self, **fields: Any) -> None:
        vars(self).update(fields)


class Slotted:
    __slots__ = ("a",)


class Old:
    """The shape of a model of pydantic 1."""

    def dict(self) -> dict[str, int]:
        return {"a": 1}


class Number:
    def __float__(self) -> float:
        return 0.25


STAMP = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc)  # noqa: UP017  (interpreters of users)

RESULTS = (
    *("True", "False", "1", "0", "-2", "0.25", "1e-9", "2**60", "'good'", "'0.5'", "'True'", "' '"),
    *("(0.5, 'why')", "[0.5, 'why']", "(1, 'good', 'why')", "(True, 'why')", "(False, None)", "(1, None, 'why')"),
    *("(0.5, 1)", "(None, 'why')", "('good', 'why')", "(np.float64(0.5), 'why')", "(Decimal('0.5'), 'why')"),
    *("None", "()", "[]", "{}", "object()", "[1, 'why']", "(1, 2, 3, 4)", "('a', 'b', 'c')", "(1, 'good', None)"),
    *("{'score': 1}", "{'label': 'x'}", "{'score': 1, 'label': 'x', 'explanation': 'y'}", "{'explanation': 'y'}"),
    *("{'score': None, 'label': 'x'}", "{'score': 0.5, 'metadata': {'a': 1}}", "{'score': True}", "{'score': '0.5'}"),
    *("{'label': True}", "{'tone': 1}", "np.bool_(True)", "np.float64(0.5)", "np.int64(2)", "np.array(2)"),
    *("np.array([0.5])", "pd.Series([0.5])", "Decimal('0.5')", "Fraction(1, 4)", "Number()", "Grade.GOOD"),
    *("Level.HIGH", "Colour.RED", "float('nan')", "float('inf')", "EvaluationResult(score=1, label='x')"),
    *("EvaluationResult(label='x', explanation='y')", "Score(name='s', score=0.5)", "[Score(name='s', score=0.5)]"),
    *("[{'score': 1, 'label': 'x'}]", "Judged()", "Verdict(0.5, 'why')", "Plain(score=1, label='x')", "b'good'"),
)
OUTPUTS = (
    *("None", "True", "3", "0.25", "2**60", "-0.0", "'text'", "''", "'ü'", "b'ab'", "bytearray(b'a')"),
    *("[1, 'a', None]", "(1, (2,))", "{1}", "frozenset({'x'})", "range(3)", "collections.deque([1])", "[]", "{}"),
    *("{'a': {'b': [1]}}", "{1: 'a'}", "{2.5: 'a'}", "{None: 'a'}", "{True: 'a'}", "{(1, 2): 'a'}", "{Grade.GOOD: 1}"),
    *("{STAMP.date(): 1}", "collections.OrderedDict(a=(1, 2))", "types.MappingProxyType({'a': 1})"),
    *("collections.Counter('aab')", "Grade.GOOD", "Level.HIGH", "Colour.RED", "Colour.PAIR", "Point(1, 2)"),
    *("Pair(1)", "Pair(Model(), {'a': STAMP})", "Model()", "Model(inner=Pair(1))", "{'m': [Model()]}", "Old()"),
    *("STAMP", "STAMP.date()", "dt.time(3, 4)", "dt.timedelta(minutes=1)", "pathlib.PurePosixPath('a/b')"),
    *("pathlib.Path('a/b')", "uuid.UUID(int=1)", "ValueError('why')", "Decimal('1.5')", "Fraction(1, 4)", "1 + 0j"),
    *("np.int64(3)", "np.float64(0.5)", "np.bool_(True)", "np.str_('a')", "np.array([1, 2])", "np.array([[1], [2]])"),
    *("np.array(['a'])", "np.array(5)", "pd.Timestamp('2026-01-02')", "pd.Series([1, 2])", "pd.DataFrame({'a': [1]})"),
    *("Plain(a=1)", "Slotted()", "object()", "Number()", "(n for n in [1])", "float('nan')", "[float('inf')]", "Model"),
)
