"""Keys that are sent themselves over REST: their homes, what they are bound to, and where they are not."""

import json
import logging
import os
import sys
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from tests.engine.door import Body
from tests.engine.rest import Rest, opened
from tests.scripted_model import ScriptedModel

from assaykit import redaction
from assaykit.engine import os_keyring
from assaykit.engine.store.tables import integrations

PATH = "/v2/ai-integrations"
RAW = "sk-proj-raw-0123456789abcdefghijklmnop"
OTHER = "hunter2-plain-4711"
IN_RING = "sesame-plain-0815"
KEYS = "model-keys.json"

RING = """
import time
import keyring.errors
STORED, HANG_S, LOCKED = {}, [0], []
class Keyring: ...
Keyring.__module__ = "keyring.backends.SecretService"
def get_keyring():
    time.sleep(HANG_S[0])
    return Keyring()
def _open():
    time.sleep(HANG_S[0])
    if LOCKED:
        raise keyring.errors.KeyringError("locked")
def get_password(service, name):
    _open()
    return STORED.get((service, name))
def set_password(service, name, value):
    _open()
    STORED[service, name] = value
def delete_password(service, name):
    _open()
    del STORED[service, name]
"""
"""A keyring as the package offers one, which can be locked and can hang."""


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not installed, unless a test asks for `ring`."""
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def ring(no_keyring: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[], Any]]:
    """The package `keyring`, installed. Returns its module, which only the engine imports."""
    package = tmp_path / "site" / "keyring"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(RING, encoding="utf-8")
    (package / "errors.py").write_text("class KeyringError(Exception): ...\n", encoding="utf-8")
    monkeypatch.delitem(sys.modules, "keyring")
    monkeypatch.setattr(sys, "path", [str(package.parent), *sys.path])
    yield lambda: __import__("keyring")
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name, None)


@pytest.fixture
async def rest(home: Path) -> AsyncGenerator[Rest]:
    async with opened(home, {"MODEL_KEY": "from-a-variable", "ARIZE_API_KEY": "ak-of-this-server"}) as rest:
        yield rest


def gateway(**fields: Any) -> Body:
    return {"name": "gateway", "provider": "CUSTOM", "base_url": "https://a.example.com/v1", "api_key": RAW} | fields


async def reference(rest: Rest, integration: str) -> str | None:
    def read(connection: sa.Connection) -> str | None:
        query = sa.select(integrations.c.secret_ref).where(integrations.c.id == integration)
        return connection.execute(query).scalar_one_or_none()

    return await rest.door.engine.database.read(read)


async def check(rest: Rest, integration: str) -> Body:
    return await rest.ask("POST", f"/x/ai-integrations/{integration}/check", {"model": "m"})


def holders(home: Path) -> list[str]:
    """The files of the data folder that hold the key."""
    return [file.name for file in home.rglob("*") if file.is_file() and RAW.encode() in file.read_bytes()]


def kept(home: Path) -> str:
    return (home / KEYS).read_text(encoding="utf-8") if (home / KEYS).exists() else ""


async def test_a_raw_key_reaches_the_model_and_is_nowhere_but_in_its_home(
    rest: Rest, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logs, ScriptedModel(lambda _: {"text": "ready"}, key=RAW) as model:
        made = await rest.create(PATH, gateway(base_url=model.url))
        assert made["has_api_key"] is True
        assert (await check(rest, made["id"]))["ok"] is True
        told = [made, await rest.get(PATH), await rest.get(f"{PATH}/{made['id']}")]
    assert (await reference(rest, made["id"]) or "").startswith("kept:file:")
    assert RAW not in f"{told} {logs} {caplog.text}"
    assert RAW in kept(home)
    assert (home / KEYS).stat().st_mode & 0o777 == 0o600
    assert holders(home) == [KEYS]
    assert redaction.struck(f"no {RAW}!") == "no [secret]!"


async def test_a_provider_that_repeats_the_key_is_struck_out(rest: Rest) -> None:
    with ScriptedModel(lambda _: "x", key="another") as model:
        made = await rest.create(PATH, gateway(base_url=model.url, api_key=OTHER))
        found = await check(rest, made["id"])
    assert found["ok"] is False
    assert "the key that was sent for the integration" in found["detail"]
    assert OTHER not in found["detail"]


@pytest.mark.parametrize("with_ring", [False, True])
async def test_null_delete_and_another_key_remove_the_key(
    rest: Rest, home: Path, request: pytest.FixtureRequest, *, with_ring: bool
) -> None:
    ring: Callable[[], Any] | None = request.getfixturevalue("ring") if with_ring else None

    def held() -> str:
        return str(ring().STORED) if ring else kept(home)

    made = await rest.create(PATH, gateway())
    path = f"{PATH}/{made['id']}"
    assert RAW in held()
    await rest.ask("PATCH", path, {"name": "renamed"})
    assert RAW in held()
    assert (await rest.ask("PATCH", path, {"api_key": OTHER}))["has_api_key"] is True
    assert (RAW in held(), OTHER in held()) == (False, True)
    assert (await rest.ask("PATCH", path, {"api_key": None}))["has_api_key"] is False
    assert held() in {"", "{}"}
    await rest.ask("PATCH", path, {"api_key": RAW})
    assert (await rest.ask("PATCH", path, {"api_key": "env:MODEL_KEY"}))["has_api_key"] is True
    assert held() in {"", "{}"}
    await rest.ask("PATCH", path, {"api_key": RAW})
    assert RAW in held()
    await rest.ask("DELETE", path, status=204)
    assert held() in {"", "{}"}


@pytest.mark.parametrize(
    "change",
    [
        {"base_url": "https://b.example.com/v1"},
        {"headers": {"X-Title": "t"}},
        {"provider": "LITELLM"},
        {"base_url": "https://a.example.com/v1/x", "name": "n"},
    ],
)
async def test_a_change_of_the_address_or_the_headers_drops_the_key(rest: Rest, home: Path, change: Body) -> None:
    made = await rest.create(PATH, gateway())
    path = f"{PATH}/{made['id']}"
    assert (await rest.ask("PATCH", path, change))["has_api_key"] is False
    assert kept(home) == ""
    back = {"base_url": "https://a.example.com/v1", "headers": None}
    assert (await rest.ask("PATCH", path, back))["has_api_key"] is False
    assert (await rest.ask("PATCH", path, {**change, "api_key": RAW}))["has_api_key"] is True


@pytest.mark.parametrize("change", [{"base_url": "https://a.example.com/v1/"}, {"headers": None}, {"headers": {}}])
async def test_the_same_address_keeps_the_key(rest: Rest, change: Body) -> None:
    made = await rest.create(PATH, gateway())
    assert (await rest.ask("PATCH", f"{PATH}/{made['id']}", change))["has_api_key"] is True


@pytest.mark.parametrize("column", ["base_url", "headers", "id"])
async def test_a_key_is_not_read_for_a_row_that_was_changed_in_the_store(rest: Rest, column: str) -> None:
    with ScriptedModel(lambda _: {"text": "ready"}) as good, ScriptedModel(lambda _: {"text": "ready"}) as other:
        made = await rest.create(PATH, gateway(base_url=good.url))
        assert (await check(rest, made["id"]))["ok"] is True
        value: Any = {"base_url": other.url, "headers": {"X-A": "b"}, "id": "TGxtSW50ZWdyYXRpb246OTphYWFh"}[column]

        def change(connection: sa.Connection) -> None:
            connection.execute(integrations.update().where(integrations.c.id == made["id"]).values({column: value}))

        await rest.door.engine.database.write(change)
        await check(rest, value if column == "id" else made["id"])
        asked = [*good.requests, *other.requests]
    assert [request.headers.get("authorization") for request in asked] == [f"Bearer {RAW}", None]


@pytest.mark.parametrize("fault", ["open", "empty", "damaged", "link"])
async def test_a_file_of_keys_that_is_not_as_it_should_be_is_refused(rest: Rest, home: Path, fault: str) -> None:
    made = await rest.create(PATH, gateway())
    before = kept(home)
    file = home / KEYS
    if fault == "open":
        file.chmod(0o640)
    elif fault == "link":
        file.rename(home / "elsewhere.json")
        file.symlink_to(home / "elsewhere.json")
    else:
        file.write_text("" if fault == "empty" else "{", encoding="utf-8")
    told = await rest.refused(503, "POST", f"/x/ai-integrations/{made['id']}/check", {"model": "m"})
    assert f"The file of model keys '{file}' " in told
    assert RAW not in told
    await rest.refused(503, "POST", PATH, gateway(name="second"))
    assert [one["name"] for one in (await rest.get(PATH))["ai_integrations"]] == ["gateway"]
    assert kept(home) == {"open": before, "link": before, "empty": "", "damaged": "{"}[fault]


async def test_the_key_of_this_server_is_refused(rest: Rest, home: Path) -> None:
    assert "key of this server" in await rest.refused(422, "POST", PATH, gateway(api_key="ak-of-this-server"))
    assert kept(home) == ""


async def test_a_refused_integration_keeps_no_key(rest: Rest, home: Path) -> None:
    await rest.create(PATH, gateway(api_key=None))
    await rest.refused(409, "POST", PATH, gateway())
    await rest.refused(422, "POST", PATH, gateway(name="b", base_url="http://b.example.com"))
    assert kept(home) == ""


async def test_a_keyring_goes_before_the_file_and_is_not_opened_at_the_start(
    ring: Callable[[], Any], home: Path
) -> None:
    async with opened(home) as rest:
        await rest.get(PATH)
        assert "keyring" not in sys.modules
        with ScriptedModel(lambda _: {"text": "ready"}, key=RAW) as model:
            made = await rest.create(PATH, gateway(base_url=model.url))
            assert (await reference(rest, made["id"]) or "").startswith("kept:keyring:")
            assert not (home / KEYS).exists()
    sys.modules["keyring"].LOCKED.append(True)
    async with opened(home) as rest:
        assert "was not removed" in await rest.refused(503, "DELETE", f"{PATH}/{made['id']}")
    sys.modules["keyring"].LOCKED.clear()


async def test_a_locked_keyring_is_explained(ring: Callable[[], Any], rest: Rest) -> None:
    made = await rest.create(PATH, gateway())
    ring().LOCKED.append(True)
    told = await rest.refused(503, "POST", f"/x/ai-integrations/{made['id']}/check", {"model": "m"})
    assert "could not be read: KeyringError" in told
    assert RAW not in told


async def test_a_keyring_that_hangs_gives_way_to_the_file(
    ring: Callable[[], Any], rest: Rest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os_keyring, "DEADLINE_S", 0.1)
    made = await rest.create(PATH, gateway())
    ring().HANG_S[0] = 0.4
    second = await rest.create(PATH, gateway(name="second", api_key=OTHER))
    assert (await reference(rest, second["id"]) or "").startswith("kept:file:")
    told = await rest.refused(503, "POST", f"/x/ai-integrations/{made['id']}/check", {"model": "m"})
    assert "no answer within 0.1 s" in told
    ring().HANG_S[0] = 0
    for _ in range(100):
        if OTHER not in str(ring().STORED):
            break
        await anyio.sleep(0.05)
    assert OTHER not in str(ring().STORED)
    assert OTHER in kept(home)


async def test_a_system_without_a_keyring_takes_the_file(
    ring: Callable[[], Any], rest: Rest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring().Keyring, "__module__", "keyring.backends.fail")
    await rest.create(PATH, gateway())
    assert RAW in kept(home)


@pytest.mark.skipif(os.name != "posix", reason="Windows has no file modes")
async def test_two_engines_keep_their_keys_in_one_file(rest: Rest, home: Path) -> None:
    async with opened(home) as other:
        first = await rest.create(PATH, gateway())
        second = await other.create(PATH, gateway(name="second", api_key=OTHER))
        await other.ask("DELETE", f"{PATH}/{first['id']}", status=204)
        assert (RAW in kept(home), OTHER in kept(home)) == (False, True)
        await rest.ask("DELETE", f"{PATH}/{second['id']}", status=204)
    assert not (home / KEYS).exists()


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes this process one that knows no key, as another process does not."""

    def forget() -> None:
        for name, value in {"_known": set[str](), "_pattern": None, "_needles": (), "_needles_in_bytes": ()}.items():
            monkeypatch.setattr(redaction, name, value)

    forget()
    return forget


