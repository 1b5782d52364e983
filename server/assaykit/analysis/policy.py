"""Release policies: rules and options of a gate, read from the text of a `gate.toml`.

looks = 2
rules = ["correctness: not worse by more than 2 points", "failed rows: at most 2 %"]

[[rule]]
rule = "correctness: not worse by more than 5 points"
slice_by = "metadata.tier"
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

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

    @property
    def evaluators(self) -> tuple[str, ...]:
        """The evaluators that the rules name, in order."""
        named = (rule.evaluator for rule in self.rules if not rule.kind.startswith("usage"))
        return tuple(dict.fromkeys(name for name in named if name is not None))


def policy_of(text: str, name: str = FILE) -> Policy:
    """Parse the text of a policy file. `name` is the file's name in errors.

    Raises:
        Invalid: the text is not TOML, has an unknown key or a value of a wrong kind, has no rule or too many, holds
            something that is not a rule, or repeats a rule. The message names the place.
    """
    read = _read(text, name)
    tables = [*(_Table(rule=one) for one in read.rules), *read.rule]
    if not tables:
        raise Invalid(f"{name} has no rule.", 'Write rules = ["NAME: not worse by more than 2 points"].')
    if len(tables) > MOST_RULES:
        raise Invalid(f"{name} has {len(tables)} rules.", f"Keep at most {MOST_RULES}.")
    rules = tuple(_rule(table, f"{name}, rule {number}") for number, table in enumerate(tables, 1))
    _check_repeated(rules, name)
    if read.baseline is not None and read.baseline == read.candidate:
        raise Invalid(f"{name}: baseline and candidate are the same experiment.", "Name two experiments.")
    positive = {key: (one,) if isinstance(one, str) else tuple(one) for key, one in read.positive.items()}
    return Policy(
        rules, read.looks, read.require_calibration, read.failures, read.baseline, read.candidate, read.dataset,
        read.cluster_by, read.directions, positive,
    )  # fmt: skip


def policy_of_rules(texts: Sequence[str]) -> Policy:
    """The policy of rules given one by one, as on a command line.

    Raises:
        Invalid: there is none, a text is not a rule, or a rule is repeated.
    """
    if not texts:
        raise Invalid("There is no rule.", "Give --rule 'NAME: not worse by more than 2 points', or a file.")
    rules = tuple(_rule(_Table.model_construct(rule=text), f"Rule {number}") for number, text in enumerate(texts, 1))
    _check_repeated(rules, None)
    return Policy(rules)


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


def check_policy(policy: Policy, kinds: Mapping[str, FigureKind], repetitions: int) -> None:
    """Check the rules against the experiments: the kind of each evaluator, and the fewest runs of an example.

    Raises:
        Invalid: a rule names an unknown evaluator, its margin has the unit of another kind, or its k is too large.
    """
    for number, rule in enumerate(policy.rules, 1):
        told, name = f"Rule {number}, {short(rule.text)!r}", rule.evaluator
        if rule.k > repetitions:
            raise Invalid(f"{told}: the examples have only {repetitions} runs.", f"Give a k of at most {repetitions}.")
        if name is None or rule.kind.startswith("usage"):
            continue
        if name not in kinds:
            raise Invalid(
                f"{told}: no experiment has an evaluator {short(name)!r}; there are {listed(kinds)}.",
                "Use one of these.",
            )
        _check_kind(rule, told, kinds[name])


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
