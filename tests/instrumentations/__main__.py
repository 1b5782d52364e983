"""Record the spans of real instrumentations, each in an environment of its own with pinned packages.

    python -m tests.instrumentations --record [NAME ...]

Needs `uv` and a package registry. The model is scripted on loopback. Recordings of LiteLLM and of the Vercel AI SDK are
made by hand, as the first looks for a price list on the network and the second needs node.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.loopback import Served

HERE = Path(__file__).parent
OPENAI = ("openai==3.57.0", "httpx", "opentelemetry-sdk")
PINNED: dict[str, tuple[str, ...]] = {
    "pydantic-v2": ("pydantic-ai-slim[openai]==2.68.0", *OPENAI),
    "pydantic-v5": ("pydantic-ai-slim[openai]==2.68.0", *OPENAI),
    "openllmetry-openai": ("opentelemetry-instrumentation-openai==0.62.4", *OPENAI),
    "openinference-openai": ("openinference-instrumentation-openai", *OPENAI),
    "openinference-anthropic": (
        "openinference-instrumentation-anthropic==3.1.0", "anthropic==2.14.0", "httpx", "opentelemetry-sdk",
    ),
}  # fmt: skip
"""The packages of each client. The first is the instrumentation."""


async def complete(request: Request) -> JSONResponse:
    """OpenAI's chat: a tool call if tools are offered and none was called yet, else an answer."""
    body: dict[str, Any] = await request.json()
    called = any(message["role"] == "tool" for message in body["messages"])
    said: dict[str, Any] = {"role": "assistant", "content": "It is a cat."}
    if body.get("tools") and not called:
        function = {"name": body["tools"][0]["function"]["name"], "arguments": '{"city": "Paris"}'}
        said = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function"}]}
        said["tool_calls"][0]["function"] = function
    reason = "tool_calls" if "tool_calls" in said else "stop"
    choice = {"index": 0, "message": said, "finish_reason": reason}
    usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    told = {"id": "x1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "choices": [choice]}
    return JSONResponse({**told, "usage": usage})


async def embed(_: Request) -> JSONResponse:
    """OpenAI's embeddings."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    return JSONResponse({"object": "list", "data": data, "model": "text-embedding-3-small", "usage": usage})


async def message(_: Request) -> JSONResponse:
    """Anthropic's messages."""
    told = {"id": "m1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn"}
    usage = {"input_tokens": 5, "output_tokens": 4}
    return JSONResponse({**told, "content": [{"type": "text", "text": "It is a cat."}], "usage": usage})


APP = Starlette(
    routes=[
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/embeddings", embed, methods=["POST"]),
        Route("/v1/messages", message, methods=["POST"]),
    ]
)


def record(name: str, model: str) -> None:
    """Write the recording of one client."""
    packages = PINNED[name]
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run(["uv", "venv", "-q", "--python", "3.11", folder], check=True)  # noqa: S607  (the user's uv)
        installed = ["uv", "pip", "install", "-q", "--python", str(python), *packages]
        subprocess.run(installed, check=True)
        names = [package.partition("==")[0].partition("[")[0] for package in packages]
        asked = [str(python), str(HERE / "clients.py"), name, model, *names]
        said = subprocess.run(asked, check=True, capture_output=True, text=True)
    told = json.loads(said.stdout)
    for span in told["spans"]:
        for key in ("logfire.json_schema", "model_request_parameters"):
            span["attributes"].pop(key, None)
    (HERE / "recordings" / f"{name}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def main() -> None:
    """Record the clients that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", nargs="*", choices=[*PINNED], required=True)
    wanted: list[str] = parser.parse_args().record
    with Served(APP) as model:
        for name in wanted or PINNED:
            record(name, model.address)


if __name__ == "__main__":
    main()
