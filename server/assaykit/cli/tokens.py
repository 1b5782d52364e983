"""Tokens that are made at a first start and kept in a file of the owner's."""

import os
import secrets
from pathlib import Path


def minted(home: Path, name: str) -> tuple[str, Path]:
    """The token in the file `name` of the folder `home`, made when there is none; and where it is (mode 0600)."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    at = home / name
    try:
        descriptor = os.open(at, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return at.read_text(encoding="utf-8").strip(), at
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        token = secrets.token_urlsafe(32)
        file.write(token + "\n")
    return token, at
