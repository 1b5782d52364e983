"""The arguments and the answer of a row's program."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

SizeName = Literal["short", "long", "control"]


class Terms(NamedTuple):
    """The size of a measurement, the seed of its random choices, an empty folder, and the name of the breach if any.

    A breach is a fault in the product of this process and its children; `sitecustomize.py` makes it.
    """

    size: SizeName
    seed: int
    folder: Path
    breach: str = ""

    def of(self, short: int, long: int, control: int | None = None) -> int:
        """The number for this size; a control takes the short one if it has none of its own."""
        return {"short": short, "long": long, "control": short if control is None else control}[self.size]


class Control(NamedTuple):
    """The figures and the faults of a control."""

    figures: Mapping[str, float | str]
    faults: Sequence[str]


class Outcome(NamedTuple):
    """The figures of a measurement, and one sentence for each way in which the target was missed.

    A program that breaks its own copy of the product has a `control` too. No other control runs then.
    """

    figures: Mapping[str, float | str]
    faults: Sequence[str]
    control: Control | None = None


Program = Callable[[Terms], Mapping[str, Outcome]]
"""From terms to an outcome for each row that the measurement serves."""


class Unmeasured(Exception):
    """The row cannot be measured on this machine; the message gives the reason."""


def few(faults: Sequence[str], most: int = 5) -> list[str]:
    """At most so many faults, each on one line, and the number of the others."""
    shown = [" ".join(fault.split())[:300] for fault in faults[:most]]
    return [*shown, f"and {len(faults) - most} more"] if len(faults) > most else shown
