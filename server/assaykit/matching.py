"""Which example of a dataset each row of an upload belongs to, and which rows fit none.

The engine asks this of what it writes at once; the tools ask it before they send to AX what cannot be undone there.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from assaykit.wire.local import Matches

SHOWN = 10
"""Ids listed of those that fit nothing, or stand there twice."""


def text_of(value: Any) -> str:
    """A value as the text by which rows and examples are matched: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else to_json(value).decode()


class Matching:
    """Takes examples and names of examples; `found` tells what has come out of it.

    Without a `key`, an example's name is its id; with one, it is the text of what the example has in that column.
    """

    def __init__(self, key: str | None) -> None:
        self.key = key
        self._ids: dict[str, str] = {}
        self._count = 0
        self._ambiguous: Counter[str] = Counter()
        self._columns: list[str] | None = None
        self._times: Counter[str] = Counter()
        self._unmatched: dict[str, None] = {}
        self._rows_unmatched = 0

    def add(self, example_id: str, columns: Mapping[str, Any] | None = None) -> None:
        """Take an example into account; its columns are needed only where there is a key."""
        self._count += 1
        if self.key is None:
            self._ids[example_id] = example_id
            return
        if self._columns is None:
            self._columns = sorted(columns or ())
        value = (columns or {}).get(self.key)
        if value is not None:
            text = text_of(value)
            if self._ids.setdefault(text, example_id) != example_id:
                self._ambiguous[text] += 1

    def id_of(self, name: str | None, at_its_place: str | None = None) -> str | None:
        """The id of the example that a row names, or of the one at its place where it names none; None without one."""
        example_id = at_its_place if name is None else self._ids.get(name)
        if example_id is None:
            self._rows_unmatched += 1
            if len(self._unmatched) < SHOWN:
                self._unmatched[str(name)] = None
        else:
            self._times[example_id] += 1
        return example_id

    def found(self) -> Matches:
        """How the rows fit."""
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
    """Whether nothing is to be written."""
    return bool(
        matches.ambiguous
        or matches.columns is not None
        or (matches.repeated and not repetitions)
        or (matches.unmatched and not (skip_unmatched and matches.covered))
    )
