"""The right values of each aspect of each recorded client: a row for each span, in order of start.

A text that ends in `…` is the beginning of the right value, where the rest is a body of the client's own.
"""

from collections.abc import Sequence
from typing import NamedTuple

ASPECTS = ("kind", "input", "output", "session", "user", "model", "tokens", "tools", "documents", "one row per call")

QUESTION, ANSWER, ASKED = "What is it?", "It is a cat.", "Weather?"
BRIEF = f"system: Be brief\nuser: {QUESTION}"
AGAIN = f"user: {ASKED}\nassistant: {{…"
RAIN, DOCUMENT, HELLO = "Rain in Paris", "Cats purr.", "hello"
TOOL_CALL = "a call of the tool weather with the city Paris as a value"
"""The output of a model that calls the tool, in any of the shapes of a part."""

SESSION, USER = "session-1", "user-1"
CHAT, EMBEDDER, CLAUDE, BROKEN = "gpt-4o-mini", "text-embedding-3-small", "claude-x", "broken"


class Row(NamedTuple):
    """The facts of one span."""

    kind: str
    input: str | None = None
    output: str | None = None
    model: str | None = None
    tokens: int | None = None


class Client(NamedTuple):
    """The facts of a client. `session` and `user` are those of all its rows but twins."""

    title: str
    rows: Sequence[Row]
    session: str | None = None
    user: str | None = None
    extra_rows: int = 0
    """Rows of kind LLM or EMBEDDING less the calls that the model got; `notes` tells the reason."""
    notes: str = ""

    @property
    def calls(self) -> list[Row]:
        """The rows that stand for calls of a model."""
        return [row for row in self.rows if row.kind in {"LLM", "EMBEDDING"}]


def chat(asked: str | None, said: str | None, model: str = CHAT, tokens: int | None = 16) -> Row:
    """A call that got an answer."""
    return Row("LLM", asked, said, model, tokens)


def failed(asked: str | None = QUESTION, model: str = BROKEN) -> Row:
    """A call that was refused."""
    return Row("LLM", asked, None, model)


def embedding(asked: str | None = HELLO, said: str | None = None, tokens: int | None = 3) -> Row:
    """An embedding."""
    return Row("EMBEDDING", asked, said, EMBEDDER, tokens)


TWIN = Row("UNKNOWN", model=CLAUDE)
FAILED_TWIN = Row("UNKNOWN", model=BROKEN)
_CHATS = [chat(BRIEF, ANSWER), chat(ASKED, TOOL_CALL), chat(AGAIN, ANSWER), chat(QUESTION, ANSWER)]
_PYDANTIC = [
    Row("AGENT", ASKED, ANSWER, CHAT),
    chat(f"system: Be brief\nuser: {ASKED}", TOOL_CALL),
    Row("TOOL", '{"city":"Paris"}', RAIN),
    chat(f"system: Be brief\n{AGAIN}", ANSWER),
    Row("AGENT", QUESTION, None, BROKEN),
    failed(None),
]
_NO_INPUT = "Pydantic AI sends no messages with a call that failed; the agent's span above it has the input."
_V2 = "The instrumentation sends no span for the Responses API, and no text of an embedding."
_STEP = Row("CHAIN")

