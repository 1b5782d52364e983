"""The Python interpreter for a user's file: the one named, else that of the project around the file, else our own."""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from assaykit.errors import Invalid, quote

_NAME = re.compile(r"(python|pypy)[\d.]*t?(\.exe)?", re.IGNORECASE)
_FOLDERS = (".venv", "venv", ".env", "env")
_BIN = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
_OURS = ("ASSAYKIT_",)
"""Prefixes of our own variables. One of them holds a key of the engine."""


def interpreter(wanted: str | None, file: Path, top: Path) -> Path:
    """The interpreter for `file`: `wanted`, else a virtual environment in its folder or one above up to `top`.

    Raises:
        Invalid: `wanted` is not an existing Python interpreter.
    """
    if wanted is not None:
        named = Path(wanted).expanduser()
        named = named if named.is_absolute() else top / named
        if not _NAME.fullmatch(named.name) or not os.access(named, os.X_OK):
            raise Invalid(
                f"{quote(wanted)!r} is not an existing Python interpreter.",
                "Give the path of one, such as .venv/bin/python, or leave it out.",
            )
        return named
    for folder in (file.parent, *file.parent.parents):
        for name in _FOLDERS:
            if os.access(found := folder.joinpath(name, *_BIN), os.X_OK):
                return found
        if folder == top:
            break
    return Path(sys.executable)


def environment(whole: Mapping[str, str]) -> dict[str, str]:
    """The user's own environment, with its model keys but without our own variables."""
    return {name: value for name, value in whole.items() if not name.startswith(_OURS)}
