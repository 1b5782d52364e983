"""A folder that becomes a link and back while somebody opens a file below it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def swapped(inside: Path) -> Generator[None]:
    """Let `door` in a folder be its folder `real` and its link `link` by turns, until the block ends."""
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            for name in ("real", "link"):
                (inside / name).rename(inside / "door")
                (inside / "door").rename(inside / name)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        yield
    finally:
        stop.set()
        swapper.join()
