"""Calls of the tools while the network is bad, and what is wrong with their outcomes."""

import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from itertools import cycle, islice
from typing import Any, NamedTuple

import anyio
from tests.chaos.creates import counted, creates
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.proxy import Asked, Spoil
from tests.chaos.scene import Scene, calls, outcome
from tests.engines import KEY

DEADLINE_S = 0.8
"""The deadline of a request under a fault that answers late or never."""

GRACE_S = 1.0
"""The seconds past its deadline that a call may take."""

LONGEST_S = 60.0
"""Seconds after which a call counts as one that never ends."""

REFUSED = Fault("refused", FAULTS[0].spoil, frozenset({"unavailable"}), carried_out=False)
"""A connection that is refused. The proxy is shut, so nothing is spoilt."""

EVERY = (*FAULTS, REFUSED)


NETWORK = {"unavailable", "contract_broken", "ambiguous", "rate_limited", "error"}
"""The codes of calls that a network can spoil, and of a crash."""


class Trial(NamedTuple):
    """One call under a fault: its code, its words, and its seconds past the deadline."""

    fault: str
    tool: str
    code: str
    text: str
    past_deadline_s: float
    is_right: bool

    @property
    def tells_too_much(self) -> bool:
        """True if the words hold a traceback or the key."""
        return "Traceback" in self.text or KEY in self.text or 'File "' in self.text


@asynccontextmanager
async def spoiling(there: Scene, fault: Fault, *, once: bool = False) -> AsyncGenerator[None]:
    """Every request meets the fault, or with `once` the first create alone, until the block ends."""

    def choose(asked: Asked) -> Spoil | None:
        return fault.spoil if not once or (asked.creates and not there.proxy.spoilt) else None

    there.proxy.spoilt.clear()
    if fault is REFUSED:
        there.proxy.shut()
    else:
        there.proxy.choose = choose
    try:
        yield
    finally:
        there.proxy.choose = lambda _: None
        if fault is REFUSED:
            there.proxy.listen()


async def under(
    there: Scene,
    fault: Fault,
    tools: Iterable[tuple[str, Mapping[str, Any]]],
    deadline_s: float = DEADLINE_S,
    promised_s: float | None = None,
) -> list[Trial]:
    """Call the tools while every request meets the fault. A fault that is no obstacle has the usual deadline.

    A call is late after `promised_s`, which is its deadline unless another one is told.
    """
    passes = "" in fault.codes
    found: list[Trial] = []
    async with spoiling(there, fault):
        for tool, arguments in tools:
            async with there.caller(deadline_s=None if passes else deadline_s) as ax:
                began, code, text = time.monotonic(), "never", ""
                with anyio.move_on_after(LONGEST_S):
                    code, text = await outcome(ax, tool, **arguments)
                past = 0.0 if passes else time.monotonic() - began - (promised_s or deadline_s)
            # A tool that AX has no route for says so before it writes.
            is_right = code in fault.codes | {"unsupported"} or (passes and code not in NETWORK)
            # On a busy machine any call may meet its deadline first.
            is_right |= code == "unavailable" and past >= 0 and not passes
            found.append(Trial(fault.name, tool, code, text, past, is_right))
    return found


def some_calls(there: Scene, number: int, first: int) -> list[tuple[str, Mapping[str, Any]]]:
    """So many calls of tools that delete nothing, since tests share the store; beginning with one of the first."""
    every = [one for one in calls(there, first).items() if not one[0].startswith("delete_")]
    return list(islice(cycle([*every[first % len(every) :], *every[: first % len(every)]]), number))


class Loss(NamedTuple):
    """A create of one kind whose first request met a fault. `made` counts the things that it has added."""

    fault: str
    kind: str
    code: str
    text: str
    made: int

    @property
    def is_right(self) -> bool:
        """True if the call says what happened: a success for one thing, else an error."""
        return self.made == 1 if not self.code else self.made == 0 or self.code == "ambiguous"


async def once(there: Scene, fault: Fault, number: int, deadline_s: float, *kinds: str) -> list[Loss]:
    """Make one create of each kind, and let the request that creates meet the fault."""
    found: list[Loss] = []
    for kind, (tool, arguments) in creates(number).items():
        if kinds and kind not in kinds:
            continue
        before = await counted(there, kind)
        async with there.caller(deadline_s=deadline_s) as ax, spoiling(there, fault, once=True):
            code, text = await outcome(ax, tool, **arguments)
        after = await counted(there, kind)
        found.append(Loss(fault.name, kind, code, text, after[kind] - before[kind]))
    return found
