"""The check that the optional packages of the extra `sdk` are installed."""

import importlib.util

from assaykit.errors import Unsupported

_PACKAGES = ("pyarrow", "grpc")


def require_sdk(what: str) -> None:
    """Refuse if the extra is not installed. `what` names the feature that needs it and begins the error sentence.

    Raises:
        Unsupported: the extra is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
        raise Unsupported(f"{what} needs pyarrow and grpcio, which are not installed.", "pip install 'assaykit[sdk]'")
