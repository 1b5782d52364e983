"""Engine processes for the tests of the tools under `--backend ax`, reached over HTTP."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.chaos.proxy import ChaosProxy
from tests.children import ended
from tests.recording import wanted

from assaykit.settings import Settings

KEY = "key-of-the-engine"

_ROOT = Path(__file__).parents[1]
_FOREIGN = ("ARIZE_", "ASSAYKIT_", "OTEL_", "OPENAI_", "ANTHROPIC_")


class Engines:
    """Starts and stops engine processes.

    The engines that start while `through_proxy` is true are reached through a chaos proxy that spoils nothing.
    """

    def __init__(self) -> None:
        self.through_proxy = False
        self._starter = subprocess.Popen(
            [sys.executable, "-W", "default", "-m", "tests.engine_starter"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert ended(self._starter) == 0

    @contextmanager
    def serving(self, settings: Settings) -> Generator[str]:
        """Start an engine with the folder and environment of the settings; yield its address.

        The engine must end on request and write nothing to stderr.
        """
        log = settings.home.with_name("engine.stderr")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        own = {
            "HOME": str(settings.home.parent),
            "ASSAYKIT_HOME": str(settings.home),
            "ASSAYKIT_ENGINE_KEY": KEY,
            "ASSAYKIT_CONCURRENCY": str(settings.concurrency),
        }
        started = self._ask(environment={**kept, **settings.environment, **own}, log=str(log))
        assert started["url"], log.read_text(encoding="utf-8")
        try:
            with ChaosProxy(started["url"]) if self.through_proxy else nullcontext() as proxy:
                address = started["url"] if proxy is None else proxy.address
                with wanted(address):
                    yield address
        finally:
            status = self._ask(stop=started["pid"])["status"]
        assert status == 0
        assert not (said := log.read_text(encoding="utf-8")), said

    def _ask(self, **question: Any) -> dict[str, Any]:
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(json.dumps(question) + "\n")
        self._starter.stdin.flush()
        return json.loads(self._starter.stdout.readline())


_chosen: list[Engines] = []


@contextmanager
def chosen(engines: Engines) -> Generator[None]:
    """Make `reached` use these engines until the block ends."""
    _chosen.append(engines)
    try:
        yield
    finally:
        _chosen.clear()


@contextmanager
def reached(settings: Settings) -> Generator[Settings]:
    """Yield settings for the backend under test: unchanged, or pointed at an engine process."""
    if not _chosen or settings.backend == "ax":
        yield settings
        return
    with _chosen[0].serving(settings) as url:
        yield replace(settings, backend="ax", ax_key=KEY, ax_url=url)
