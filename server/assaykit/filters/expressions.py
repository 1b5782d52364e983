"""Expressions over lettered filters, such as `A AND NOT (B OR C)`: text to tree. Words are the same in any case.

    expression = conjunct { OR conjunct }
    conjunct   = negation { AND negation }
    negation   = NOT negation | "(" expression ")" | letter

A letter is a leaf `Compare(letter, "=", True)`, so that `memory.matches` decides the tree on what each letter says.
"""

import re
from collections.abc import Collection
from typing import Final, NoReturn

from assaykit.errors import Invalid, quote
from assaykit.filters.tree import And, Compare, Node, Not, Or

MAX_CHARACTERS = 512
MAX_DEPTH = 64

_TOKEN: Final = re.compile(r"\s*(?:(?P<word>\w+)|(?P<mark>\S))")
_WORDS: Final = frozenset({"AND", "OR", "NOT"})


def expression_tree(text: str, letters: Collection[str]) -> Node:
    """The tree of an expression over these letters.

    At most 512 characters, 64 levels of NOT and parentheses.

    Raises:
        Invalid: blank, beyond a limit, not in the language, or a letter that no filter has; the message says at which
            character, from 1.
    """
    if len(text) > MAX_CHARACTERS:
        raise Invalid(f"The expression has {len(text)} characters; the limit is {MAX_CHARACTERS}.", "Write it shorter.")
    reader = _Reader(text, letters)
    node = reader.expression(0)
    if reader.token:
        reader.refuse("AND, OR or the end")
    return node


class _Reader:
    """The tokens and how far they are read."""

    def __init__(self, text: str, letters: Collection[str]) -> None:
        found = list(_TOKEN.finditer(text))
        self._tokens = [(hit.group().strip(), hit.end() - len(hit.group().strip())) for hit in found]
        self._tokens.append(("", len(text)))
        self._letters = letters
        self._next = 0

    @property
    def token(self) -> str:
        """The current one; empty at the end."""
        return self._tokens[self._next][0]

    def refuse(self, wanted: str) -> NoReturn:
        """Stop at the current token, saying what should have stood there."""
        shown = repr(quote(self.token, 60)) if self.token else "the end"
        known = ", ".join(sorted(self._letters))
        raise Invalid(
            f"At column {self._tokens[self._next][1] + 1} of the expression {wanted} should follow, not {shown}.",
            f"The filters are {known}. Write for example: A AND NOT B.",
        )

    def _took(self, text: str) -> bool:
        here = self.token.upper() == text
        self._next += here
        return here

    def expression(self, depth: int) -> Node:
        """What stands up to the end or a closing parenthesis."""
        items = [self._conjunct(depth)]
        while self._took("OR"):
            items.append(self._conjunct(depth))
        return items[0] if len(items) == 1 else Or(tuple(items))

    def _conjunct(self, depth: int) -> Node:
        items = [self._negation(depth)]
        while self._took("AND"):
            items.append(self._negation(depth))
        return items[0] if len(items) == 1 else And(tuple(items))

    def _negation(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            self.refuse(f"less than {MAX_DEPTH} levels of NOT and parentheses")
        if self._took("NOT"):
            return Not(self._negation(depth + 1))
        if self._took("("):
            inner = self.expression(depth + 1)
            if not self._took(")"):
                self.refuse("')'")
            return inner
        letter = self.token
        if letter not in self._letters:
            self.refuse("a letter, NOT or '('" if letter.upper() in {*_WORDS, "", ")"} else "the letter of a filter")
        self._next += 1
        return Compare(letter, "=", value=True)
