from typing import Any

import anyio
import pytest

from assaykit.errors import Invalid
from assaykit.judge import managed, patterns
from assaykit.judge.verdicts import Unscored, Verdict
from assaykit.wire.evaluators import ManagedCodeConfig


def config(kind: str, *params: dict[str, Any], variables: tuple[str, ...] = ("output",)) -> ManagedCodeConfig:
    return ManagedCodeConfig.model_validate(
        {
            "type": "MANAGED",
            "name": "check",
            "managed_evaluator": kind,
            "variables": list(variables),
            "static_params": list(params) or None,
        }
    )


def regex(pattern: str) -> dict[str, Any]:
    return {"name": "pattern", "type": "REGEX", "default_value": pattern}


def keywords(*words: str) -> dict[str, Any]:
    return {"name": "keywords", "type": "STRING_ARRAY", "default_value": list(words)}


@pytest.mark.parametrize(
    ("evaluator", "text", "label", "score", "said"),
    [
        (config("MATCHES_REGEX", regex(r"\d{3}-\d{4}")), "call 555-1234 now", "matches", 1, "'555-1234'"),
        (config("MATCHES_REGEX", regex(r"^\d+$")), "call 555", "no match", 0, "Nothing matches"),
        (config("MATCHES_REGEX", regex("call")), "call 555", "matches", 1, "'call'"),
        (config("JSON_PARSEABLE"), ' {"a": [1, 2]} ', "parseable", 1, "an object"),
        (config("JSON_PARSEABLE"), "9" * 5000, "parseable", 1, "a plain value"),
        (config("JSON_PARSEABLE"), "{'a': 1}", "not parseable", 0, "Not JSON"),
        (config("JSON_PARSEABLE"), "NaN", "not parseable", 0, "NaN"),
        (config("JSON_PARSEABLE"), "[" * 200_000, "not parseable", 0, "too deeply"),
        (
            config("CONTAINS_ANY_KEYWORD", keywords("Refund", "money")),
            "a REFUND!",
            "contains",
            1,
            "Found ['Refund']",
        ),
        (config("CONTAINS_ANY_KEYWORD", keywords("refund")), "nothing", "missing", 0, "Not found ['refund']"),
        (config("CONTAINS_ALL_KEYWORDS", keywords("a", "b")), "A b", "contains", 1, "Found ['a', 'b']."),
        (config("CONTAINS_ALL_KEYWORDS", keywords("a", "z")), "A b", "missing", 0, "Not found ['z']"),
    ],
)
async def test_a_verdict_says_what_was_found(
    evaluator: ManagedCodeConfig, text: str, label: str, score: int, said: str
) -> None:
    managed.check(evaluator)
    verdict = await managed.run(evaluator, {"output": text})
    assert isinstance(verdict, Verdict)
    assert (verdict.label, verdict.score) == (label, score)
    assert verdict.explanation is not None
    assert said in verdict.explanation


async def test_exact_match_ignores_the_space_around_and_nothing_else() -> None:
    evaluator = config("EXACT_MATCH", variables=("output", "expected"))
    managed.check(evaluator)
    same = await managed.run(evaluator, {"output": " Paris\n", "expected": "Paris"})
    other = await managed.run(evaluator, {"output": "paris", "expected": "Paris"})
    assert same == Verdict("match", 1, "Both are 'Paris'.")
    assert other == Verdict("different", 0, "They differ: output is 'paris' and expected is 'Paris'.")


async def test_a_pattern_that_runs_away_is_stopped_and_leaves_the_row_unscored() -> None:
    with anyio.fail_after(30):
        with pytest.raises(patterns.RanAway):
            await patterns.search("(a|aa)+$", "a" * 60 + "b", deadline_s=1.5)
        assert await patterns.search("(a|aa)+$", "aaa") == "aaa"


async def test_the_server_goes_on_while_a_pattern_searches() -> None:
    beats = 0
    with anyio.move_on_after(20):
        async with anyio.create_task_group() as group:

            async def runaway() -> None:
                with pytest.raises(patterns.RanAway):
                    await patterns.search("(a|aa)+$", "a" * 60 + "b", deadline_s=1.0)
                group.cancel_scope.cancel()

            group.start_soon(runaway)
            while True:
                await anyio.lowlevel.checkpoint()
                beats += 1
    assert beats > 100


async def test_a_text_too_long_for_a_pattern_is_unscored() -> None:
    result = await managed.run(config("MATCHES_REGEX", regex("x$")), {"output": "y" * 100_001})
    assert isinstance(result, Unscored)
    assert result.reason == "too_long"
    assert "100001" in result.detail


@pytest.mark.parametrize(
    ("evaluator", "said"),
    [
        (config("MATCHES_REGEX"), "takes one static parameter, but 0"),
        (config("MATCHES_REGEX", regex("a"), regex("b")), "but 2"),
        (config("MATCHES_REGEX", regex("(")), "not a regular expression"),
        (config("MATCHES_REGEX", regex("")), "empty"),
        (
            config("MATCHES_REGEX", {**regex("a"), "type": "STRING"}),
            "'pattern' of MATCHES_REGEX has the type 'STRING'",
        ),
        (
            config("MATCHES_REGEX", regex("a"), variables=("a", "b")),
            "takes 1 variable, but was given ['a', 'b']",
        ),
        (config("CONTAINS_ANY_KEYWORD"), "takes one static parameter"),
        (
            config("CONTAINS_ANY_KEYWORD", {**keywords("a"), "name": "words"}),
            "does not take the static parameters",
        ),
        (config("CONTAINS_ALL_KEYWORDS", keywords()), "not a list of words"),
        (config("CONTAINS_ALL_KEYWORDS", keywords("a", " ")), "not a list of words"),
        (config("CONTAINS_ALL_KEYWORDS", {**keywords(), "default_value": "a,b"}), "not a list of words"),
        (config("EXACT_MATCH"), "takes 2 variables, but was given ['output']"),
        (config("EXACT_MATCH", variables=("a", "a")), "takes 2 variables"),
        (config("JSON_PARSEABLE", keywords("a")), "does not take the static parameters ['keywords']"),
        (config("JSON_PARSEABLE", variables=()), "takes 1 variable"),
    ],
)
def test_a_configuration_that_cannot_run_is_refused_by_name(evaluator: ManagedCodeConfig, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        managed.check(evaluator)
    assert said in refused.value.message
    assert refused.value.next
