"""`assaykit plan`: the size of an experiment at a terminal."""

from collections.abc import Sequence
from typing import Any

import anyio
import click

from assaykit.backend import connect
from assaykit.cli.gating import pairs
from assaykit.errors import Invalid
from assaykit.planning.sizes import Planned, SizeRequest, planned
from assaykit.session import session
from assaykit.settings import Settings


def numbers(texts: Sequence[str]) -> dict[str, float]:
    """`NAME=NUMBER` as a mapping.

    Raises:
        Invalid: a text is not of this form.
    """
    found: dict[str, float] = {}
    for name, value in pairs(texts, "--guess", "discordant=0.2").items():
        try:
            found[name] = float(value)
        except ValueError:
            raise Invalid(f"The guess {name!r} is not a number.", f"Write for example --guess {name}=0.2.") from None
    return found


def run(settings: Settings, **given: Any) -> None:
    """Print the sentences of a plan.

    Raises:
        AssayError: the goal or a guess is wrong, or the pilot cannot be compared.
    """
    named = [given[side] for side in ("baseline", "candidate") if given[side] is not None]
    if len(named) == 1:
        raise Invalid("A pilot is two experiments.", "Give both --baseline and --candidate, or neither.")
    asked = SizeRequest(
        given["goal"],
        named,
        given["dataset"],
        numbers(given["guesses"]),
        pairs(given["positives"], "--positive", "correctness=yes"),
        given["repetitions"],
        given["criteria"],
    )
    for line in anyio.run(_planned, settings, asked, given["space"]).lines:
        click.echo(line)


async def _planned(settings: Settings, asked: SizeRequest, space: str | None) -> Planned:
    async with connect(settings) as api:
        here = session(api, settings)
        return await planned(here, await here.space(space) if asked.pilot else None, asked)
