"""The scene: processes that hold the secrets, and providers, functions, backends and proxies that repeat them."""

import json
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import anyio.to_thread
import httpx
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from tests.canaries.planted import Canary, told
from tests.children import child
from tests.e2e.processes import ending_with_parent, environment
from tests.loopback import Served
from tests.scripted_model import Recorded, ScriptedModel
from tests.traces import send, span

from assaykit.toolkit.replies import text_of

FUNCTIONS = """
import os
import sys

SAID = os.environ["SAID_BY_FUNCTIONS"]
print(SAID, file=sys.stderr)

def fails(input):
    print(SAID)
    print(SAID, file=sys.stderr)
    if input == "0":
        raise ValueError(SAID)
    if input == "1":
        try:
            raise KeyError({SAID: SAID})
        except KeyError as cause:
            raise RuntimeError("in " + SAID) from cause
    if input == "2":
        raise ExceptionGroup(SAID, [ValueError(SAID)])
    if input == "3":
        raise SystemExit(SAID)
    if input == "4":
        os.write(2, SAID.encode())
        os._exit(3)
    raise type("Odd" + "Error", (Exception,), {"__str__": lambda self: SAID})()

def answers(input):
    return {"said": SAID, SAID: [SAID]} if input == "0" else SAID

def judged(output):
    return {"label": SAID[:100], "score": 1, "explanation": SAID}

def judge_fails(output):
    raise RuntimeError(SAID)
"""
BROKEN = "import os\nraise RuntimeError(os.environ['SAID_BY_FUNCTIONS'])\n"
ROWS = [{"input": str(number), "expected": "x"} for number in range(6)]
JUDGE = {"template": "Is it good? {output}", "choices": {"good": 1, "bad": 0}}
WEEK = "last 7 days"


class Scene:
    """The folder of all files, the secrets, and `said`: each text that was answered or received, with its place."""

    def __init__(self, folder: Path, canaries: Mapping[str, Canary]) -> None:
        self.folder = folder
        self.canaries = canaries
        self.said: list[tuple[str, str]] = []
        self.home, self.files, self.temporary = (folder / name for name in ("home", "files", "tmp"))
        for place in (self.home, self.files, self.temporary):
            place.mkdir(parents=True)
        # The functions read from a variable what they repeat: their files hold no secret.
        (self.files / "functions.py").write_text(FUNCTIONS, encoding="utf-8")
        (self.files / "broken.py").write_text(BROKEN, encoding="utf-8")
        secret = canaries["key in a hidden file"].value
        (self.files / ".env").write_text(f"OPENAI_API_KEY={secret}\n", encoding="utf-8")
        (self.home / "server.token").write_text(canaries["server token"].value, encoding="utf-8")

    def secret(self, kind: str) -> str:
        """The secret of that kind."""
        return self.canaries[kind].value

    def told(self, *kinds: str) -> str:
        """A sentence with the secrets of these kinds in each encoding."""
        return told(self.canaries[kind] for kind in kinds)

    def variables(self, **more: str) -> dict[str, str]:
        """The environment of a process of the scene."""
        own = {"TMPDIR": str(self.temporary), "HOME": str(self.folder), "ASSAYKIT_LOG": "debug"}
        return environment(self.home, **own, **more)

    def keys(self, model: str) -> dict[str, str]:
        """The variables with keys of models, and those that the functions read."""
        return {
            "OPENAI_API_KEY": self.secret("usual key of a provider"),
            "OPENAI_BASE_URL": model,
            "MY_GATEWAY_KEY": self.secret("key of a provider in another variable"),
            "GH_TOKEN": self.secret("key in an exception of a function"),
            "SERVICE_SECRET": self.secret("key in outputs of a function"),
            "SAID_BY_FUNCTIONS": self.told(
                "key in an exception of a function", "key in outputs of a function", "key that was sent itself"
            ),
        }

    @asynccontextmanager
    async def server(self, name: str, variables: Mapping[str, str]) -> AsyncGenerator["Asker"]:
        """A server over stdio whose stderr is a file of the folder."""
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "assaykit", "--structured"], env=dict(variables), cwd=self.files
        )
        with (self.folder / f"{name}.stderr").open("w", encoding="utf-8") as errors:
            async with Client(stdio_client(command, errors)) as client:
                yield Asker(client, name, self.said)

    def command(self, variables: Mapping[str, str], *words: str) -> str:
        """Run a command of assaykit, and keep what it printed; its stdout."""
        ended = subprocess.run(
            [sys.executable, "-m", "assaykit", *words],
            cwd=self.files, env=dict(variables), capture_output=True, check=False, encoding="utf-8", timeout=300,
        )  # fmt: skip
        self.said += [(f"{words[0]}, stdout", ended.stdout), (f"{words[0]}, stderr", ended.stderr)]
        return ended.stdout

    @contextmanager
    def listener(self, name: str, variables: Mapping[str, str], *words: str) -> Generator[str]:
        """A process that listens; the address of its first line. Its stdout and stderr are kept."""
        command = ending_with_parent(sys.executable, "-m", "assaykit", *words, "--port", "0")
        with (
            (self.folder / f"{name}.stderr").open("w", encoding="utf-8") as errors,
            child(
                command, cwd=self.files, env=dict(variables), stdout=subprocess.PIPE, stderr=errors, text=True
            ) as process,
        ):
            assert process.stdout is not None
            first = process.stdout.readline()
            try:
                yield first.split()[-1]
            finally:
                process.terminate()
                self.said.append((f"{name}, stdout", first + process.stdout.read()))

    def received(self, name: str, requests: Sequence[Recorded], *allowed: str) -> None:
        """Keep what a provider received, but for the headers that may carry the keys of these kinds."""
        for one in requests:
            headers = dict(one.headers)
            for header in ("authorization", "x-api-key"):
                if headers.get(header, "").removeprefix("Bearer ") in map(self.secret, allowed):
                    del headers[header]
            self.said.append((f"a request to {name}", f"{one.path} {headers} {json.dumps(one.body)}"))


