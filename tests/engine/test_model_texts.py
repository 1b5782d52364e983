"""Spans of model calls whose `input.value` is the body of a request: their texts and their model."""

import json
from typing import Any

import pytest

from assaykit.column_paths import resolve
from assaykit.engine.openinference import normalised
from assaykit.judge.columns import text_at

BODY = json.dumps({"model": "m", "input": "hello"})
EMBEDDED = {"embedding.embeddings.0.embedding.text": "hello", "embedding.embeddings.0.embedding.vector": [1.0, 0.5]}
TEXTS: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "one embedded text": ("EMBEDDING", EMBEDDED, "hello", BODY),
    "two embedded texts": (
        "EMBEDDING",
        {**EMBEDDED, "embedding.embeddings.1.embedding.text": "you"},
        "hello\nyou",
        BODY,
    ),
    "an embedding without its text": ("EMBEDDING", {"embedding.model_name": "m"}, BODY, BODY),
    "a completion of prompts": (
        "LLM",
        {"llm.prompts.0.prompt.text": "hello", "llm.choices.0.completion.text": "you"},
        "hello",
        "you",
    ),
    "a reranker": (
        "RERANKER",
        {
            "reranker.query": "hello",
            "reranker.output_documents.0.document.content": "you",
            "reranker.output_documents.1.document.content": "there",
        },
        "hello",
        "you\nthere",
    ),
    "a retriever": ("RETRIEVER", {"retrieval.documents.0.document.content": "you"}, BODY, "you"),
    "messages without text": (
        "LLM",
        {"llm.input_messages.0.message.content": "hello", "llm.output_messages.0.message.role": "assistant"},
        "hello",
        "",
    ),
    "a chain": ("CHAIN", EMBEDDED, BODY, BODY),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_of_a_model_call_is_its_input_and_the_body_stays_at_its_path(name: str) -> None:
    kind, attributes, asked, said = TEXTS[name]
    told = normalised({"openinference.span.kind": kind, "input.value": BODY, "output.value": BODY, **attributes})
    row = {"span_kind": kind, **{f"attributes.{key}": value for key, value in told.items()}}
    assert (resolve(row, "input"), resolve(row, "output")) == (asked, said)
    assert resolve(row, "attributes.input.value") == BODY


def test_a_failed_call_with_messages_without_text_has_no_output() -> None:
    row = {"attributes.llm.output_messages.0.message.role": "assistant", "attributes.output.value": BODY}
    told = {status: text_at({**row, "span_kind": "LLM", "status_code": status}, "output") for status in ("OK", "ERROR")}
    assert told == {"OK": "", "ERROR": None}


PARAMETERS = json.dumps({"model": "m", "temperature": 0})
MODELS: dict[str, tuple[dict[str, Any], str | None]] = {
    "parameters in JSON": ({"llm.invocation_parameters": PARAMETERS}, "m"),
    "parameters as an object": ({"llm.invocation_parameters": {"model_name": "m"}}, "m"),
    "parameters of an embedding": ({"embedding.invocation_parameters": PARAMETERS}, "m"),
    "the model that was asked for": (
        {"llm.request.model_name": "m", "llm.invocation_parameters": '{"model": "x"}'},
        "m",
    ),
    "the model that answered": ({"llm.model_name": "m", "llm.invocation_parameters": '{"model": "x"}'}, "m"),
    "parameters without a model": ({"llm.invocation_parameters": '{"temperature": 0}'}, None),
    "a model that is no name": ({"llm.invocation_parameters": '{"model": {"id": "m"}}'}, None),
    "broken parameters": ({"llm.invocation_parameters": '{"model": "m"'}, None),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_failed_call_has_the_model_of_its_parameters(name: str) -> None:
    attributes, model = MODELS[name]
    told = normalised({"openinference.span.kind": "LLM", "input.value": BODY, **attributes})
    assert told.get("llm.model_name") == model
