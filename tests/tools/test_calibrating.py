"""Calibration of a judge through the tool, on made data: refusals, parts, versions, few labels, and the gate."""

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller
from tests.oracles import Oracle

proportions = Oracle("statsmodels.stats.proportion")
metrics = Oracle("sklearn.metrics")
contingency = Oracle("statsmodels.stats.contingency_tables")
stats = Oracle("scipy.stats")

ROWS = 60


def row(n: int, said: str | None, **more: Any) -> dict[str, Any]:
    verdict = {} if said is None else {"eval.tone.label": said, "eval.tone.explanation": f"since {n}"}
    return {"key": f"q{n}", "output": f"answer {n}", **verdict, **more}


async def upload(ax: Caller, files: Path, name: str, rows: list[dict[str, Any]]) -> None:
    (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key", name=name)


def human(n: int) -> str:
    return "bad" if n % 4 == 0 else "good"


def judged(n: int) -> str:
    """The judge misses every third failure, and calls every tenth pass a failure."""
    if n % 4 == 0:
        return "good" if n % 12 == 0 else "bad"
    return "bad" if n % 10 == 1 else "good"


@pytest.fixture
async def cases(ax: Caller, files: Path) -> None:
    examples = [
        {"key": f"q{n}", "question": f"Question {n}?", "truth": human(n), "half": human(n) if n < 30 else "",
         "numbers": "1" if human(n) == "bad" else "0", "one": "good", "few": human(n) if n < 6 else "",
         "tier": "gold" if n % 2 else "free", "none": ""}
        for n in range(ROWS)
    ]  # fmt: skip
    await ax.ask("create_dataset", name="cases", rows=examples)
    await upload(ax, files, "first", [row(n, judged(n)) for n in range(ROWS)])


ASKED: dict[str, Any] = {"judge": "tone", "truth": "truth", "experiments": ["first"], "failures": ["bad"]}


async def test_disagreements_are_grouped_and_show_key_question_and_reason(ax: Caller, cases: None) -> None:
    told = await ax.ask("calibrate_judge", **ASKED)
    kinds = [(one["truth"], one["said"], one["rows"]) for one in told["disagreements"]]
    missed = sum(human(n) == "bad" and judged(n) == "good" for n in range(ROWS))
    wrong = sum(human(n) == "good" and judged(n) == "bad" for n in range(ROWS))
    assert sorted(kinds) == [("bad", "good", missed), ("good", "bad", wrong)]
    text = await ax.read("calibrate_judge", **ASKED)
    assert "q0 of first: question: Question 0?; judge: since 0" in text
    assert f"People say 'bad', the judge 'good': {missed} row(s)" in text


async def test_the_number_of_labels_for_five_points_is_told(ax: Caller, cases: None) -> None:
    told = await ax.ask("calibrate_judge", **ASKED)
    needed, share = told["labels_for_5_points"], told["agreement"]["accuracy"]
    widths = [proportions.proportion_confint(share * n, n, method="wilson") for n in (needed - 1, needed)]
    assert [high - low <= 0.1 for low, high in widths] == [False, True]
    assert f"needs about {needed} labels" in await ax.read("calibrate_judge", **ASKED)


async def test_labels_of_another_vocabulary_are_mapped(ax: Caller, cases: None) -> None:
    same = await ax.ask("calibrate_judge", **ASKED)
    for labels in ({"1": "bad", "0": "good"}, {"bad": "1", "good": "0"}, {" BAD ": "1", "Good": "0"}):
        asked = {**ASKED, "truth": "numbers", "labels": labels, "failures": ["bad" if "1" in labels else "1"]}
        told = await ax.ask("calibrate_judge", **asked)
        assert told["failures"] == same["failures"]
    refused = await ax.refused("calibrate_judge", **{**ASKED, "truth": "numbers"})
    assert "they share none" in refused["message"]
    assert refused["next"].startswith("Map one to the other, such as labels={")


async def test_labels_that_differ_in_case_are_one_class(ax: Caller, files: Path, cases: None) -> None:
    await upload(ax, files, "loud", [row(n, f" {judged(n).upper()}") for n in range(ROWS)])
    loud = await ax.ask("calibrate_judge", **{**ASKED, "experiments": ["loud"]})
    plain = await ax.ask("calibrate_judge", **ASKED)
    assert loud["failures"] == plain["failures"]
    assert loud["agreement"]["labels"] == plain["agreement"]["labels"] == ["bad", "good"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": "tune"}, "No row has a verdict of 'tune'; there are 'tone'."),
        ({"truth": "tone"}, "'tone' is held against itself."),
        ({"truth": "nowhere"}, "There is no column, annotation or evaluator 'nowhere'"),
        ({"slice_by": ["nowhere"]}, "There is no column, annotation or evaluator 'nowhere'"),
        ({"people": ["nowhere"]}, "There is no column, annotation or evaluator 'nowhere'"),
        ({"truth": "one"}, "People gave all 60 rows the label 'good'"),
        ({"truth": "none"}, "No row has both a person's label and a verdict of the judge."),
        ({"failures": ["ugly"]}, "No row has the failure label 'ugly'"),
        ({"experiments": None}, "A calibration needs experiments or a project."),
    ],
)
async def test_bad_input_gets_one_sentence_and_the_next_step(
    ax: Caller, cases: None, change: dict[str, Any], message: str
) -> None:
    refused = await ax.refused("calibrate_judge", **{**ASKED, **change})
    assert message.replace("'", "") in refused["message"].replace("'", "")
    assert refused["next"]


