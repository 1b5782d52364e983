"""The counts of a script: its calls of a client, those that came through, and the faults.

It runs beside the client, in the client's environment, so it knows nothing but the standard library.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

Given = Mapping[str, Any]
"""What the test hands a script: `project`, `spans` (ids, newest first) and `model` (a provider's address)."""


class Stopped(Exception):
    """A call failed, and what follows builds on it."""


class Ledger:
    """The calls of one script."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.passed = 0
        self.failures: list[str] = []

    def call(self, function: Callable[..., T], /, *arguments: Any, **named: Any) -> T:
        """What the call gives. A call that fails is noted, and ends the script."""
        name = self._note(function)
        try:
            result = function(*arguments, **named)
        except Exception as error:
            self._fail(f"{name}: {type(error).__name__}: {error}")
            raise Stopped from error
        self.passed += 1
        return result

    def refused(self, kind: type[Exception], says: str, function: Callable[..., Any], /, **named: Any) -> None:
        """A call that must raise `kind` with these words."""
        name = self._note(function)
        try:
            function(**named)
        except kind as error:
            if says.lower() in str(error).lower():
                self.passed += 1
            else:
                self._fail(f"{name}: refused without {says!r}: {error}")
        except Exception as error:  # noqa: BLE001  (which one it was is the failure's text)
            self._fail(f"{name}: refused as {type(error).__name__}, not as {kind.__name__}: {error}")
        else:
            self._fail(f"{name}: not refused")

    def check(self, fact: str, holds: object) -> None:
        """A fact about what came back."""
        if not holds:
            self._fail(f"not so: {fact} (after {self.names[-1]})")

    def until(self, fact: str, holds: Callable[[], bool], seconds: float = 120) -> None:
        """A fact that comes true in a while."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                self._fail(f"not so after {seconds} s: {fact}")
                raise Stopped
            time.sleep(0.1)

    def pages(self, what: str, function: Callable[..., Any], /, **named: Any) -> Iterator[Any]:
        """Every entry of a list, page by page, as its cursor leads."""
        cursor: str | None = None
        while True:
            page = self.call(function, cursor=cursor, **named)
            yield from getattr(page, what)
            if not page.pagination.has_more:
                return
            cursor = page.pagination.next_cursor

    def _note(self, function: Callable[..., Any]) -> str:
        self.names.append(name_of(function))
        return self.names[-1]

    def _fail(self, failure: str) -> None:
        self.failures.append(failure)


def name_of(function: Callable[..., Any]) -> str:
    """`datasets.list_examples` for a method of the SDK, else the function's own name."""
    owner, _, own = function.__qualname__.rpartition(".")
    module = function.__module__.split(".")
    return f"{module[1]}.{own}" if owner and module[0] == "arize" else own


Snippet = tuple[Callable[[Ledger, Any], None], tuple[str, ...]]
"""One snippet of a page and the calls that it is there for, in their order."""


def walk(ledger: Ledger, snippets: Mapping[str, Snippet], stock: Any) -> None:
    """Play a page's snippets in their order; each must make the calls that its row names."""
    for heading, (snippet, promised) in snippets.items():
        before = len(ledger.names)
        snippet(ledger, stock)
        made = tuple(ledger.names[before:])
        ledger.check(f"{heading!r} makes the calls {promised}, not {made}", made == promised)


def play(*scenes: Callable[[Ledger, Given], None]) -> None:
    """Run the scenes on what the first argument gives, and say on the last line of stdout how it went."""
    ledger = Ledger()
    given: Given = json.loads(sys.argv[1])
    for scene in scenes:
        try:
            scene(ledger, given)
        except Stopped:
            pass
        except Exception as error:  # noqa: BLE001  (the test shows it)
            ledger.failures.append(f"{scene.__name__} broke after {ledger.names[-1:]}: {error!r}")
    counts = {"made": len(ledger.names), "passed": ledger.passed, "names": ledger.names}
    sys.stdout.write(f"\n{json.dumps({**counts, 'failures': ledger.failures})}\n")
