import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import anyio
import pytest
from mcp import Client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from tests.caller import Caller, serving
from tests.loopback import Served

from assaykit import opening
from assaykit.backend import connect
from assaykit.errors import Invalid, Unauthorized
from assaykit.importing import imported
from assaykit.judge.providers.rate_control import SLOTS
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.wire.spaces import SpacePage

KEYS = {"ARIZE_API_KEY": "ak-planted-4711", "ARIZE_SPACE_ID": "U3BhY2U6MTph"}

STARTED = """
import gc, json, sys
import anyio
from mcp import Client
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolsets import listed

async def main():
    async with Client(create_server(Settings.from_environment({"ASSAYKIT_HOME": sys.argv[1]}))) as client:
        await client.list_tools()
        before = sorted(sys.modules)
        await client.call_tool("get_status", {})
        after, spared = sorted(sys.modules), gc.get_freeze_count()
        wanted = {tool.module for tool in listed()}
        with anyio.fail_after(60):
            while not wanted <= sys.modules.keys():
                await anyio.sleep(0.1)
        print(json.dumps([sorted(wanted), before, after, spared]))

anyio.run(main)
"""


def test_a_key_in_the_environment_does_not_choose_ax() -> None:
    settings = Settings.from_environment(KEYS)
    assert (settings.backend, settings.ax_key, settings.space) == ("local", "ak-planted-4711", None)


def test_ax_is_chosen_by_name_and_then_the_space_of_its_own_variable_counts() -> None:
    settings = Settings.from_environment({**KEYS, "ASSAYKIT_BACKEND": "ax"})
    assert (settings.backend, settings.space) == ("ax", "U3BhY2U6MTph")
    assert Settings.from_environment(KEYS, backend="ax").backend == "ax"
    assert Settings.from_environment({"ASSAYKIT_BACKEND": "ax"}, backend="local").backend == "local"


def test_a_backend_that_is_none_is_named_with_its_variable() -> None:
    with pytest.raises(Invalid, match="ASSAYKIT_BACKEND is 'phoenix', which is not a backend"):
        Settings.from_environment({"ASSAYKIT_BACKEND": "phoenix"})


def test_the_number_of_judge_calls_at_once_is_a_small_whole_number() -> None:
    assert Settings.from_environment({}).concurrency == Settings().concurrency == SLOTS
    assert Settings.from_environment({"ASSAYKIT_CONCURRENCY": "50"}).concurrency == 50
    assert Settings.from_environment({"ASSAYKIT_CALLS_PER_MINUTE": "300"}).calls_a_second == 5
    for wrong in ("0", "many", "1.5", "1000000"):
        with pytest.raises(
            Invalid, match=r"ASSAYKIT_CALLS_PER_MINUTE is .*, which is not a whole number from 1 to 999999"
        ):
            Settings.from_environment({"ASSAYKIT_CALLS_PER_MINUTE": wrong})
    for wrong in ("0", "501", "many", "-3", "1.5", "9" * 5000):
        with pytest.raises(Invalid, match=r"ASSAYKIT_CONCURRENCY is .*, which is not a whole number from 1 to 500"):
            Settings.from_environment({"ASSAYKIT_CONCURRENCY": wrong})


