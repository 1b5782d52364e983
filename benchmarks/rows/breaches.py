"""Deliberate faults in the product, one for each control. Each is made at the start of a process."""

# ruff: noqa: PLC0415, SIM115, SLF001  (each breach imports what it breaks, and changes it)

import re
from collections.abc import Callable, Iterator
from typing import Any


def fence() -> None:
    """Store results of an engine that has lost its run."""
    from tests.e2e.open_engine import remove_fence

    remove_fence()


def second_call() -> None:
    """Ask the model twice for each row."""
    from assaykit.judge import score

    once = score.judged

    async def twice(*words: Any, **more: Any) -> Any:
        await once(*words, **more)
        return await once(*words, **more)

    score.judged = twice


def takeover() -> None:
    """Leave the runs of a dead engine alone."""
    from assaykit.engine.store.queue import leases

    leases.take = lambda *_: []


def torn_files() -> None:
    """Write a file that is replaced under its own name, and slowly."""
    import io
    import time
    from contextlib import contextmanager
    from pathlib import Path

    from assaykit.files import writing

    class Slow(io.FileIO):
        def write(self, data: Any) -> int:
            time.sleep(0.0005)
            return super().write(data)

    @contextmanager
    def creating(folder: Path, parts: tuple[str, ...], **_: Any) -> Iterator[Any]:
        with Slow(folder.joinpath(*parts), "wb") as file:
            yield file

    writing.creating_below = creating


def told_causes() -> None:
    """Answer a failed call with the traceback of its cause."""
    import traceback

    from mcp.server.mcpserver.exceptions import ToolError

    from assaykit.toolkit import builder

    def explained(_tool: Any, cause: BaseException, _context: Any) -> ToolError:
        return ToolError("".join(traceback.format_exception(cause)))

    builder._Tool._explained = explained


def kept_requests() -> None:
    """Keep a descriptor and some memory of each HTTP request."""
    from pathlib import Path

    from assaykit import guard

    kept: list[Any] = []
    check = guard.Guard.__call__

    async def keeping(self: Any, scope: Any, receive: Any, send: Any) -> None:
        kept.append((Path(__file__).open("rb"), bytearray(100_000)))
        await check(self, scope, receive, send)

    guard.Guard.__call__ = keeping


def open_doors() -> None:
    """Let every request in, whatever its key, its Host and its Origin."""
    from assaykit import guard
    from assaykit.engine import access, app

    async def passed(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)

    for middleware in (guard.Guard, guard.LocalAddresses, app.KeyCheck):
        middleware.__call__ = passed
    access.require = lambda *_: None


