"""Release policies: rules and options of a gate, read from the text of a `gate.toml`.

looks = 2
rules = ["correctness: not worse by more than 2 points", "failed rows: at most 2 %"]

[[rule]]
rule = "correctness: not worse by more than 5 points"
slice_by = "metadata.tier"
"""

import difflib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assaykit.analysis.findings import FigureKind
from assaykit.analysis.policy_rules import PolicyRule, policy_rule
from assaykit.analysis.rows import listed, short
from assaykit.errors import Invalid, quote
from assaykit.wire.evaluators import Direction
from assaykit.wire.validation import describe

FILE = "gate.toml"
MOST_BYTES = 1_000_000
"""Limit on the size of a policy file, for those who read it."""

MOST_RULES = 500
USUAL_LEVEL = 0.95

SLICED = frozenset({"within", "better", "not shown worse", "same", "share"})
"""The kinds of rules that can be asked of each value of a column."""

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, max_length=2000)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    rule: _Text
    level: Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)] = USUAL_LEVEL
    slice_by: _Text | None = None
    small_slices: Literal["list", "block"] = "list"
    examples: Annotated[list[_Text], Field(min_length=1)] | None = None
    require_calibration: bool | None = None


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    rules: list[_Text] = []
    rule: list[_Table] = []
    looks: Annotated[int, Field(ge=1, le=10_000)] = 1
    require_calibration: bool = False
    failures: Literal["count", "exclude"] = "count"
    baseline: _Text | None = None
    candidate: _Text | None = None
    dataset: _Text | None = None
    cluster_by: _Text | None = None
    directions: dict[str, Direction] = {}
    positive: dict[str, _Text | list[_Text]] = {}
    ranges: dict[str, Annotated[list[_Number], Field(min_length=2, max_length=2)]] = {}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in order, and the options that hold for all of them. `looks` counts this look too."""

    rules: tuple[PolicyRule, ...]
    looks: int = 1
    require_calibration: bool = False
    failures: Literal["count", "exclude"] = "count"
    baseline: str | None = None
    candidate: str | None = None
    dataset: str | None = None
    cluster_by: str | None = None
    directions: Mapping[str, Direction] = field(default_factory=dict[str, Direction])
    positive: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])

    @property
    def evaluators(self) -> tuple[str, ...]:
        """The evaluators that the rules name, in order."""
        named = (rule.evaluator for rule in self.rules if not rule.kind.startswith("usage"))
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def given(
        self,
        options: Mapping[str, Any],
        directions: Mapping[str, Direction],
        positive: Mapping[str, Sequence[str]],
    ) -> "Policy":
        """The policy with the options given beside it, which replace its own; None keeps it."""
        return replace(
            self,
            **{name: value for name, value in options.items() if value is not None},
            directions={**self.directions, **directions},
            positive={**self.positive, **{name: tuple(some) for name, some in positive.items()}},
        )


def policy_of(text: str, name: str = FILE, more: Sequence[str] = ()) -> Policy:
    """Parse the text of a policy file. `name` is the file's name in errors; `more` has further rules.

    Raises:
        Invalid: the text is not TOML, has an unknown key or a value of a wrong kind, has no rule or too many, holds
            something that is not a rule, or repeats a rule. The message names the place.
    """
    read = _read(text, name)
    tables = [*(_Table(rule=one) for one in read.rules), *read.rule]
    if not tables and not more:
        raise Invalid(f"{name} has no rule.", 'Write rules = ["NAME: not worse by more than 2 points"].')
    if len(tables) > MOST_RULES:
        raise Invalid(f"{name} has {len(tables)} rules.", f"Keep at most {MOST_RULES}.")
    rules = tuple(_rule(table, f"{name}, rule {number}") for number, table in enumerate(tables, 1))
    rules += tuple(_given(more, len(rules) + 1))
    _check_repeated(rules, name)
    if read.baseline is not None and read.baseline == read.candidate:
        raise Invalid(f"{name}: baseline and candidate are the same experiment.", "Name two experiments.")
    positive = {key: (one,) if isinstance(one, str) else tuple(one) for key, one in read.positive.items()}
    return Policy(
        rules, read.looks, read.require_calibration, read.failures, read.baseline, read.candidate, read.dataset,
        read.cluster_by, read.directions, positive, {key: (ends[0], ends[1]) for key, ends in read.ranges.items()},
    )  # fmt: skip


def text_of_policy(content: bytes, name: str = FILE) -> str:
    """The text of a policy file.

    Raises:
        Invalid: the content is too large, or is not UTF-8.
    """
    if len(content) > MOST_BYTES:
        raise Invalid(f"{name} is larger than {MOST_BYTES:,} bytes.", "Give a policy file, such as gate.toml.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is not UTF-8 text.", "Save the file as UTF-8.") from error


def policy_of_rules(texts: Sequence[str]) -> Policy:
    """The policy of rules given one by one, as on a command line.

    Raises:
        Invalid: there is none, a text is not a rule, or a rule is repeated.
    """
    if not texts:
        raise Invalid("There is no rule.", "Give --rule 'NAME: not worse by more than 2 points', or a file.")
    rules = tuple(_given(texts, 1))
    _check_repeated(rules, None)
    return Policy(rules)


def _given(texts: Sequence[str], first: int) -> Iterable[PolicyRule]:
    """The rules of texts, numbered from `first` in errors."""
    return (_rule(_Table.model_construct(rule=text), f"Rule {number}") for number, text in enumerate(texts, first))


def _read(text: str, name: str) -> _File:
    try:
        return _File.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name} is not TOML: {error}.", "Correct the file at that place.") from error
    except RecursionError as error:
        raise Invalid(f"{name} is nested too deeply.", "Write rules as a list of texts.") from error
    except ValidationError as error:
        known = [*_File.model_fields, *_Table.model_fields]
        fault = quote(describe(error, known).splitlines()[0], 200).rstrip("?.")
        advice = f"The keys are {', '.join(_File.model_fields)}; a rule's are {', '.join(_Table.model_fields)}."
        raise Invalid(f"{name}: {fault}.", advice) from error


def _rule(table: _Table, place: str) -> PolicyRule:
    try:
        return _parsed(table)
    except Invalid as error:
        raise Invalid(f"{place}: {error.message}", error.next) from error


def _parsed(table: _Table) -> PolicyRule:
    read = policy_rule(table.rule)
    if (read.kind == "must pass") != (table.examples is not None):
        raise Invalid(
            f"'NAME: must pass' and the key `examples` go together, in {short(table.rule)!r} too.",
            'Write [[rule]] with rule = "NAME: must pass" and examples = ["id"].',
        )
    if table.level != USUAL_LEVEL and read.kind != "same":
        raise Invalid(f"{short(table.rule)!r} takes no level.", "Only 'the same within' has one; leave it out.")
    if table.slice_by is not None and read.kind not in SLICED:
        raise Invalid(
            f"{short(table.rule)!r} takes no slice_by.", "Only rules about an evaluator's rate or mean have slices."
        )
    if table.slice_by is None and table.small_slices != "list":
        raise Invalid(f"{short(table.rule)!r} has small_slices and no slice_by.", "Give the column to slice by.")
    return replace(
        read,
        level=table.level,
        slice_by=table.slice_by,
        small_slices_block=table.small_slices == "block",
        examples=tuple(table.examples or ()),
        require_calibration=table.require_calibration,
    )


def _check_repeated(rules: Iterable[PolicyRule], name: str | None) -> None:
    seen: dict[tuple[object, ...], int] = {}
    for number, rule in enumerate(rules, 1):
        first = seen.setdefault(rule.subject, number)
        if first != number:
            where = "" if name is None else f"{name}: "
            raise Invalid(f"{where}Rule {number} repeats rule {first}: {short(rule.text)!r}.", "Keep one of them.")


def check_names(policy: Policy, seen: Sequence[str]) -> None:
    """Check that each evaluator of a rule is among those `seen`.

    Raises:
        Invalid: one is not. The message names the rule.
    """
    for number, rule in enumerate(policy.rules, 1):
        name = rule.evaluator
        if name is None or rule.kind.startswith("usage") or name in seen:
            continue
        near = difflib.get_close_matches(name, seen, 1)
        there = f", did you mean {short(near[0])!r}? There" if near else "; there"
        raise Invalid(
            f"{_place(number, rule)}: no experiment has an evaluator {short(name)!r}{there} are {listed(seen)}.",
            "Use one of these.",
        )


def check_policy(policy: Policy, kinds: Mapping[str, FigureKind], repetitions: int) -> None:
    """Check the rules against the kind of each evaluator that they name, and the most runs of an example.

    Raises:
        Invalid: the size of a rule has the unit of another kind, or its k is too large. The message names the rule.
    """
    for number, rule in enumerate(policy.rules, 1):
        told = _place(number, rule)
        if rule.k > repetitions:
            runs = f"{repetitions} run{'' if repetitions == 1 else 's'}"
            raise Invalid(f"{told}: the examples have only {runs}.", f"Give a k of at most {repetitions}.")
        if rule.evaluator is not None and not rule.kind.startswith("usage"):
            _check_kind(rule, told, kinds[rule.evaluator])


def _place(number: int, rule: PolicyRule) -> str:
    return f"Rule {number}, {short(rule.text)!r}"


def _check_kind(rule: PolicyRule, told: str, kind: FigureKind) -> None:
    name = short(rule.evaluator or "")
    if kind == "categorical":
        raise Invalid(f"{told}: the labels of {name!r} have no order.", f"Give --positive '{name}=LABEL'.")
    if rule.kind in {"pass^k", "must pass"} and kind == "numeric":
        raise Invalid(f"{told}: {name!r} is a score, which neither passes nor fails.", "Name an evaluator of a rate.")
    if rule.size is None or rule.kind == "pass^k":
        return
    if rule.unit == "points" and kind == "numeric":
        raise Invalid(f"{told}: {name!r} is a score, not a rate.", "Give the number without a unit.")
    if rule.unit == "" and kind == "binary":
        raise Invalid(f"{told}: {name!r} is a rate, so the number needs a unit.", f"Write {rule.size:g} points.")
