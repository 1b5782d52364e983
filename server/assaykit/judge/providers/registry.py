"""From an endpoint to the chat model that can ask it."""

from assaykit.errors import Unsupported
from assaykit.judge.providers import anthropic, openai
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.providers.output_modes import FallbackModel

_CLOUD = {"AWS_BEDROCK", "VERTEX_AI"}


def chat_model(endpoint: Endpoint, line: Line) -> FallbackModel:
    """The model behind an endpoint, asked over a line that stays the caller's.

    Raises:
        Unsupported: the provider signs its calls with cloud credentials.
    """
    if endpoint.provider in _CLOUD:
        raise Unsupported(
            f"Models of {endpoint.provider} cannot be called from here.",
            "Use an integration of an OpenAI-compatible gateway (CUSTOM with a base URL) in front of it.",
        )
    dialect = anthropic.API if endpoint.provider == "ANTHROPIC" else openai.API
    return FallbackModel(endpoint, line, dialect)
