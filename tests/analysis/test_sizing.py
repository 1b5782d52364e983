"""Plans: goals in words, pilots, guesses, and the sentences that tell the number of examples."""

import random
from collections.abc import Mapping

import pytest
from tests.analysis.variants import approx, scored

from assaykit.analysis.clusters import Clusters
from assaykit.analysis.compare import Variant, compare
from assaykit.analysis.details import details
from assaykit.analysis.goals import goal
from assaykit.analysis.rows import Judgement, Outcome
from assaykit.analysis.sizing import Pilot, pilot_of, sentences, sized
from assaykit.errors import Invalid


@pytest.mark.parametrize(
    ("text", "kind", "size", "in_points", "evaluator"),
    [
        ("better by 5 points", "difference", 0.05, True, None),
        ("a difference of 0.2", "difference", 0.2, False, None),
        ("correct: not worse by more than 2.5 %", "margin", 0.025, True, "correct"),
        ("tone judge: Not worse by more than 1 point", "margin", 0.01, True, "tone judge"),
        ("the same within 3 percent", "same", 0.03, True, None),
        ("same within .5", "same", 0.5, False, None),
        ("at least 80%", "at least", 0.8, True, None),
        ("  at most 2 % ", "at most", 0.02, True, None),
    ],
)
def test_a_goal_is_read_in_words(text: str, kind: str, size: float, *, in_points: bool, evaluator: str | None) -> None:
    read = goal(text)
    assert (read.kind, read.size, read.in_points, read.evaluator) == (kind, approx(size), in_points, evaluator)