def file_of(*keys: str) -> str:
    values = {f"{number:032x}": json.dumps({"key": key, "bound_to": "x"}) for number, key in enumerate(keys)}
    return json.dumps(values)


def write(home: Path, text: str) -> None:
    """Write the file of keys in one step, as another process does."""
    part = home / "part"
    part.write_text(text, encoding="utf-8")
    part.chmod(0o600)
    part.replace(home / KEYS)


async def said(rest: Rest, words: str) -> str:
    """The reply of a check whose model repeats `words`."""
    with ScriptedModel(lambda _: "x", failures=[400] * 9, failure_text=words) as model:
        body = gateway(name=f"says {len(words)}", base_url=model.url, api_key=None)
        made = await rest.create(PATH, body)
        return (await check(rest, made["id"]))["detail"]


async def test_a_key_that_another_process_keeps_is_struck_out(home: Path, forgetful: Callable[[], None]) -> None:
    write(home, file_of(OTHER))
    async with opened(home) as rest:
        assert f"{OTHER} " not in await said(rest, f"wrong {OTHER} here")
        write(home, file_of(f"{OTHER}-2"))
        told = await said(rest, f"wrong {OTHER}-2 and {OTHER} and {b64encode(OTHER.encode()).decode()}, I say")
        assert OTHER not in told
        assert b64encode(OTHER.encode()).decode()[:-4] not in told
        (home / KEYS).unlink()
        assert "wrong [secret] or [secret] x" in await said(rest, f"wrong {OTHER} or {OTHER}-2 x, gone")
    assert redaction.without_known(f"a {OTHER}-2") == "a [secret]"