def test_the_threshold_of_questions_about_cost_is_a_number_of_calls_and_of_dollars() -> None:
    usual = Settings.from_environment({})
    assert (usual.ask_above_calls, usual.ask_above_dollars, usual.answer_s) == (200, 1.0, 300)
    own = Settings.from_environment({"ASSAYKIT_ASK_ABOVE_CALLS": "0", "ASSAYKIT_ASK_ABOVE_DOLLARS": "0.25"})
    assert (own.ask_above_calls, own.ask_above_dollars) == (0, 0.25)
    for wrong in ("-1", "1.5", "many", "9" * 5000, "٣"):
        with pytest.raises(Invalid, match=r"ASSAYKIT_ASK_ABOVE_CALLS is .*, which is not a whole number"):
            Settings.from_environment({"ASSAYKIT_ASK_ABOVE_CALLS": wrong})
    for wrong in ("-1", "nan", "inf", "1e3", "$2", "1.", "9" * 5000, "٣"):
        with pytest.raises(Invalid, match=r"ASSAYKIT_ASK_ABOVE_DOLLARS is .*, which is not an amount of US dollars"):
            Settings.from_environment({"ASSAYKIT_ASK_ABOVE_DOLLARS": wrong})


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({}, "https://api.arize.com"),
        ({"API_SCHEME": "http", "API_HOST": "ax.test", "API_PORT": "8080"}, "http://ax.test:8080"),
        ({"API_PORT": "0"}, "https://api.arize.com"),
        ({"API_HOST": "ax.test:1", "API_PORT": "2"}, "https://ax.test:2"),
        ({"API_HOST": "ax.test:1/"}, "https://ax.test:1"),
        ({"API_HOST": "[::1]", "API_PORT": "2"}, "https://[::1]:2"),
        ({"REGION": "eu-west-1a", "API_HOST": "ax.test"}, "https://api.eu-west-1a.arize.com"),
        ({"BASE_DOMAIN": "corp.test"}, "https://api.corp.test"),
        ({"SINGLE_HOST": "one.test", "SINGLE_PORT": "7", "API_HOST": "ax.test"}, "https://one.test:7"),
        ({"SINGLE_PORT": "7", "API_PORT": "8"}, "https://api.arize.com:8"),
    ],
)
def test_the_address_of_ax_is_put_together_from_the_variables_of_its_sdk(
    variables: dict[str, str], address: str
) -> None:
    environment = {f"ARIZE_{name}": value for name, value in variables.items()}
    assert Settings.from_environment(environment, backend="ax").ax_url == address


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"REGION": "mars"}, "ARIZE_REGION is 'mars', which is not a region of Arize AX."),
        (
            {"REGION": "eu-west-1a", "SINGLE_PORT": "7"},
            "ARIZE_REGION and ARIZE_SINGLE_HOST both say where Arize AX is.",
        ),
        ({"SINGLE_HOST": "a", "BASE_DOMAIN": "b"}, "ARIZE_SINGLE_HOST and ARIZE_BASE_DOMAIN both say where"),
        ({"API_SCHEME": "ftp"}, "ARIZE_API_SCHEME is 'ftp'."),
        ({"API_HOST": "https://ax.test"}, "The host of Arize AX is not a valid host name."),
        ({"API_HOST": "ak-planted-4711@ax.test"}, "The host of Arize AX is not a valid host name."),
        ({"API_PORT": "9" * 5000}, "ARIZE_API_PORT is '9999"),
        ({"API_PORT": "many"}, "ARIZE_API_PORT is 'many', which is not a port."),
        ({"SINGLE_PORT": "65536"}, "ARIZE_SINGLE_PORT is '65536', which is not a port."),
    ],
)
def test_an_address_that_makes_no_sense_is_told_with_its_variable(variables: dict[str, str], said: str) -> None:
    environment = {f"ARIZE_{name}": value for name, value in variables.items()}
    with pytest.raises(Invalid) as caught:
        Settings.from_environment(environment, backend="ax")
    assert caught.value.message.startswith(said)
    assert len(str(caught.value)) < 200
    assert Settings.from_environment(environment).ax_url == "https://api.arize.com"


def test_files_are_read_from_the_named_folders_first_then_the_hosts_then_the_launch_folder() -> None:
    named = os.pathsep.join(["/srv/a", "/srv/b"])
    settings = Settings.from_environment({"ASSAYKIT_FILES": named, "CLAUDE_PROJECT_DIR": "/srv/b"})
    assert settings.folders == (Path("/srv/a"), Path("/srv/b"), Path.cwd())


def test_no_secret_is_part_of_what_the_settings_print() -> None:
    printed = repr(Settings.from_environment({**KEYS, "ASSAYKIT_ENGINE_KEY": "ek-planted", "OPENAI_API_KEY": "sk-pl"}))
    assert "planted" not in printed
    assert "sk-pl" not in printed


async def test_ax_without_a_key_is_refused_and_names_the_variable(settings: Settings) -> None:
    with pytest.raises(Unauthorized) as caught:
        async with connect(replace(settings, backend="ax")):
            pass
    assert caught.value.message == "The backend is Arize AX, but there is no key."
    assert "ARIZE_API_KEY" in caught.value.next
    assert not settings.home.exists()