async def test_few_labels_tell_how_many_more_are_needed(ax: Caller, cases: None) -> None:
    told = await ax.ask("calibrate_judge", **{**ASKED, "truth": "few"})
    assert (told["rows"], told["without_truth"]) == (6, ROWS - 6)
    assert told["failures"]["more_labels"] == 9
    (rate,) = told["rates"]
    assert rate["corrected"]["interval"] is None
    text = await ax.read("calibrate_judge", **{**ASKED, "truth": "few"})
    assert "each class needs 5, so about 9 more labels of the same kind" in text


async def test_half_labelled_rows_give_a_rate_from_labels_and_verdicts(ax: Caller, cases: None) -> None:
    (rate,) = (await ax.ask("calibrate_judge", **{**ASKED, "truth": "half"}))["rates"]
    assert (rate["labelled"], rate["rows"]) == (30, ROWS)
    powered = rate["powered"]
    truth = sum(human(n) == "bad" for n in range(ROWS)) / ROWS
    assert powered["interval"]["low"] < truth < powered["interval"]["high"]
    assert 0 < powered["weight"] <= 1
    assert powered["effective_n"] > 30


async def test_parts_are_kept_and_looks_at_the_held_out_part_are_counted(ax: Caller, cases: None) -> None:
    develop = await ax.ask("calibrate_judge", **ASKED, part="develop")
    held_out = await ax.ask("calibrate_judge", **ASKED, part="held_out")
    assert develop["rows"] + held_out["rows"] == ROWS
    assert min(develop["rows"], held_out["rows"]) > ROWS / 4
    assert (develop["record"], develop["held_out_looks"], held_out["held_out_looks"]) == (None, 0, 1)
    again = await ax.ask("calibrate_judge", **ASKED, part="held_out")
    assert (again["rows"], again["held_out_looks"]) == (held_out["rows"], 2)
    assert "This is look 3 at the held-out labels" in await ax.read("calibrate_judge", **ASKED, part="held_out")


async def test_the_gate_cites_the_record_and_tells_a_stale_one(ax: Caller, files: Path, cases: None) -> None:
    made = {"eval.tone.metadata.model": "m-1", "eval.tone.metadata.evaluator_version_id": "v1"}
    await upload(ax, files, "old", [row(n, judged(n), **made) for n in range(ROWS)])
    await upload(ax, files, "new", [row(n, judged(n), **made) for n in range(ROWS)])
    await upload(
        ax, files, "other", [row(n, judged(n), **{**made, "eval.tone.metadata.model": "m-2"}) for n in range(ROWS)]
    )
    (files / "gate.toml").write_text("require_calibration = true", encoding="utf-8")
    asked = {"policy": "gate.toml", "rules": ["tone: at least 50 %"], "positive": {"tone": "good"}}
    before = await ax.ask("check_release", candidate="new", **asked)
    assert before["decision"] == "needs review"
    told = await ax.read("compare_experiments", experiments=["old", "new"], positive={"tone": "good"})
    assert "tone: The judge is not calibrated." in told
    await ax.ask("calibrate_judge", **{**ASKED, "experiments": ["old"]})
    told = await ax.ask("check_release", candidate="new", **asked)
    assert told["decision"] == "ship"
    assert "Judge calibrated: kappa 0.5" in told["rules"][0]["why"]
    assert ", n = 60, version v1, 20" in told["rules"][0]["why"]
    compared = {"experiments": ["old", "new"], "positive": {"tone": "good"}}
    assert "tone: Judge calibrated: kappa 0.5" in await ax.read("compare_experiments", **compared)
    compared["experiments"] = ["old", "other"]
    text = await ax.read("compare_experiments", **compared)
    assert "tone: The judge's calibration is stale: its model was m-1" in text
    stale = await ax.ask("check_release", candidate="other", **asked)
    assert stale["decision"] == "needs review"
    assert "stale: its model was m-1, and that of these verdicts is m-2." in stale["rules"][0]["why"]
    await ax.ask("calibrate_judge", **{**ASKED, "experiments": ["old"], "truth": "few"})
    few = await ax.ask("check_release", candidate="new", **asked)
    assert few["decision"] == "needs review"
    assert "rests on 2 failures and 4 passes, and needs 5 of each" in few["rules"][0]["why"]


