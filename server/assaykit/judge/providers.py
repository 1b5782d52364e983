"""From an endpoint to the chat model that can ask it."""

import anyio
import httpx

from assaykit.errors import Unsupported
from assaykit.judge import anthropic, openai
from assaykit.judge.calls import DEADLINE_S, Sleep
from assaykit.judge.ladder import LadderModel
from assaykit.judge.models import Endpoint

_CLOUD = {"AWS_BEDROCK", "VERTEX_AI"}


def chat_model(
    endpoint: Endpoint,
    client: httpx.AsyncClient,
    *,
    sleep: Sleep = anyio.sleep,
    deadline_s: float = DEADLINE_S,
) -> LadderModel:
    """The model behind an endpoint. The client stays the caller's, who closes it.

    `deadline_s` is for one question, every attempt and wait included; `sleep` does the waiting.

    Raises:
        Unsupported: the provider signs its calls with cloud credentials.
    """
    if endpoint.provider in _CLOUD:
        raise Unsupported(
            f"Models of {endpoint.provider} cannot be called from here.",
            "Use an integration of an OpenAI-compatible gateway (CUSTOM with a base URL) in front of it.",
        )
    dialect = anthropic.DIALECT if endpoint.provider == "ANTHROPIC" else openai.DIALECT
    return LadderModel(endpoint, client, dialect, sleep=sleep, deadline_s=deadline_s)
