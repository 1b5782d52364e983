# ruff: noqa: PLC0415  (the packages are those of one client)
# pyright: basic, reportMissingImports=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportArgumentType=false
"""A program that calls a real client under its instrumentation, whose exporter sends what it sees to a receiver.

It runs in an environment without our package, and imports nothing of ours:

    python clients.py pydantic-v5 http://127.0.0.1:PORT

The address is that of the scripted model and of the receiver. Each client answers a question, calls a tool and meets an
error, within a session and for a user where the client can say so.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any

QUESTION, ASKED = "What is it?", "Weather?"
SESSION, USER = "session-1", "user-1"
DOCUMENT = "Cats purr."
MODEL = "gpt-4o-mini"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}]


def openai_calls(*, responses: bool = True) -> None:
    import openai

    client = openai.OpenAI(max_retries=0)
    chat = client.chat.completions.create
    asked = [{"role": "user", "content": ASKED}]
    chat(model=MODEL, messages=[{"role": "system", "content": "Be brief"}, {"role": "user", "content": QUESTION}])
    chat(model=MODEL, messages=asked, tools=TOOLS)
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    again = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c1", "content": "Rain"}]
    chat(model=MODEL, messages=[*asked, *again], tools=TOOLS)
    said = [{"role": "user", "content": QUESTION}]
    list(chat(model=MODEL, messages=said, stream=True, stream_options={"include_usage": True}))
    if responses:
        client.responses.create(model=MODEL, instructions="Be brief", input=QUESTION)
    client.embeddings.create(model="text-embedding-3-small", input="hello")
    with contextlib.suppress(openai.NotFoundError):
        chat(model="broken", messages=said)


def anthropic_calls() -> None:
    import anthropic

    create = anthropic.Anthropic(max_retries=0).messages.create
    said = [{"role": "user", "content": QUESTION}]
    create(model="claude-x", max_tokens=9, system="Be brief", messages=said)
    tool = {"name": "weather", "input_schema": PARAMETERS}
    create(model="claude-x", max_tokens=9, messages=[{"role": "user", "content": ASKED}], tools=[tool])
    with contextlib.suppress(anthropic.NotFoundError):
        create(model="broken", max_tokens=9, messages=said)


def pydantic(provider: Any, version: int) -> None:
    from pydantic_ai import Agent
    from pydantic_ai.exceptions import ModelHTTPError
    from pydantic_ai.models.instrumented import InstrumentationSettings

    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, version=version))
    agent = Agent(f"openai-chat:{MODEL}", instructions="Be brief", name="zoo")

    @agent.tool_plain
    def weather(city: str) -> str:
        return f"Rain in {city}"

    agent.run_sync(ASKED, conversation_id=SESSION)
    with contextlib.suppress(ModelHTTPError):
        Agent("openai-chat:broken", name="broken").run_sync(QUESTION, conversation_id=SESSION)


def pydantic_v2(provider: Any) -> None:
    pydantic(provider, 2)


def pydantic_v5(provider: Any) -> None:
    pydantic(provider, 5)


def openllmetry_openai(provider: Any) -> None:
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    openai_calls()


def openllmetry_anthropic(provider: Any) -> None:
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)
    anthropic_calls()


def openinference_openai(provider: Any) -> None:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with using_attributes(session_id=SESSION, user_id=USER):
        openai_calls()


def openinference_anthropic(provider: Any) -> None:
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.anthropic import AnthropicInstrumentor

    AnthropicInstrumentor().instrument(tracer_provider=provider)
    with using_attributes(session_id=SESSION, user_id=USER):
        anthropic_calls()


def openinference_langchain(provider: Any) -> None:
    import openai
    from langchain_core.documents import Document
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.langchain import LangChainInstrumentor

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
            return [Document(page_content=DOCUMENT, metadata={"asked": query})]

    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return f"Rain in {city}"

    LangChainInstrumentor().instrument(tracer_provider=provider)
    model = ChatOpenAI(model=MODEL)
    with using_attributes(session_id=SESSION, user_id=USER):
        (ChatPromptTemplate([("system", "Be brief"), ("user", "{question}")]) | model).invoke({"question": QUESTION})
        Shelf().invoke(QUESTION)
        weather.invoke(model.bind_tools([weather]).invoke(ASKED).tool_calls[0])
        with contextlib.suppress(openai.NotFoundError):
            ChatOpenAI(model="broken", max_retries=0).invoke(QUESTION)


def openinference_llama_index(provider: Any) -> None:
    import openai
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.core.tools import FunctionTool
    from llama_index.embeddings.openai import OpenAIEmbedding
    from llama_index.llms.openai import OpenAI
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.llama_index import LlamaIndexInstrumentor

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"Rain in {city}"

    model, embedding = OpenAI(MODEL), OpenAIEmbedding(model_name="text-embedding-3-small")
    index = VectorStoreIndex.from_documents([Document(text=DOCUMENT)], embed_model=embedding)
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
    with using_attributes(session_id=SESSION, user_id=USER):
        index.as_query_engine(llm=model).query(QUESTION)
        model.predict_and_call([FunctionTool.from_defaults(weather)], ASKED)
        with contextlib.suppress(openai.NotFoundError, ValueError):
            OpenAI("gpt-4o", additional_kwargs={"model": "broken"}, max_retries=0).complete(QUESTION)


def openinference_dspy(provider: Any) -> None:
    import dspy
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.dspy import DSPyInstrumentor

    class Shelf(dspy.Retrieve):
        def forward(self, query: str, **_: Any) -> Any:
            return dspy.Prediction(passages=[DOCUMENT], asked=query)

    DSPyInstrumentor().instrument(tracer_provider=provider)
    dspy.configure(lm=dspy.LM(f"openai/{MODEL}", cache=False), track_usage=True)
    with using_attributes(session_id=SESSION, user_id=USER):
        dspy.Predict("question -> answer")(question=QUESTION)
        Shelf()(QUESTION)
        dspy.Tool(lambda city: f"Rain in {city}", name="weather")(city="Paris")
        with contextlib.suppress(Exception):
            dspy.LM("openai/broken", cache=False, num_retries=0)(QUESTION)


def openai_v2(provider: Any) -> None:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    openai_calls()


def litellm_calls(provider: Any) -> None:
    import anyio
    import litellm
    from litellm.integrations.opentelemetry import OpenTelemetry

    litellm.callbacks = [OpenTelemetry(tracer_provider=provider)]

    async def call() -> None:
        for said, model, more in ((QUESTION, MODEL, {}), (ASKED, MODEL, {"tools": TOOLS}), (QUESTION, "broken", {})):
            how = {"messages": [{"role": "user", "content": said}], "metadata": {"session_id": SESSION}, "user": USER}
            with contextlib.suppress(litellm.NotFoundError):
                await litellm.acompletion(f"openai/{model}", **how, max_retries=0, **more)
        await anyio.sleep(1)  # its callbacks run after the answer

    anyio.run(call)


CALLS: dict[str, Callable[[Any], None]] = {
    "pydantic-v2": pydantic_v2,
    "pydantic-v5": pydantic_v5,
    "openllmetry-openai": openllmetry_openai,
    "openllmetry-anthropic": openllmetry_anthropic,
    "openinference-openai": openinference_openai,
    "openinference-anthropic": openinference_anthropic,
    "openinference-langchain": openinference_langchain,
    "openinference-llama-index": openinference_llama_index,
    "openinference-dspy": openinference_dspy,
    "openai-v2-spans": openai_v2,
    "openai-v2-events": openai_v2,
    "litellm": litellm_calls,
}
CONTENT = {"litellm": "SPAN_ONLY", "openai-v2-spans": "SPAN_ONLY", "openai-v2-events": "EVENT_ONLY"}


def main(name: str, address: str) -> None:
    """Run one client. Its spans and events are sent when it has ended, in batches."""
    os.environ.update(
        OPENAI_API_KEY="x",
        OPENAI_BASE_URL=f"{address}/v1",
        OPENAI_API_BASE=f"{address}/v1",
        ANTHROPIC_API_KEY="x",
        ANTHROPIC_BASE_URL=address,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
        OTEL_SERVICE_NAME=name,
        OTEL_BSP_SCHEDULE_DELAY="60000",
        OTEL_SEMCONV_STABILITY_OPT_IN="gen_ai_latest_experimental",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=CONTENT.get(name, "true"),
    )
    from opentelemetry import _logs, trace
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider, logs = TracerProvider(), LoggerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    trace.set_tracer_provider(provider)
    _logs.set_logger_provider(logs)
    CALLS[name](provider)
    provider.shutdown()
    logs.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
