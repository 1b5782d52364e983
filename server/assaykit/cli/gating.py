"""`assaykit gate`: an exit code that tells whether a candidate may be released."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import anyio
import click

from assaykit.analysis.gate import Release
from assaykit.analysis.policy import MOST_BYTES, Policy, policy_of, policy_of_rules, text_of_policy
from assaykit.analysis.release import ReleaseOutcome
from assaykit.backend import connect
from assaykit.errors import Invalid, Unavailable, system_advice
from assaykit.experiments.comparing import ranges_of
from assaykit.experiments.releases import decide_release
from assaykit.report.gate import gate_lines, junit, markdown
from assaykit.session import session
from assaykit.settings import Settings
from assaykit.wire.evaluators import Direction

_DIRECTIONS: dict[str, Direction] = {"MAXIMIZE": "MAXIMIZE", "MINIMIZE": "MINIMIZE"}
_COLOURS: dict[ReleaseOutcome, str] = {
    "ship": "green",
    "hold": "red",
    "error": "red",
    "undecided": "yellow",
    "needs review": "yellow",
}


class Files(NamedTuple):
    """Files for the decision, in addition to the terminal."""

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


def policy(file: Path | None, rules: Sequence[str], given: Mapping[str, Any]) -> Policy:
    """The policy of a file and of the command line. Rules are added; an option given replaces that of the file.

    Raises:
        AssayError: the file cannot be read, or it or an option is wrong.
    """
    read = policy_of_rules(rules) if file is None else policy_of(_text(file), file.name, rules)
    options = {name: given[name] for name in ("baseline", "candidate", "dataset", "failures", "looks")}
    options |= {
        "require_calibration": given["require_calibration"] or None,
        "ranges": {**read.ranges, **ranges(given["ranges"])},
    }
    return read.given(options, directions(given["directions"]), labels(given["positives"]))


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unavailable(
            f"The policy {file} cannot be read: {error.strerror}.", system_advice(error, "Give a file that exists.")
        ) from None
    return text_of_policy(content, file.name)


def run(settings: Settings, asked: Policy, space: str | None, files: Files) -> int:
    """Print the decision and the outcome of each rule, and return the exit code.

    Raises:
        AssayError: a file cannot be written, or the policy cannot be decided on the experiments.
    """
    for file in files:
        if file is not None:
            _refuse_unwritable(file)
    found = anyio.run(_released, settings, asked, space)
    for line in gate_lines(found, lambda outcome: click.style(outcome.upper(), fg=_COLOURS[outcome])):
        click.echo(line)
    if files.junit is not None:
        _write(files.junit, "w", junit(found))
    if files.markdown is not None:
        _write(files.markdown, "a", markdown(found))
    return found.exit_code


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
            f"The decision cannot be written to {file}: {error.strerror}.",
            system_advice(error, "Give a file in an existing folder that you may write to."),
        ) from None


async def _released(settings: Settings, asked: Policy, space: str | None) -> Release:
    # A command that reads results takes no run over: that could call a model.
    async with connect(replace(settings, read_only=True)) as api:
        here = session(api, settings)
        return await decide_release(here, await here.space(space), asked)
