"""Several rows of one example in a result file: they are separate runs, or tries of one run."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from assaykit.errors import Invalid
from assaykit.files.rows import FileRow
from assaykit.foreign import exactly
from assaykit.wire.local import Matches

COLUMN = "repetition"


class Repetitions:
    """Numbers the rows of each example in the order of the file, unless the file does so in `repetition`.

    With a number of its own, a failed row does not count as a try that a later row replaces. If the file numbers the
    rows, rows with the same example and number are tries of one run: `tried_again` counts the failed ones replaced.
    """

    def __init__(self, file: str) -> None:
        self.tried_again = 0
        self.are_named: bool | None = None
        self._file = file
        self._times: Counter[str] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()

    def numbered(self, row: FileRow, flat: Mapping[str, Any]) -> dict[str, Any]:
        """The row with its number.

        Raises:
            Invalid: some rows of the file have a number, and others have none.
        """
        named, example = flat.get(COLUMN), str(flat.get("example_id"))
        if self.are_named not in {None, named is not None}:
            raise Invalid(
                f"Line {row.line} of {exactly(self._file)} has {'no' if named is None else 'a'} {COLUMN}, unlike the "
                "rows before it.",
                f"Fill the column {COLUMN} in every row, or leave it out to have the rows of an example numbered.",
            )
        self.are_named = named is not None
        if named is None:
            self._times[example] += 1
            return {**flat, COLUMN: self._times[example]}
        call = (example, str(named))
        self.tried_again += self._failed.pop(call, 0)
        self._failed[call] += flat.get("error") is not None
        return dict(flat)

    def told(self) -> str:
        """The interpretation of several rows of an example, in words."""
        by = f"by the column {exactly(COLUMN)}" if self.are_named else "numbered in the order of the file"
        said = f", repetitions {by}"
        if self.tried_again:
            said += f"; {self.tried_again} row(s) that failed were tried again by a later one and do not count"
        return said


class RetriedRows:
    """Counts the failed rows of each example that a later row replaces, for a file without numbered repetitions."""

    def __init__(self) -> None:
        self.tried_again = 0
        self._has_others = False
        self._are_numbered = True
        self._failed: dict[tuple[str, str], bool] = {}

    def add(self, flat: Mapping[str, Any]) -> None:
        """Look at one row."""
        number = flat.get(COLUMN)
        self._are_numbered = self._are_numbered and number is not None
        call = (str(flat.get("example_id")), str(number))
        if call in self._failed:
            self.tried_again += self._failed[call]
            self._has_others = self._has_others or not self._failed[call]
        self._failed[call] = bool(flat.get("error"))

    def are_all(self, matches: Matches | None) -> bool:
        """Whether examples have several rows only because rows were tried again, or have a number each."""
        is_repeated = matches is not None and bool(matches.repeated) and not matches.ambiguous
        return is_repeated and not self._has_others and (self._are_numbered or bool(self.tried_again))

    def told(self) -> str:
        """The interpretation of several rows of an example, in words."""
        by = f", repetitions by the column {exactly(COLUMN)}" if self._are_numbered else ""
        if self.tried_again:
            by += f"; {self.tried_again} row(s) that failed were tried again by a later one and do not count"
        return by
