"""What is only there with the extra `sdk`."""

import importlib.util

from assaykit.errors import Unsupported

_PACKAGES = ("pyarrow", "grpc")


def require_sdk(what: str) -> None:
    """Go on only where the extra is installed. `what` needs it: it begins the sentence.

    Raises:
        Unsupported: the extra is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in _PACKAGES):
        raise Unsupported(f"{what} needs pyarrow and grpcio, which are not installed.", "pip install 'assaykit[sdk]'")