async def test_verdicts_of_an_older_version_are_counted_apart(ax: Caller, files: Path, cases: None) -> None:
    def of(n: int) -> dict[str, str]:
        """The version, and none for the last five rows."""
        return {} if n >= 55 else {"eval.tone.metadata.evaluator_version_id": "v1" if n < 20 else "v2"}

    await upload(ax, files, "mixed", [row(n, judged(n), **of(n)) for n in range(ROWS)])
    told = await ax.ask("calibrate_judge", **{**ASKED, "experiments": ["mixed"]})
    assert (told["rows"], told["rows_of_other_versions"], told["rows_without_version"]) == (35, 20, 5)
    text = await ax.read("calibrate_judge", **{**ASKED, "experiments": ["mixed"]})
    assert "5 row(s) have a verdict without a version (v?), and are left out." in text
    assert told["record"]["versions"] == ["v2"]
    text = await ax.read("calibrate_judge", **{**ASKED, "experiments": ["mixed"]})
    assert "20 row(s) have a verdict of another version of the judge" in text


async def test_three_people_are_the_ceiling_and_each_reason_stands_beside_the_judges(
    ax: Caller, files: Path, cases: None
) -> None:
    """Ann and Bob label 24 rows, Cy every third. Ann and Cy are right; Bob calls each fifth row good."""
    shown = await ax.ask("get_experiment", experiment="first", limit=100)
    runs = {int(one["output"].removeprefix("answer ")): one["id"] for one in shown["runs"]}
    said = {
        n: {"Ann": human(n), "Bob": "good" if n % 5 == 0 else human(n), **({"Cy": human(n)} if n % 3 == 0 else {})}
        for n in range(24)
    }
    rows = [
        {"run_id": runs[n], "annotator": who, "label": label, "text": f"{who} on {n}"}
        for n, labels in said.items()
        for who, label in labels.items()
    ]
    await ax.ask("annotate", name="seen", experiment="first", choices={"good": 1, "bad": 0}, rows=rows)
    asked = {**ASKED, "truth": "seen", "slice_by": ["tier"]}
    told = await ax.ask("calibrate_judge", **asked)
    pairs = [one == other for labels in said.values() for one, other in itertools.combinations(labels.values(), 2)]
    assert told["people"]["items"] == 24
    assert told["people"]["share"] == pytest.approx(sum(pairs) / len(pairs))
    assert told["people"]["alpha"] == pytest.approx(alpha([list(labels.values()) for labels in said.values()]))
    # Two people who differ have no label of most: rows 5, 10 and 20 are of Ann and Bob alone, and 0 and 15 of three.
    truth = {n: human(n) for n in said if n % 3 == 0 or len(set(said[n].values())) == 1}
    assert told["rows"] == len(truth)
    assert len(told["slices"]) == 2
    for tier, part in told["slices"].items():
        own = [n for n in truth if ("gold" if n % 2 else "free") == tier.rpartition("=")[2].strip(" '")]
        figures = part["agreement"]
        expected = [[truth[n] for n in own], [judged(n) for n in own]]
        assert (part["rows"], figures["kappa"]) == (len(own), pytest.approx(metrics.cohen_kappa_score(*expected)))
    (missed,) = [one for one in told["disagreements"] if one["truth"] == "bad"]
    row = next(one for one in missed["examples"] if one["key"] == "q12")
    assert (row["judge_says"], row["people_say"]) == ("since 12", "Ann: Ann on 12; Bob: Bob on 12; Cy: Cy on 12")


