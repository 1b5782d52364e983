"""The libraries that figures are held against, imported when a test first asks them.

An import of all of them takes seconds, and of the processes that read the tests few run one that asks.
"""

import importlib
from typing import Any


class Oracle:
    """A module of another library by its name."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        # pytest looks for marks of its own on every object that it collects. That must import nothing.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self._module), name)
