"""The usage that the spans of a task tell."""

from typing import Any

import pytest

from assaykit.runner.results import ExampleCall, RowResult, columns
from assaykit.runner.usage import cost, tokens


def span(name: str, parent: str | None, trace: str = "t", **attributes: Any) -> dict[str, Any]:
    told = {key.replace("__", "."): value for key, value in attributes.items()}
    return {
        "trace_id": trace, "span_id": name, "parent_id": parent, "start_ns": 0, "end_ns": 2_000_000, "attributes": told
    }  # fmt: skip


def test_model_calls_are_summed_and_what_stands_above_them_is_their_sum_already() -> None:
    spans = [
        span("a", "chain", llm__token_count__total=10, llm__cost__total=0.25),
        span("b", "chain", llm__token_count__prompt=3, llm__token_count__completion=4),
        span("c", "root", gen_ai__usage__input_tokens=1, gen_ai__usage__output_tokens=1),
        span("chain", "root", llm__token_count__total=17),
        span("root", None),
    ]
    assert tokens(spans) == 19
    assert cost(spans) == 0.25


LLM = {"openinference__span__kind": "LLM"}
CHAT = {"gen_ai__operation__name": "chat"}


@pytest.mark.parametrize(
    ("outer", "above", "below", "total"),
    [
        (LLM, 100, [50], 150),  # a model call whose tool asked a model
        (CHAT, 100, [30, 20], 150),
        (LLM, 100, [100], 100),  # one call, once from the client and once from its gateway
        (LLM, 100, [60, 40], 100),
        ({"openinference__span__kind": "AGENT"}, 100, [50], 100),  # the other calls of the agent have no span
        ({"gen_ai__operation__name": "invoke_agent"}, 150, [100, 50], 150),
        ({"openinference__span__kind": "CHAIN"}, None, [100, 50], 150),
    ],
)
def test_a_model_call_above_another_counts_unless_it_repeats_it(
    outer: dict[str, Any], above: int | None, below: list[int], total: int
) -> None:
    own: dict[str, Any] = {} if above is None else {"llm__token_count__total": above}
    calls = [span(f"c{n}", "tool", llm__token_count__total=amount, **LLM) for n, amount in enumerate(below)]
    spans = [*calls, span("tool", "outer"), span("outer", "root", **outer, **own), span("root", "a span elsewhere")]
    assert tokens(spans) == total


@pytest.mark.parametrize("said", [{}, {"llm__token_count__prompt": 3}, {"llm__token_count__total": "12"}])
def test_what_no_span_tells_whole_is_unknown(said: dict[str, Any]) -> None:
    assert tokens([span("a", None, **said)]) is None
    assert cost([span("a", None, **said)]) is None


def test_a_run_has_what_its_task_used_and_not_what_its_evaluators_did() -> None:
    spans = [span("a", None, llm__token_count__total=5), span("judge", None, "other", llm__token_count__total=90)]
    row = columns(RowResult(ExampleCall("e"), "out", spans=spans), {}, 1)
    assert (row["token_count"], row["latency"]) == (5, 2.0)
    assert "total_cost" not in row
