"""Questions to the user on the wire: the message that a host gets, and that nothing is sent before its answer."""

import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest
from tests.e2e.pipes import Server, serving
from tests.scripted_model import ScriptedModel
from tests.traces import send, span

pytestmark = pytest.mark.slow

KEY = "sk-planted-0123456789abcdef"
FORMS: dict[str, Any] = {"elicitation": {}}
QUIET_S = 0.5
"""Time in which a server that does not wait would have sent something."""


class Recording(BaseHTTPRequestHandler):
    """A stand-in for Arize AX that keeps every body it is sent, and knows the path of integrations alone."""

    protocol_version = "HTTP/1.1"
    bodies: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.replied(404, {"title": "no such path"})

    def do_POST(self) -> None:
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
        wanted = json.loads(self.bodies[-1])
        made = {"id": "TGxtSW50ZWdyYXRpb246MTph", "name": wanted["name"], "provider": wanted["provider"]}
        self.replied(201, {**made, "has_api_key": True})

    def replied(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the library's word)
        """Nothing: stderr is the test run's."""


@pytest.fixture
def arize() -> Generator[dict[str, Any]]:
    """The variables that lead to a stand-in for AX on loopback, and a provider's key."""
    Recording.bodies.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Recording) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield {
            "ASSAYKIT_BACKEND": "ax",
            "ARIZE_API_KEY": "ak-test",
            "ARIZE_API_SCHEME": "http",
            "ARIZE_API_HOST": f"127.0.0.1:{server.server_port}",
            "OPENAI_API_KEY": KEY,
        }
        server.shutdown()
        thread.join()


def text_of(result: dict[str, Any]) -> str:
    return result["content"][0]["text"]


async def asked(server: Server, tool: str, **arguments: Any) -> dict[str, Any]:
    """The question that a call makes the server send to its host."""
    await server.send("tools/call", name=tool, arguments=arguments)
    question = await server.question()
    assert question["method"] == "elicitation/create"
    form = question["params"]["requestedSchema"]
    assert (form["required"], form["properties"]["yes"]["type"]) == (["yes"], "boolean")
    await anyio.sleep(QUIET_S)
    return question


async def test_no_key_leaves_before_the_answer(tmp_path: Path, arize: dict[str, Any]) -> None:
    given = {"name": "g", "provider": "OPEN_AI"}
    async with serving(tmp_path, **arize) as server:
        await server.initialize(**FORMS)
        question = await asked(server, "create_integration", **given)
        assert question["params"]["message"] == (
            "Send the key in OPENAI_API_KEY to Arize AX, which sends it to https://api.openai.com whenever 'g' is used?"
        )
        assert Recording.bodies == []
        told = await server.answer(question, action="decline")
        assert text_of(told) == "Not created: the user declined."
        assert Recording.bodies == []
        question = await asked(server, "create_integration", **given)
        told = await server.answer(question, action="accept", content={"yes": True})
        assert text_of(told).startswith("Created integration 'g'")
    (body,) = Recording.bodies
    assert json.loads(body)["api_key"] == KEY
    assert KEY not in "".join(server.lines)


async def test_no_row_goes_to_a_model_before_the_answer(tmp_path: Path) -> None:
    await send(tmp_path, [span(f"a{at}", f"Answer {at}.", minutes_ago=at + 1) for at in range(3)])
    with ScriptedModel(lambda _: "good") as model:
        variables: dict[str, Any] = {
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model.url,
            "ASSAYKIT_ASK_ABOVE_CALLS": "2",
            "ASSAYKIT_ASK_ABOVE_DOLLARS": "0.5",
        }
        judge = {"name": "tone", "template": "Rate {output}", "choices": {"good": 1, "bad": 0}, "model": "mine-7b"}
        async with serving(tmp_path, **variables) as server:
            await server.initialize(**FORMS)
            await server.call("create_judge", **judge)
            question = await asked(server, "trigger_backfill", evaluators=["tone"], wait=30)
            host = model.url.removeprefix("http://").removesuffix("/v1")
            message = question["params"]["message"]
            assert message.startswith("Score project 'bot'? 3 calls to models for 3 rows, about ")
            assert f"price unknown. Sent to {host} for mine-7b: the prompt, attributes.output.value." in message
            assert text_of(await server.answer(question, action="cancel")) == (
                "Nothing was started: the user closed the question."
            )
            assert model.count == 0
            question = await asked(server, "trigger_backfill", evaluators=["tone"], wait=30)
            assert model.count == 0
            told = await server.answer(question, action="accept", content={"yes": True})
            assert "The user agreed to 3 calls." in text_of(told)
            assert model.count == 3
