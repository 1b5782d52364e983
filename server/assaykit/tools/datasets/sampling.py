"""Selection of the rows that become examples: repeats are dropped, and a sample is drawn."""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.analysis.duplicates import Likeness, firsts
from assaykit.analysis.sampling import Drawn, Method, at_random, at_steps, by_strata
from assaykit.column_paths import is_there, paths_in, resolve
from assaykit.errors import Invalid
from assaykit.experiments.provenance import SAMPLE, SEED
from assaykit.foreign import as_word
from assaykit.matching import text_of
from assaykit.spelling import common_spellings
from assaykit.toolkit.columns import no_column
from assaykit.toolkit.replies import one_line
from assaykit.tools.datasets.reading import WHERE_AND_WHEN, ExampleRow, Source

EVERY = "*"
"""Stands for all columns."""

SHOWN = 10
STRATA_SHOWN = 100


class Wish(NamedTuple):
    """The arguments of `create_dataset` for the selection of rows."""

    unique: Sequence[str] | None = None
    sample: Method | None = None
    size: int | None = None
    by: str | None = None
    seed: int = 0

    def under(self, kept: Mapping[str, str | None]) -> "Wish":
        """The same wish with the new names of columns that the dataset keeps under another name."""
        unique = self.unique and [kept.get(column) or column for column in self.unique]
        return self._replace(unique=unique, by=self.by and (kept.get(self.by) or self.by))

    @property
    def method(self) -> Method | None:
        """The sampling method, which `size` and `by` may imply. None if no sample is wanted."""
        if self.sample is None and self.size is not None:
            return "random" if self.by is None else "stratified"
        return self.sample


class Draw(NamedTuple):
    """The selection from a source. `dropped` rows repeat an earlier one; `there` counts the other rows.

    `known` are the digests of the dataset's existing examples. A row that equals one of them is a repeat too.
    """

    source: Source
    wish: Wish
    there: int
    dropped: int
    drawn: Drawn | None
    known: Collection[bytes]

    def rows(self) -> Iterator[ExampleRow]:
        """The selected examples, read from the source again."""
        every = _without_repeats(self.source.read(), self.wish, self.known)
        if self.drawn is None:
            yield from every
            return
        about = {SEED: self.wish.seed, SAMPLE: self.method_told}
        wanted = iter(self.drawn.positions)
        following = next(wanted, None)
        for position, row in enumerate(every):
            if position == following:
                yield {**row, **about}
                following = next(wanted, None)

    @property
    def method_told(self) -> str:
        """The sample in words, such as `stratified by kind, 50 of 250`."""
        by = "" if self.wish.by is None else f" by {as_word(self.wish.by)}"
        return f"{self.wish.method}{by}, {self.wish.size} of {self.there}"


def refuse_odd(wish: Wish) -> None:
    """Raises: Invalid: the arguments do not fit together."""
    if wish.unique is not None and not wish.unique:
        raise Invalid("unique names no column.", "Name columns, or pass ['*'] for all of them.")
    if wish.size is None:
        if wish.sample is not None or wish.by is not None:
            raise Invalid("A sample needs its size.", "Pass size, the number of examples.")
        return
    if wish.size < 1:
        raise Invalid(f"A sample of {wish.size} has no example.", "Pass a size of at least 1.")
    if (wish.method == "stratified") != (wish.by is not None):
        raise Invalid(
            "A stratified sample needs a column of strata, and no other has one.",
            "Pass by='column' with sample='stratified', or leave both out.",
        )