async def test_the_file_is_known_at_the_opening_and_no_more_read_after_the_end(
    home: Path, forgetful: Callable[[], None]
) -> None:
    write(home, file_of(OTHER))
    async with opened(home):
        (home / KEYS).unlink()
    write(home, file_of(RAW))
    assert redaction.without_known(f"{OTHER} {RAW}") == f"[secret] {RAW}"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "[" * 100_000, '{"a": 1}', '{"a": "{"}', '{"a": "[1]"}', '{"a": "{\\"key\\": 5}"}', "\x00\udcff"],
)
async def test_a_damaged_file_of_keys_stops_no_start(home: Path, forgetful: Callable[[], None], text: str) -> None:
    (home / KEYS).write_text(text, encoding="utf-8", errors="surrogateescape")
    async with opened(home) as rest:
        assert "wrong words" in await said(rest, "wrong words")
        write(home, file_of(OTHER))
        assert "wrong [secret]!" in await said(rest, f"wrong {OTHER}!")


@pytest.mark.skipif(os.name != "posix", reason="Windows has no pipes in folders")
@pytest.mark.parametrize("kind", ["open to others", "link", "pipe", "folder"])
async def test_keys_of_a_file_that_is_refused_are_struck_out_too(
    home: Path, forgetful: Callable[[], None], kind: str
) -> None:
    if kind == "pipe":
        os.mkfifo(home / KEYS)
    elif kind == "folder":
        (home / KEYS).mkdir()
    else:
        write(home, file_of(OTHER))
        (home / KEYS).chmod(0o644)
    if kind == "link":
        (home / KEYS).rename(home / "there")
        (home / KEYS).symlink_to(home / "there")
    async with opened(home) as rest:
        is_read = kind in {"open to others", "link"}
        assert f"wrong {'[secret]' if is_read else OTHER}!" in await said(rest, f"wrong {OTHER}!")


