"""S4, S6, S8, S9: failing statements, killed migrations, full disks and damaged files of a store."""

import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anyio
import pytest
import sqlalchemy as sa
from rows.outcome import Outcome, Terms, Unmeasured, few
from sqlalchemy import event
from tests import small_disks
from tests.engine.rest import Rest, opened, span
from tests.engine.test_migrations import ROWS, old_store

from assaykit.engine.engine import STORE
from assaykit.engine.store import database, integrity
from assaykit.engine.store.database import Database
from assaykit.engine.store.migrations import HEAD
from assaykit.errors import AssayError

SPANS = 12
MOST_STATEMENTS = 2_000
ENDED = {"COMPLETED", "FAILED", "CANCELLED"}


class Failing:
    """Lets the n-th statement of this process's engines fail; later ones work again."""

    def __init__(self) -> None:
        self.left = 0
        self.failed = False

    def before(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """Count a statement."""
        # A rollback that fails is no case of SQLite.
        if self.left and not statement.startswith("ROLLBACK"):
            self.left -= 1
            if not self.left:
                self.failed = True
                raise sqlite3.OperationalError("disk I/O error")


def statements(terms: Terms) -> Mapping[str, Outcome]:
    """Let each statement of a small history fail in turn."""
    failing = Failing()
    event.listen(sa.Engine, "before_cursor_execute", failing.before)
    try:
        return {"S4": anyio.run(_statements, terms, failing)}
    finally:
        event.remove(sa.Engine, "before_cursor_execute", failing.before)


async def _statements(terms: Terms, failing: Failing) -> Outcome:
    faults: list[str] = []
    step = terms.of(12, 1, 6)
    tried = refused = 0
    for place in range(1, MOST_STATEMENTS, step):
        home = terms.folder / str(place)
        async with opened(home) as rest:
            # The store is made; what fails is the work on it.
            failing.left, failing.failed = place, False
            done = await _history(rest)
            failing.left = 0
            failed = failing.failed
        if not failed:
            break
        tried += 1
        refused += done.refused
        async with opened(home) as rest:
            faults += [f"statement {place}: {fault}" for fault in await _broken(rest, done)]
        shutil.rmtree(home)
    return Outcome({"statements": tried, "requests refused": refused}, few(faults))


class Done(NamedTuple):
    """What the engine has acknowledged: the spans, the rows of the dataset, and a run. `refused` counts refusals."""

    project: str | None
    spans: bool
    dataset: str | None
    run: str | None
    refused: int
    odd: tuple[str, ...]


async def _history(rest: Rest) -> Done:
    """Spans, a dataset, a task and a run. Each request may be refused with a status and a sentence."""
    refused = 0
    odd: list[str] = []

    async def ask(method: str, path: str, body: Any) -> Any:
        nonlocal refused
        answer = await rest.door.http.request(method, path, json=body)
        if answer.is_success:
            told = answer.json() if answer.content else {}
            if "detail" in told:
                odd.append(f"{method} {path} was answered {answer.status_code}, and its body is a refusal")
                return None
            return told
        refused += 1
        if answer.status_code != 503 or not answer.json().get("detail"):
            odd.append(f"{method} {path} was answered {answer.status_code} {answer.text[:100]}")
        return None

    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    sent = [span(number) for number in range(SPANS)]
    stored = await ask(
        "POST", "/v1/traces", {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": sent}]}]}
    )
    projects = await ask("GET", "/v2/projects?name=shop", None)
    project = projects["projects"][0]["id"] if projects and projects["projects"] else None
    examples = [{"q": f"q{number}"} for number in range(SPANS)]
    made = await ask("POST", "/v2/datasets", {"space_id": rest.space, "name": "d", "examples": examples})
    run = None
    judge = await ask("POST", "/v2/evaluators", _evaluator(rest.space))
    if project and judge:
        body = {
            "name": "t",
            "type": "CODE_EVALUATION",
            "evaluators": [{"evaluator_id": judge["id"]}],
            "project_id": project,
        }
        task = await ask("POST", "/v2/tasks", body)
        begun = task and await ask(
            "POST", f"/v2/tasks/{task['id']}/trigger", {"data_start_time": "2000-01-01T00:00:00Z"}
        )
        if begun:
            run = begun["id"]
            await _until_ended(rest, run)
    return Done(project, stored is not None, made and made["id"], run, refused, tuple(odd))


def _evaluator(space: str) -> dict[str, Any]:
    keywords = {"name": "keywords", "type": "STRING_ARRAY", "default_value": ["refund"]}
    code = {
        "type": "MANAGED",
        "name": "refunds",
        "managed_evaluator": "CONTAINS_ANY_KEYWORD",
        "variables": ["output"],
        "static_params": [keywords],
    }
    return {
        "space_id": space,
        "name": "refunds",
        "type": "CODE",
        "version": {"commit_message": "m", "code_config": code},
    }


async def _until_ended(rest: Rest, run: str) -> str | None:
    with anyio.move_on_after(20):
        while True:
            answer = await rest.door.http.get(f"/v2/task-runs/{run}")
            if answer.is_success and answer.json()["status"] in ENDED:
                return str(answer.json()["status"])
            await anyio.sleep(0.01)
    return None


async def _broken(rest: Rest, done: Done) -> list[str]:
    """The promises that the store does not keep after a restart."""
    broken = list(done.odd)
    if done.spans and done.project and (found := len(await rest.door.spans(done.project, **WINDOW))) != SPANS:
        broken.append(f"{found} of {SPANS} acknowledged spans are there")
    if done.dataset:
        found = len((await rest.get(f"/v2/datasets/{done.dataset}/examples", limit=100))["examples"])
        broken += [] if found == SPANS else [f"{found} of {SPANS} acknowledged examples are there"]
    if done.run and done.project:
        status = await _until_ended(rest, done.run)
        run = await rest.get(f"/v2/task-runs/{done.run}")
        scored = [len(one.get("evaluations", ())) for one in await rest.door.spans(done.project, **WINDOW)]
        # An error of the disk is no cause that passes by itself: a run may end with it as its reason.
        ended = status == "COMPLETED" or (status == "FAILED" and run.get("failure_reason"))
        if not ended or sum(scored) != run["num_successes"] or max(scored, default=0) > 1:
            broken.append(f"the run is {status}, tells {run['num_successes']} results, and has {sum(scored)}")
    return broken


WINDOW = {"start_time": "2025-12-30T00:00:00Z", "end_time": "2026-01-02T00:00:00Z"}


def migrations(terms: Terms) -> Mapping[str, Outcome]:
    """Kill a process at each statement of the migration from the oldest schema."""
    template = terms.folder / STORE
    old_store(template)
    step, place, kills = terms.of(40, 1, 40), 1, 0
    faults: list[str] = []
    while True:
        home = terms.folder / str(place)
        home.mkdir()
        shutil.copy(template, home / STORE)
        if _in_fork(lambda home=home, place=place: _migrated(home, place)) == 0:
            break
        kills += 1
        shut = _in_fork(lambda home=home: _migrated(home, 0))
        if fault := "the next process cannot open the store" if shut else _lost(home / STORE):
            faults.append(f"statement {place}: {fault}")
        shutil.rmtree(home)
        place += step
    return {"S6": Outcome({"kills": kills, "statements": place - 1}, few(faults))}


def _migrated(home: Path, dies_at: int) -> None:
    """Open the store. The process dies at that statement; 0 for never."""
    count = 0

    def before(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    async def open_and_close() -> None:
        await (await Database.open(home / STORE)).close()

    event.listen(sa.Engine, "before_cursor_execute", before)
    anyio.run(open_and_close)


def _in_fork(work: Callable[[], None]) -> int:
    """The wait status of a fork that does the work: 0 if it was done."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            # What a store that is broken says belongs to the outcome and not to the terminal.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def _lost(store: Path) -> str | None:
    with closing(sqlite3.connect(store)) as connection:
        (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        sound = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ROWS}  # noqa: S608
    wrong = [table for table, number in rows.items() if number < 1]
    return None if (schema, sound, wrong) == (HEAD, True, []) else f"schema {schema}, sound {sound}, empty {wrong}"


def full_disks(terms: Terms) -> Mapping[str, Outcome]:
    """Fill the disk at random moments of a history of writes."""
    try:
        with small_disks.small_disk(terms.folder / "disk", "32m") as disk:
            return {"S8": anyio.run(_filled, terms, disk)}
    except pytest.skip.Exception as reason:
        raise Unmeasured(str(reason)) from None


async def _filled(terms: Terms, disk: Path) -> Outcome:
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the moments repeatable)
    database.ROOM = 0
    moments = terms.of(4, 40)
    kept: list[str] = []
    refused = 0
    faults: list[str] = []
    async with opened(disk / "home") as rest:

        async def write(name: str) -> bool:
            body = {"space_id": rest.space, "name": name, "examples": [{"q": "x" * 2_000}] * 20}
            return (await rest.door.http.post("/v2/datasets", json=body)).is_success

        for moment in range(moments):
            ballast = small_disks.fill(disk)
            # So many bytes are left, that the disk is full within one of the next writes.
            with ballast.open("r+b") as file:
                file.truncate(max(0, ballast.stat().st_size - chance.randrange(400_000)))
            for number in range(20):
                name = f"{moment} {number}"
                if await write(name):
                    kept.append(name)
                else:
                    refused += 1
            ballast.unlink()
            if not await write(f"{moment} after"):
                faults.append(f"moment {moment}: no write after the disk had room")
            else:
                kept.append(f"{moment} after")
            for name in kept:
                found = (await rest.get("/v2/datasets", name=name, space_id=rest.space))["datasets"]
                found = [one for one in found if one["name"] == name]
                if len(found) != 1:
                    faults.append(f"the dataset {name!r} was acknowledged and is there {len(found)} times")
                else:
                    await rest.ask("DELETE", f"/v2/datasets/{found[0]['id']}", status=204)
            kept.clear()
        check = await rest.get("/x/check")
        faults += [] if check["damaged"] == 0 else [f"the store is damaged: {check['examples']}"]
    if not refused:
        faults.append("no write met a full disk")
    return Outcome({"moments": moments, "writes refused": refused, "lost": len(faults)}, few(faults))


Damage = Literal["flip", "truncation"]


def flips(terms: Terms) -> Mapping[str, Outcome]:
    """Damage copies of a store, and hold the changes of its data against the findings of the check."""
    return {"S9": anyio.run(_flipped, terms)}


async def _flipped(terms: Terms) -> Outcome:
    chance = random.Random(terms.seed)  # noqa: S311  (no secret: a seed makes the damage repeatable)
    good = terms.folder / "good"
    async with opened(good) as rest:
        await _history(rest)
        await rest.door.dataset([{"q": f"{number} " + "word " * 50} for number in range(500)], "large")
    with closing(sqlite3.connect(good / STORE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = _data(good / STORE)
    size = (good / STORE).stat().st_size
    changed = told = 0
    silent: list[str] = []
    damages: list[Damage] = ["flip"] * terms.of(40, 500, 80) + ["truncation"] * terms.of(10, 100, 5)
    for place, kind in enumerate(damages):
        home = terms.folder / f"damaged-{place}"
        shutil.copytree(good, home)
        _damage(home / STORE, kind, size, chance)
        after = _data(home / STORE)
        if after != before:
            changed += 1
            seen = after is None or await _told(home)
            told += seen
            if not seen and before is not None:
                tables = [name for name in before if after.get(name) != before[name]]
                silent.append(f"a {kind} changed {', '.join(tables)} and was not told")
        shutil.rmtree(home)
    share = told / max(changed, 1)
    faults = [] if share >= 0.99 else [f"{told} of {changed} changes were told", *silent]
    figures = {"damaged copies": len(damages), "with changed data": changed, "told": told, "share": round(share, 3)}
    return Outcome(figures, few(faults))


def _damage(store: Path, kind: Damage, size: int, chance: random.Random) -> None:
    with store.open("r+b") as file:
        if kind == "truncation":
            file.truncate(chance.randrange(1, size))
            return
        place = chance.randrange(size)
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ (1 << chance.randrange(8))]))


def _data(store: Path) -> dict[str, list[Any]] | None:
    """The rows of every table; None if they cannot be read."""
    try:
        with closing(sqlite3.connect(store)) as connection:
            names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            rows = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608
    except (sqlite3.Error, UnicodeDecodeError):
        return None
    return {name: sorted(map(repr, found)) for name, found in rows.items() if not name.startswith("sqlite_")}


async def _told(home: Path) -> bool:
    """Whether opening the store or the doctor's check finds damage."""
    try:
        found = await Database.open(home / STORE)
        try:
            return (await found.read(integrity.check)).damaged > 0
        finally:
            await found.close()
    except (AssayError, sa.exc.SQLAlchemyError, ValueError):
        return True
