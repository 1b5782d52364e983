"""Thirteen planted secrets: none leaves its home, and the search for them finds them where they are not struck out."""

import importlib
import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import sqlalchemy as sa
from tests.canaries.__main__ import UNSTRUCK, found
from tests.canaries.planted import ENCODINGS, KINDS, planted
from tests.canaries.sweep import Leak, swept
from tests.store_files import connected

arrow: Any = importlib.import_module("pyarrow")
parquet: Any = importlib.import_module("pyarrow.parquet")

REPEATED = {
    "server token",
    "engine key",
    "usual key of a provider",
    "key of a provider in another variable",
    "AX key",
    "key in an exception of a function",
    "key in outputs of a function",
    "password of a proxy",
    "key that was sent itself",
}
"""The secrets that others repeat. The other ones are refused, whether known secrets are struck out or not."""


@pytest.mark.slow
def test_no_planted_secret_is_found_outside_its_home(tmp_path: Path) -> None:
    leaks, searched = found(tmp_path / "scene")
    assert leaks == []
    assert searched > 100
    assert len(KINDS) == 13
    files = tmp_path / "scene" / "files"
    assert all((files / name).exists() for name in ("answers.parquet", "gate.xml", "gate.md"))
    for export in ("answers.csv", "fails.jsonl", "page.html"):
        assert "[secret]" in (files / export).read_text(encoding="utf-8")


@pytest.mark.slow
def test_secrets_that_are_not_struck_out_are_found(tmp_path: Path) -> None:
    with mock.patch.dict(os.environ, UNSTRUCK):
        leaks, _ = found(tmp_path / "scene")
    assert {one.kind for one in leaks} >= REPEATED


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_planted_leak_is_found_in_each_encoding_and_kind_of_file(tmp_path: Path, encoding: str) -> None:
    canaries = planted()
    (one, other) = (canaries["AX key"], canaries["server token"])
    said = f"user:{one.spelt(encoding)}/rest"
    with connected(tmp_path / "a.db") as connection:
        connection.execute(sa.text("CREATE TABLE t (x TEXT)"))
        connection.execute(sa.text("INSERT INTO t VALUES (:said)"), {"said": "x" * 5_000 + said})
    parquet.write_table(arrow.table({"x": [said] * 100}), tmp_path / "a.parquet", compression="zstd")
    (tmp_path / "a.log").write_text(said, encoding="utf-8")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.token").write_text(other.value, encoding="utf-8")
    leaks = swept(tmp_path, [("a reply", said), ("another", "nothing")], canaries)
    places = ("a.db", "a.log", "a.parquet", "a reply")
    assert set(leaks) == {Leak(one.kind, encoding, place) for place in places}
