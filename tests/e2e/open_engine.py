"""An engine that is open on a folder until its process is killed: arguments are the folder and `silent_s`."""

import os
import sys
from pathlib import Path

import anyio

from assaykit import logs
from assaykit.engine import Engine


async def main(home: Path, silent_s: float) -> None:
    """Say "open" when it is, and stay so."""
    async with Engine.open(home, key="k", environment=os.environ, concurrency=1, silent_s=silent_s):
        sys.stdout.write("open\n")
        sys.stdout.flush()
        await anyio.sleep_forever()


if __name__ == "__main__":
    logs.configure("error")
    anyio.run(main, Path(sys.argv[1]), float(sys.argv[2]))