@pytest.mark.parametrize(
    "text",
    ["", "better", "better by points", "better by -5 points", "better by 0 points", "better by nan points",
     "better by 100 points", "at least 0.8", "at least 80", "at least 100 %", "not worse", "5 examples", "x" * 5000],
)  # fmt: skip
def test_other_words_are_refused_with_the_forms(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        goal(text)
    assert refused.value.next
    assert len(str(refused.value)) < 400


def plan(
    text: str, pilot: Pilot | None = None, repetitions: int = 1, criteria: int = 1, **guesses: float
) -> tuple[int | None, str]:
    found = sized(goal(text), guesses, pilot, repetitions=repetitions, criteria=criteria)
    return found.examples, " ".join(sentences(found, pilot))


def test_guesses_give_a_size() -> None:
    assert plan("better by 5 points", discordant=0.2)[0] == 626
    assert plan("better by 5 points", discordant=0.2, criteria=12)[0] == 1097
    assert plan("a difference of 0.5", sd=1.0)[0] == 34
    assert plan("not worse by more than 2 points", discordant=0.0)[0] == 189
    assert plan("at least 80 %", expected=0.9)[0] == 118
    assert "corrected for 12 criteria" in plan("better by 5 points", discordant=0.2, criteria=12)[1]
    assert "3.4 times as many rows" in plan("better by 5 points", discordant=0.2, cluster=5, icc=0.6)[1]


def test_without_pilot_and_guess_a_rate_gets_three_sizes() -> None:
    examples, told = plan("better by 5 points")
    assert examples is None
    assert "about 312 examples if 10 %, 626 examples if 20 % or 1,254 examples if 40 % of the pairs differ" in told


def test_a_pilot_gives_the_variation_and_a_range() -> None:
    old, new = scored("old", [1.0] * 60), scored("new", [0.0] * 12 + [1.0] * 48)
    pilot = pilot_of(compare(old, [new]).findings[0])
    assert (pilot.n, pilot.noise.discordant) == (60, approx(0.2))
    examples, told = plan("better by 5 points", pilot)
    assert examples == 626
    assert "about 626 examples, by a pilot of 60 pairs. " in told
    assert "its figures fit anything from 369 to 996 examples" in told
    assert "With 60 examples a true difference under 15.9 points would usually be missed" in told


def test_a_pilot_of_scores_gives_the_standard_deviation() -> None:
    rng = random.Random(1)  # noqa: S311  (a repeatable sample)
    moves = [rng.gauss(0, 0.5) for _ in range(200)]
    old, new = scored("old", [0.3] * 200), scored("new", [0.3 + move for move in moves])
    pilot = pilot_of(compare(old, [new]).findings[0])
    assert pilot.noise.sd == approx(0.5, abs=0.05)
    assert plan("a difference of 0.1", pilot)[0] == approx(198, abs=40)


def repeated(name: str, chances: list[float], runs: int, seed: int) -> Variant:
    rng = random.Random(seed)  # noqa: S311  (a repeatable sample)
    rows = [
        Outcome(f"e{place}", "x", None, {"q": Judgement(name="q", score=float(rng.random() < chance))}, str(run))
        for place, chance in enumerate(chances)
        for run in range(runs)
    ]
    return Variant(name, rows)


def test_a_pilot_with_repetitions_is_reduced_to_single_runs() -> None:
    """Two systems of chance 0.8 on every example: single runs differ on 32 %, all of it within the examples."""
    old, new = repeated("old", [0.8] * 800, 3, 1), repeated("new", [0.8] * 800, 5, 2)
    found = compare(old, [new])
    pilot = pilot_of(found.findings[0], details([old, new], found).repetitions)
    assert pilot.noise.within == approx(0.4, abs=0.02)
    assert pilot.noise.discordant == approx(0.32, abs=0.03)
    single, five = (plan("better by 5 points", pilot, repetitions=runs)[0] for runs in (1, 5))
    assert single is not None
    assert five == approx(single / 5, rel=0.2)
    assert "Repetitions pay only where more examples are not to be had" in plan("better by 5 points", pilot)[1]


@pytest.mark.parametrize(
    ("text", "guesses", "message"),
    [
        ("better by 5 points", {"power": 0.9}, "'power' is not a guess"),
        ("better by 5 points", {"discordant": float("nan")}, "is not a number"),
        ("better by 5 points", {"discordant": float("inf")}, "is not a number"),
        ("better by 5 points", {"discordant": 20.0}, "outside 0 to 1"),
        ("better by 5 points", {"sd": 1.0}, "A score has no points"),
        ("better by 0.05", {"discordant": 0.2}, "A rate is planned in points"),
        ("better by 0.05", {}, "which is not known"),
        ("better by 0.05", {"sd": 0.0}, "which is not known"),
        ("at least 80 %", {}, "depends on the true share"),
        ("at least 80 %", {"expected": 0.7}, "does not meet"),
        ("at most 2 %", {"expected": 0.02}, "the limit itself"),
        ("at least 80 %", {"expected": 85.0}, "between 0 and 1"),
        ("not worse by more than 2 points", {"discordant": 0.2, "change": -0.05}, "the margin or more"),
        ("better by 5 points", {"discordant": 0.2, "icc": 2.0}, "ICC from 0 to 1"),
    ],
)
def test_guesses_that_make_no_plan_are_refused(text: str, guesses: Mapping[str, float], message: str) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        sized(goal(text), guesses, None, repetitions=1, criteria=1)
    assert refused.value.next


def test_a_pilot_that_tells_nothing_is_refused() -> None:
    with pytest.raises(Invalid, match="One pair"):
        pilot_of(compare(scored("old", [1.0]), [scored("new", [0.0])]).findings[0])
    scores = Pilot(60, pilot_of(compare(scored("old", [0.2, 0.4]), [scored("new", [0.3, 0.9])]).findings[0]).noise, 0.5)
    with pytest.raises(Invalid, match="has no share"):
        plan("at least 80 %", scores)


def test_a_pilot_with_rows_of_one_source_brings_their_correlation_into_the_plan() -> None:
    rng = random.Random(4)  # noqa: S311  (a repeatable sample)
    moves = [common + rng.gauss(0, 0.5) for common in (rng.gauss(0, 1) for _ in range(40)) for _ in range(5)]
    sources = Clusters("doc", {f"e{place:03}": f"s{place // 5}" for place in range(200)})
    findings = [
        compare(scored("old", [0.0] * 200), [scored("new", moves)], clusters=clusters).findings[0]
        for clusters in (None, sources)
    ]
    plain, clustered = map(pilot_of, findings)
    assert (plain.cluster, plain.icc) == (1, 0)
    assert clustered.cluster == 5
    # The correlation of the rows of a source is 1 / (1 + 0.25).
    assert 0.65 < clustered.icc < 0.95
    effect = 1 + 4 * clustered.icc
    few, many = (plan("a difference of 0.5", one)[0] or 0 for one in (plain, clustered))
    assert many == approx(few * effect, rel=0.05)
    assert "Rows of one source count less" in plan("a difference of 0.5", clustered)[1]
    assert plan("a difference of 0.5", clustered, icc=0)[0] == few
