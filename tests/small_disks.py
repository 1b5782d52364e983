"""Small file systems for tests with a full disk."""

import os
import resource
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(at: Path, size: str) -> Generator[Path]:
    """Mount a file system of `size`, such as `24m`, in the new folder `at` until the block ends.

    The test is skipped if this process may not mount.
    """
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    at.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", f"size={size}", "none", at], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this computer does not allow mounting a file system")
    try:
        yield at
    finally:
        subprocess.run(["/bin/umount", "-l", at], check=True)


def fill(disk: Path) -> Path:
    """Fill the disk with one file; return the file."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        while True:
            try:
                os.write(file.fileno(), b"x" * 4096)
            except OSError:
                return ballast


@contextmanager
def smallest_files(most: int) -> Generator[None]:
    """Let no file grow beyond `most` bytes; stands for a full folder of temporary files."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
