"""Matching of the rows of an upload to the examples of a dataset.

The engine matches the rows that it writes. For an upload to AX the tools match the rows before they send the first
one, since AX cannot undo an upload.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from assaykit.column_paths import resolve
from assaykit.spelling import value_key
from assaykit.wire.local import Matches

SHOWN = 10
"""Length limit of each list of ids in `Matches`."""


def text_of(value: Any) -> str:
    """A value as the text that matching compares: a string unchanged, any other value as JSON."""
    return value if isinstance(value, str) else to_json(value).decode()


class Matching:
    """Matches rows to examples: `add` every example, pass each row to `id_of`, then read the result from `found`.

    Without a `key`, the name of an example is its id. With a `key`, it is the text of the example's value at that path.
    A row's name that no example has stands for one that is another spelling of it, such as 1 for "1".
    """

    def __init__(self, key: str | None) -> None:
        self.key = key
        self._ids: dict[str, str] = {}
        self._spelled: dict[str, str | None] = {}
        self._count = 0
        self._ambiguous: Counter[str] = Counter()
        self._columns: list[str] | None = None
        self._times: Counter[str] = Counter()
        self._unmatched: dict[str, None] = {}
        self._rows_unmatched = 0

    def add(self, example_id: str, columns: Mapping[str, Any] | None = None) -> None:
        """Add an example. Its columns are needed only if there is a `key`."""
        self._count += 1
        if self.key is None:
            self._ids[example_id] = example_id
            return
        if self._columns is None:
            self._columns = sorted(columns or ())
        value = resolve(columns or {}, self.key)
        if value is not None:
            text = text_of(value)
            if self._ids.setdefault(text, example_id) != example_id:
                self._ambiguous[text] += 1
            # Of two spellings in the dataset itself, only the exact one is meant.
            self._spelled[value_key(text)] = example_id if value_key(text) not in self._spelled else None

    def id_of(self, name: str | None, at_its_place: str | None = None) -> str | None:
        """The id of the example that a row names, or `at_its_place` if the row has no `name`. None if there is none."""
        example_id = at_its_place if name is None else self._ids.get(name) or self._spelled.get(value_key(name))
        if example_id is None:
            self._rows_unmatched += 1
            if len(self._unmatched) < SHOWN:
                self._unmatched[str(name)] = None
        else:
            self._times[example_id] += 1
        return example_id

    def found(self) -> Matches:
        """The result for all rows so far."""
        repeated = [example_id for example_id, times in self._times.items() if times > 1]
        names = {example_id: name for name, example_id in self._ids.items()} if self.key and repeated else {}
        return Matches(
            examples=self._count,
            covered=len(self._times),
            unmatched=self._rows_unmatched,
            unmatched_ids=list(self._unmatched),
            repeated=len(repeated),
            repeated_ids=[names.get(one, one) for one in repeated[:SHOWN]],
            ambiguous=len(self._ambiguous),
            ambiguous_ids=list(self._ambiguous)[:SHOWN],
            columns=(self._columns or []) if self.key is not None and not self._ids else None,
        )


def is_refused(matches: Matches, *, skip_unmatched: bool, repetitions: bool) -> bool:
    """True if these matches forbid the upload, so that no row is written."""
    return bool(
        matches.ambiguous
        or matches.columns is not None
        or (matches.repeated and not repetitions)
        or (matches.unmatched and not (skip_unmatched and matches.covered))
    )
