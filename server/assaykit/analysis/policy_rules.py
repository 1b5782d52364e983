"""The rules of a release policy in words, each parsed into a typed rule.

    correctness: not worse by more than 2 points
    correctness: better
    correctness: not shown worse by 5 points
    correctness: the same within 3 points
    correctness: at least 80 %
    correctness: pass^3 at least 75 %
    correctness: must pass
    failed rows: at most 2 %
    exact match with expected: at least 90 %
    latency: not worse by more than 10 %
    cost: at most 0.01 $
    at least 200 examples

Points and percent belong to rates, seconds to latency, dollars to cost. A bare number is in the unit of a score.
"""

import re
from dataclasses import dataclass
from typing import Literal

from assaykit.analysis.rows import short
from assaykit.errors import Invalid

RuleKind = Literal[
    "within", "better", "not shown worse", "same", "share", "pass^k", "must pass", "failed rows", "exact match",
    "usage change", "usage limit", "examples",
]  # fmt: skip
RuleUnit = Literal["", "points", "ms", "$", "tokens"]

USAGE = ("latency", "cost", "tokens")

FORMS = (
    "'NAME: not worse by more than 2 points', 'NAME: better', 'NAME: not shown worse', "
    "'NAME: the same within 2 points', 'NAME: at least 80 %', 'failed rows: at most 2 %' or 'at least 200 examples'"
)

