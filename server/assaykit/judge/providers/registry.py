"""The chat model for an endpoint, chosen by its provider."""

from assaykit.errors import Unsupported
from assaykit.judge.providers import anthropic, openai
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.providers.output_modes import FallbackModel

_CLOUD = {"AWS_BEDROCK", "VERTEX_AI"}


def chat_model(endpoint: Endpoint, line: Line) -> FallbackModel:
    """Return the chat model for an endpoint. The caller keeps and closes the line.

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
