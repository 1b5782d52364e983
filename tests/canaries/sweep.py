"""The search for planted secrets: in files of every kind, in replies, and in what others received."""

import importlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from tests.canaries.planted import ENCODINGS, Canary
from tests.store_files import connected

parquet: Any = importlib.import_module("pyarrow.parquet")


class Leak(NamedTuple):
    """A secret outside its home."""

    kind: str
    encoding: str
    place: str


def leaks_in(data: bytes, place: str, canaries: Mapping[str, Canary]) -> list[Leak]:
    """The secrets in some bytes."""
    return [
        Leak(one.kind, encoding, place)
        for one in canaries.values()
        if not place.endswith(one.homes or ("\0",))
        for encoding in ENCODINGS
        if any(form in data for form in one.forms(encoding))
    ]


def swept(folder: Path, said: Iterable[tuple[str, str]], canaries: Mapping[str, Canary]) -> list[Leak]:
    """The secrets in every file below the folder, its name included, and in texts, each with its place."""
    found: list[Leak] = []
    for path in sorted(folder.rglob("*")):
        place = str(path.relative_to(folder))
        found += leaks_in(place.encode("utf-8", "surrogateescape"), f"the name of {place}", canaries)
        if path.is_file():
            # SQLite may split a long text over pages, and Parquet compresses its columns.
            for data in (path.read_bytes(), _rows_of(path)):
                found += leaks_in(data, place, canaries)
    for place, text in said:
        found += leaks_in(text.encode("utf-8", "surrogatepass"), place, canaries)
    return list(dict.fromkeys(found))


def _rows_of(path: Path) -> bytes:
    if path.suffix == ".parquet":
        return str(parquet.read_table(path).to_pylist()).encode()
    if path.suffix != ".db":
        return b""
    with connected(path) as connection:
        tables = sa.inspect(connection).get_table_names()
        told = [str(row) for name in tables for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')]  # noqa: S608  (a name of the file itself)
    return "\n".join(told).encode("utf-8", "surrogatepass")
