"""The table of conventions: where each instrumentation puts the facts that a judge needs of a span.

A convention has a row with the names of its attributes for each fact: kind, input, output, session, user, model, tokens
and documents. The first name with a value counts, and the rows are asked in order. Tool calls and tool results are
parts of messages, and a tool's arguments and result are the input and the output of its span.

Sources: OpenInference 0.1, OpenTelemetry GenAI conventions 1.2x to 1.38, OpenLLMetry 0.62, Pydantic AI 2.68, Vercel AI
SDK 4 to 6, LiteLLM, Langfuse SDK 3, MLflow 3, LangSmith, OpenLIT, Logfire.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Reading = Literal[
    "messages", "last user", "last assistant", "value", "text and calls", "texts", "numbered", "nested", "documents"
]
"""The reading of an attribute.

- `messages`: every message as text.
- `last user`, `last assistant`: the last message of that role with text.
- `value`: the text or the JSON itself.
- `text and calls`: the text, and on lines of their own the tool calls of the attribute `beside`, which may be alone.
- `texts`: a list of texts, one a line.
- `numbered`: messages in keys `<name>.<number>.<part>`.
- `nested`: an object whose parts are in keys `<name>.<part>`, as JSON.
- `documents`: the texts of documents in such keys.
"""


class FactSource(NamedTuple):
    """An attribute, or the prefix of numbered ones, and its reading."""

    name: str
    reading: Reading = "value"
    beside: str | None = None
    """The attribute with tool calls beside a text."""


class Kinds(NamedTuple):
    """An attribute that names the kind, with the kind for each of its values in lower case."""

    name: str
    of_value: Mapping[str, str]


class Convention(NamedTuple):
    """One row of the table."""

    name: str
    prefixes: tuple[str, ...]
    """The convention is asked if a key begins with one of these."""
    kinds: tuple[Kinds, ...] = ()
    marks: tuple[tuple[str, str], ...] = ()
    """Pairs of a key, or the beginning of a key if it ends in a dot, and the kind of a span that has it."""
    input: tuple[FactSource, ...] = ()
    output: tuple[FactSource, ...] = ()
    session: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    prompt_tokens: tuple[str, ...] = ()
    completion_tokens: tuple[str, ...] = ()
    total_tokens: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    """System instructions that go before the input, and are never the input alone."""
    reasoning: tuple[str, ...] = ()
    """Reasoning that stands apart from the messages."""
    cost: tuple[str, ...] = ()


_OPERATIONS = {
    "chat": "LLM",
    "text_completion": "LLM",
    "generate_content": "LLM",
    "completion": "LLM",
    "embeddings": "EMBEDDING",
    "embedding": "EMBEDDING",
    "execute_tool": "TOOL",
    "create_agent": "AGENT",
    "invoke_agent": "AGENT",
    "invoke_workflow": "CHAIN",
    "retrieval": "RETRIEVER",
    "rerank": "RERANKER",
    "agent_step": "CHAIN",
}
_WORDS = {
    "llm": "LLM",
    "generation": "LLM",
    "chat_model": "LLM",
    "chain": "CHAIN",
    "workflow": "CHAIN",
    "task": "CHAIN",
    "span": "CHAIN",
    "parser": "CHAIN",
    "agent": "AGENT",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "embedding": "EMBEDDING",
    "reranker": "RERANKER",
    "guardrail": "GUARDRAIL",
    "evaluator": "EVALUATOR",
    "prompt": "CHAIN",
}
_VERCEL = {
    **{f"ai.{name}": "CHAIN" for name in ("generateText", "streamText", "generateObject", "streamObject")},
    **{f"ai.{name}.doGenerate": "LLM" for name in ("generateText", "generateObject")},
    **{f"ai.{name}.doStream": "LLM" for name in ("streamText", "streamObject")},
    "ai.toolCall": "TOOL",
    "ai.embed": "CHAIN",
    "ai.embedMany": "CHAIN",
    "ai.embed.doEmbed": "EMBEDDING",
    "ai.embedMany.doEmbed": "EMBEDDING",
    "ai.rerank": "CHAIN",
    "ai.rerank.doRerank": "RERANKER",
}
_MODEL_PARAMETERS = ("model", "model_name", "model_id", "modelId", "deployment_name")
"""Names of a model among the parameters of a call. A call that failed has no other."""

CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "OpenInference",
        ("llm.", "embedding.", "retrieval.", "input.value.", "output.value.", "tool.", "reranker."),
        marks=(
            ("llm.input_messages.", "LLM"),
            ("retrieval.documents.", "RETRIEVER"),
            ("embedding.model_name", "EMBEDDING"),
        ),
        input=(
            FactSource("input.value", "nested"),
            FactSource("llm.input_messages", "numbered"),
            FactSource("llm.prompts", "numbered"),
            FactSource("embedding.embeddings", "documents"),
            FactSource("reranker.query"),
            FactSource("tool.parameters"),
        ),
        output=(
            FactSource("output.value", "nested"),
            FactSource("llm.output_messages", "numbered"),
            FactSource("llm.choices", "numbered"),
            FactSource("reranker.output_documents", "documents"),
            FactSource("retrieval.documents", "documents"),
        ),
        model=(
            "embedding.model_name",
            "reranker.model_name",
            "llm.response.model_name",
            "llm.request.model_name",
            *(f"{of}.invocation_parameters.{name}" for of in ("llm", "embedding") for name in _MODEL_PARAMETERS),
        ),
    ),
    Convention(
        "Pydantic AI",
        (
            "pydantic_ai.",
            "final_result",
            "all_messages_events",
            "agent_name",
            "tool_arguments",
            "operation.cost",
            "tool_response",
        ),
        marks=(
            ("pydantic_ai.all_messages", "AGENT"),
            ("all_messages_events", "AGENT"),
            ("agent_name", "AGENT"),
            ("tool_response", "TOOL"),
        ),
        input=(
            FactSource("pydantic_ai.all_messages", "last user"),
            FactSource("all_messages_events", "last user"),
            FactSource("tool_arguments"),
        ),
        output=(
            FactSource("final_result"),
            FactSource("tool_response"),
            FactSource("pydantic_ai.all_messages", "last assistant"),
            FactSource("all_messages_events", "last assistant"),
        ),
        model=("model_name",),
        cost=("operation.cost",),
    ),
    Convention(
        "Vercel AI SDK",
        ("ai.",),
        kinds=(Kinds("ai.operationId", {key.lower(): kind for key, kind in _VERCEL.items()}),),
        marks=(("ai.toolCall.", "TOOL"),),
        input=(
            FactSource("ai.prompt.messages", "messages"),
            FactSource("ai.prompt", "messages"),
            FactSource("ai.toolCall.args"),
            FactSource("ai.toolCall.input"),
            FactSource("ai.value"),
            FactSource("ai.values", "texts"),
        ),
        output=(
            FactSource("ai.response.text", "text and calls", "ai.response.toolCalls"),
            FactSource("ai.response.object"),
            FactSource("ai.toolCall.result"),
            FactSource("ai.toolCall.output"),
            FactSource("ai.result.text", "text and calls", "ai.result.toolCalls"),
            FactSource("ai.result.object"),
        ),
        session=(
            "ai.telemetry.metadata.sessionId",
            "ai.telemetry.metadata.session_id",
            "ai.telemetry.metadata.session.id",
        ),
        user=("ai.telemetry.metadata.userId", "ai.telemetry.metadata.user_id", "ai.telemetry.metadata.user.id"),
        model=("ai.response.model", "ai.model.id"),
        prompt_tokens=("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
        completion_tokens=("ai.usage.outputTokens", "ai.usage.completionTokens"),
        total_tokens=("ai.usage.totalTokens",),
        reasoning=("ai.response.reasoning", "ai.response.reasoningText"),
    ),
    Convention(
        "OpenLLMetry",
        ("traceloop.",),
        kinds=(Kinds("traceloop.span.kind", _WORDS),),
        input=(FactSource("traceloop.entity.input"),),
        output=(FactSource("traceloop.entity.output"),),
        session=(
            "traceloop.association.properties.session_id",
            "traceloop.association.properties.session.id",
            "traceloop.association.properties.sessionId",
            "traceloop.association.properties.chat_id",
        ),
        user=(
            "traceloop.association.properties.user_id",
            "traceloop.association.properties.user.id",
            "traceloop.association.properties.userId",
        ),
    ),
    Convention(
        "Langfuse",
        ("langfuse.",),
        kinds=(Kinds("langfuse.observation.type", _WORDS),),
        input=(FactSource("langfuse.observation.input"), FactSource("langfuse.trace.input")),
        output=(FactSource("langfuse.observation.output"), FactSource("langfuse.trace.output")),
        session=("langfuse.session.id", "langfuse.trace.session_id"),
        user=("langfuse.user.id", "langfuse.trace.user_id"),
        model=("langfuse.observation.model.name", "langfuse.observation.model"),
        prompt_tokens=("langfuse.observation.usage_details.input",),
        completion_tokens=("langfuse.observation.usage_details.output",),
        total_tokens=("langfuse.observation.usage_details.total",),
        cost=("langfuse.observation.cost_details.total",),
    ),
    Convention(
        "MLflow",
        ("mlflow.",),
        kinds=(Kinds("mlflow.spanType", _WORDS),),
        input=(FactSource("mlflow.spanInputs"),),
        output=(FactSource("mlflow.spanOutputs"),),
        session=("mlflow.trace.session",),
        user=("mlflow.trace.user",),
        model=("mlflow.llm.model",),
        prompt_tokens=("mlflow.chat.tokenUsage.input_tokens",),
        completion_tokens=("mlflow.chat.tokenUsage.output_tokens",),
        total_tokens=("mlflow.chat.tokenUsage.total_tokens",),
    ),
    Convention(
        "LangSmith",
        ("langsmith.",),
        kinds=(Kinds("langsmith.span.kind", _WORDS),),
        input=(FactSource("langsmith.inputs"),),
        output=(FactSource("langsmith.outputs"),),
        session=(
            "langsmith.trace.session_id",
            "langsmith.metadata.session_id",
            "langsmith.metadata.thread_id",
            "langsmith.metadata.conversation_id",
        ),
        user=("langsmith.metadata.user_id",),
    ),
    Convention(
        "Logfire",
        ("request_data", "response_data", "logfire."),
        marks=(("request_data", "LLM"),),
        input=(
            FactSource("request_data.messages", "messages"),
            FactSource("request_data.input", "messages"),
            FactSource("request_data.prompt"),
        ),
        output=(
            FactSource("response_data.message", "messages"),
            FactSource("response_data.combined_chunk_content"),
            FactSource("response_data.text"),
        ),
        model=("request_data.model",),
        prompt_tokens=("response_data.usage.prompt_tokens", "response_data.usage.input_tokens"),
        completion_tokens=("response_data.usage.completion_tokens", "response_data.usage.output_tokens"),
        total_tokens=("response_data.usage.total_tokens",),
    ),
    Convention(
        "OpenTelemetry GenAI",
        ("gen_ai.",),
        kinds=(Kinds("gen_ai.operation.name", _OPERATIONS),),
        marks=(
            ("gen_ai.tool.call.", "TOOL"),
            ("gen_ai.tool.name", "TOOL"),
            ("gen_ai.request.", "LLM"),
            ("gen_ai.response.", "LLM"),
            ("gen_ai.input.messages", "LLM"),
            ("gen_ai.output.messages", "LLM"),
            ("gen_ai.prompt", "LLM"),
            ("gen_ai.prompt.", "LLM"),
            ("gen_ai.completion", "LLM"),
            ("gen_ai.completion.", "LLM"),
            ("gen_ai.agent.", "AGENT"),
        ),
        input=(
            FactSource("gen_ai.input.messages", "messages"),
            FactSource("gen_ai.prompt", "numbered"),
            FactSource("gen_ai.tool.call.arguments"),
            FactSource("gen_ai.retrieval.query.text"),
            FactSource("gen_ai.prompt", "messages"),
            FactSource("gen_ai.content.prompt", "messages"),
        ),
        output=(
            FactSource("gen_ai.output.messages", "messages"),
            FactSource("gen_ai.completion", "numbered"),
            FactSource("gen_ai.tool.call.result"),
            FactSource("gen_ai.retrieval.documents"),
            FactSource("gen_ai.completion", "messages"),
            FactSource("gen_ai.content.completion", "messages"),
        ),
        session=("gen_ai.conversation.id",),
        user=("gen_ai.user.id", "gen_ai.request.user", "llm.user"),
        model=("gen_ai.response.model", "gen_ai.request.model"),
        prompt_tokens=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        completion_tokens=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        total_tokens=("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
        instructions=("gen_ai.system_instructions",),
        cost=("gen_ai.cost.total_cost", "gen_ai.usage.cost"),
    ),
    Convention(
        "OpenTelemetry", ("enduser.", "session_id", "user_id"), session=("session_id",), user=("enduser.id", "user_id")
    ),
)
"""The rows. Those that stand for an SDK go before the GenAI convention, which some of them send beside their own."""

ENCODED = frozenset(
    {
        "request_data",
        "response_data",
        "mlflow.chat.tokenUsage",
        "llm.invocation_parameters",
        "embedding.invocation_parameters",
        "langfuse.observation.usage_details",
        "langfuse.observation.cost_details",
    }
)
"""Attributes whose JSON text holds facts under further keys."""
