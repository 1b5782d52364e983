"""`assaykit gate`: an exit code that tells whether a candidate may be released."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import anyio
import click

from assaykit.analysis.findings import Comparison
from assaykit.analysis.gate import Decision, Rule, Ruling, decide, overall, read
from assaykit.backend import connect
from assaykit.errors import Invalid, Unavailable, system_advice
from assaykit.experiments.comparing import ComparisonRequest, compared, ranges_of
from assaykit.report.gate import junit, markdown
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.wire.evaluators import Direction

EXIT_CODES: dict[Decision, int] = {"passed": 0, "failed": 1, "undecided": 3}
"""Code 2 is the shell's convention for wrong usage of a command."""

_DIRECTIONS: dict[str, Direction] = {"MAXIMIZE": "MAXIMIZE", "MINIMIZE": "MINIMIZE"}
_COLOURS = {"passed": "green", "failed": "red", "undecided": "yellow"}


class Files(NamedTuple):
    """Files for the rulings, in addition to the terminal."""

    junit: Path | None
    markdown: Path | None


def pairs(texts: Sequence[str], option: str, example: str) -> dict[str, str]:
    """`NAME=VALUE` as a mapping. `example` shows the form of `option` in the error.

    Raises:
        Invalid: a text is not of this form.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        if not sign or not name or not value:
            raise Invalid(f"{text!r} is not of the form NAME=VALUE.", f"Write for example {option} {example}.")
        found[name] = value
    return found


def labels(texts: Sequence[str]) -> dict[str, list[str]]:
    """`NAME=LABEL` as a mapping; a name with several labels stands several times.

    Raises:
        Invalid: a text is not of this form.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        for name, label in pairs([text], "--positive", "correctness=yes").items():
            found.setdefault(name, []).append(label)
    return found


def ranges(texts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """`NAME=LOW,HIGH` as a mapping.

    Raises:
        Invalid: a text is not of this form, or not two finite numbers, the lower first.
    """
    found: dict[str, list[float]] = {}
    for name, told in pairs(texts, "--range", "tone=1,5").items():
        try:
            found[name] = [float(end) for end in told.split(",")]
        except ValueError:
            raise Invalid(f"{told!r} is not a range.", f"Write for example --range {name}=1,5.") from None
    return ranges_of(found)


def directions(texts: Sequence[str]) -> dict[str, Direction]:
    """`NAME=MAXIMIZE` or `NAME=MINIMIZE` as a mapping, in any letter case.

    Raises:
        Invalid: a text is neither.
    """
    found: dict[str, Direction] = {}
    for name, told in pairs(texts, "--direction", "correctness=MAXIMIZE").items():
        direction = _DIRECTIONS.get(told.upper())
        if direction is None:
            raise Invalid(f"{told!r} is not a direction.", f"Write --direction {name}=MAXIMIZE, or MINIMIZE.")
        found[name] = direction
    return found


def run(settings: Settings, asked: ComparisonRequest, space: str | None, rules: Sequence[str], files: Files) -> int:
    """Print the ruling on each rule, and return the exit code for all of them.

    Raises:
        AssayError: a text is not a rule, a file cannot be written, or the experiments cannot be compared.
    """
    read_rules = [read(text) for text in rules]
    for file in files:
        if file is not None:
            _refuse_unwritable(file)
    names = tuple(dict.fromkeys(rule.evaluator for rule in read_rules))
    found = anyio.run(_compared, settings, asked._replace(evaluators=names, usage_counts=False), space)
    rulings = [_ruling(rule, found) for rule in read_rules]
    for one in rulings:
        click.echo(f"{click.style(one.outcome.upper(), fg=_COLOURS[one.outcome])} {one.rule.text}\n  {one.why}")
    if files.junit is not None:
        _write(files.junit, "w", junit(rulings, found.baseline, found.challengers[0]))
    if files.markdown is not None:
        _write(files.markdown, "a", markdown(rulings, found.baseline, found.challengers[0]))
    return EXIT_CODES[overall(rulings)]


def _refuse_unwritable(file: Path) -> None:
    """Find out before the comparison whether the file can be written. Its content stays.

    Raises:
        Unavailable: it cannot.
    """
    is_new = not file.exists()
    _write(file, "a", "")
    if is_new:
        file.unlink()


def _write(file: Path, mode: Literal["a", "w"], text: str) -> None:
    try:
        with file.open(mode, encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        raise Unavailable(
            f"The rulings cannot be written to {file}: {error.strerror}.",
            system_advice(error, "Give a file in an existing folder that you may write to."),
        ) from None


def _ruling(rule: Rule, found: Comparison) -> Ruling:
    tests = sum(one.p is not None for one in found.findings)
    return decide(rule, next(one for one in found.findings if one.evaluator == rule.evaluator), tests)


async def _compared(settings: Settings, asked: ComparisonRequest, space: str | None) -> Comparison:
    # A command that reads results takes no run over: that could call a model.
    async with connect(replace(settings, read_only=True)) as api:
        here = session(api, settings)
        return (await compared(here, await here.space(space), asked)).comparison
