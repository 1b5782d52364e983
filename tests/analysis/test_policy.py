"""Policies as texts: every form of a rule, every key, and each wrong text with its place."""

import pytest
from tests.analysis.variants import approx

from assaykit.analysis.findings import FigureKind
from assaykit.analysis.policy import Policy, check_names, check_policy, policy_of, policy_of_rules
from assaykit.analysis.policy_rules import RuleKind, policy_rule
from assaykit.errors import Invalid


@pytest.mark.parametrize(
    ("text", "kind", "evaluator", "size", "unit"),
    [
        ("correctness: not worse by more than 2 points", "within", "correctness", 0.02, "points"),
        ("correctness: NOT worse by more than 0%", "within", "correctness", 0.0, "points"),
        ("tone: not worse by more than 0.25", "within", "tone", 0.25, ""),
        ("a: b: better", "better", "a: b", None, ""),
        ("tone: not shown worse", "not shown worse", "tone", None, ""),
        ("tone: not shown worse by 5 points", "not shown worse", "tone", 0.05, "points"),
        ("tone: the same within 3 points", "same", "tone", 0.03, "points"),
        ("tone: same within .5", "same", "tone", 0.5, ""),
        ("correct: at least 80 %", "share", "correct", 0.8, "points"),
        ("grade: at most 3.5", "share", "grade", 3.5, ""),
        ("correct: pass^3 at least 75 percent", "pass^k", "correct", 0.75, "points"),
        ("correct: must pass", "must pass", "correct", None, ""),
        ("Failed rows: at most 2 %", "failed rows", None, 0.02, "points"),
        ("failed rows: at most 0 %", "failed rows", None, 0.0, "points"),
        ("exact match with the truth: at least 90 %", "exact match", None, 0.9, "points"),
        ("latency: not worse by more than 10 %", "usage change", "latency", 0.1, "points"),
        ("Latency: at most 2 s", "usage limit", "latency", 2000.0, "ms"),
        ("cost: at most .01 $", "usage limit", "cost", 0.01, "$"),
        ("tokens: at most 500 tokens", "usage limit", "tokens", 500.0, "tokens"),
        (" at least 200 examples ", "examples", None, 200.0, ""),
    ],
)
def test_a_rule_is_read_in_words(
    text: str, kind: RuleKind, evaluator: str | None, size: float | None, unit: str
) -> None:
    rule = policy_rule(text)
    assert (rule.kind, rule.evaluator, rule.unit) == (kind, evaluator, unit)
    assert rule.size == (None if size is None else approx(size))
    assert rule.at_least == ("at most" not in text)
    assert (rule.k, rule.column) == (3 if kind == "pass^k" else 1, "the truth" if kind == "exact match" else None)


