"""The command line: `assaykit` serves over stdio; the others are commands of their own."""

import json
import os
import shlex
import shutil
import sys
import traceback
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from assaykit import __version__, redaction
from assaykit.errors import explained
from assaykit.settings import Settings

PORT = click.IntRange(0, 65535)


def told(command: Callable[..., Any], code: int = 1) -> Callable[..., Any]:
    """Print the sentence of an error and exit with `code`. No exit code that means a result stands for a crash.

    An exception that is no `AssayError` is a fault of assaykit. Its traceback is printed if ASSAYKIT_LOG is debug.
    """

    @wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click prints a usage error, and a reader that went away wants no more text
        except Exception as raised:  # noqa: BLE001  (an exit code of 1 would mean that a rule or a row failed)
            for line in [str(error) for error in explained(raised)] or [_fault(raised)]:
                click.echo(f"assaykit: {redaction.struck(line)}", err=True)
            raise SystemExit(code) from None

    return run


def _fault(raised: Exception) -> str:
    if os.environ.get("ASSAYKIT_LOG", "").strip().lower() == "debug":
        return "".join(traceback.format_exception(raised)).rstrip()
    name = type(raised).__name__
    return f"The command failed on an internal error ({name}). Set ASSAYKIT_LOG=debug to see it, and please report it."


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of commands that serve tools: the backend, the tools to show, and the form of replies."""
    for option in reversed(
        (
            click.option(
                "--backend", type=click.Choice(["local", "ax"]), help="The embedded engine (default) or Arize AX."
            ),
            click.option("--toolsets", metavar="A,B", help="Show only the tools of these toolsets; by default all."),
            click.option("--tools", metavar="X,Y", help="Show these tools too."),
            click.option(
                "--read-only",
                is_flag=True,
                help="Leave out every tool that writes, runs code or spends; wins over the others.",
            ),
            click.option(
                "--structured",
                is_flag=True,
                help="Send each reply as structuredContent too, for programs that read it.",
            ),
        )
    ):
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="assaykit")
@choosing
@click.pass_context
@told
def main(context: click.Context, **chosen: Any) -> None:
    """Serve the MCP tools over stdio, or run one of the commands below."""
    context.obj = chosen
    # Every command may print what a backend, a provider or the user's code says.
    redaction.learn(redaction.secrets_in(os.environ))
    if context.invoked_subcommand == "serve":
        return
    if context.invoked_subcommand is not None:
        # If the option were ignored, `assaykit --backend ax doctor` would check the embedded engine.
        if given := [f"--{name.replace('_', '-')}" for name, value in chosen.items() if value]:
            raise click.UsageError(f"{', '.join(given)} belongs to serving, not to {context.invoked_subcommand}.")
        return
    if sys.stdin.isatty():
        click.echo(_how_to_connect())
        return
    from assaykit.cli.serving import serve_stdio

    serve_stdio(Settings.from_environment(os.environ, **chosen))


@main.command()
@click.option(
    "--transport",
    type=click.Choice(["stdio", "http", "sse"]),
    default="stdio",
    show_default=True,
    help="http is Streamable HTTP; sse is its older form, for clients that know no other.",
)
@click.option("--port", type=PORT, default=8766, show_default=True, help="0 takes a free one.")
@choosing
@click.pass_context
@told
def serve(context: click.Context, transport: str, port: int, **chosen: Any) -> None:
    """Serve the MCP tools over stdio, or over HTTP on loopback behind a token."""
    from assaykit.cli import serving

    # `assaykit --read-only serve` means the same as `assaykit serve --read-only`.
    both = {name: value or context.obj[name] for name, value in chosen.items()}
    settings = Settings.from_environment(os.environ, **both)
    if transport == "stdio":
        serving.serve_stdio(settings)
    else:
        serving.serve_http(settings, "http" if transport == "http" else "sse", port)


@main.command()
@click.option("--port", type=PORT, show_default="8765", help="0 takes a free one.")
@click.option("--flight-port", type=PORT, help="Serve Arrow Flight too; 0 takes a free port. Off unless given.")
@click.option("--otlp-port", type=PORT, help="Take OTLP over gRPC too; 0 takes a free port. Off unless given.")
@click.option(
    "--env",
    is_flag=True,
    help="Print shell lines that point OpenTelemetry exporters and the arize SDK to the engine that runs, and exit: "
    'eval "$(assaykit engine --env)". Without one, the ports are 8765, 8815 for Flight and 4317 for OTLP.',
)
@told
def engine(port: int | None, flight_port: int | None, otlp_port: int | None, *, env: bool) -> None:
    """Serve the embedded engine on loopback: REST v2, and OTLP/HTTP at /v1/traces.

    The bulk calls of the arize SDK go over Arrow Flight, and its experiments send their spans over gRPC. Both need
    the extra: pip install 'assaykit[sdk]'.
    """
    from assaykit.cli.engine import REST_PORT, AskedPorts, serve, show_environment
    from assaykit.cli.ports import Ports

    settings = Settings.from_environment(os.environ)
    if env:
        show_environment(settings, AskedPorts(port, flight_port, otlp_port))
    else:
        serve(settings, Ports(REST_PORT if port is None else port, flight_port, otlp_port))


@main.command()
@click.option("--home", type=click.Path(file_okay=False), help="Keep the store here instead of a temporary folder.")
@told
def demo(home: str | None) -> None:
    """Do the main job once on a small sample, as an MCP client of the server. Needs no account and no key."""
    from assaykit.cli.demo import run

    run(home)


@main.command()
@click.argument("task", metavar="TASK.PY:FUNCTION")
@click.option("--dataset", required=True, help="Name or id, or a file such as cases.csv.")
@click.option("--dataset-version", help="Name or id of an older version.")
@click.option("--filter", help="Run over the examples that it takes, such as \"topic = 'billing'\".")
@click.option("--example", "example_ids", multiple=True, metavar="ID|KEY", help="Run over this one; repeatable.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A value of the task's parameter. Several values of a name make an experiment for each.",
)
@click.option("--name", help="Name of the experiment; by default the function's name.")
@click.option("--evaluator", "evaluators", multiple=True, metavar="FILE.PY:NAME|JUDGE", help="Repeatable.")
@click.option("--concurrency", type=click.IntRange(1, 100), default=10, show_default=True)
@click.option("--timeout", type=float, default=120.0, show_default=True, help="Seconds that a row may take.")
@click.option("--repetitions", type=click.IntRange(1, 100), default=1, show_default=True)
@click.option("--retries", type=click.IntRange(0, 10), default=0, show_default=True, help="After a 429 or 5xx.")
@click.option("--mapping", "mappings", multiple=True, metavar="VARIABLE=COLUMN", help="For judges; repeatable.")
@click.option("--metadata", multiple=True, metavar="NAME=VALUE", help="Kept with each row; repeatable.")
@click.option("--binding", type=click.Choice(["auto", "ax", "phoenix"]), default="auto", show_default=True)
@click.option("--set-global-tracer-provider", is_flag=True, help="Keep the spans of the task's own tracing.")
@click.option("--dry-run", is_flag=True, help="Take the first examples and record nothing.")
@click.option("--dry-run-count", type=click.IntRange(1), default=10, show_default=True, help="Examples of a dry run.")
@click.option("--exit-on-error", is_flag=True, help="Stop at the first row that fails, and record nothing.")
@click.option("--restart", is_flag=True, help="Run rows again that an earlier call has done.")
@click.option("--confirm-cost", type=int, help="Calls of judges that you agreed to, where no terminal can ask.")
@click.option(
    "--tolerate", type=click.FloatRange(0, 1), default=0.0, help="Share of rows that may fail, in each evaluator too."
)
@click.option("--python", help="The interpreter; by default that of the project's .venv.")
@click.option("--space", help="Name or id.")
@click.option("--backend", type=click.Choice(["local", "ax"]), help="The embedded engine (default) or Arize AX.")
@partial(told, code=2)
def run(backend: str | None, evaluators: tuple[str, ...], tolerate: float, **arguments: Any) -> None:
    """Run a function over a dataset and record an experiment.

    If it is killed, the same command continues where it stopped. Exits with 1 if rows failed, with 3 if only
    evaluators failed, and with 2 if nothing was run.
    """
    from assaykit.cli import running

    settings = Settings.from_environment(os.environ, backend=backend)
    arguments |= {
        "evaluators": list(evaluators) or None,
        "example_ids": list(arguments["example_ids"]) or None,
        "params": running.params_of(arguments["params"]),
        "metadata": running.pairs_of("--metadata", arguments["metadata"]),
        "column_mappings": running.pairs_of("--mapping", arguments.pop("mappings")),
    }
    raise SystemExit(running.run(settings, arguments, tolerate))


@main.command()
@click.option("--policy", type=click.Path(dir_okay=False, path_type=Path), help="File with rules and options.")
@click.option("--baseline", metavar="EXPERIMENT", help="Name or id of the released version's.")
@click.option("--candidate", metavar="EXPERIMENT", help="Name or id of the new version's.")
@click.option("--dataset", help="Name or id; needed if two have an experiment of that name.")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="See above; repeatable.")
@click.option("--direction", "directions", multiple=True, metavar="NAME=MAXIMIZE|MINIMIZE", help="Better direction.")
@click.option("--positive", "positives", multiple=True, metavar="NAME=LABEL", help="A good label; repeatable.")
@click.option("--range", "ranges", multiple=True, metavar="NAME=LOW,HIGH", help="The ends of a score.")
@click.option("--failures", type=click.Choice(["count", "exclude"]), help="Failed runs in rates; else count.")
@click.option("--looks", type=click.IntRange(1, 10_000), help="The number of this look, where none are recorded.")
@click.option("--require-calibration", is_flag=True, help="LLM judges without a calibration need review.")
@click.option("--junit", type=click.Path(dir_okay=False), help="Write the decision as JUnit XML.")
@click.option("--markdown", type=click.Path(dir_okay=False), help="Append the decision to this file as a table.")
@click.option("--space", help="Name or id.")
@click.option("--backend", type=click.Choice(["local", "ax"]), help="The embedded engine (default) or Arize AX.")
@partial(told, code=2)
def gate(backend: str | None, **given: Any) -> None:
    """Decide by rules whether a candidate may be released.

    A rule is 'NAME: not worse by more than 2 points', 'NAME: better', 'NAME: not shown worse by 5 points',
    'NAME: the same within 2 points', 'NAME: at least 80 %', 'NAME: pass^3 at least 75 %', 'failed rows: at most 2 %',
    'exact match with COLUMN: at least 90 %', 'latency: not worse by more than 10 %', 'cost: at most 0.01 $' or
    'at least 200 examples', where NAME is an evaluator. Intervals and tests decide. Exits with 0 to ship, 1 to hold, 3
    if examples or verdicts are too few to decide, 4 if a judge needs review, and 2 if nothing could be decided.
    """
    from assaykit.cli import gating

    files = gating.Files(*(None if given[name] is None else Path(given[name]) for name in ("junit", "markdown")))
    asked = gating.policy(given["policy"], given["rules"], given)
    settings = Settings.from_environment(os.environ, backend=backend)
    raise SystemExit(gating.run(settings, asked, given["space"], files))


@main.command()
@click.argument("goal")
@click.option("--baseline", metavar="EXPERIMENT", help="Name or id; with --candidate a pilot of the variation.")
@click.option("--candidate", metavar="EXPERIMENT", help="Name or id.")
@click.option("--dataset", help="Name or id; needed if two have an experiment of that name.")
@click.option("--guess", "guesses", multiple=True, metavar="NAME=NUMBER", help="See above; repeatable.")
@click.option("--positive", "positives", multiple=True, metavar="NAME=LABEL", help="The label to count.")
@click.option("--repetitions", type=int, default=1, show_default=True, help="Runs of each example.")
@click.option("--criteria", type=int, default=1, show_default=True, help="Evaluators that are compared together.")
@click.option("--space", help="Name or id.")
@click.option("--backend", type=click.Choice(["local", "ax"]), help="The embedded engine (default) or Arize AX.")
@partial(told, code=2)
def plan(backend: str | None, **given: Any) -> None:
    """Say how many examples a goal needs at 80 % power.

    A goal is 'better by 5 points', 'not worse by more than 2 points', 'the same within 3 points' or 'at least 80 %',
    with 'NAME: ' before it for one evaluator of a pilot. Points belong to rates. Guesses are discordant (the share of
    pairs that differ, 0 to 1), sd (of the differences of a score), within (standard deviation between runs of one
    example), expected (a share), change (the true difference), cluster (rows of one source) and icc. Exits with 2 if
    nothing could be planned.
    """
    from assaykit.cli import sizing

    sizing.run(Settings.from_environment(os.environ, backend=backend), **given)


@main.command()
@told
def doctor() -> None:
    """Check the installation, the store and the keys, and say what to do about each fault."""
    from assaykit.cli.doctor import run

    if not run(Settings.from_environment(os.environ)):
        raise SystemExit(1)


def _how_to_connect() -> str:
    """The lines that connect an assistant, with the absolute path: an assistant starts the command from any folder."""
    command = shutil.which("assaykit", path=str(Path(sys.executable).parent)) or "assaykit"
    cursor = json.dumps({"mcpServers": {"assaykit": {"command": command}}})
    return _HOW_TO_CONNECT.format(command=shlex.quote(command), cursor=cursor)


_HOW_TO_CONNECT = """\
assaykit is an MCP server: a coding assistant starts it and speaks to it over stdin and stdout.

  Claude Code   claude mcp add --scope user assaykit -- {command}
  Codex         codex mcp add assaykit -- {command}
  Gemini CLI    gemini mcp add --scope user assaykit {command}
  Cursor        add to .cursor/mcp.json:
                {cursor}

To see it work now, without an account or a key:   assaykit demo
To receive traces over OTLP/HTTP:                  assaykit engine
To check the installation:                         assaykit doctor"""