def crash() -> None:
    """Fail in every request for projects."""
    from assaykit.engine import app

    limit = app.BodyLimit.__call__

    async def failing(self: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/v2/projects":
            raise RuntimeError("a breach")
        await limit(self, scope, receive, send)

    app.BodyLimit.__call__ = failing


def unexplained_bytes() -> None:
    """Let the error of a parser of bytes through."""
    from assaykit.engine import grpc_server, otlp_messages

    otlp_messages._from_protobuf = lambda signal, body: signal.request.FromString(body)
    grpc_server._parsed = lambda message, call: call.request.FromString(message)


def run_code() -> None:
    """Run the code of custom evaluators."""
    from assaykit.judge import score
    from assaykit.wire.evaluators import CustomCodeConfig

    scored = score.score

    async def run(config: Any, values: Any, model: Any) -> Any:
        if isinstance(config, CustomCodeConfig):
            exec(config.code, {})  # noqa: S102  (the breach)
        return await scored(config, values, model)

    score.score = run


def slow_evaluators() -> None:
    """Take ten milliseconds for each row of a code evaluator."""
    import time

    from assaykit.judge import managed

    at_once = managed.run

    async def run(*words: Any) -> Any:
        time.sleep(0.01)
        return await at_once(*words)

    managed.run = run


def checked_names() -> None:
    """Check the name of a path first, and open it by name then."""
    import time
    from pathlib import Path

    from assaykit.files import folders, opening

    def opened(folder: Path, parts: tuple[str, ...], **_: Any) -> Any:
        place = folder.joinpath(*parts)
        if not place.resolve(strict=True).is_relative_to(folder.resolve()):
            raise FileNotFoundError(place)
        # A busy machine leaves such a gap by itself.
        time.sleep(0.0005)
        return place.open("rb")

    opening.open_below = folders.open_below = opened


def every_project() -> None:
    """Search the spans of all projects."""
    from assaykit.engine.store.traces import span_filters, spans, units

    for module in (span_filters, spans, units):
        module.of_project = lambda *_, **__: span_filters.spans.c.project_id != ""


def formatted_templates() -> None:
    """Render templates by `str.format`."""
    from assaykit.judge import templates

    class Values(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            return Values

    def filled(text: str, _written: str, value: Any) -> str:
        return text.format_map(Values({name: value(name) for name in ("x",)}))

    templates.filled = filled


def swallowed_refusals() -> None:
    """Answer a refusal by the store as a success."""
    from assaykit.engine import app

    limit = app.BodyLimit.__call__

    async def answered(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def changed(message: Any) -> None:
            if message["type"] == "http.response.start" and message["status"] == 503:
                message["status"] = 201
            await send(message)

        await limit(self, scope, receive, changed)

    app.BodyLimit.__call__ = answered


def migration_in_pieces() -> None:
    """Commit each statement by itself."""
    from assaykit.engine.store import database

    database._begin = lambda _connection: None


def unchecked_store() -> None:
    """Find nothing wrong with any store."""
    from assaykit.engine.store import integrity
    from assaykit.wire.local import StoreCheck

    integrity.check = lambda _connection: StoreCheck(verdicts=0, damaged=0, examples=[])


def unsynced() -> None:
    """Sync no write of the store."""
    from assaykit.engine.store import database

    database.PRAGMAS = tuple(one.replace("synchronous=NORMAL", "synchronous=OFF") for one in database.PRAGMAS)


def no_copy() -> None:
    """Migrate a store without a copy of it."""
    from assaykit.engine.store import migrations

    migrations._back_up = lambda *_, **__: None


def kept_descriptors() -> None:
    """Leave a descriptor behind for each call of a tool."""
    from pathlib import Path

    from assaykit.toolkit import builder

    kept: list[Any] = []
    run = builder._Tool.run

    async def keeping(self: Any, *words: Any, **more: Any) -> Any:
        kept.append(Path(__file__).open("rb"))
        return await run(self, *words, **more)

    builder._Tool.run = keeping


def slow_calls() -> None:
    """Take two seconds more for each call of a tool."""
    import anyio

    from assaykit.toolkit import builder

    run = builder._Tool.run

    async def late(self: Any, *words: Any, **more: Any) -> Any:
        await anyio.sleep(2)
        return await run(self, *words, **more)

    builder._Tool.run = late


def slow_start() -> None:
    """Take three seconds more to start."""
    import time

    time.sleep(3)


def larger_budget() -> None:
    """Take twice as many bytes from a Parquet file."""
    from assaykit.files import parquet

    parquet.BUDGET_BYTES *= 2


def raw_page() -> None:
    """Write foreign text into a comparison page as it is."""
    import html

    html.escape = lambda text, quote=True: text  # noqa: ARG005  (the signature of the library)


def bent_labels() -> None:
    """Take a reply that is no choice for the first choice."""
    from assaykit.judge import replies

    replies._choice = lambda _said, choices: next(iter(choices))


def changed_tool() -> None:
    """Add a word to the description of each tool."""
    from assaykit.toolkit import builder

    told = builder._description
    builder._description = lambda function: f"{told(function)} Now."


def no_cancel() -> None:
    """Answer a cancellation with the run, and let the run go on."""
    from assaykit.engine.store.queue import runs

    runs.cancel = lambda connection, run_id, _clock: runs.get(connection, run_id)


def wall_clocks() -> None:
    """Measure the silence of other processes by the wall clock."""
    from assaykit.engine.runs import watch

    silent = watch.Watch.silent
    watch.Watch._has_slept = lambda *_: False
    watch.Watch.silent = lambda self, marks, wall_s, _monotonic_s: silent(self, marks, wall_s, wall_s)


def unstruck() -> None:
    """Strike no key out of any text."""
    from assaykit import redaction
    from assaykit.judge.providers import calls

    redaction.learn = lambda _: None
    redaction._LOOKS_SECRET = calls._LIKE_A_KEY = re.compile(r"(?!)")
    calls.scrub = lambda text, _: text


def slow_requests() -> None:
    """Take 0.4 seconds more for each request to the engine."""
    import anyio

    from assaykit.engine import app

    limit = app.BodyLimit.__call__

    async def late(self: Any, scope: Any, receive: Any, send: Any) -> None:
        await anyio.sleep(0.4)
        await limit(self, scope, receive, send)

    app.BodyLimit.__call__ = late


def one_test() -> None:
    """Change nothing: the program leaves tests out."""


BREACHES: dict[str, Callable[[], None]] = {
    "fence": fence,
    "second-call": second_call,
    "takeover": takeover,
    "torn-files": torn_files,
    "told-causes": told_causes,
    "kept-requests": kept_requests,
    "open-doors": open_doors,
    "crash": crash,
    "no-cancel": no_cancel,
    "unstruck": unstruck,
    "wall-clocks": wall_clocks,
    "larger-budget": larger_budget,
    "raw-page": raw_page,
    "bent-labels": bent_labels,
    "changed-tool": changed_tool,
    "kept-descriptors": kept_descriptors,
    "slow-calls": slow_calls,
    "slow-start": slow_start,
    "swallowed-refusals": swallowed_refusals,
    "migration-in-pieces": migration_in_pieces,
    "unchecked-store": unchecked_store,
    "no-copy": no_copy,
    "unsynced": unsynced,
    "one-test": one_test,
    "slow-requests": slow_requests,
    "run-code": run_code,
    "slow-evaluators": slow_evaluators,
    "checked-names": checked_names,
    "every-project": every_project,
    "formatted-templates": formatted_templates,
    "unexplained-bytes": unexplained_bytes,
}