@pytest.mark.parametrize(
    "text",
    [
        "", "correctness", "correctness:", ": better", "correctness: good", "correctness: not worse",
        "correctness: not worse by more than nan points", "correctness: not worse by more than -1 points",
        "correctness: not worse by more than 1e3", "correctness: not worse by more than inf",
        "correctness: not worse by more than 101 points", "correctness: not worse by more than 2 s",
        "correctness: the same within 0 points", "correctness: at least 0 %", "correctness: at least 120 %",
        "correctness: pass^0 at least 75 %", "correctness: pass^3 at least 75", "correctness: pass^3",
        "failed rows: at most 2", "failed rows: at least 2 %", "failed rows: at most 100 %",
        "exact match with expected: at least 90", "latency: at most 2",
        "latency: at most 2 $", "latency: not worse by more than 200 ms", "cost: at most 1 s", "at least 0 examples",
        "at least many examples", "correctness: not worse by more than 9999999999999999999999999",
        "correctness: pass^99999999999999 at least 75 %", "x" * 5000 + ": better and better",
    ],
)  # fmt: skip
def test_a_text_that_is_no_rule_is_refused_with_the_next_step(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy_rule(text)
    assert refused.value.next
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


def test_a_file_gives_rules_and_options() -> None:
    policy = policy_of(
        """
        looks = 3
        require_calibration = true
        failures = "exclude"
        baseline = "main"
        candidate = "pr-17"
        dataset = "support questions"
        cluster_by = "customer"
        rules = ["correctness: not worse by more than 2 points", "failed rows: at most 2 %"]

        [directions]
        tone = "MINIMIZE"

        [positive]
        cites = "yes"
        safe = ["safe", "fine"]

        [[rule]]
        rule = "correctness: not worse by more than 5 points"
        slice_by = "metadata.tier"
        small_slices = "block"

        [[rule]]
        rule = "tone: the same within 0.2"
        level = 0.9
        require_calibration = false

        [[rule]]
        rule = "correctness: must pass"
        examples = ["e1", "e2"]
        """
    )
    assert (policy.looks, policy.require_calibration, policy.failures) == (3, True, "exclude")
    assert (policy.baseline, policy.candidate, policy.dataset) == ("main", "pr-17", "support questions")
    assert (policy.cluster_by, policy.directions) == ("customer", {"tone": "MINIMIZE"})
    assert policy.positive == {"cites": ("yes",), "safe": ("safe", "fine")}
    assert policy.evaluators == ("correctness", "tone")
    within, failed, sliced, same, must = policy.rules
    assert (within.level, within.slice_by, within.small_slices_block) == (0.95, None, False)
    assert failed.evaluator is None
    assert (sliced.slice_by, sliced.small_slices_block) == ("metadata.tier", True)
    assert (same.level, same.require_calibration) == (0.9, False)
    assert must.examples == ("e1", "e2")


GOOD = 'rules = ["a: better"]\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "gate.toml has no rule"),
        ("rules = []", "gate.toml has no rule"),
        ("rules = [", "gate.toml is not TOML"),
        ("rules = [1]", "gate.toml: rules.0:"),
        ('rules = "a: better"', "gate.toml: rules:"),
        ('rules = ["a: better", "nonsense"]', "gate.toml, rule 2: 'nonsense' is not a rule. Write "),
        ('rules = ["a: better", " a : Better "]', "gate.toml: Rule 2 repeats rule 1"),
        (
            'rules = ["a: not worse by more than 2 points", "a: not worse by more than 3 points"]',
            "gate.toml: Rule 2 repeats rule 1",
        ),
        (GOOD + "lookz = 2", "gate.toml: lookz: unknown name, did you mean 'looks'."),
        (GOOD + "looks = 0", "gate.toml: looks:"),
        (GOOD + "looks = true", "gate.toml: looks:"),
        (GOOD + "looks = 1.5", "gate.toml: looks:"),
        (GOOD + "looks = nan", "gate.toml: looks:"),
        (GOOD + 'require_calibration = "yes"', "gate.toml: require_calibration:"),
        (GOOD + 'failures = "ignore"', "gate.toml: failures: expected one of"),
        (GOOD + 'baseline = "x"\ncandidate = "x"', "gate.toml: baseline and candidate are the same experiment"),
        (GOOD + '[directions]\na = "up"', "gate.toml: directions.a: expected one of"),
        (GOOD + "[positive]\na = 1", "gate.toml: positive.a"),
        ("[[rule]]\nlevel = 0.9", "gate.toml: rule.0.rule: required"),
        ('[[rule]]\nrule = "a: same within 1 points"\nlevel = nan', "gate.toml: rule.0.level:"),
        ('[[rule]]\nrule = "a: same within 1 points"\nlevel = 90', "gate.toml: rule.0.level:"),
        ('[[rule]]\nrule = "a: better"\nlevel = 0.9', "takes no level"),
        ('[[rule]]\nrule = "a: better"\nmargin = 2', "gate.toml: rule.0.margin: unknown name"),
        ('[[rule]]\nrule = "a: must pass"', "and the key `examples` go together"),
        ('[[rule]]\nrule = "a: must pass"\nexamples = []', "gate.toml: rule.0.examples:"),
        ('[[rule]]\nrule = "a: better"\nexamples = ["e"]', "and the key `examples` go together"),
        ('[[rule]]\nrule = "a: better"\nsmall_slices = "drop"', "gate.toml: rule.0.small_slices: expected one of"),
        ("a = " + "[" * 5000, "gate.toml"),
        ("\x00", "gate.toml is not TOML"),
        ('rules = ["a: better"' + ', "a: better"' * 600 + "]", "gate.toml has 601 rules"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence_with_the_place(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        policy_of(text)
    assert said in str(refused.value)
    assert refused.value.next
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 600


def test_rules_of_a_command_line_are_a_policy_too() -> None:
    policy = policy_of_rules(["a: better", "b: not shown worse"])
    assert (policy.evaluators, policy.looks) == (("a", "b"), 1)
    for texts, said in (([], "There is no rule"), (["a: better", "x"], "Rule 2: 'x'"), (["a: better"] * 2, "repeats")):
        with pytest.raises(Invalid, match=said):
            policy_of_rules(texts)


KINDS: dict[str, FigureKind] = {"rate": "binary", "grade": "numeric", "tone": "categorical"}


def checked(*rules: str, repetitions: int = 3) -> Policy:
    policy = policy_of_rules(rules)
    check_names(policy, list(KINDS))
    check_policy(policy, KINDS, repetitions)
    return policy


def test_rules_that_fit_the_experiments_are_accepted() -> None:
    assert checked(
        "rate: not worse by more than 2 points", "grade: not worse by more than 0.2", "rate: pass^3 at least 50 %",
        "grade: at least 3", "failed rows: at most 2 %", "latency: not worse by more than 10 %", "grade: better",
        "at least 20 examples", "exact match with x: at least 50 %",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "other: better",
            "no experiment has an evaluator 'other'; there are 'rate', 'grade', 'tone'. Use one of these",
        ),
        (
            "rat: better",
            "no experiment has an evaluator 'rat', did you mean 'rate'? There are 'rate', 'grade', 'tone'.",
        ),
        ("rate: not worse by more than 2", "the number needs a unit. Write 2 points."),
        ("rate: at least 0.8", "the number needs a unit"),
        ("grade: not worse by more than 2 points", "is a score, not a rate. Give the number without a unit"),
        ("grade: at least 80 %", "is a score, not a rate"),
        ("grade: pass^2 at least 80 %", "neither passes nor fails"),
        ("rate: pass^4 at least 80 %", "the examples have only 3 runs. Give a k of at most 3"),
        ("tone: better", "have no order. Give --positive 'tone=LABEL'"),
    ],
)
def test_a_rule_that_does_not_fit_the_experiments_is_refused_with_its_number(rule: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked("rate: better", rule)
    assert str(refused.value).startswith("Rule 2, ")
    assert said in str(refused.value)
