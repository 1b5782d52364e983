"""The conventions of instrumentations: kind, input, output, session, user, model and tokens of each, sent over HTTP."""

import json
from typing import Any, cast

import pytest
from tests.engine.door import NOW, SECOND, Body, Door

QUESTION, ANSWER = "What is it?", "It is a cat."
CALL = {"type": "tool_call", "name": "weather", "arguments": {"city": "Paris"}}
USER = {"role": "user", "content": QUESTION}
SAID = {"role": "assistant", "content": ANSWER}


def value(given: Any) -> Body:
    match given:
        case bool():
            return {"boolValue": given}
        case int():
            return {"intValue": str(given)}
        case float():
            return {"doubleValue": given}
        case list():
            return {"arrayValue": {"values": [value(one) for one in cast("list[Any]", given)]}}
        case dict():
            return {"kvlistValue": {"values": pairs(cast("Body", given))}}
        case _:
            return {"stringValue": given}


def pairs(attributes: Body) -> list[Body]:
    return [{"key": key, "value": value(one)} for key, one in attributes.items()]


def sent(number: int, attributes: Body, *events: tuple[str, Body], **more: Any) -> Body:
    start = NOW - (1000 - number) * SECOND
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": "call",
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND),
        "attributes": pairs(attributes),
        "events": [{"name": name, "timeUnixNano": str(start), "attributes": pairs(of)} for name, of in events],
        **more,
    }


async def facts(door: Door, attributes: Body, *events: tuple[str, Body]) -> Body:
    """The facts that a judge and a filter find of one span."""
    project = await door.send(sent(1, attributes, *events))
    (row,) = await door.spans(project)
    found = row["attributes"]
    names = {
        "input": "input.value",
        "output": "output.value",
        "reasoning": "output.reasoning",
        "session": "session.id",
        "user": "user.id",
        "model": "llm.model_name",
        "tokens": "llm.token_count.total",
    }
    return {"kind": row["kind"]} | {name: found[key] for name, key in names.items() if key in found}


