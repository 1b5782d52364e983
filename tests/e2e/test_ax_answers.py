"""Answers of servers that are taken for AX, over a real connection: one clear sentence for each."""

import json
import socket
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.caller import serving, text_of
from tests.loopback import Served

from assaykit.cli.doctor import run as doctor
from assaykit.settings import Settings

KEY = "ak-planted-4711"
SPACES = json.dumps({"spaces": [{"id": "U3BhY2U6MTph", "name": "prod"}], "pagination": {"has_more": False}})


def answering(status: int, body: str, media: str = "application/json", *, cut: int = 0, **headers: str) -> ASGIApp:
    """An app with one answer for everything; the last `cut` bytes of its body never come."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        every: Mapping[str, str] = {"content-type": media, "content-length": str(len(body)), **headers}
        told = [(name.replace("_", "-").encode(), value.encode()) for name, value in every.items()]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": body[: len(body) - cut].encode()})

    return app


def reaching(settings: Settings, url: str) -> Settings:
    return replace(settings, backend="ax", ax_key=KEY, ax_url=url)


PROBLEM = '{"title": "Oops", "status": 500, "detail": "The database is away."}'


@pytest.mark.parametrize(
    ("app", "code", "message", "following"),
    [
        pytest.param(
            answering(401, f'{{"title": "Unauthorized", "status": 401, "detail": "Invalid key {KEY}."}}'),
            "unauthorized",
            "Arize AX refused the key in ARIZE_API_KEY at {address}/v2/spaces: Invalid key [secret].",
            "Check ARIZE_API_KEY, and that the key may use this space.",
            marks=pytest.mark.over_http("unauthorized"),
        ),
        pytest.param(
            answering(200, "<html>hi</html>", "text/html"),
            "contract_broken",
            "an HTML page.",
            "check ARIZE_API_HOST",
            marks=pytest.mark.over_http("contract_broken"),
        ),
        (answering(502, "<html>bad</html>", "text/html"), "unavailable", "status 502: an HTML page", "Try again later"),
        (
            answering(307, "", location="https://elsewhere.test/v2/spaces"),
            "contract_broken",
            "Arize AX answered /v2/spaces with a redirect, which is not followed.",
            "check ARIZE_API_HOST",
        ),
        pytest.param(
            answering(429, "{}", retry_after="75"),
            "rate_limited",
            "Arize AX asks to slow down.",
            "Wait 75 s, then",
            marks=pytest.mark.over_http("rate_limited"),
        ),
        pytest.param(
            answering(500, PROBLEM),
            "unavailable",
            "failed with status 500: The database is away.",
            "Try again later",
            marks=pytest.mark.over_http("unavailable"),
        ),
        (
            answering(200, SPACES[:-9]),
            "contract_broken",
            "with a body that is not a valid SpacePage.",
            "please report it",
        ),
        (
            answering(200, SPACES, cut=9),
            "unavailable",
            "The connection to Arize AX broke during GET /v2/spaces",
            "Try again;",
        ),
    ],
    ids=["wrong key", "page", "bad gateway", "redirect", "slow down", "problem", "truncated", "broken off"],
)
async def test_every_answer_that_is_no_answer_is_one_clear_sentence(
    settings: Settings, app: ASGIApp, code: str, message: str, following: str
) -> None:
    with Served(app) as served:
        address = served.address
        async with serving(reaching(settings, address)) as ax:
            refusal = await ax.refused("get_status")
    assert refusal["code"] == code
    assert message.format(address=address) in refusal["message"]
    assert following in refusal["next"]
    assert KEY not in json.dumps(refusal)


@pytest.mark.parametrize("host", ["127.0.0.1:{closed}", "ax.invalid"])
async def test_a_host_that_is_not_there_is_named_with_its_variable(settings: Settings, host: str) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody else gets the port, and nobody answers on it.
        taken.bind(("127.0.0.1", 0))
        host = host.format(closed=taken.getsockname()[1])
        async with serving(reaching(settings, f"http://{host}")) as ax:
            refusal = await ax.refused("get_status")
    assert refusal["code"] == "unavailable"
    assert refusal["message"] == "Arize AX could not be reached: ConnectError."
    assert refusal["next"].startswith(f"Its address is {host}: check ARIZE_API_HOST")


async def test_a_companys_proxy_carries_calls_to_ax_and_none_to_loopback(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Served(answering(200, SPACES.replace("prod", "by proxy"))) as proxy, Served(answering(200, SPACES)) as near:
        monkeypatch.setenv("HTTP_PROXY", proxy.address)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        for url, name in (("http://ax.invalid", "by proxy"), (near.address, "prod")):
            async with serving(reaching(settings, url)) as ax:
                assert [one["name"] for one in (await ax.ask("list_spaces"))["spaces"]] == [name]


def test_the_doctor_looks_at_the_connection_to_ax(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    with Served(answering(200, SPACES)) as served:
        url = served.address
        assert doctor(reaching(settings, url))
    host = url.removeprefix("http://")
    told = capsys.readouterr().out
    assert f"ok   Arize AX at {host}: answers; 1 space(s) (last answer 20" in told
    assert "failure" not in told
    assert not doctor(reaching(settings, url))
    told = capsys.readouterr().out
    assert f"FAIL Arize AX at {host}: Arize AX could not be reached: ConnectError. (last answer 20" in told
    assert " (ConnectError), 3 second tries)" in told
    assert "check ARIZE_API_HOST" in told
    assert KEY not in told
    assert not settings.home.exists()


async def newer(scope: Scope, receive: Receive, send: Send) -> None:
    """A backend with a provider, a span kind, a project type and a task type that this version does not know."""
    paging = {"pagination": {"has_more": False}}
    span = {
        "context": {"trace_id": "t" * 32, "span_id": "s" * 16},
        "name": "n",
        "kind": "WORKFLOW",
        "status_code": "Ok",
    }
    grok = {"id": "TGxt", "name": "grok", "provider": "XAI"}
    bodies: dict[str, Any] = {
        "/v2/spaces": json.loads(SPACES),
        "/v2/ai-integrations": {"ai_integrations": [grok], **paging},
        "/v2/ai-integrations/TGxt": grok,
        "/v2/projects": {"projects": [{"id": "TW9kZWw6MTph", "name": "p", "project_type": "MOBILE"}], **paging},
        "/v2/spans": {"spans": [{**span, "start_time": "2026-01-01T00:00:00Z"}], **paging},
        "/v2/tasks": {
            "tasks": [{"id": "VGFzazox", "name": "odd", "type": "SWARM_EVALUATION", "project_id": "TW9kZWw6MTph"}],
            **paging,
        },
    }
    runs = {"task_runs": [{"id": "UnVuOjE6eA==", "status": "PAUSED"}], **paging}
    body = runs if scope["path"].endswith("/runs") else bodies.get(scope["path"])
    app = answering(404, PROBLEM) if body is None else answering(200, json.dumps(body))
    await app(scope, receive, send)


async def test_values_that_a_newer_backend_has_are_shown_and_stop_nothing(settings: Settings) -> None:
    with Served(newer) as served:
        async with serving(reaching(settings, served.address)) as ax:
            assert "grok' (XAI" in text_of(await ax.call("get_status"))
            assert "WORKFLOW" in text_of(await ax.call("search_spans", project="p"))
            assert "SWARM_EVALUATION" in text_of(await ax.call("list_tasks"))
            assert "'p'" in text_of(await ax.call("list_projects"))
            refusal = await ax.refused("create_judge", name="j", template="{input}", choices={"a": 1, "b": 0})
    assert refusal["message"] == "Integration 'grok' names no model."
