"""The decision on a release through the tool: the same text as that of `assaykit gate`, from rules or from a file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.caller import Caller, serving

from assaykit.settings import Settings

ROWS = 80
TIERS = ("free", "paid", "gold")


def run(n: int, score: object, **more: Any) -> dict[str, Any]:
    return {"key": f"q{n}", "output": f"answer {n}", "eval.right.score": score, **more}


async def upload(ax: Caller, files: Path, name: str, rows: list[dict[str, Any]], **options: Any) -> None:
    (files / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    await ax.ask("upload_experiment", file=f"{name}.jsonl", dataset="cases", key="key", name=name, **options)


@pytest.fixture
async def cases(ax: Caller, files: Path) -> None:
    examples = [
        {"key": f"q{n}", "tier": "gold" if n < 9 else TIERS[n % 2], "truth": f" answer {n}"} for n in range(ROWS)
    ]
    await ax.ask("create_dataset", name="cases", rows=examples)
    await upload(ax, files, "old", [run(n, int(n % 10 > 0), latency_ms=100 + n % 7) for n in range(ROWS)])
    await upload(ax, files, "same", [run(n, int(n % 10 > 0), latency_ms=150 + n % 7) for n in range(ROWS)])
    await upload(ax, files, "bad", [run(n, int(n % 10 > 4), latency_ms=100 + n % 7) for n in range(ROWS)])


UP = {"directions": {"right": "MAXIMIZE"}}


@pytest.mark.over_http("check_release")
async def test_rules_decide_in_a_sentence_each_and_name_the_exit_code(ax: Caller, cases: None) -> None:
    rules = ["right: not worse by more than 5 points", "failed rows: at most 5 %", "latency: at most 2 s"]
    text = await ax.read("check_release", candidate="same", baseline="old", rules=rules, **UP)
    assert text.startswith("Decision: ship. `assaykit gate` exits with 0.\n")
    assert "\nSHIP: same against old. All 3 rules allow it.\n" in text
    for rule in rules:
        assert f"\nSHIP {rule}\n  " in text
    told = await ax.ask("check_release", candidate="bad", baseline="old", rules=[*rules, "right: better"], **UP)
    assert (told["decision"], told["exit_code"]) == ("hold", 1)
    assert [one["outcome"] for one in told["rules"]] == ["hold", "ship", "ship", "hold"]
    assert told["reason"] == "2 of 4 rules forbid it: right: not worse by more than 5 points; right: better."


@pytest.mark.parametrize(
    ("candidate", "rule", "outcome", "said"),
    [
        ("same", "right: at least 80 %", "ship", "right: 90.0 %, 72 of 80 examples (95 % interval 81.2 to 95.6)."),
        ("same", "right: at most 80 %", "hold", "81.2 to 95.6"),
        ("same", "right: at least 85 %", "undecided", "examples would decide it if this share is the true one"),
        ("same", "exact match with truth: at least 95 %", "ship", "output equals truth: 100.0 %, 80 of 80 examples"),
        ("same", "latency: not worse by more than 10 %", "hold", "change of the geometric mean +4"),
        ("bad", "latency: not worse by more than 10 %", "ship", "change of the geometric mean +0.0 %"),
        ("same", "at least 81 examples", "undecided", "There are only 80 examples; 81 would decide it."),
        ("same", "right: the same within 5 points", "ship", "difference +0 points"),
        (
            "same",
            "right: not worse by more than 4 points",
            "undecided",
            "With n = 80 that is too few to say. About 93 ",
        ),
        ("bad", "right: not shown worse", "hold", "bad is worse than old"),
        ("same", "right: not shown worse by 2 points", "undecided", "a loss of 2 points would be seen"),
    ],
)
async def test_each_kind_of_rule_gives_its_reason(
    ax: Caller, cases: None, candidate: str, rule: str, outcome: str, said: str
) -> None:
    told = await ax.ask("check_release", candidate=candidate, baseline="old", rules=[rule], **UP)
    assert (told["decision"], said in told["rules"][0]["why"]) == (outcome, True), told


async def test_a_limit_needs_no_baseline_and_no_direction(ax: Caller, cases: None) -> None:
    told = await ax.ask("check_release", candidate="same", rules=["right: at least 80 %", "latency: at most 1 s"])
    assert (told["decision"], told["baseline"]) == ("ship", None)
    refused = await ax.refused("check_release", candidate="same", rules=["right: better"])
    assert refused["message"] == "Rule 1, 'right: better', needs a baseline, and none is named."


async def test_a_file_decides_with_its_slices_and_its_examples(ax: Caller, files: Path, cases: None) -> None:
    ids = [one["id"] for one in (await ax.ask("get_dataset", dataset="cases", limit=ROWS))["examples"]]
    (files / "gate.toml").write_text(
        f"""
        candidate = "same"
        baseline = "old"
        rules = ["failed rows: at most 5 %"]

        [directions]
        right = "MAXIMIZE"

        [[rule]]
        rule = "right: not worse by more than 15 points"
        slice_by = "tier"

        [[rule]]
        rule = "right: must pass"
        examples = ["{ids[1]}", "{ids[2]}"]
        """,
        encoding="utf-8",
    )
    told = await ax.ask("check_release", policy="gate.toml")
    assert [one["outcome"] for one in told["rules"]] == ["ship", "ship", "ship"], told
    sliced = told["rules"][1]["why"]
    assert "Every slice of tier ships: free (35), paid (36)." in sliced
    assert "Undecided, with under 20 examples, and they do not block: gold (9)." in sliced
    bad = await ax.ask("check_release", policy="gate.toml", candidate="bad", rules=["right: not shown worse"])
    assert [one["outcome"] for one in bad["rules"]] == ["ship", "hold", "hold", "hold"], bad
    assert bad["rules"][1]["why"].startswith("tier = free: hold. ")
    text = (files / "gate.toml").read_text(encoding="utf-8")
    (files / "gate.toml").write_text(text.replace('"tier"', '"tier"\nsmall_slices = "block"'), encoding="utf-8")
    assert (await ax.ask("check_release", policy="gate.toml"))["decision"] == "undecided"


@pytest.mark.parametrize(
    ("rules", "options", "message", "following"),
    [
        (
            ["right: not worse by more than 2"],
            {},
            "Rule 1, 'right: not worse by more than 2': 'right' is a rate, so the number needs a unit",
            "Write 2 points.",
        ),
        (
            ["right: better", "rigth: better"],
            {},
            "Rule 2, 'rigth: better': no experiment has an evaluator 'rigth', did you mean 'right'?",
            "Use one",
        ),
        (
            ["right: pass^3 at least 5 %"],
            {},
            "Rule 1, 'right: pass^3 at least 5 %': the examples have only 1 run",
            "at most 1",
        ),
        (["right: better", "right: better"], {}, "Rule 2 repeats rule 1", "Keep one"),
        (["right: better"], {"candidate": "old"}, "The candidate 'old' is the baseline.", "Name two experiments"),
        (["right: nonsense"], {}, "Rule 1: 'right: nonsense' is not a rule.", "Write 'NAME: not worse"),
        ([], {}, "There is no rule.", ""),
        (
            ["right: better"],
            {"directions": {}},
            "Rule 1, 'right: better': The direction of 'right' is not known",
            "[directions]",
        ),
        (["cost: at most 1 $"], {}, "Rule 1, 'cost: at most 1 $': No run of the candidate has a cost.", ""),
        (
            ["exact match with gone: at least 5 %"],
            {},
            "the dataset has no column 'gone'; it has 'key', 'tier', 'truth'",
            "",
        ),
        (["right: better"], {"policy": "gone.toml"}, "gone.toml", ""),
        (["right: better"], {"policy": "wrong.toml"}, "wrong.toml is not TOML: ", "line 2"),
        (
            ["right: better"],
            {"policy": "keys.toml"},
            "keys.toml: lookz: unknown name, did you mean 'looks'",
            "The keys are",
        ),
        (["right: better"], {"policy": "binary.toml"}, "binary.toml is not UTF-8 text.", "UTF-8"),
        (["right: better"], {"policy": "../x.toml"}, "x.toml", ""),
        (["right: better"], {"directions": {"other": "MAXIMIZE"}}, "No experiment has an evaluator 'other'", ""),
        (["right: better"], {"policy": "dataset.toml"}, "gone", ""),
    ],
)
async def test_a_wrong_policy_is_refused_with_the_place_and_the_next_step(
    ax: Caller, files: Path, cases: None, rules: list[str], options: dict[str, Any], message: str, following: str
) -> None:
    (files / "wrong.toml").write_text('rules = ["a: better"]\nlooks = = 2', encoding="utf-8")
    (files / "dataset.toml").write_text("dataset = 'gone'", encoding="utf-8")
    (files / "keys.toml").write_text("lookz = 2", encoding="utf-8")
    (files / "binary.toml").write_bytes(b"\xff\xfe\x00")
    asked = {"candidate": "same", "baseline": "old", "rules": rules, **UP, **options}
    refused = await ax.refused("check_release", **asked)
    assert message in refused["message"]
    assert following in f"{refused['message']} {refused['next']}"
    assert refused["next"]


@pytest.mark.embedded("a read-only server of the same store")
async def test_a_new_run_of_a_name_is_a_further_look_unless_the_server_is_read_only(
    ax: Caller, files: Path, settings: Settings, cases: None
) -> None:
    asked = {"candidate": "same", "baseline": "old", "rules": ["right: not worse by more than 5 points"], **UP}
    async with serving(replace(settings, read_only=True)) as reader:
        await reader.ask("check_release", **asked)
    assert not (settings.home / "looks.json").exists()
    assert (await ax.ask("check_release", **asked))["notes"] == []
    assert (await ax.ask("check_release", **asked))["notes"] == [], "the same rows are the same look"
    await ax.ask("delete_resource", kind="experiment", name="same", confirm="same")
    await upload(ax, files, "same", [run(n, int(n % 10 > 1)) for n in range(ROWS)])
    (note,) = (await ax.ask("check_release", **asked))["notes"]
    assert note.startswith("right: this is the second look at same against old")
    (files / "gate.toml").write_text("looks = 5", encoding="utf-8")
    (note,) = (await ax.ask("check_release", policy="gate.toml", **asked))["notes"]
    assert note.startswith("right: this is the fifth look")
    assert "\nNote: right: this is the fifth look" in await ax.read("check_release", policy="gate.toml", **asked)


async def test_a_judge_without_a_calibration_is_told_and_needs_review_only_on_request(
    ax: Caller, files: Path, cases: None
) -> None:
    await ax.ask(
        "create_integration", name="own", provider="CUSTOM", base_url="http://127.0.0.1:9/v1", model_names=["m"],
        test=False,
    )  # fmt: skip
    await ax.ask(
        "create_judge", name="right", template="Is {output} right?", choices={"no": 0, "yes": 1},
        integration="own", model="m",
    )  # fmt: skip
    asked = {"candidate": "same", "baseline": "old", "rules": ["right: better", "failed rows: at most 9 %"]}
    plain = await ax.ask("check_release", **asked)
    assert [one["outcome"] for one in plain["rules"]] == ["undecided", "ship"]
    assert plain["rules"][0]["why"].endswith("The judge is not calibrated.")
    assert "calibrated" not in plain["rules"][1]["why"]
    (files / "gate.toml").write_text("require_calibration = true", encoding="utf-8")
    strict = await ax.ask("check_release", policy="gate.toml", **asked)
    assert (strict["decision"], strict["exit_code"]) == ("needs review", 4)
    assert [one["outcome"] for one in strict["rules"]] == ["needs review", "ship"]


async def test_a_verdict_that_names_a_model_rests_on_a_judge(ax: Caller, files: Path, cases: None) -> None:
    rows = [run(n, 1, **{"eval.right.metadata.model": "m-1"}) for n in range(ROWS)]
    await upload(ax, files, "judged", rows)
    told = await ax.ask("check_release", candidate="judged", rules=["right: at least 80 %"])
    assert told["rules"][0]["why"].endswith("The judge is not calibrated.")


async def test_clusters_count_in_place_of_rows(ax: Caller, files: Path, cases: None) -> None:
    """80 equal pairs show no loss beyond 5 points; three clusters of them show nothing."""
    asked = {"candidate": "same", "baseline": "old", "rules": ["right: not worse by more than 5 points"], **UP}
    assert (await ax.ask("check_release", **asked))["decision"] == "ship"
    (files / "gate.toml").write_text('cluster_by = "tier"', encoding="utf-8")
    assert (await ax.ask("check_release", policy="gate.toml", **asked))["decision"] == "undecided"


async def test_limits_on_the_candidate_alone_count_clusters_too(ax: Caller, files: Path, cases: None) -> None:
    """Every limit that 80 independent examples hold is undecided where they are of three clusters, and says so."""
    rules = ["right: at least 80 %", "failed rows: at most 5 %", "latency: at most 151.5 ms"]
    told = await ax.ask("check_release", candidate="same", rules=rules, **UP)
    assert [one["outcome"] for one in told["rules"]] == ["ship"] * 2 + ["hold"]
    (files / "gate.toml").write_text('cluster_by = "tier"', encoding="utf-8")
    told = await ax.ask("check_release", candidate="same", rules=rules, policy="gate.toml", **UP)
    assert [one["outcome"] for one in told["rules"]] == ["undecided"] * 3
    assert all("3 clusters" in one["why"] for one in told["rules"])
