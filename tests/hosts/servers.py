"""The servers that the hosts start."""

from collections.abc import Mapping
from pathlib import Path

from tests.hosts.prepared import Prepared
from tests.hosts.programs import PACKAGE, Server


def server(
    there: Prepared, *options: str, package: Path = PACKAGE, variables: Mapping[str, str] | None = None
) -> Server:
    """A server with all tools on the prepared store. `variables` come on top of those for its folders."""
    places = {"ASSAYKIT_HOME": str(there.home), "ASSAYKIT_FILES": str(there.files)}
    return Server(["--toolsets", "all", *options], {**places, **(variables or {})}, package)


def refusing_server(address: str) -> Server:
    """A read-only server with all tools, whose backend refuses."""
    port = address.rpartition(":")[2]
    variables = {
        "ASSAYKIT_BACKEND": "ax",
        "ARIZE_API_KEY": "dummy",
        "ARIZE_API_SCHEME": "http",
        "ARIZE_API_HOST": "127.0.0.1",
        "ARIZE_API_PORT": port,
    }
    return Server(["--toolsets", "all", "--read-only"], variables)
