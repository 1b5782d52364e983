"""Starts the server of an installed plugin as each host would, and asks it how it is.

    python started.py INSTALLED_COPY DATA_FOLDER

The commands are read from the manifests of the copy; nothing of this checkout is used but this script.
"""

import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

MANIFESTS = (".claude-plugin/plugin.json", "mcp.json", ".cursor-plugin/plugin.json")
DEADLINE_S = 300
FOLDER = re.compile(r"\$\{\w*PLUGIN_(ROOT|DATA)\}")


def command(manifest: Path, folders: dict[str, str]) -> StdioServerParameters:
    """The command of a manifest, with the plugin's folders filled in."""
    (server,) = json.loads(manifest.read_text(encoding="utf-8"))["mcpServers"].values()

    def filled(text: str) -> str:
        return FOLDER.sub(lambda found: folders[found[1]], text)

    env = {name: filled(value) for name, value in server.get("env", {}).items()}
    arguments = [filled(one) for one in server["args"]]
    env = {**os.environ, **env, "ASSAYKIT_STRUCTURED": "1"}
    return StdioServerParameters(command=server["command"], args=arguments, env=env)


async def status(parameters: StdioServerParameters) -> dict[str, Any]:
    """What `get_status` says of a server started just now."""
    with anyio.fail_after(DEADLINE_S):
        async with Client(stdio_client(parameters)) as client:
            result = await client.call_tool("get_status", {})
    if result.is_error or result.structured_content is None:
        raise SystemExit(f"get_status failed: {result.content}")
    return result.structured_content


def main(root: Path, data: Path) -> None:
    """Start the server of every manifest in turn and compare versions."""
    version = json.loads((root / "plugin.json").read_text(encoding="utf-8"))["version"]
    for path in MANIFESTS:
        begun = time.monotonic()
        told = anyio.run(status, command(root / path, {"ROOT": str(root), "DATA": str(data)}))
        if told["version"] != version or told["backend"] != "local":
            raise SystemExit(f"{path} started another server: {told}")
        took = time.monotonic() - begun
        sys.stdout.write(f"{path}: assaykit {version} answered after {took:.1f} s\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
