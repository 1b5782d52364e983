"""Expressions over lettered filters, such as `A AND NOT (B OR C)`: text to tree, by the grammar of `parse`.

A letter becomes the leaf `Compare(letter, "=", True)`, so that `memory.matches` evaluates the tree from the truth of
each letter.
"""

import re
from collections.abc import Collection
from typing import Final, NoReturn

from assaykit.errors import Invalid
from assaykit.filters.parse import Reader
from assaykit.filters.tree import Compare, Node

MAX_CHARACTERS = 512

_FOREIGN: Final = re.compile(r"[^\w\s()]|\b\d")


def expression_tree(text: str, letters: Collection[str]) -> Node:
    """The tree of an expression over these letters.

    Limits: 512 characters, 64 levels of NOT and parentheses.

    Raises:
        Invalid: the expression is blank, exceeds a limit, has a syntax error, or names a letter without a filter. The
            message gives the column, counted from 1.
    """
    if len(text) > MAX_CHARACTERS:
        raise Invalid(f"The expression has {len(text)} characters; the limit is {MAX_CHARACTERS}.", "Write it shorter.")
    if found := _FOREIGN.search(text):
        raise Invalid(
            f"At column {found.start() + 1} of the expression, {found.group()!r} has no meaning.", _advice(letters)
        )
    return _Letters(text, letters).whole()


def _advice(letters: Collection[str]) -> str:
    return f"The filters are {', '.join(sorted(letters))}. Example: A AND NOT B."


class _Letters(Reader):
    """The reader of expressions; a condition is a single letter."""

    what = "expression"

    def __init__(self, text: str, letters: Collection[str]) -> None:
        super().__init__(text)
        self._letters = letters

    def refuse(self, wanted: str, advice: str = "") -> NoReturn:
        """Raise `Invalid` at the current token, with the expected text."""
        raise Invalid(
            f"At column {self.token.at + 1} of the expression, expected {wanted}, not {self.token.shown}.",
            advice or _advice(self._letters),
        )

    def condition(self) -> Node:
        """Read one letter."""
        letter = self.token.text
        if letter not in self._letters:
            self.refuse("the letter of a filter" if self.token.kind == "name" else "a letter, NOT or '('")
        self.step()
        return Compare(letter, "=", value=True)
