"""The real host programs, each in a home of its own and with a dummy key, against a stand-in for its model."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.environments import HOSTS, node_modules_with
from tests.hosts.stand_ins import AnthropicMessages, Call, GeminiContent, OpenAiResponses, StandIn

import assaykit

Host = Literal["claude", "codex", "gemini"]
HOST_NAMES: tuple[Host, ...] = ("claude", "codex", "gemini")
STAND_INS: Mapping[Host, type[StandIn]] = {
    "claude": AnthropicMessages,
    "codex": OpenAiResponses,
    "gemini": GeminiContent,
}
DEADLINE_S = 120
"""A limit for a host that hangs. A run takes about 10 s on an idle machine."""

START_MS = 60_000
PACKAGE = Path(assaykit.__file__).parents[1]
"""The folder that the package under test is imported from."""

_KEY = "dummy"


@dataclass(frozen=True)
class Server:
    """How a host starts an MCP server: the arguments after `assaykit`, and variables."""

    options: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    package: Path = PACKAGE

    @property
    def arguments(self) -> list[str]:
        """The arguments of `env`. Gemini CLI refuses PYTHONPATH as a variable of a server's configuration."""
        return [f"PYTHONPATH={self.package}", sys.executable, "-m", "assaykit", *self.options]


@dataclass(frozen=True)
class Run:
    """A finished run of a host: the stand-in with the received results, and the output of the program."""

    stand_in: StandIn
    output: str

    def received(self, call: Call) -> str:
        """The text that the model received for the call."""
        place = self.stand_in.calls.index(call)
        assert place in self.stand_in.received, f"no result of {call.tool}\n{self.output[-2000:]}"
        return self.stand_in.received[place]


def run(
    host: Host, folder: Path, calls: Sequence[Call], servers: Mapping[str, Server], *, approving: bool = True
) -> Run:
    """Run a host until its model has asked for all calls. `approving` lets it run every tool without a question."""
    home = folder / host
    work = home / "work"
    work.mkdir(parents=True)
    with STAND_INS[host](calls) as stand_in:
        command, variables = _STARTS[host](home, stand_in.url, servers, approving)
        ended = subprocess.run(
            command,
            cwd=work,
            env=_environment(home, variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            encoding="utf-8",
            timeout=DEADLINE_S,
        )
    return Run(stand_in, ended.stdout)


def _programs() -> Path:
    return node_modules_with(*HOSTS) / ".bin"


def _environment(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the caller's environment but the path, with the hosts' own Node in front."""
    return {"HOME": str(home), "PATH": f"{_programs()}{os.pathsep}{os.environ['PATH']}", "LANG": "C.UTF-8", **variables}


def _claude(home: Path, url: str, servers: Mapping[str, Server], approving: bool) -> tuple[list[str], dict[str, str]]:
    named = {
        name: {"command": "env", "args": one.arguments, "env": dict(one.variables)} for name, one in servers.items()
    }
    configuration = home / "servers.json"
    configuration.write_text(json.dumps({"mcpServers": named}), encoding="utf-8")
    allowed = ["--allowedTools", *(f"mcp__{name}" for name in servers)] if approving else []
    command = [
        str(_programs() / "claude"),
        "-p",
        "go",
        "--mcp-config",
        str(configuration),
        "--strict-mcp-config",
        *allowed,
    ]
    variables = {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": _KEY,
        "ENABLE_TOOL_SEARCH": "false",
        "MCP_TIMEOUT": str(START_MS),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
    }
    return command, variables


def _codex(home: Path, url: str, servers: Mapping[str, Server], approving: bool) -> tuple[list[str], dict[str, str]]:
    lines = [
        'model = "stand-in"',
        'model_provider = "loopback"',
        "[model_providers.loopback]",
        'name = "loopback"',
        f'base_url = "{url}/v1"',
        'env_key = "LOOPBACK_KEY"',
        'wire_api = "responses"',
    ]
    for name, one in servers.items():
        table = f"mcp_servers.{name}"
        lines += [f"[{table}]", 'command = "env"', f"args = {json.dumps(one.arguments)}"]
        lines += [f"startup_timeout_sec = {START_MS // 1000}"]
        lines += ['default_tools_approval_mode = "approve"'] if approving else []
        lines += [f"[{table}.env]", *(f"{key} = {json.dumps(value)}" for key, value in one.variables.items())]
    folder = home / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text("\n".join(lines), encoding="utf-8")
    return [str(_programs() / "codex"), "exec", "--skip-git-repo-check", "go"], {"LOOPBACK_KEY": _KEY}


def _gemini(home: Path, url: str, servers: Mapping[str, Server], approving: bool) -> tuple[list[str], dict[str, str]]:
    named = {
        name: {"command": "env", "args": one.arguments, "env": dict(one.variables), "trust": approving}
        for name, one in servers.items()
    }
    folder = home / ".gemini"
    folder.mkdir()
    settings = {
        "mcpServers": named,
        "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"disableAutoUpdate": True},
        # After 30 turns the host would ask a second model whether the first one repeats itself.
        "model": {"disableLoopDetection": True},
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [str(_programs() / "gemini"), "-p", "go", "-m", "gemini-2.5-pro", *(["-y"] if approving else [])]
    return command, {"GOOGLE_GEMINI_BASE_URL": url, "GEMINI_API_KEY": _KEY}


_STARTS = {"claude": _claude, "codex": _codex, "gemini": _gemini}