class Asker:
    """Calls tools, and keeps every reply."""

    def __init__(self, client: Client, name: str, said: list[tuple[str, str]]) -> None:
        self._client = client
        self._name = name
        self._said = said
        self.refused: list[str] = []

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool, whether it answers or refuses; its data."""
        result = await self._client.call_tool(tool, arguments)
        self._said.append((f"{self._name}: {tool}", result.model_dump_json()))
        if result.is_error:
            self.refused.append(f"{tool}: {text_of(result)}")
        return result.structured_content or {}


async def play(folder: Path, canaries: Mapping[str, Canary]) -> Scene:
    """Play every part of the scene once."""
    scene = Scene(folder, canaries)
    await send(scene.home, [span(f"s{number}", "an output", asked="x") for number in range(6)])
    await _local(scene)
    await anyio.to_thread.run_sync(_listening, scene)
    await _far(scene)
    return scene


async def _local(scene: Scene) -> None:
    """The embedded engine: models, functions, files, exports and commands."""
    both = ("usual key of a provider", "key of a provider in another variable")
    said = scene.told(*both, "key that was sent itself")

    def answer(prompt: str) -> dict[str, Any]:
        return {"label": "good", "explanation": said} if "good" in prompt else {"text": said}

    statuses = [401, 400, 403, 404, 422, 500, 500, 500, 500] * 9
    refuses = ScriptedModel(answer, failures=statuses, failure_text=said, failure_headers={"x-said": said})
    with ScriptedModel(answer) as model, refuses as refusing:
        variables = scene.variables(**scene.keys(model.url))
        await anyio.to_thread.run_sync(_kept, scene, variables, refusing.url)
        async with scene.server("local", variables) as ask:
            await _integrations(scene, ask, refusing.url)
            await _judged(ask)
            await _functions(ask)
            await _exports(ask)
        experiments = ("--dataset", "d")
        for function in ("fails", "answers"):
            scene.command(
                variables, "run", f"functions.py:{function}", *experiments, "--name", f"by hand {function}",
                "--evaluator", "functions.py:judged", "--restart",
            )  # fmt: skip
        decided = (
            "--baseline",
            "answers",
            "--candidate",
            "by hand answers",
            "--rule",
            "judged: better",
            "--direction",
            "judged=MAXIMIZE",
        )
        scene.command(variables, "gate", *decided, "--junit", "gate.xml", "--markdown", "gate.md")
        scene.command(variables, "doctor")
        scene.received("the usual provider", model.requests, both[0])
        scene.received("the gateway", refusing.requests, both[1], "key that was sent itself")


def _kept(scene: Scene, variables: Mapping[str, str], gateway: str) -> None:
    """An engine that is sent a key itself, and a gateway that repeats it. Other processes read the key later."""
    key, raw = scene.secret("engine key"), scene.secret("key that was sent itself")
    with scene.listener("keeper", {**variables, "ASSAYKIT_ENGINE_KEY": key}, "engine") as url:
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            there = {"name": "kept", "provider": "CUSTOM", "base_url": gateway, "model_names": ["m"], "api_key": raw}
            made = client.post("/v2/ai-integrations", json=there)
            assert made.status_code == HTTPStatus.CREATED, made.text
            at = f"/v2/ai-integrations/{made.json()['id']}"
            answers = [
                made,
                client.post("/v2/ai-integrations", json=there),
                client.get(at),
                client.patch(at, json={"api_key": raw, "model_names": ["m", "n"]}),
                client.patch(at, json={"api_key": raw, "provider": raw}),
                client.get("/v2/ai-integrations", params={"name": raw}),
                client.get(f"/v2/ai-integrations/{raw.replace('/', '')}"),
            ]
        scene.said += [(f"keeper: {answer.status_code}", f"{answer.headers}{answer.text}") for answer in answers]


async def _integrations(scene: Scene, ask: Asker, gateway: str) -> None:
    await ask.call("create_dataset", name="d", rows=ROWS)
    there = {"provider": "CUSTOM", "model_names": ["m"]}
    key = scene.secret("key in place of a variable's name")
    password = scene.secret("password in an address").replace("/", "%2F")
    await ask.call("create_integration", name="g", base_url=gateway, key_variable="MY_GATEWAY_KEY", **there)
    await ask.call("create_integration", name="g", base_url=gateway, key_variable="MY_GATEWAY_KEY", test=False, **there)
    for name in ("key_variable", "keyring_entry"):
        await ask.call("create_integration", name="k", base_url=gateway, **{name: key}, **there)
    for address in (f"https://u:{password}@gateway.example/v1", f"https://gateway.example/v1?key={password}"):
        await ask.call("create_integration", name="a", base_url=address, test=False, **there)
    await ask.call("upload_experiment", file=".env", dataset="d")
    await ask.call("create_dataset", name="hidden", file=".env")
    await ask.call("list_integrations")
    await ask.call("get_status")


async def _judged(ask: Asker) -> None:
    await ask.call("create_judge", name="tone", integration="openai", **JUDGE)
    await ask.call("create_judge", name="refused", integration="g", **JUDGE)
    await ask.call("create_judge", name="kept", integration="kept", **JUDGE)
    await ask.call("create_judge", name="odd", integration="openai", template="Say: {output}", choices={"a": 1, "b": 0})
    for judge in ("tone", "refused", "odd", "kept"):
        await ask.call("preview_judge", judge=judge, project="bot", rows=3)
        await ask.call("create_task", name=judge, evaluators=[judge], project="bot")
        run = await ask.call("trigger_run", task=judge, window=WEEK, wait=60)
        if "run" in run:
            await ask.call("get_run", run=run["run"]["id"], rows=True)
    await ask.call("search_spans", project="bot", limit=50)


async def _functions(ask: Asker) -> None:
    for name in ("answers", "fails"):
        evaluators = ["functions.py:judged", "functions.py:judge_fails", "tone"]
        given = {"task": f"functions.py:{name}", "dataset": "d", "evaluators": evaluators}
        await ask.call("run_experiment", name=name, **given)
    await ask.call("run_experiment", name="broken", task="broken.py:x", dataset="d")
    await ask.call("run_experiment", name="nobody", task="functions.py:nobody", dataset="d")
    for name in ("answers", "fails"):
        await ask.call("get_experiment", experiment=name, failures_first=True)


async def _exports(ask: Asker) -> None:
    for name in ("answers", "fails"):
        for form in ("csv", "jsonl", "parquet"):
            await ask.call("get_experiment", experiment=name, save_to=f"{name}.{form}")
    await ask.call("search_spans", project="bot", save_to="spans.parquet")
    both = {"experiments": ["answers", "fails"]}
    await ask.call("compare_experiments", **both, detail="full")
    await ask.call("compare_experiments", **both, save_to="page.html")
    await ask.call(
        "check_release",
        candidate="fails",
        baseline="answers",
        rules=["judged: better"],
        directions={"judged": "MAXIMIZE"},
    )


def _listening(scene: Scene) -> None:
    """The two servers that have a secret of their own: callers who repeat it in every place of a request."""
    token, key = scene.secret("server token"), scene.secret("engine key")
    with scene.listener("server", scene.variables(), "serve", "--transport", "http") as url:
        _knock(scene, "server", url, token)
    with scene.listener("engine", scene.variables(ASSAYKIT_ENGINE_KEY=key), "engine") as url:
        _knock(scene, "engine", f"{url}/v2/spaces", key)
        headers = {"Authorization": f"Bearer {key}"}
        body = {
            "name": "h", "provider": "CUSTOM", "base_url": "https://gateway.example/v1", "model_names": ["m"],
            "headers": {"X-Api-Key": scene.secret("key in a header"), "X-Team": scene.secret("key in a header")},
        }  # fmt: skip
        answer = httpx.post(f"{url}/v2/ai-integrations", json=body, headers=headers, trust_env=False)
        scene.said.append(("engine: headers of an integration", answer.text))
    scene.command(scene.variables(ASSAYKIT_ENGINE_KEY=key), "engine", "--env")


def _knock(scene: Scene, name: str, url: str, secret: str) -> None:
    """Requests that hold the secret where it does not belong; each answer is kept."""
    said = {"url": httpx.URL(url).copy_with(params={"key": secret, "access_token": secret})}
    right = {"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream"}
    asked: list[dict[str, Any]] = [
        {"method": "GET", **said},
        {"method": "GET", "url": url, "headers": {"Authorization": secret}},
        {"method": "GET", "url": url, "headers": {"Authorization": f"Bearer {secret}x"}},
        {"method": "GET", "headers": {**right, "Host": "evil.example"}, **said},
        {"method": "GET", "headers": {**right, "Origin": f"http://evil.example/{secret}"}, "url": url},
        {"method": "GET", "headers": right, "url": f"{url}/{secret.replace('/', '')}"},
        {"method": "POST", "headers": right, "content": secret, **said},
        {"method": "POST", "headers": right, "json": {"jsonrpc": "2.0", "id": 1, "method": secret}, **said},
        {"method": "POST", "headers": {**right, "Content-Type": f"text/{secret}"}, "json": {}, **said},
    ]
    with httpx.Client(trust_env=False) as client:
        for one in asked:
            answer = client.request(**one)
            scene.said.append((f"{name}: {answer.status_code}", f"{answer.headers}{answer.text}"))


async def _far(scene: Scene) -> None:
    """AX that repeats the key in answers of every kind, and a proxy that repeats its password."""
    said = scene.told("AX key", "usual key of a provider")
    received: list[Recorded] = []
    ways: list[Response] = [
        *(JSONResponse({"title": said, "status": one, "detail": said}, one) for one in (400, 401, 403, 404, 409, 422)),
        HTMLResponse(said, 400),
        Response(said, 400, {"x-said": said.replace("\n", " ")}),
        RedirectResponse(f"http://elsewhere.example/?{httpx.QueryParams({'said': said})}", 307),
        JSONResponse({"spaces": [{"id": "U3BhY2U6MTph", "name": said}], "pagination": {"has_more": False}}),
        JSONResponse({"spaces": said}),
        Response(f"{{{said}", media_type="application/json"),
    ]

    async def answer(request: Request) -> Response:
        body: Any = json.loads(await request.body() or b"{}")
        # A new integration sends the model's key to AX in this field, as SECURITY.md says.
        if request.url.path.endswith("/ai-integrations") and body.get("api_key") == keys["OPENAI_API_KEY"]:
            del body["api_key"]
        received.append(Recorded(str(request.url), dict(request.headers), body))
        return ways[len(received) % len(ways)]

    app = Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST", "PATCH", "DELETE"])])
    keys = {"ARIZE_API_KEY": scene.secret("AX key"), "OPENAI_API_KEY": scene.secret("usual key of a provider")}
    with Served(app) as served:
        port = served.address.rpartition(":")[2]
        at = {"ARIZE_API_SCHEME": "http", "ARIZE_API_HOST": "127.0.0.1", "ARIZE_API_PORT": port}
        await _asked(scene, "ax", {**keys, **at}, turns=3)
    scene.received("AX", received, "AX key")
    with _proxy(scene.told("password of a proxy")) as port:
        password = scene.secret("password of a proxy").replace("/", "%2F")
        proxy = {"HTTPS_PROXY": f"http://user:{password}@127.0.0.1:{port}", "ARIZE_API_HOST": "ax.example"}
        await _asked(scene, "proxied", {**keys, **proxy})
    await _asked(scene, "unreached", {**keys, **proxy})


async def _asked(scene: Scene, name: str, more: Mapping[str, str], turns: int = 1) -> None:
    """Ask a server whose backend is AX, and the doctor."""
    variables = scene.variables(ASSAYKIT_BACKEND="ax", **more)
    async with scene.server(name, variables) as ask:
        for turn in range(turns):
            for tool in ("list_spaces", "list_projects", "list_integrations"):
                await ask.call(tool)
            await ask.call("create_integration", name=f"i{turn}", provider="OPEN_AI")
        await ask.call("get_status")
    scene.command(variables, "doctor")


@contextmanager
def _proxy(said: str) -> Generator[int]:
    """A proxy that refuses every connection, and says so in the reason, in headers and in the body; its port."""
    answer = f"HTTP/1.1 407 {said}\r\nX-Said: {said}\r\nContent-Length: {len(said)}\r\n\r\n{said}".encode()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
