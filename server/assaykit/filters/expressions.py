"""Expressions over lettered filters, such as `A AND NOT (B OR C)`: text to tree, by the grammar of `parse`.

A letter is a leaf `Compare(letter, "=", True)`, so that `memory.matches` decides the tree on what each letter says.
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

    At most 512 characters, 64 levels of NOT and parentheses.

    Raises:
        Invalid: blank, beyond a limit, not in the language, or a letter that no filter has; the message says at which
            character, from 1.
    """
    if len(text) > MAX_CHARACTERS:
        raise Invalid(f"The expression has {len(text)} characters; the limit is {MAX_CHARACTERS}.", "Write it shorter.")
    if found := _FOREIGN.search(text):
        raise Invalid(
            f"At column {found.start() + 1} of the expression {found.group()!r} has no meaning.", _advice(letters)
        )
    return _Letters(text, letters).whole()


def _advice(letters: Collection[str]) -> str:
    return f"The filters are {', '.join(sorted(letters))}. Write for example: A AND NOT B."


class _Letters(Reader):
    """Between AND, OR, NOT and parentheses stand letters."""

    what = "expression"

    def __init__(self, text: str, letters: Collection[str]) -> None:
        super().__init__(text)
        self._letters = letters

    def refuse(self, wanted: str, advice: str = "") -> NoReturn:
        """Stop at the current token, saying what should have stood there."""
        raise Invalid(
            f"At column {self.token.at + 1} of the expression {wanted} should follow, not {self.token.shown}.",
            advice or _advice(self._letters),
        )

    def condition(self) -> Node:
        """A letter."""
        letter = self.token.text
        if letter not in self._letters:
            self.refuse("the letter of a filter" if self.token.kind == "name" else "a letter, NOT or '('")
        self.step()
        return Compare(letter, "=", value=True)