def alpha(items: list[list[str]]) -> float:
    """Krippendorff's alpha for names, from its definition: each pair within an item weighs 1 / (labels - 1)."""
    weights = {one: 0.0 for item in items for one in item}
    apart = 0.0
    for item in items:
        for one, other in itertools.permutations(item, 2):
            weights[one] += 1 / (len(item) - 1)
            apart += (one != other) / (len(item) - 1)
    total = sum(weights.values())
    chance = sum(weights[a] * weights[b] for a, b in itertools.permutations(weights, 2)) / (total - 1)
    return 1 - apart / chance


def second(n: int) -> str:
    """Another judge: it has every failure right, and calls every fifth pass a failure."""
    return "bad" if n % 4 == 0 or n % 5 == 1 else "good"


@pytest.mark.parametrize("kind", ["judge", "version"])
async def test_two_judges_or_versions_are_compared_on_the_same_rows_against_people(
    ax: Caller, files: Path, cases: None, kind: str
) -> None:
    """The last ten rows have no verdict of the other, and the first thirty a label of people."""
    earlier = {"version": 1, "evaluator_version_id": "v1"}
    other = "tone@1" if kind == "version" else "second"

    def more(n: int) -> dict[str, Any]:
        made_by = {"eval.tone.metadata.evaluator_version_id": "v2", "eval.tone.metadata.version": 2}
        if n >= 50:
            return made_by
        if kind == "judge":
            return made_by | {"eval.second.label": second(n)}
        return made_by | {"eval.tone.metadata.earlier": json.dumps([{**earlier, "label": second(n)}])}

    await upload(ax, files, "both", [row(n, judged(n), **more(n)) for n in range(ROWS)])
    asked = {"judge": "tone", "truth": "half", "experiments": ["both"], "failures": ["bad"], "against": other}
    told = (await ax.ask("calibrate_judge", **asked))["comparison"]
    both = [(judged(n) == human(n), second(n) == human(n)) for n in range(30)]
    table = [[both.count((one, two)) for two in (True, False)] for one in (True, False)]
    assert (told["rows"], told["labelled"]) == (50, 30)
    assert told["equal"] == sum(judged(n) == second(n) for n in range(50))
    assert (told["right"], told["other_right"]) == (sum(one for one, _ in both), sum(two for _, two in both))
    assert (told["only"], told["only_other"]) == (table[0][1], table[1][0])
    assert told["difference"] == pytest.approx((told["right"] - told["other_right"]) / 30)
    exact = contingency.mcnemar(table, exact=True).pvalue
    tail = stats.binom.pmf(min(told["only"], told["only_other"]), told["only"] + told["only_other"], 0.5)
    assert told["p"] == pytest.approx(min(1.0, exact - tail) if told["only"] != told["only_other"] else 1.0)
    assert told["interval"]["low"] < told["difference"] < told["interval"]["high"]
    text = await ax.read("calibrate_judge", **asked)
    assert f"tone and {other} give the same label to {told['equal']} of 50 rows that both judged." in text
    assert f"{told['only']} row(s) have only tone right, and {told['only_other']} only {other}." in text
    # Without people's labels one judge is held against the other.
    bare = await ax.ask("calibrate_judge", **{**asked, "truth": other, "against": None})
    assert bare["rows"] == 50
    for wrong in ("nobody", "tone"):
        refused = await ax.refused("calibrate_judge", **{**asked, "against": wrong})
        assert f"{wrong!r} is no other judge of these rows" in refused["message"]


async def test_a_judge_to_compare_with_has_one_version(ax: Caller, files: Path, cases: None) -> None:
    def made_by(n: int) -> dict[str, Any]:
        return {"eval.second.label": second(n), "eval.second.metadata.evaluator_version_id": f"v{n % 2}"}

    await upload(ax, files, "mixed", [row(n, judged(n), **made_by(n)) for n in range(ROWS)])
    refused = await ax.refused("calibrate_judge", **{**ASKED, "experiments": ["mixed"], "against": "second"})
    assert refused["message"] == "'second' has verdicts of 2 versions on these rows."
    assert refused["next"] == "Name one of them, such as second@1."