@pytest.mark.parametrize("key", ["ak-plantedé", "ak-planted\nX: y", "ak-planted\x00"])
async def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(settings: Settings, key: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        async with connect(replace(settings, backend="ax", ax_key=key)):
            pass
    assert caught.value.message == "The key in ARIZE_API_KEY has a character that no header can carry."
    assert "planted" not in str(caught.value)


async def test_a_client_of_ax_says_so_and_opens_no_store(settings: Settings) -> None:
    async with connect(replace(settings, backend="ax", ax_key="ak-planted-4711")) as api:
        assert api.backend == "ax"
    assert not settings.home.exists()


async def test_words_of_ax_lose_a_key_that_an_engine_on_the_data_folder_keeps(settings: Settings) -> None:
    key = "sesame-plain-7341"

    async def refuse(request: Request) -> Response:
        return JSONResponse({"detail": f"not with {key}"}, 400)

    with Served(Starlette(routes=[Route("/{rest:path}", refuse)])) as served:
        port = served.address.rpartition(":")[2]
        at = {"ARIZE_API_SCHEME": "http", "ARIZE_API_HOST": "127.0.0.1", "ARIZE_API_PORT": port, **KEYS}
        far = Settings.from_environment({**at, "ASSAYKIT_HOME": str(settings.home)}, backend="ax")
        async with connect(far) as api:
            settings.home.mkdir(parents=True)
            kept = json.dumps({"a": json.dumps({"key": key, "bound_to": "x"})})
            (settings.home / "model-keys.json").write_text(kept, encoding="utf-8")
            with pytest.raises(Invalid, match=r"not with \[secret\]"):
                await api.get("/v2/spaces", SpacePage)


async def test_the_store_is_made_by_the_first_request(settings: Settings) -> None:
    async with connect(settings) as api:
        assert not settings.home.exists()
        page = await api.get("/v2/spaces", SpacePage)
        assert [space.name for space in page.spaces] == ["default"]
        assert settings.home.exists()


async def test_first_requests_at_once_open_one_engine(settings: Settings) -> None:
    found: list[int] = []
    async with connect(settings) as api, anyio.create_task_group() as group:

        async def ask() -> None:
            found.append(len((await api.get("/v2/spaces", SpacePage)).spaces))

        for _ in range(5):
            group.start_soon(ask)
    assert found == [1] * 5


async def test_a_data_folder_that_cannot_be_used_is_told_and_can_be_mended(settings: Settings) -> None:
    settings.home.write_text("a file, not a folder", encoding="utf-8")
    async with serving(settings) as ax:
        refusal = await ax.refused("get_status")
        assert refusal["code"] == "unavailable"
        assert "ASSAYKIT_HOME" in refusal["next"]
        settings.home.unlink()
        assert (await ax.ask("get_status"))["spaces"] == ["default"]


async def test_a_server_leaves_its_data_to_the_next_one(settings: Settings, bot: None) -> None:
    for _ in range(2):
        async with serving(settings) as ax:
            assert await spans(ax) == 4


async def spans(ax: Caller) -> int:
    return (await ax.ask("get_status"))["store"]["spans"]


def test_the_first_call_imports_the_engine_and_the_time_after_it_the_other_tools(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", STARTED, str(tmp_path / "home")],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    tools, before, after, spared = json.loads(done.stdout)
    assert spared > 50_000
    assert len(tools) > 8
    assert not set(tools) & set(before)
    assert not set(tools) <= set(after)
    engine = {"sqlalchemy", "assaykit.engine"}
    assert engine & set(before) == set()
    assert engine <= set(after)
    # A new store needs no migration.
    assert "alembic" not in after


async def test_certificates_that_cannot_be_read_are_named_with_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for wrong in (tmp_path / "absent.pem", empty):
        monkeypatch.setenv("SSL_CERT_FILE", str(wrong))
        settings = Settings(backend="ax", ax_key="ak-planted-4711", environment={"SSL_CERT_FILE": str(wrong)})
        async with Client(create_server(settings)) as client:
            refusal = await Caller(client, settings).refused("get_status")
        assert refusal["message"].startswith("The certificates for Arize AX cannot be read: ")
        assert refusal["next"] == "Correct SSL_CERT_FILE, then start the server again."


async def test_an_engine_on_this_machine_needs_no_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    for address, told in [
        ("http://127.0.0.1:9", "could not be reached"),
        ("http://localhost:9", "could not be reached"),
        ("http://[::1]:9", "could not be reached"),
        ("http://ax.invalid:9", "certificates for Arize AX cannot be read"),
    ]:
        settings = Settings(backend="ax", ax_key="ak-planted-4711", ax_url=address, deadline_s=0.5)
        async with Client(create_server(settings)) as client:
            assert told in (await Caller(client, settings).refused("list_spaces"))["message"], address


async def test_a_session_that_does_not_open_is_told_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def crashes(_settings: Settings) -> None:
        raise RuntimeError("a secret detail")

    async with Client(create_server(settings)) as client:
        caller = Caller(client, settings)
        with monkeypatch.context() as patched:
            patched.setattr("assaykit.backend.connect", crashes)
            refusal = await caller.refused("get_status")
        assert (refusal["code"], refusal["message"]) == ("error", "The tool failed on an internal error.")
        assert "assaykit" in await caller.told("get_status")


async def test_first_calls_at_the_same_time_share_one_session(settings: Settings) -> None:
    async with Client(create_server(settings)) as client, anyio.create_task_group() as group:
        caller = Caller(client, settings)
        for tool in ("get_status", "list_spaces", "list_tasks", "list_judges", "get_status"):
            group.start_soon(caller.told, tool)


async def test_a_module_that_cannot_be_imported_ends_no_session(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "IDLE_S", 0.0)
    asked: list[str] = []

    async def counted(name: str) -> ModuleType:
        asked.append(name)
        return await imported(name)

    monkeypatch.setattr(opening, "imported", counted)
    async with opening.late_session(settings, {}, ["assaykit.absent", "assaykit.figures"]) as late:
        here = await late.session()
        with anyio.fail_after(30):
            while "assaykit.figures" not in asked:  # noqa: ASYNC110  (modules tell nobody)
                await anyio.sleep(0.01)
        assert (await here.space(None)).name == "default"
    assert "assaykit.absent" in asked