_AMOUNT = (
    r"(?P<size>\d{1,12}(?:\.\d{1,12})?|\.\d{1,12})\s*(?P<unit>points?|%|percent|ms|s|seconds?|\$|dollars?|tokens?)?"
)
_NAME = r"(?P<evaluator>.+?)\s*:\s*"
_TEXTS: dict[RuleKind, str] = {
    "examples": r"at least (?P<size>\d{1,9}) (?:examples|pairs)",
    "failed rows": rf"failed rows\s*:\s*(?P<side>at most) {_AMOUNT}",
    "exact match": rf"exact match with (?P<column>.+?)\s*:\s*(?P<side>at least) {_AMOUNT}",
    "usage change": rf"(?P<evaluator>{'|'.join(USAGE)})\s*:\s*not worse by more than {_AMOUNT}",
    "usage limit": rf"(?P<evaluator>{'|'.join(USAGE)})\s*:\s*(?P<side>at most) {_AMOUNT}",
    "must pass": rf"{_NAME}must pass",
    "pass^k": rf"{_NAME}pass\^(?P<k>\d{{1,4}}) (?P<side>at least) {_AMOUNT}",
    "within": rf"{_NAME}not worse by more than {_AMOUNT}",
    "same": rf"{_NAME}(?:the )?same within {_AMOUNT}",
    "not shown worse": rf"{_NAME}not shown worse(?: by {_AMOUNT})?",
    "share": rf"{_NAME}(?P<side>at least|at most) {_AMOUNT}",
    "better": rf"{_NAME}better",
}
_FORMS: dict[RuleKind, re.Pattern[str]] = {
    kind: re.compile(rf"\s*{form}\s*", re.IGNORECASE) for kind, form in _TEXTS.items()
}
_UNITS: dict[str, tuple[RuleUnit, float]] = {
    "": ("", 1.0), "point": ("points", 0.01), "points": ("points", 0.01), "%": ("points", 0.01),
    "percent": ("points", 0.01), "ms": ("ms", 1.0), "s": ("ms", 1000.0), "second": ("ms", 1000.0),
    "seconds": ("ms", 1000.0), "$": ("$", 1.0), "dollar": ("$", 1.0), "dollars": ("$", 1.0),
    "token": ("tokens", 1.0), "tokens": ("tokens", 1.0),
}  # fmt: skip
_OF_USAGE: dict[str, tuple[RuleUnit, str]] = {
    "latency": ("ms", "2 s"),
    "cost": ("$", "0.01 $"),
    "tokens": ("tokens", "500 tokens"),
}
_SHARES = frozenset({"pass^k", "failed rows", "exact match"})
_ONLY_SCORES_AND_RATES = frozenset({"within", "same", "not shown worse", "share"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRule:
    """One rule.

    `size` is a fraction from 0 to 1 if the unit is points, a number of milliseconds, dollars or tokens, or in the unit
    of the score; None if the rule has no size. `at_least` is the side of a limit. `k` belongs to pass^k, `column` to an
    exact match, `examples` (ids) to "must pass". `evaluator` is None for rules about rows; for usage it is the figure.
    """

    text: str
    kind: RuleKind
    evaluator: str | None = None
    size: float | None = None
    unit: RuleUnit = ""
    at_least: bool = True
    k: int = 1
    column: str | None = None
    level: float = 0.95
    examples: tuple[str, ...] = ()
    slice_by: str | None = None
    small_slices_block: bool = False
    require_calibration: bool | None = None

    @property
    def subject(self) -> tuple[object, ...]:
        """Two rules with the same subject repeat each other, whatever their sizes."""
        return (self.kind, self.evaluator, self.at_least, self.k, self.column, self.slice_by, self.examples)


def policy_rule(text: str) -> PolicyRule:
    """Parse a rule.

    Raises:
        Invalid: the text has none of the forms, or its number is out of range or has a unit of another kind of rule.
    """
    for kind, form in _FORMS.items():
        found = form.fullmatch(text)
        if found is not None and (kind == "failed rows" or not text.lower().lstrip().startswith("failed rows")):
            return _rule(text, kind, {key: value for key, value in found.groupdict().items() if value is not None})
    raise Invalid(f"{short(text)!r} is not a rule.", f"Write {FORMS}.")


def _rule(text: str, kind: RuleKind, parts: dict[str, str]) -> PolicyRule:
    evaluator = parts.get("evaluator")
    if kind.startswith("usage"):
        evaluator = (evaluator or "").lower()
    unit, factor = _UNITS[parts.get("unit", "").lower()]
    size = float(parts["size"]) * factor if "size" in parts else None
    _check_unit(text, kind, evaluator, unit)
    _check_size(text, kind, size, unit)
    k = int(parts.get("k", "1"))
    if k < 1:
        raise Invalid(f"{short(text)!r} asks for no run.", f"Write '{short(evaluator or '')}: pass^3 at least 75 %'.")
    return PolicyRule(
        text=text.strip(), kind=kind, evaluator=evaluator, size=size, unit=unit,
        at_least=parts.get("side", "at least").lower() == "at least", k=k, column=parts.get("column"),
    )  # fmt: skip


def _check_unit(text: str, kind: RuleKind, evaluator: str | None, unit: RuleUnit) -> None:
    told = short(text)
    if kind in _SHARES and unit != "points":
        raise Invalid(f"The share in {told!r} has no unit.", "Write a percentage, such as 2 %.")
    if kind == "usage change" and unit != "points":
        raise Invalid(
            f"The margin in {told!r} is not a percentage.", f"Write '{evaluator}: not worse by more than 10 %'."
        )
    if kind == "usage limit" and evaluator is not None:
        wanted, example = _OF_USAGE[evaluator]
        if unit != wanted:
            raise Invalid(f"The limit in {told!r} lacks its unit.", f"Write '{evaluator}: at most {example}'.")
    if kind in _ONLY_SCORES_AND_RATES and unit not in {"", "points"}:
        raise Invalid(f"The unit in {told!r} does not fit an evaluator.", "Give points for a rate, or a bare number.")


def _check_size(text: str, kind: RuleKind, size: float | None, unit: RuleUnit) -> None:
    if size is None or kind == "within":
        fits = size is None or unit != "points" or size <= 1
    elif kind == "examples":
        fits = size >= 1
    elif kind in {"failed rows", "usage limit", "usage change"}:
        fits = unit != "points" or kind == "usage change" or size < 1
    elif kind == "share" and unit == "":
        fits = True
    else:
        fits = size > 0 and (unit != "points" or size <= 1)
    if not fits:
        raise Invalid(f"The number in {short(text)!r} is out of range.", "Give a percentage from 0 to 100.")
