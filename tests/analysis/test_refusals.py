"""Three real models on 250 prompts, judged by people and by a machine: our figures and the oracles'."""

import csv

from tests.analysis.variants import approx
from tests.e2e.real_data import DATA, needs_real_data
from tests.oracles import Oracle

from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.report.text import LIMIT, comparison_text

FOLDER = DATA / "refusals"
LABELS = ("final_label", "gpt4_label")
FULL = "1_full_compliance"

stats = Oracle("scipy.stats")
contingency = Oracle("statsmodels.stats.contingency_tables")
multitest = Oracle("statsmodels.stats.multitest")

pytestmark = needs_real_data


def _rows(file: str) -> list[dict[str, str]]:
    with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _variant(model: str) -> Variant:
    return Variant(
        model,
        [
            Outcome(
                row["id"],
                row["completion"],
                None,
                {label: Judgement(name=label, label=row[label]) for label in LABELS},
            )
            for row in _rows(f"completions_{model}.csv")
        ],
    )


def test_the_figures_on_real_models_are_those_of_the_oracles() -> None:
    models = ("mistralguard", "llama2orig")
    comparison = compare(
        _variant("gpt4"),
        [_variant(model) for model in models],
        reading=VerdictReading(positive={key: [FULL] for key in LABELS}, directions=dict.fromkeys(LABELS, "MAXIMIZE")),
    )
    raw: list[float] = []
    for finding in comparison.findings:
        before = {row["id"]: row[finding.evaluator] == FULL for row in _rows("completions_gpt4.csv")}
        after = {row["id"]: row[finding.evaluator] == FULL for row in _rows(f"completions_{finding.challenger}.csv")}
        b = sum(before[key] and not after[key] for key in before)
        c = sum(after[key] and not before[key] for key in before)
        assert finding.n == len(before) == 250
        assert finding.table is not None
        assert (finding.table.baseline_only, finding.table.challenger_only) == (b, c)
        assert finding.baseline_value == approx(sum(before.values()) / 250)
        assert finding.challenger_value == approx(sum(after.values()) / 250)
        assert finding.difference == approx((c - b) / 250)
        exact = contingency.mcnemar([[0, b], [c, 0]], exact=True).pvalue
        raw.append(exact - stats.binom.pmf(min(b, c), b + c, 0.5))
        assert finding.p == approx(raw[-1], rel=1e-9)
        assert {change.example_id for change in finding.broken or ()} == {
            key for key in before if before[key] and not after[key]
        }
    adjusted = list(multitest.multipletests(raw, method="holm")[1])
    assert [finding.p_adjusted for finding in comparison.findings] == approx(adjusted)


def test_people_see_a_loss_that_the_machine_judge_does_not() -> None:
    comparison = compare(
        _variant("gpt4"),
        [_variant("mistralguard")],
        reading=VerdictReading(positive={key: [FULL] for key in LABELS}, directions=dict.fromkeys(LABELS, "MAXIMIZE")),
    )
    verdicts = {finding.evaluator: finding.verdict for finding in comparison.findings}
    assert verdicts == {"final_label": "worse", "gpt4_label": "no difference shown"}


def test_three_labels_without_a_positive_one_are_shares() -> None:
    comparison = compare(_variant("gpt4"), [_variant("llama2orig")], evaluators=["final_label"])
    shares = {share.label: (share.baseline, share.challenger) for share in comparison.findings[0].shares}
    assert shares == {
        FULL: approx((229 / 250, 101 / 250)),
        "2_full_refusal": approx((16 / 250, 95 / 250)),
        "3_partial_refusal": approx((5 / 250, 54 / 250)),
    }


def test_the_text_shows_real_outputs_within_the_limit() -> None:
    prompts = {row["id"]: row["prompt"] for row in _rows("prompts.csv")}
    comparison = compare(
        _variant("gpt4"),
        [_variant("llama2orig")],
        reading=VerdictReading(positive={"final_label": [FULL]}, directions={"final_label": "MAXIMIZE"}),
        evaluators=["final_label"],
    )
    text = comparison_text(comparison, examples=prompts)
    assert len(text.encode()) <= LIMIT
    assert text.startswith("final_label: llama2orig is worse than gpt4: '1_full_compliance' on 40.4 % vs 91.6 %")
    shown = [change.example_id for change in (comparison.findings[0].broken or ())[:5]]
    assert all(f"  {key}: {prompts[key]}" in text for key in shown)