async def test_a_damaged_entry_is_one_sentence(rest: Rest, home: Path) -> None:
    made = await rest.create(PATH, gateway())
    write(home, json.dumps(dict.fromkeys(json.loads(kept(home)), '{"key": 5}')))
    told = await rest.refused(503, "POST", f"/x/ai-integrations/{made['id']}/check", {"model": "m"})
    assert told.startswith("The kept key of the integration is damaged.")


async def test_a_key_in_the_keyring_is_struck_out_before_the_first_answer(
    ring: Callable[[], Any], home: Path, forgetful: Callable[[], None]
) -> None:
    async with opened(home) as rest:
        made = await rest.create(PATH, gateway(api_key=IN_RING))
        await rest.create(PATH, gateway(name="own", api_key="keyring:mine"))
        await rest.create(PATH, gateway(name="odd", api_key="env:ODD"))
    held = dict(ring().STORED)
    for name in ("keyring", "keyring.errors"):
        sys.modules.pop(name)
    forgetful()
    async with opened(home, {"ODD": "odd-value-1234"}) as rest:
        await rest.get(f"{PATH}/{made['id']}")
        assert "keyring" not in sys.modules
        # The key is there, and nobody has asked for it.
        __import__("keyring").STORED.update({**held, ("assaykit", "mine"): OTHER})
        told = await said(rest, f"wrong {IN_RING}, {OTHER}, odd-value-1234!")
        assert "wrong [secret], [secret], [secret]!" in told


@pytest.mark.parametrize("fault", ["locked", "hangs", "absent"])
async def test_a_keyring_that_fails_delays_no_more_than_one_call(
    ring: Callable[[], Any], rest: Rest, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(os_keyring, "DEADLINE_S", 0.2)
    asked: list[str] = []
    await rest.create(PATH, gateway())
    module = ring()
    if fault == "locked":
        module.LOCKED.append(True)
    elif fault == "hangs":
        module.HANG_S[0] = 0.5
    get = module.get_password

    def counted(service: str, name: str) -> Any:
        asked.append(name)
        return get(service, name)

    monkeypatch.setattr(module, "get_password", counted)
    if fault == "absent":
        module.STORED.clear()
    assert "wrong words" in await said(rest, "wrong words")
    assert "wrong word" in await said(rest, "wrong word")
    assert len(asked) == 1


async def test_functions_of_a_user_wait_for_the_keyring(
    ring: Callable[[], Any], home: Path, forgetful: Callable[[], None]
) -> None:
    async with opened(home) as rest:
        await rest.create(PATH, gateway())
        forgetful()
        assert redaction.without_known(RAW) == RAW
        await redaction.complete()
        assert redaction.without_known(RAW) == "[secret]"
