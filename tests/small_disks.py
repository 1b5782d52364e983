"""File systems so small that a test fills them."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, size: str) -> Generator[Path]:
    """A file system of `size`, as `24m`, in the new folder `at` until the block ends; skips where nobody may mount."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    at.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "none", at], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this computer lets nobody mount a file system")
    try:
        yield at
    finally:
        subprocess.run(["/bin/umount", "-l", at], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is; the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while True:
            try:
                os.write(file.fileno(), b"x" * 4096)
            except OSError:
                return ballast
