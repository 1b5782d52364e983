"""Record the exports of real clients, in environments with pinned packages.

    python -m tests.instrumentations --record [NAME ...]

This needs `uv` or pip, npm, and package registries. The model is scripted on loopback.
"""

import argparse

from tests.instrumentations import recorder


def main() -> None:
    """Record the clients that are named, or all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--record", nargs="*", choices=recorder.CLIENTS, required=True)
    told = parser.parse_args()
    for name in told.record or recorder.CLIENTS:
        recorder.record(name)


if __name__ == "__main__":
    main()
