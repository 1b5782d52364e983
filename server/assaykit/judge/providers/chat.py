"""From an endpoint to the chat model that can ask it."""

from importlib import import_module

from assaykit.errors import Unsupported
from assaykit.judge.providers import cloud_signatures
from assaykit.judge.providers.calls import Line
from assaykit.judge.providers.models import Endpoint
from assaykit.judge.providers.output_modes import FallbackModel
from assaykit.judge.providers.registry import PROVIDERS


def chat_model(endpoint: Endpoint, line: Line) -> FallbackModel:
    """The model behind an endpoint, asked over a line that stays the caller's.

    Raises:
        Unsupported: models of the provider cannot be called, or not without the extra `providers`.
    """
    provider = PROVIDERS[endpoint.provider]
    if provider.api is None:
        raise Unsupported(f"Models of {endpoint.provider} cannot be called from here.", provider.instead)
    if provider.is_signed:
        cloud_signatures.require(endpoint.provider)
    return FallbackModel(endpoint, line, import_module(f"{__package__}.{provider.api}").API)
