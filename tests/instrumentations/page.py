# ruff: noqa: E501  (lines of a table are long)
"""The page `docs/instrumentations.md`: a cell for each recorded client and aspect, from values that the tests hold."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.instrumentations.aspects import ASPECTS, CLIENTS, TOOL_CALL, Client, Row
from tests.instrumentations.exports import recorded

PAGE = Path(__file__).resolve().parents[2] / "docs" / "instrumentations.md"
_HEAD = """# Instrumentations

Each of these clients was run against a scripted model: a question, a tool call, a stream or an embedding where it has one, and a call
that failed. What its exporter sent is kept in `tests/instrumentations/recordings/`, and each cell below is a test.
`ASSAYKIT_UPDATE=1 pytest tests/instrumentations` writes this page. `python -m tests.instrumentations --record` makes the recordings anew.

The cells count spans: `6 of 7` has the value in six of the seven that could have it. Calls that failed have no output and no tokens.
Twins, which tell of a call a second time, are left out.

"""
_LEFT_OUT = """
## Not recorded

| Client | Reason |
|---|---|
| OpenInference: CrewAI | DSPy is recorded in its place, as another framework on LiteLLM |
| OpenTelemetry Collector | no package registry has it; `tests/engine/test_collector.py` sends what its OTLP exporter sends |
| Strands, Langfuse, MLflow, LangSmith, OpenLIT, Logfire | no recording; `tests/engine/test_conventions.py` has attributes of each |
"""


def page() -> str:
    """The text of the page."""
    head = f"| Client | {' | '.join(ASPECTS)} |\n|{'---|' * (len(ASPECTS) + 1)}\n"
    rows = "".join(
        f"| {client.title} | {' | '.join(cell(client, aspect, name) for aspect in ASPECTS)} |\n"
        for name, client in CLIENTS.items()
    )
    versions = "".join(f"| {client.title} | {_versions(name)} | {client.notes} |\n" for name, client in CLIENTS.items())
    notes = f"\n## Versions and notes\n\n| Client | Packages | Notes |\n|---|---|---|\n{versions}"
    return f"{_HEAD}{head}{rows}{notes}{_LEFT_OUT}"


def cell(client: Client, aspect: str, name: str) -> str:
    """One cell of the table."""
    rows = [row for row in client.rows if row.kind != "UNKNOWN"]
    done = [row for row in rows if row.model != "broken"]
    calls = client.calls
    cells: dict[str, Callable[[], str]] = {
        "kind": lambda: ", ".join(dict.fromkeys(row.kind for row in rows)),
        "input": lambda: _share(row.input for row in rows),
        "output": lambda: _share(row.output for row in done),
        "session": lambda: "all" if client.session else "not sent",
        "user": lambda: "all" if client.user else "not sent",
        "model": lambda: _share(row.model for row in calls),
        "tokens": lambda: _share(row.tokens for row in calls if row in done),
        "tools": lambda: _tools(rows),
        "documents": lambda: "text" if any(row.kind == "RETRIEVER" for row in rows) else "no retriever",
        "one row per call": lambda: f"{len(calls)} for {recorded(name).about['calls']} calls",
    }
    return cells[aspect]()


def _tools(rows: Sequence[Row]) -> str:
    told = {"call": any(row.output == TOOL_CALL for row in rows)}
    told["arguments and result"] = any(row.kind == "TOOL" for row in rows)
    return ", ".join(part for part, is_there in told.items() if is_there) or "none"


def _share(values: Iterable[object]) -> str:
    told = [value is not None for value in values]
    if all(told):
        return "all"
    return f"{sum(told)} of {len(told)}" if any(told) else "not sent"


def _versions(name: str) -> str:
    return ", ".join(f"{package} {version}" for package, version in recorded(name).about["packages"].items())