CASES: dict[str, tuple[Body, list[tuple[str, Body]], Body]] = {
    "pydantic agent": (
        {
            "agent_name": "zoo",
            "model_name": "m",
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief"}]),
            "gen_ai.conversation.id": "c1",
            "pydantic_ai.all_messages": json.dumps(
                [
                    {"role": "user", "parts": [{"type": "text", "content": QUESTION}]},
                    {"role": "assistant", "parts": [CALL]},
                    {"role": "user", "parts": [{"type": "tool_call_response", "id": "1", "result": "Rain"}]},
                    {"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]},
                ]
            ),
            "final_result": ANSWER,
        },
        [],
        {"kind": "AGENT", "input": QUESTION, "output": ANSWER, "session": "c1", "model": "m"},
    ),
    "pydantic agent without a result": (
        {
            "agent_name": "zoo",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief"}]),
            "pydantic_ai.all_messages": json.dumps(
                [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
            ),
        },
        [],
        {"kind": "AGENT", "input": QUESTION},
    ),
    "instructions alone": (
        {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief"}]),
        },
        [],
        {"kind": "AGENT"},
    ),
    "pydantic agent of before": (
        {
            "agent_name": "zoo",
            "all_messages_events": json.dumps(
                [
                    {"event.name": "gen_ai.system.message", "role": "system", "content": "Be brief"},
                    {"event.name": "gen_ai.user.message", **USER},
                    {"event.name": "gen_ai.assistant.message", **SAID},
                ]
            ),
            "final_result": ANSWER,
        },
        [],
        {"kind": "AGENT", "input": QUESTION, "output": ANSWER},
    ),
    "pydantic tool of before": (
        {"gen_ai.tool.name": "weather", "tool_arguments": '{"city":"Paris"}', "tool_response": "Rain"},
        [],
        {"kind": "TOOL", "input": '{"city":"Paris"}', "output": "Rain"},
    ),
    "pydantic chat of before": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "events": json.dumps(
                [
                    {"event.name": "gen_ai.user.message", **USER},
                    {"event.name": "gen_ai.choice", "index": 0, "message": SAID},
                ]
            ),
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "model": "m"},
    ),
    "genai tool": (
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.call.arguments": '{"city":"Paris"}',
            "gen_ai.tool.call.result": '"Rain"',
        },
        [],
        {"kind": "TOOL", "input": '{"city":"Paris"}', "output": "Rain"},
    ),
    "genai tool with objects": (
        {"gen_ai.tool.call.arguments": {"city": "Paris"}, "gen_ai.tool.call.result": {"sky": "rain"}},
        [],
        {"kind": "TOOL", "input": '{"city": "Paris"}', "output": '{"sky": "rain"}'},
    ),
    "genai without an operation": ({"gen_ai.agent.name": "zoo"}, [], {"kind": "AGENT"}),
    "genai that names no call": ({"gen_ai.conversation.id": "c1"}, [], {"kind": "UNKNOWN", "session": "c1"}),
    "genai with OpenAI's tool calls": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": [USER],
            "gen_ai.output.messages": [
                {
                    "role": "assistant",
                    "content": None or "",
                    "tool_calls": [
                        {
                            "id": "1",
                            "type": "function",
                            "function": {"name": "weather", "arguments": '{"city": "Paris"}'},
                        }
                    ],
                }
            ],
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": json.dumps(CALL)},
    ),
    "openllmetry of before": (
        {
            "llm.request.type": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": QUESTION,
            "gen_ai.prompt.1.role": "assistant",
            "gen_ai.prompt.1.tool_calls.0.name": "weather",
            "gen_ai.prompt.1.tool_calls.0.arguments": '{"city": "Paris"}',
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.tool_calls.0.name": "weather",
            "gen_ai.completion.0.tool_calls.0.arguments": '{"city": "Paris"}',
        },
        [],
        {
            "kind": "LLM",
            "input": f"user: {QUESTION}\nassistant: {json.dumps(CALL)}",
            "output": json.dumps(CALL),
            "model": "m",
        },
    ),
    "litellm tool call": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.output.messages": '[{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}]',
            "gen_ai.completion.0.function_call.name": "weather",
            "gen_ai.completion.0.function_call.arguments": '{"city": "Paris"}',
        },
        [],
        {"kind": "LLM", "output": json.dumps(CALL)},
    ),
    "strands": (
        {"gen_ai.operation.name": "chat", "gen_ai.usage.total_tokens": 9},
        [
            ("gen_ai.user.message", {"content": json.dumps([{"text": QUESTION}])}),
            ("gen_ai.choice", {"finish_reason": "end_turn", "message": json.dumps([{"text": ANSWER}])}),
        ],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "tokens": 9},
    ),
    "strands tool": (
        {"gen_ai.operation.name": "execute_tool"},
        [
            ("gen_ai.tool.message", {"role": "tool", "content": '{"city": "Paris"}', "id": "1"}),
            ("gen_ai.choice", {"message": json.dumps([{"text": "Rain"}]), "id": "1"}),
        ],
        {"kind": "TOOL", "input": '{"city": "Paris"}', "output": "Rain"},
    ),
    "details event": (
        {"gen_ai.operation.name": "chat"},
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": json.dumps([USER]), "gen_ai.output.messages": json.dumps([SAID])},
            )
        ],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER},
    ),
    "content events": (
        {"gen_ai.request.model": "m"},
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": QUESTION}),
            ("gen_ai.content.completion", {"gen_ai.completion": ANSWER}),
        ],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "model": "m"},
    ),
    "vercel root": (
        {
            "operation.name": "ai.generateText zoo",
            "ai.operationId": "ai.generateText",
            "ai.prompt": json.dumps({"system": "Be brief", "prompt": QUESTION}),
            "ai.response.text": ANSWER,
            "ai.model.id": "m",
            "ai.usage.inputTokens": 5,
            "ai.usage.outputTokens": 4,
            "ai.telemetry.metadata.sessionId": "s1",
            "ai.telemetry.metadata.userId": "u1",
        },
        [],
        {"kind": "CHAIN", "input": QUESTION, "output": ANSWER, "session": "s1", "user": "u1", "model": "m"},
    ),
    "vercel call": (
        {
            "ai.operationId": "ai.streamText.doStream",
            "ai.prompt.messages": json.dumps([{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]),
            "ai.response.text": "Let me look.",
            "ai.response.toolCalls": '[{"toolCallId": "1", "toolName": "weather", "input": "{}"}]',
            "ai.response.reasoning": "A cat?",
            "ai.model.id": "m",
            "ai.usage.promptTokens": 5,
            "ai.usage.completionTokens": 4,
            "gen_ai.request.model": "m",
        },
        [],
        {
            "kind": "LLM",
            "input": QUESTION,
            "output": 'Let me look.\n{"type": "tool_call", "name": "weather", "arguments": {}}',
            "reasoning": "A cat?",
            "model": "m",
            "tokens": 9,
        },
    ),
    "vercel tool": (
        {
            "ai.operationId": "ai.toolCall",
            "ai.toolCall.name": "weather",
            "ai.toolCall.args": '{"city":"Paris"}',
            "ai.toolCall.result": '"Rain"',
        },
        [],
        {"kind": "TOOL", "input": '{"city":"Paris"}', "output": "Rain"},
    ),
    "vercel object": (
        {
            "ai.operationId": "ai.generateObject",
            "ai.prompt": json.dumps({"messages": [USER]}),
            "ai.response.object": "{}",
        },
        [],
        {"kind": "CHAIN", "input": QUESTION, "output": "{}"},
    ),
    "traceloop workflow": (
        {
            "traceloop.span.kind": "workflow",
            "traceloop.entity.input": '{"args": ["What is it?"]}',
            "traceloop.entity.output": '"It is a cat."',
            "traceloop.association.properties.session_id": "s1",
            "traceloop.association.properties.user_id": "u1",
        },
        [],
        {"kind": "CHAIN", "input": '{"args": ["What is it?"]}', "output": ANSWER, "session": "s1", "user": "u1"},
    ),
    "traceloop tool": (
        {"traceloop.span.kind": "tool", "traceloop.entity.input": "{}", "traceloop.entity.output": "1"},
        [],
        {"kind": "TOOL", "input": "{}", "output": "1"},
    ),
    "openinference messages alone": (
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": QUESTION,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.contents.0.message_content.type": "text",
            "llm.output_messages.0.message.contents.0.message_content.text": ANSWER,
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER},
    ),
    "openinference tool calls alone": (
        {
            "openinference.span.kind": "LLM",
            "llm.input_messages.0.message.role": "user",
            "llm.input_messages.0.message.content": QUESTION,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"city": "Paris"}',
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": json.dumps(CALL)},
    ),
    "openinference object as input": (
        {
            "openinference.span.kind": "CHAIN",
            "input.value": {"question": QUESTION, "n": {"k": 1}},
            "output.value": ["a"],
        },
        [],
        {"kind": "CHAIN", "input": json.dumps({"question": QUESTION, "n": {"k": 1}}), "output": ["a"]},
    ),
    "openinference embedding": (
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "e",
            "embedding.embeddings.0.embedding.text": "one",
            "embedding.embeddings.1.embedding.text": "two",
        },
        [],
        {"kind": "EMBEDDING", "input": "one\ntwo", "model": "e"},
    ),
    "openinference documents": (
        {
            "openinference.span.kind": "RETRIEVER",
            "input.value": QUESTION,
            "retrieval.documents.0.document.content": "A cat.",
            "retrieval.documents.1.document.content": "A dog.",
        },
        [],
        {"kind": "RETRIEVER", "input": QUESTION, "output": "A cat.\nA dog."},
    ),
    "langfuse": (
        {
            "langfuse.observation.type": "generation",
            "langfuse.observation.input": QUESTION,
            "langfuse.observation.output": json.dumps(ANSWER),
            "langfuse.observation.model.name": "m",
            "langfuse.observation.usage_details": '{"input": 5, "output": 4, "total": 9}',
            "session.id": "s1",
            "user.id": "u1",
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "session": "s1", "user": "u1", "model": "m", "tokens": 9},
    ),
    "mlflow": (
        {
            "mlflow.spanType": '"CHAT_MODEL"',
            "mlflow.spanInputs": '"What is it?"',
            "mlflow.spanOutputs": '{"answer": 1}',
            "mlflow.chat.tokenUsage": '{"input_tokens": 5, "output_tokens": 4}',
            "mlflow.trace.session": "s1",
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": '{"answer": 1}', "session": "s1", "tokens": 9},
    ),
    "langsmith": (
        {
            "langsmith.span.kind": "llm",
            "langsmith.trace.session_id": "s1",
            "gen_ai.prompt": json.dumps({"messages": [USER]}),
            "gen_ai.completion": json.dumps({"messages": [SAID]}),
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "session": "s1"},
    ),
    "openlit": (
        {"gen_ai.operation.name": "chat", "gen_ai.content.prompt": QUESTION, "gen_ai.content.completion": ANSWER},
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER},
    ),
    "logfire": (
        {
            "request_data": json.dumps({"model": "m", "messages": [USER]}),
            "response_data": json.dumps({"message": SAID, "usage": {"prompt_tokens": 5, "completion_tokens": 4}}),
        },
        [],
        {"kind": "LLM", "input": QUESTION, "output": ANSWER, "model": "m", "tokens": 9},
    ),
    "reasoning": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.output.messages": json.dumps(
                [
                    {
                        "role": "assistant",
                        "parts": [{"type": "reasoning", "content": "THINK"}, {"type": "text", "content": ANSWER}],
                    }
                ]
            ),
        },
        [],
        {"kind": "LLM", "output": ANSWER, "reasoning": "THINK"},
    ),
    "a blob": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(
                [
                    {
                        "role": "user",
                        "parts": [
                            {"type": "text", "content": QUESTION},
                            {"type": "blob", "mime_type": "image/png", "content": "A" * 42_668},
                        ],
                    }
                ]
            ),
        },
        [],
        {"kind": "LLM", "input": f"{QUESTION}\n[image/png, 32 kB]"},
    ),
    "a data URI": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(
                [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": QUESTION},
                            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64," + "A" * 40_000}},
                        ],
                    }
                ]
            ),
        },
        [],
        {
            "kind": "LLM",
            "input": f"{QUESTION}\n[image/jpeg, 30 kB]",
        },
    ),
    "anthropic's image": (
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(
                [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/webp", "data": "A" * 4000},
                            }
                        ],
                    }
                ]
            ),
        },
        [],
        {"kind": "LLM", "input": "[image/webp, 3 kB]"},
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_convention_gives_a_judge_what_it_needs(door: Door, case: str) -> None:
    attributes, events, expected = CASES[case]
    assert await facts(door, attributes, *events) == expected
