# ruff: noqa: PLC0415, T201  (the packages are those of one client, and the recording goes to standard output)
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
"""A program that calls real clients under their instrumentations and prints the spans as JSON.

It runs in an environment of its own, with the packages of one client, and imports nothing of ours:

    python clients.py pydantic-v5 http://127.0.0.1:PORT
"""

import importlib.metadata
import json
import os
import sys
from typing import Any

QUESTION, ASKED = "What is it?", "Weather?"
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def pydantic(provider: Any, version: int) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.models.instrumented import InstrumentationSettings

    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, version=version))
    agent = Agent("openai-chat:gpt-4o-mini", instructions="Be brief", name="zoo")

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"Rain in {city}"

    agent.run_sync(QUESTION)


def openai_calls() -> None:
    import openai

    client = openai.OpenAI()
    said = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": QUESTION}]
    client.chat.completions.create(model="gpt-4o-mini", messages=said)
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": ASKED}], tools=TOOLS)


def openllmetry(provider: Any) -> None:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    openai_calls()


def openinference_openai(provider: Any) -> None:
    import openai
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    openai_calls()
    openai.OpenAI().embeddings.create(model="text-embedding-3-small", input="hello")


def openinference_anthropic(provider: Any) -> None:
    import anthropic
    from openinference.instrumentation.anthropic import AnthropicInstrumentor
    from opentelemetry import trace

    trace.set_tracer_provider(provider)
    AnthropicInstrumentor().instrument(tracer_provider=provider)
    said = [{"role": "user", "content": QUESTION}]
    anthropic.Anthropic().messages.create(model="claude-x", max_tokens=9, messages=said)


CALLS = {
    "pydantic-v2": lambda provider: pydantic(provider, 2),
    "pydantic-v5": lambda provider: pydantic(provider, 5),
    "openllmetry-openai": openllmetry,
    "openinference-openai": openinference_openai,
    "openinference-anthropic": openinference_anthropic,
}


def main(name: str, model: str, packages: list[str]) -> None:
    """Print the recording of one client: its name, the versions of its packages, and the spans, oldest first."""
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    os.environ.update(
        OPENAI_API_KEY="x", OPENAI_BASE_URL=f"{model}/v1", ANTHROPIC_API_KEY="x", ANTHROPIC_BASE_URL=model
    )
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    CALLS[name](provider)
    found = sorted(exporter.get_finished_spans(), key=lambda span: span.start_time)
    first = found[0].start_time
    spans = [
        {
            "name": span.name,
            "parent": f"{span.parent.span_id:016x}" if span.parent else None,
            "id": f"{span.context.span_id:016x}",
            "trace": f"{span.context.trace_id:032x}",
            "attributes": dict(span.attributes),
            "events": [{"name": event.name, "attributes": dict(event.attributes)} for event in span.events],
            "start_ms": (span.start_time - first) / 1e6,
            "end_ms": (span.end_time - first) / 1e6,
        }
        for span in found
    ]
    versions = {package: importlib.metadata.version(package) for package in packages}
    print(json.dumps({"name": name, "packages": versions, "spans": spans}, indent=1, default=list))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
