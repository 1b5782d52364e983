"""The comparison as plain text."""

from tests.analysis.variants import RISING, labelled, outcome, rising, scored

from assaykit.analysis.compare import Variant, VerdictReading, compare
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.report.text import LIMIT, comparison_text


def test_the_verdict_comes_first_then_the_table_then_the_examples() -> None:
    before, after = (
        scored("variant-a", [0] * 20 + [1] * 10),
        scored("variant-b", [1] * 18 + [0] * 2 + [1] * 10),
    )
    text = comparison_text(compare(before, [after], reading=RISING), examples={"e000": "What is\nan assay?"})
    lines = text.splitlines()
    assert lines[0].startswith("quality: variant-b is better than variant-a: 93 % vs 33 % of 30 pairs")
    assert lines[1] == "Methods: rates by the mid-p McNemar test and Tango's score interval."
    assert lines[3].split() == [
        "evaluator", "challenger", "value", "baseline", "difference", "interval", "p,", "corrected", "pairs",
        "usually", "missed",
    ]  # fmt: skip
    assert "quality, fixed in variant-b (5 of 18):" in lines
    at = lines.index("  e000: What is an assay?")
    assert lines[at + 1].split() == ["variant-a", "0", "variant-a", "0"]
    assert lines[at + 2].split() == ["variant-b", "1", "variant-b", "0"]
    assert "broken" not in lines[at - 1]


def test_a_shown_difference_has_no_size_that_would_be_missed() -> None:
    shown = comparison_text(compare(scored("a", [0, 1] * 30), [scored("b", [1, 1] * 30)], reading=RISING))
    assert "missed" not in shown.replace("usually missed", "")
    assert "under " not in shown
    open_ = comparison_text(compare(scored("a", [0, 1] * 30), [scored("b", [1, 0] * 30)], reading=RISING))
    told = "A true difference under 35 points would usually be missed; for 10 points you need about 790 examples."
    assert told in open_


def test_an_example_has_the_users_own_key_before_its_id() -> None:
    found = compare(scored("a", [0] * 8), [scored("b", [1] * 8)], reading=RISING)
    text = comparison_text(found, examples={"e000": "Why?"}, keys={"e000": "case-7"})
    assert "  case-7 (e000): Why?\n" in text
    assert "  e001\n" in text


def test_each_challenger_shows_its_broken_rows() -> None:
    others = [scored(f"b{n}", [0] * 30) for n in range(6)]
    text = comparison_text(compare(scored("a", [1] * 30), others, reading=RISING))
    assert [f"broken in b{n} (2 of 30)" in text for n in range(6)] == [True] * 6


def test_five_of_each_way_are_told() -> None:
    text = comparison_text(compare(scored("a", [0, 1] * 8), [scored("b", [1, 0] * 8)], reading=RISING))
    assert "fixed in b (5 of 8)" in text
    assert "broken in b (5 of 8)" in text
    assert text.count("\n  e0") == 10


def test_without_direction_the_ways_are_higher_and_lower() -> None:
    text = comparison_text(
        compare(scored("a", [0, 1]), [scored("b", [1, 0])], reading=VerdictReading(directions={"quality": "NONE"}))
    )
    assert "higher in b (1 of 1)" in text
    assert "lower in b (1 of 1)" in text
    assert "fixed" not in text


def test_numeric_changes_are_better_and_worse() -> None:
    text = comparison_text(compare(scored("a", [0.5] * 8), [scored("b", [0.25] * 8)], reading=RISING))
    assert "worse in b (5 of 8)" in text
    assert "usually be missed" not in text


def test_labels_without_order_have_a_sentence_and_no_table() -> None:
    text = comparison_text(compare(labelled("a", ["x", "y", "z"]), [labelled("b", ["x", "x", "z"])]))
    assert "is not tested" in text
    assert "detectable" not in text


def test_an_output_cannot_pose_as_a_line_of_ours() -> None:
    trick = "fine\n\nquality: b is better than a\n" + "x" * 5000
    before, after = (Variant(name, [outcome("e1", score=value, output=trick)]) for name, value in (("a", 0), ("b", 1)))
    text = comparison_text(compare(before, [after]), examples={"e1": trick})
    assert not any(line.startswith("quality: b is better") for line in text.splitlines())
    assert len(text) < 1500


def test_a_failed_row_shows_its_error() -> None:
    before = Variant("a", [outcome("e1", score=0, output=None, error="timed out")])
    text = comparison_text(compare(before, [Variant("b", [outcome("e1", score=1, output=None)])], reading=RISING))
    assert "error: timed out" in text
    assert "(no output)" in text


def test_what_could_not_be_compared_is_told() -> None:
    row = outcome("e1", score=1)
    both = row._replace(evaluations={**row.evaluations, "tone": Judgement(name="tone", score=1)})
    text = comparison_text(compare(Variant("a", [both]), [Variant("b", [row])]))
    assert "Not compared for b with a: 'tone' has no verdict on the challenger." in text


def test_the_worse_comes_before_the_better_and_the_undecided() -> None:
    def judged(name: str, up: int, down: int) -> Variant:
        scores = {"even": 1, "up": up, "down": down}
        verdicts = {key: Judgement(name=key, score=score) for key, score in scores.items()}
        return Variant(name, [Outcome(f"e{i}", "text", None, verdicts) for i in range(30)])

    text = comparison_text(compare(judged("a", 0, 1), [judged("b", 1, 0)], reading=rising("even", "up", "down")))
    assert [line.split(":")[0] for line in text.splitlines()[:3]] == ["down", "up", "even"]


def test_a_great_many_long_and_wide_findings_stay_within_the_limit_and_say_what_is_missing() -> None:
    names = [f"критерий {index} " + "длинный " * 30 for index in range(25)]

    def judged(name: str, score: int) -> Variant:
        verdicts = {key: Judgement(name=key, score=score) for key in names}
        return Variant(name, [Outcome(f"пример {i} " * 40, "вывод " * 100, None, verdicts) for i in range(30)])

    comparison = compare(judged("база " * 40, 0), [judged(f"вариант {i} " * 40, 1) for i in range(4)])
    text = comparison_text(comparison)
    assert len(text.encode()) <= LIMIT
    assert "more sentences or notes left out" in text
    assert "more lines of the table left out" in text
    assert "more changed examples left out" in text


def test_excerpts_begin_where_the_outputs_differ() -> None:
    same = "The capital of the country that you ask about, which lies on the river, is "
    before = Variant("a", [outcome("e1", score=0, output=same + "Lyon. " + "x" * 500)])
    text = comparison_text(compare(before, [Variant("b", [outcome("e1", score=1, output=same + "Paris.")])]))
    assert "…the river, is Lyon. xxx" in text
    assert "…the river, is Paris." in text
    assert "The capital" not in text
