"""The demo: the main job on the sample, by a real MCP client of the real server.

Spans arrive as in real use: over OTLP/HTTP, at an engine on loopback. Engine, server and client take turns in one
process, because each further process would import the SDK once more.
"""

import os
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import anyio
import click
import httpx
from mcp import Client

from assaykit import logs, sample
from assaykit.cli.engine import taking_spans
from assaykit.errors import Conflict, Unavailable
from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of, text_of

KEY = "demo"
DEADLINE_S = 30
TEXT_LINES = 18
TEXT_WIDTH = 112
LINES_OF_ONE = 3
ANSWERS = "name = 'write_answer'"


def run(home: str | None) -> None:
    """Do the main job and print each call with its shortened result.

    Raises:
        Conflict: the folder has the store of an earlier demo.
        Unavailable: the store cannot be opened, or a call failed.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="assaykit-demo-") as temporary:
        folder = Path(home) if home else Path(temporary)
        settings = Settings.from_environment(_environment(folder), structured=True)
        logs.configure(settings.log_level)
        anyio.run(_play, settings)
    kept = f"The store is in {home}." if home else "The temporary store is gone."
    click.echo(f"\nDone in {time.monotonic() - started:.0f} s, without an account or a key. {kept}")


def _environment(home: Path) -> dict[str, str]:
    """The caller's environment without variables that would change the demo: settings of AX and assaykit, and keys."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ARIZE_", "ASSAYKIT_")) and not name.endswith("_API_KEY")
    }
    return {
        **kept,
        "ASSAYKIT_HOME": str(home),
        "ASSAYKIT_FILES": str(sample.variant_path("a").parent),
    }


async def _send_traces(address: str) -> None:
    body = sample.otlp_json(time.time_ns())
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(trust_env=False, timeout=DEADLINE_S, headers=headers) as client:
        try:
            found = await client.get(f"{address}/v2/projects", params={"name": sample.PROJECT})
            if found.raise_for_status().json()["projects"]:
                raise Conflict(
                    f"The store has a project {sample.PROJECT!r} already: the demo was played there.",
                    "Give --home a new folder, or leave it out.",
                )
            (await client.post(f"{address}/v1/traces", content=body)).raise_for_status()
        except httpx.HTTPError as error:
            raise Unavailable(f"The engine did not take the sample: {error}.", "Run `assaykit doctor`.") from error
    click.echo(f"Sent the sample to {address}/v1/traces: support-bot traces with human labels.")


async def _play(settings: Settings) -> None:
    async with taking_spans(settings, KEY) as address:
        await _send_traces(address)
    async with Client(create_server(settings)) as client:
        show = _Show(client)
        await show.call("get_status")
        await show.call("search_spans", project=sample.PROJECT, filter=ANSWERS, limit=3)
        click.echo("\n# Two rules as code evaluators: an answer cites its policy, and promises nothing.")
        await show.call("create_judge", name="cites_policy", code="MATCHES_REGEX", pattern=r"\[[A-Z]+-\d+\]")
        words = ["guarantee", "promise", "definitely"]
        await show.call("create_judge", name="overpromises", code="CONTAINS_ANY_KEYWORD", keywords=words)
        await show.call("preview_judge", judge="cites_policy", project=sample.PROJECT, filter=ANSWERS)
        await show.call(
            "create_task",
            name="answers follow policy",
            project=sample.PROJECT,
            evaluators=["cites_policy", "overpromises"],
            query_filter=ANSWERS,
        )
        run = await show.call("trigger_backfill", task="answers follow policy", window="last 7 days")
        await show.call("wait_for_run", run=run["run"]["id"])
        click.echo("\n# Where the rule and the human labels disagree: bad answers that cite a policy all the same.")
        missed = "metadata.human_label = 'bad' AND eval.cites_policy.label = 'matches'"
        await show.call("search_spans", project=sample.PROJECT, filter=missed, limit=3)
        await _compare(show)


async def _compare(show: "_Show") -> None:
    click.echo("\n# Two prompt variants on the same 40 questions, with labels by people.")
    await show.call("create_dataset", name="support questions", file="questions.csv")
    columns = {
        "helpful": {"label": "human_label", "score": "human_score"},
        "cites_policy": {"label": "cites_policy"},
    }
    for variant in ("a", "b"):
        await show.call(
            "upload_experiment",
            file=sample.variant_path(variant).name,
            dataset="support questions",
            key="key",
            output="answer",
            evaluators=columns,
        )
    names = ["variant-a", "variant-b"]
    await show.call(
        "compare_experiments",
        lines=46,
        experiments=names,
        positive={"cites_policy": "yes"},
        directions={"helpful": "MAXIMIZE"},
    )


class _Show:
    """Calls tools and prints each call with its text, shortened."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def call(self, tool: str, *, lines: int = TEXT_LINES, **arguments: Any) -> dict[str, Any]:
        shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        click.echo(click.style(f"\n> {tool}({shown})", bold=True))
        result = await self._client.call_tool(tool, arguments, progress_callback=self._progress)
        text = text_of(result)
        if result.is_error:
            raise Unavailable(f"{tool} failed: {text}", "This is a fault in assaykit; please report it.")
        told = [part for line in text.splitlines() for part in _wrapped(line)]
        for line in told[:lines]:
            click.echo(f"  {line}")
        if len(told) > lines:
            click.echo(f"  … {len(told) - lines} more lines")
        return data_of(result)

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        whole = f" of {total:g}" if total else ""
        click.echo(f"  … {progress:g}{whole} {message or ''}".rstrip())


def _wrapped(line: str) -> list[str]:
    """The line wrapped to the width of a page, and cut after three lines."""
    return textwrap.wrap(line, TEXT_WIDTH, subsequent_indent="  ", max_lines=LINES_OF_ONE, placeholder=" …") or [""]
