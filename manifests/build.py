"""Generates the manifests for plugin hosts from pyproject.toml and manifest.toml.

`python manifests/build.py` writes them and `--check` compares. Hosts read the repository, not a build, and expect the
manifests at its root as regular files, because some hosts silently ignore symlinks.
"""  # noqa: INP001  (a script, not a package)

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"


def outputs(root: Path) -> dict[str, str]:
    """Return the text of every manifest of the project at `root`, by its path below `root`."""
    project = tomllib.loads(_read(root / "pyproject.toml"))["project"]
    manifest = tomllib.loads(_read(root / "manifests/manifest.toml"))
    found = VERSION.search(_read(root / "server/assaykit/__init__.py"))
    if found is None:
        raise SystemExit("server/assaykit/__init__.py has no __version__.")
    name, server, owner = project["name"], manifest["server"], {"name": manifest["owner"]}
    described = {
        "name": name,
        "version": found[1],
        "description": project["description"],
        "license": project["license"],
        "keywords": project["keywords"],
    }
    plugin = {**described, "author": owner}
    portable = {"type": "stdio", **_server(server, root="${PLUGIN_ROOT}", data="${PLUGIN_DATA}")}
    claude = _server(server, root="${CLAUDE_PLUGIN_ROOT}", data="${CLAUDE_PLUGIN_DATA}")
    # Cursor does not expand the portable variables, and has no folder for a plugin's data.
    cursor = _server({**server, "env": {}}, root="${CURSOR_PLUGIN_ROOT}")
    catalogue = {
        "name": name,
        "owner": owner,
        "metadata": {"description": project["description"]},
        "plugins": [{**described, "source": "./", "category": manifest["category"]}],
    }
    manifests: dict[str, dict[str, Any]] = {
        "plugin.json": {"$schema": f"{SCHEMAS}/plugin.schema.json", **plugin},
        "mcp.json": {"$schema": f"{SCHEMAS}/mcp.schema.json", "mcpServers": {name: portable}},
        ".claude-plugin/plugin.json": {**plugin, "mcpServers": {name: claude}},
        ".claude-plugin/marketplace.json": catalogue,
        ".cursor-plugin/plugin.json": {**plugin, "mcpServers": {name: cursor}},
    }
    return {
        path: json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for path, content in manifests.items()
    }


def drifted(root: Path) -> list[str]:
    """The paths of the manifests at `root` that are missing or differ from the generated text."""
    return [
        path
        for path, text in outputs(root).items()
        if not (root / path).is_file() or (root / path).read_bytes() != text.encode()
    ]


def write(root: Path) -> None:
    """Write every manifest, with LF on every system."""
    for path, text in outputs(root).items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_bytes(text.encode())


def _server(server: dict[str, Any], **folders: str) -> dict[str, Any]:
    """The command with which a host starts the server, with the host's variables for its folders."""
    started = {"command": server["command"], "args": [one.format(**folders) for one in server["args"]]}
    env = {name: value.format(**folders) for name, value in server["env"].items()}
    return {**started, "env": env} if env else started


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if drift := drifted(ROOT):
            raise SystemExit(f"Run `python manifests/build.py`: {', '.join(drift)}.")
    elif sys.argv[1:]:
        raise SystemExit("Usage: python manifests/build.py [--check]")
    else:
        write(ROOT)