def draw(source: Source, wish: Wish, known: Collection[bytes] = ()) -> Draw:
    """Read every row once and choose the examples, without keeping the rows. `known` is that of `Draw`.

    Raises:
        Invalid: there is no row, no row has a named column, or there are fewer rows than the size of the sample.
    """
    read = kept = 0
    strata: list[str | None] = []
    absent = [one for one in [*(wish.unique or ()), wish.by] if one not in {EVERY, None}]

    def looked_at() -> Iterator[ExampleRow]:
        nonlocal read, absent
        for row in source.read():
            read += 1
            absent = [one for one in absent if one is not None and not is_there(one, [row])]
            yield row

    for row in _without_repeats(looked_at(), wish, known):
        kept += 1
        if wish.by is not None:
            value = resolve(row, wish.by)
            strata.append(None if value is None else text_of(value))
    if not read:
        raise Invalid("There is no row, so there is no example.", "Give at least one row.")
    if absent:
        raise no_column(absent[0] or "", paths_in(source.read()))
    if wish.size is not None and wish.size > kept:
        left = " that differ" if read > kept else ""
        raise Invalid(f"There are {kept} rows{left}, so no sample of {wish.size}.", "Pass a smaller size.")
    return Draw(source, wish, kept, read - kept, _drawn(kept, wish, strata), known)


def told_of(draw: Draw) -> str:
    """The dropped rows and the sample, in words. Empty if every row was taken."""
    said = ""
    if draw.wish.unique is not None:
        by = (
            "all columns"
            if EVERY in draw.wish.unique
            else ", ".join(repr(one_line(one, 60)) for one in draw.wish.unique)
        )
        there = " or an example that was there" if draw.known else ""
        said += f" Dropped {draw.dropped} row(s) that repeat an earlier one{there} by {by}."
    if draw.drawn is not None:
        said += f" Sample: {draw.method_told}, seed {draw.wish.seed}, kept in {SEED}."
        said += _told_of_strata(draw.drawn.strata)
    return said


def facts_of(draw: Draw) -> dict[str, Any]:
    """The source, the number of dropped rows and the sample, as data."""
    facts: dict[str, Any] = {}
    if draw.source.facts:
        facts["source"] = dict(draw.source.facts)
    if draw.wish.unique is not None:
        facts["dropped"] = draw.dropped
    if draw.drawn is not None:
        wish = draw.wish
        told: dict[str, Any] = {"method": wish.method, "size": wish.size, "of": draw.there, "seed": wish.seed}
        if wish.by is not None:
            shares = list(draw.drawn.strata.items())[:STRATA_SHOWN]
            told |= {
                "by": wish.by,
                "strata": [{"value": one, "examples": took, "of": of} for one, (took, of) in shares],
            }
        facts["sample"] = told
    return facts


def likeness(unique: Sequence[str]) -> Likeness:
    """The columns by which two rows count as equal."""
    return Likeness(None, {*WHERE_AND_WHEN, SEED, SAMPLE}) if EVERY in unique else Likeness(unique)


def _without_repeats(rows: Iterator[ExampleRow], wish: Wish, known: Collection[bytes]) -> Iterator[ExampleRow]:
    return rows if wish.unique is None else firsts(rows, likeness(wish.unique), known)


def _drawn(count: int, wish: Wish, strata: Sequence[str | None]) -> Drawn | None:
    if wish.size is None:
        return None
    if wish.method == "stratified":
        spelled = common_spellings(one for one in strata if one is not None)
        return by_strata([one and spelled.get(one, one) for one in strata], wish.size, wish.seed)
    return (at_steps if wish.method == "systematic" else at_random)(count, wish.size, wish.seed)


def _told_of_strata(strata: Mapping[Hashable, tuple[int, int]]) -> str:
    if not strata:
        return ""
    largest = sorted(strata, key=lambda value: -strata[value][1])
    listed = ", ".join(f"{_value(value)} {strata[value][0]} of {strata[value][1]}" for value in largest[:SHOWN])
    more = f" and {len(largest) - SHOWN} more" if len(largest) > SHOWN else ""
    said = f" Strata: {listed}{more}."
    if empty := [value for value in largest if strata[value][0] == 0]:
        rows = sum(strata[value][1] for value in empty)
        some = ", ".join(_value(value) for value in empty[:SHOWN]) + (", ..." if len(empty) > SHOWN else "")
        said += f" Warning: {len(empty)} strata with {rows} row(s) have no example, their share is too small: {some}."
    return said


def _value(value: Hashable) -> str:
    return "(no value)" if value is None else repr(one_line(value, 60))
