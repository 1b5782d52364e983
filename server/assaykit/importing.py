"""Modules that a process imports when it needs them, and not at its start."""

import importlib
from functools import partial
from threading import Lock
from types import ModuleType

import anyio.to_thread

_ONE_AT_A_TIME = Lock()
"""Two threads that enter one circle of imports at two ends would each see a half-made module of the other."""


async def imported(name: str) -> ModuleType:
    """The module of this full name. A thread imports it, so the event loop goes on meanwhile."""
    return await anyio.to_thread.run_sync(partial(_import, name))


def _import(name: str) -> ModuleType:
    with _ONE_AT_A_TIME:
        return importlib.import_module(name)