CLIENTS: dict[str, Client] = {
    "openinference-openai": Client(
        "OpenInference: OpenAI",
        [*_CHATS, chat(BRIEF, ANSWER), embedding(said='{"data":[{"embedding":[1.0,0.0]…'), failed()],
        SESSION,
        USER,
        notes="The output of an embedding is the body of the reply.",
    ),
    "openinference-anthropic": Client(
        "OpenInference: Anthropic",
        [
            *(chat(BRIEF, ANSWER, CLAUDE), TWIN),
            *(chat(ASKED, TOOL_CALL, CLAUDE), TWIN),
            *(failed(), FAILED_TWIN),
        ],
        SESSION,
        USER,
        notes="The Anthropic SDK sends a span of its own for each call. It has `assaykit.same_call_as`.",
    ),
    "openinference-langchain": Client(
        "OpenInference: LangChain",
        [
            Row("CHAIN", QUESTION, '{"type": "ai", "data": {"content": "It is a cat."…'),
            Row("PROMPT", QUESTION, '{"messages": [{"content": "Be brief"…'),
            chat(BRIEF, ANSWER),
            Row("RETRIEVER", QUESTION, DOCUMENT),
            chat(ASKED, TOOL_CALL),
            Row("TOOL", "Paris", '{"type": "tool", "data": {"content": "Rain in Paris"…'),
            failed(),
        ],
        SESSION,
        USER,
        notes="The outputs of chains, prompts and tools are the client's own objects in JSON.",
    ),
    "openinference-llama-index": Client(
        "OpenInference: LlamaIndex",
        [
            Row("CHAIN", QUESTION, ANSWER),
            Row("CHAIN", '{"query_bundle": {"query_str": "What is it?"…', '{"response": "It is a cat."…'),
            Row("RETRIEVER", QUESTION, DOCUMENT),
            Row("RETRIEVER", '{"query_bundle": {"query_str": "What is it?"…', '["<NodeWithScore…'),
            embedding(QUESTION, tokens=None),
            embedding('{"query": "What is it?"}', tokens=None),
            Row("CHAIN", QUESTION, ANSWER),
            Row("CHAIN", '{"query_str": "What is it?", "text_chunks": ["Cats purr."]}', ANSWER),
            Row("CHAIN", '{"text": "Cats purr."}', '["Cats purr."]'),
            Row("CHAIN", QUESTION, ANSWER),
            Row("CHAIN", '{"text": "Cats purr."}', '["Cats purr."]'),
            Row("CHAIN", '{"kwds": {"context_str": "Cats purr."}}', '{"query_satisfied":true,"answer":"It is a cat."}'),
            chat('{"prompt": "SelectorPromptTemplate…', ANSWER, tokens=None),
            chat("system: You are an expert Q&A system…", ANSWER),
            chat(
                '{"tools": ["<FunctionTool object>"], "user_msg": "Weather?"}',
                '{"response": "Rain in Paris"…',
                tokens=None,
            ),
            chat(
                '{"tools": ["<FunctionTool object>"], "user_msg": "Weather?"…',
                '{"messages": ["ChatMessage…',
                tokens=None,
            ),
            chat(ASKED, TOOL_CALL),
            Row("TOOL", '{"kwargs": {"city": "Paris"}}', '{"blocks":[{"text":"Rain in Paris"}]…'),
            Row("TOOL", '{"kwargs": {"city": "Paris"}}', '{"blocks":[{"text":"Rain in Paris"}]…'),
            failed('{"args": ["What is it?"]}', "gpt-4o"),
        ],
        SESSION,
        USER,
        extra_rows=3,
        notes="The instrumentation marks its functions around a call as LLM and EMBEDDING too, without tokens. "
        "`llm.token_count.total > 0` finds the chats. It sends no tokens of embeddings. The text of "
        "the index was embedded before the instrumentation began.",
    ),
    "openinference-dspy": Client(
        "OpenInference: DSPy",
        [
            Row("CHAIN", '{"question": "What is it?"}', '{"answer": "It is a cat."}'),
            Row("CHAIN", '{"question": "What is it?"}', '{"answer": "It is a cat."}'),
            Row("CHAIN", '{"lm": "<dspy.clients.lm.LM object…', '[{"answer": "It is a cat."}]'),
            chat("system: Your input fields are:\n1. `question` (str)…", f"[[ ## answer ## ]]\n{ANSWER}…", tokens=None),
            Row("TOOL", '{"kwargs": {"city": "Paris"}}', f'"{RAIN}"'),
            failed(),
        ],
        SESSION,
        USER,
        notes="The instrumentation sends no tokens, and no span for a retriever of one's own.",
    ),
    "openai-v2-spans": Client(
        "OpenTelemetry: openai-v2, messages in spans",
        [*_CHATS, embedding(None), failed()],
        extra_rows=-1,
        notes=_V2,
    ),
    "openai-v2-events": Client(
        "OpenTelemetry: openai-v2, messages in events",
        [*_CHATS, embedding(None), failed()],
        extra_rows=-1,
        notes=f"The messages come by `/v1/logs`. {_V2}",
    ),
    "openllmetry-openai": Client("OpenLLMetry: OpenAI", [*_CHATS, chat(BRIEF, ANSWER), embedding(), failed()]),
    "openllmetry-anthropic": Client(
        "OpenLLMetry: Anthropic",
        [
            *(chat(BRIEF, ANSWER, CLAUDE), TWIN),
            *(chat(ASKED, TOOL_CALL, CLAUDE), TWIN),
            *(failed(), FAILED_TWIN),
        ],
        notes="The Anthropic SDK sends a span of its own for each call, in another trace. It has "
        "`assaykit.same_call_as`.",
    ),
    "pydantic-v2": Client("Pydantic AI, format 2", _PYDANTIC, SESSION, notes=_NO_INPUT),
    "pydantic-v5": Client("Pydantic AI, format 5", _PYDANTIC, SESSION, notes=_NO_INPUT),
    "litellm": Client(
        "LiteLLM",
        [chat(QUESTION, ANSWER), chat(ASKED, TOOL_CALL), failed()],
        None,
        USER,
        notes="LiteLLM sends no session. It sends messages in spans with `SPAN_ONLY` or without a mode of capture.",
    ),
    "vercel-v6": Client(
        "Vercel AI SDK 6",
        [
            *(Row("CHAIN", QUESTION, ANSWER, CHAT), chat(BRIEF, ANSWER)),
            *(Row("CHAIN", ASKED, ANSWER, CHAT), chat(ASKED, TOOL_CALL)),
            *(Row("TOOL", '{"city":"Paris"}', RAIN), chat(AGAIN, ANSWER)),
            *(Row("CHAIN", QUESTION, ANSWER, CHAT), chat(QUESTION, ANSWER)),
            *(Row("CHAIN", HELLO, None, EMBEDDER), embedding()),
            *(Row("CHAIN", QUESTION, None, BROKEN), failed()),
        ],
        SESSION,
        USER,
    ),
    "vercel-v7": Client(
        "Vercel AI SDK 7",
        [
            *(Row("AGENT", BRIEF, ANSWER, CHAT), _STEP, chat(BRIEF, ANSWER)),
            *(Row("AGENT", ASKED, f"{ANSWER}\n{{…", CHAT), _STEP, chat(ASKED, TOOL_CALL)),
            *(Row("TOOL", '{"city":"Paris"}', RAIN), _STEP, chat(AGAIN, ANSWER)),
            *(Row("AGENT", QUESTION, ANSWER, CHAT), _STEP, chat(QUESTION, ANSWER)),
            *(Row("UNKNOWN", model=EMBEDDER), embedding(None)),
            *(Row("AGENT", QUESTION, None, BROKEN), _STEP, failed()),
        ],
        notes="The SDK sends no session and no user, and no text of an embedding.",
    ),
}
