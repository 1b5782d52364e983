"""Random requests, made from the engine's own document, against an engine process.

Schemathesis lives in an environment of its own. The short size runs with the other slow tests: every operation is
asked, and every check is on. With `--long` come five times as many cases for each operation, the cases at every
boundary of every schema, and sequences of requests; the figures are in `benchmarks/RESULTS.md`.
"""

import json
import os
import re
from pathlib import Path

import anyio
import pytest
from tests.contract.prepared import prepare
from tests.contract.test_openapi import DOCUMENT, OPERATIONS
from tests.contract.words import configuration
from tests.e2e.processes import KEY, engine, environment
from tests.environments import OPENAPI, python_with

pytestmark = pytest.mark.slow

SEED = 20261120
SHORT, LONG = 300, 5000
"""Cases at least."""


async def test_the_document_is_openapi(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    validated = await anyio.run_process([str(python_with(*OPENAPI)), "-m", "openapi_spec_validator", str(file)])
    assert validated.stdout.decode().strip() == f"{file}: OK"


async def test_no_request_breaks_the_engine_or_gets_an_answer_outside_the_document(tmp_path: Path, long: bool) -> None:
    prepared = await prepare(tmp_path / "home")
    file = tmp_path / "schemathesis.toml"
    file.write_text(configuration(prepared, SEED), encoding="utf-8")
    size = ["--phases=coverage,fuzzing,stateful", "-n20"] if long else ["--phases=fuzzing", "-n4"]
    # Schemathesis begins with invalid HTTP, which is a warning. A crash is an error, and so the log must be empty.
    with engine(environment(tmp_path / "home", ASSAYKIT_LOG="error"), tmp_path / "log") as address:
        program = str(python_with(*OPENAPI).with_name("schemathesis"))
        key = f"Authorization: Bearer {KEY}"
        done = await anyio.run_process(
            [program, "--config-file", str(file), "run", f"{address}/openapi.json", "--no-color", "-H", key, *size],
            check=False,
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path)},
        )
    told = done.stdout.decode()
    assert done.returncode == 0, told[-20_000:]
    made = re.search(r"(\d+) generated", told)
    assert made is not None, told
    assert int(made[1]) >= (LONG if long else SHORT), told
    every = len(OPERATIONS)
    assert f"  Selected: {every}/{every}\n  Tested: {every}\n" in told
