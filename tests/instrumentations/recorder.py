"""The recorder: it runs real clients in environments with pinned packages, and keeps what their exporters send."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

from tests import environments
from tests.instrumentations.exports import Export, Recording, keep, recording_of
from tests.instrumentations.scripted_model import ScriptedModel

VERSION = 3
"""The version of the recorder. A recording of another version is made anew."""

HERE = Path(__file__).parent
_EXPORTER = ("opentelemetry-sdk==1.45.2", "opentelemetry-exporter-otlp-proto-http==1.45.2")
_OPENAI = ("openai==3.57.0", *_EXPORTER)
_ANTHROPIC = ("anthropic==2.14.0", *_EXPORTER)
_PYDANTIC = ("pydantic-ai-slim[openai]==2.68.0", *_OPENAI)
_V2 = (
    "opentelemetry-instrumentation-openai-v2==2.4b0",
    "opentelemetry-util-genai==1.1b0",
    "wrapt==1.17.3",
    "httpx==0.28.1",
    *_OPENAI,
)
_NODE = (
    "@opentelemetry/sdk-trace-node@2.12.1", "@opentelemetry/exporter-trace-otlp-proto@0.223.1",
    "@opentelemetry/resources@2.12.1", "zod@4.6.7",
)  # fmt: skip
PYTHON: dict[str, tuple[str, ...]] = {
    "openinference-openai": ("openinference-instrumentation-openai==0.1.66", *_OPENAI),
    "openinference-anthropic": ("openinference-instrumentation-anthropic==3.1.0", *_ANTHROPIC),
    "openinference-langchain": (
        "openinference-instrumentation-langchain==0.1.80", "langchain-core==1.8.3", "langchain-openai==1.7.4",
        *_EXPORTER,
    ),
    "openinference-llama-index": (
        "openinference-instrumentation-llama-index==4.6.1", "llama-index-core==0.14.25",
        "llama-index-llms-openai==0.8.3", "llama-index-embeddings-openai==0.7.0", *_EXPORTER,
    ),
    "openinference-dspy": ("openinference-instrumentation-dspy==0.1.48", "dspy==3.4.1", *_EXPORTER),
    "openai-v2-spans": _V2,
    "openai-v2-events": _V2,
    "openllmetry-openai": ("opentelemetry-instrumentation-openai==0.62.4", *_OPENAI),
    "openllmetry-anthropic": ("opentelemetry-instrumentation-anthropic==0.62.4", *_ANTHROPIC),
    "pydantic-v2": _PYDANTIC,
    "pydantic-v5": _PYDANTIC,
    "litellm": ("litellm==1.110.2", *_EXPORTER),
}  # fmt: skip
"""The packages of each client in Python. The first is the instrumentation."""

NODE: dict[str, tuple[str, ...]] = {
    "vercel-v6": ("ai@6.0.326", "@ai-sdk/openai@3.0.141", *_NODE),
    "vercel-v7": ("ai@7.0.173", "@ai-sdk/otel@1.0.173", "@ai-sdk/openai@4.0.118", *_NODE),
}
"""The packages of each client on node."""

TOGETHER = (
    ("openinference-openai", "openinference-anthropic", "openinference-langchain"),
    ("openinference-dspy", "litellm"),
    ("openllmetry-openai", "openllmetry-anthropic"),
)
"""Clients in Python that share an environment, as they do in applications."""

CLIENTS = (*PYTHON, *NODE)
FEW = ("openinference-anthropic", "openllmetry-openai", "pydantic-v5")
"""The clients that a change runs: one of each convention, and one whose SDK sends spans of its own."""

_LONG = frozenset({"logfire.json_schema", "model_request_parameters"})
"""Long attributes that no aspect reads."""

_PLACES = ('File "/', "file:///", "node_modules/")
_TRACEBACK = re.compile(r"^(?:\s.*|)$\n?", re.MULTILINE)


def run(name: str) -> Recording:
    """Run one client, and take what its exporter sends."""
    with ScriptedModel() as model:
        if name in PYTHON:
            python = environments.python_with(*installed_with(name))
            command = [str(python), str(HERE / "clients.py"), name, model.address]
        else:
            modules = environments.node_modules_with(*NODE[name])
            node = shutil.which("node") or "node"
            command = [node, str(HERE / "vercel.mjs"), str(modules), model.address, name]
        ran = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", timeout=300)
        assert ran.returncode == 0, ran.stderr
        exports = [Export(path, _without_places(body, model.address)) for path, body in model.exports()]
        about = {"recorder": VERSION, "name": name, "packages": versions(name), "calls": model.calls}
        return recording_of(about, exports)


def installed_with(name: str) -> tuple[str, ...]:
    """The packages in the environment of a client in Python."""
    clients = next((group for group in TOGETHER if name in group), (name,))
    return tuple(dict.fromkeys(package for client in clients for package in PYTHON[client]))


def record(name: str) -> None:
    """Write the recording of one client."""
    keep(run(name))


def versions(name: str) -> dict[str, str]:
    """The versions of the packages in the environment of a client."""
    if name in PYTHON:
        names = [re.split(r"[\[=]", package)[0] for package in PYTHON[name]]
        ask = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
        command = [str(environments.python_with(*installed_with(name))), "-c", ask, *names]
        told = subprocess.run(command, check=True, capture_output=True, encoding="utf-8")
        return dict(zip(names, told.stdout.split(), strict=True))
    modules = environments.node_modules_with(*NODE[name])
    names = [package.rpartition("@")[0] for package in NODE[name]]
    return {one: json.loads((modules / one / "package.json").read_text(encoding="utf-8"))["version"] for one in names}


def _without_places(body: dict[str, Any], address: str) -> dict[str, Any]:
    """A request without the port of the model, without paths of the machine, and without long attributes."""
    port = address.rpartition(":")[2]
    text = json.dumps(body, ensure_ascii=False).replace(address, "http://model").replace(address[7:], "model")
    return _short(json.loads(re.sub(rf"\b{port}\b", "80", text)))


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _short(inner) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_short(one) for one in items if not (isinstance(one, dict) and cast("Any", one).get("key") in _LONG)]
    if isinstance(value, str) and any(mark in value for mark in _PLACES):
        return _TRACEBACK.sub("", value).strip()
    return value


def pinned(name: str) -> dict[str, str]:
    """The versions of the packages that a client is recorded with."""
    if name in NODE:
        parts = [package.rpartition("@") for package in NODE[name]]
        return {package: version for package, _, version in parts}
    return {re.split(r"[\[=]", package)[0]: package.partition("==")[2] for package in PYTHON[name]}
