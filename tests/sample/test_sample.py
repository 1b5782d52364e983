"""The sample keeps what its description promises."""

import base64
import csv
import json
import re
from collections import Counter
from math import comb
from typing import Any, Literal

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from assaykit.sample import HUMAN_BAD_SHARE, PROJECT, otlp_json, questions, variant_path

NOW_NS = 1_790_000_000_000_000_000
DAY_NS = 86_400 * 10**9
CITATION = re.compile(r"\[[A-Z]+-\d\]")
PROMISE = re.compile(r"guarantee|i promise|definitely|absolutely|no matter what", re.IGNORECASE)
Variant = Literal["a", "b"]


def spans() -> list[dict[str, Any]]:
    """The spans of the request with their attributes as plain values."""
    request = json.loads(otlp_json(NOW_NS))
    found = request["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return [
        span | {"attributes": {one["key"]: next(iter(one["value"].values())) for one in span["attributes"]}}
        for span in found
    ]


def judged() -> list[dict[str, str]]:
    return [span["attributes"] for span in spans() if "metadata.human_label" in span["attributes"]]


def variant(name: Variant) -> dict[str, dict[str, str]]:
    with variant_path(name).open(encoding="utf-8", newline="") as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def passes_the_rule(answer: str) -> bool:
    return bool(CITATION.search(answer)) and not PROMISE.search(answer)


def test_every_chat_has_one_root_a_lookup_and_an_answer() -> None:
    chats: dict[str, list[dict[str, Any]]] = {}
    for span in spans():
        chats.setdefault(span["traceId"], []).append(span)
    assert len(chats) == 31
    for chat in chats.values():
        root, *below = sorted(chat, key=lambda span: "parentSpanId" in span)
        assert "parentSpanId" not in root
        assert [span["parentSpanId"] for span in below] == [root["spanId"]] * 2
        kinds = [span["attributes"]["openinference.span.kind"] for span in chat]
        assert kinds == ["AGENT", "RETRIEVER", "LLM"]
        for span in below:
            assert int(root["startTimeUnixNano"]) <= int(span["startTimeUnixNano"])
            assert int(span["endTimeUnixNano"]) <= int(root["endTimeUnixNano"])


def test_the_chats_lie_in_the_five_days_before_now() -> None:
    ends = [int(span["endTimeUnixNano"]) for span in spans()]
    starts = [int(span["startTimeUnixNano"]) for span in spans()]
    assert NOW_NS - 5 * DAY_NS < min(starts) < NOW_NS - 4 * DAY_NS
    assert NOW_NS - DAY_NS / 24 < max(ends) < NOW_NS


def test_ids_are_distinct_and_the_same_at_another_time() -> None:
    ids = [span["spanId"] for span in spans()]
    assert len(set(ids)) == len(ids) == 93
    assert all(len(span["traceId"]) == 32 and len(span["spanId"]) == 16 for span in spans())
    assert otlp_json(NOW_NS) == otlp_json(NOW_NS)
    assert ids[0] in otlp_json(NOW_NS + 1).decode()


def test_the_request_is_otlp() -> None:
    request = json.loads(otlp_json(NOW_NS))
    for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        # OTLP/JSON writes ids in hexadecimal, where the JSON of protobuf has base64.
        for key in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    parsed = ParseDict(request, ExportTraceServiceRequest())
    resource = parsed.resource_spans[0].resource
    assert {one.key: one.value.string_value for one in resource.attributes} == {
        "service.name": PROJECT,
        "openinference.project.name": PROJECT,
    }
    assert len(parsed.resource_spans[0].scope_spans[0].spans) == 93


def test_two_chats_have_failed_spans_and_one_of_them_has_no_answer() -> None:
    failed = [span for span in spans() if span["status"]["code"] == 2]
    assert {span["attributes"]["openinference.span.kind"] for span in failed} == {"AGENT", "RETRIEVER", "LLM"}
    assert len({span["traceId"] for span in failed}) == 2
    assert all(span["status"]["message"] for span in failed)
    answers = [span["attributes"] for span in spans() if span["name"] == "write_answer"]
    assert [one for one in answers if "output.value" not in one] == [
        one for one in answers if "metadata.human_label" not in one
    ]


def test_the_stated_share_of_the_judged_answers_is_bad() -> None:
    labels = Counter(one["metadata.human_label"] for one in judged())
    assert labels == {"good": 21, "bad": 9}
    assert labels["bad"] / labels.total() == HUMAN_BAD_SHARE
    assert all(one["metadata.human_note"] for one in judged())


def test_a_cheap_rule_agrees_with_people_often_but_not_always() -> None:
    counts = Counter((one["metadata.human_label"], passes_the_rule(one["output.value"])) for one in judged())
    assert counts == {("good", True): 19, ("good", False): 2, ("bad", False): 7, ("bad", True): 2}


def test_the_chats_cover_the_topics_and_both_prompts() -> None:
    topics = {"returns", "shipping", "warranty", "gift cards", "account", "invoices"}
    assert {one["metadata.topic"] for one in judged()} == topics
    bad = Counter(one["metadata.prompt_version"] for one in judged() if one["metadata.human_label"] == "bad")
    assert bad == {"v1": 7, "v2": 2}


def test_an_answer_cites_the_policy_that_was_found() -> None:
    for one in judged():
        for citation in CITATION.findall(one["output.value"]):
            assert citation in one["input.value"]


def test_the_questions_have_forty_distinct_keys_and_no_empty_cell() -> None:
    rows = questions()
    assert [row["key"] for row in rows] == [f"q{number:02}" for number in range(1, 41)]
    assert len({row["question"] for row in rows}) == 40
    assert all(set(row) == {"key", "question", "policy", "expected"} and all(row.values()) for row in rows)


@pytest.mark.parametrize(("name", "good", "citing"), [("a", 24, 10), ("b", 34, 36)])
def test_each_variant_answers_every_question_with_consistent_columns(name: Variant, good: int, citing: int) -> None:
    rows = variant(name)
    policies = {row["key"]: row["policy"] for row in questions()}
    assert list(rows) == list(policies)
    for key, row in rows.items():
        cited = CITATION.findall(row["answer"])
        assert row["cites_policy"] == ("yes" if cited else "no")
        assert row["human_score"] == {"good": "1", "bad": "0"}[row["human_label"]]
        assert all(policies[key].startswith(citation) for citation in cited)
        assert 0 < float(row["seconds"]) < 10
    assert Counter(row["human_label"] for row in rows.values())["good"] == good
    assert Counter(row["cites_policy"] for row in rows.values())["yes"] == citing


def test_variant_b_fixes_thirteen_and_breaks_three_which_is_significant() -> None:
    before, after = variant("a"), variant("b")
    table = Counter((before[key]["human_label"], after[key]["human_label"]) for key in before)
    assert table == {("good", "good"): 21, ("bad", "good"): 13, ("good", "bad"): 3, ("bad", "bad"): 3}
    p = 2 * sum(comb(16, broken) for broken in range(4)) / 2**16
    assert 0.02 < p < 0.025
