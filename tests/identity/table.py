"""The changes between two runs, and what each means to a run that goes on, a retry, a stored answer and a comparison.

`reuse`: what was made before counts, without a word. `tell`: it counts, and the reply names the change. `refuse`:
nothing is done, and the refusal names the change. `anew`: the question is asked again. `-`: the change cannot occur
there, since no tool makes it.
"""

from typing import Literal, NamedTuple

Cell = Literal["reuse", "tell", "refuse", "anew", "-"]


class Change(NamedTuple):
    """One change, its four cells and the reason for them."""

    name: str
    resume: Cell
    retry: Cell
    answer: Cell
    comparison: Cell
    why: str


TABLE = [
    Change("nothing", "reuse", "reuse", "reuse", "reuse", "a second try of the same thing is free"),
    Change("code of the function", "refuse", "tell", "-", "reuse", "rows of two versions do not mix"),
    Change("helper module", "refuse", "tell", "-", "reuse", "what the function imports is its code"),
    Change("module imported in a row", "refuse", "tell", "-", "reuse", "late code is code"),
    Change("comment in the code", "refuse", "tell", "-", "reuse", "content is compared, not meaning"),
    Change("file touched", "reuse", "reuse", "-", "reuse", "a time is no content"),
    Change("file moved", "refuse", "refuse", "-", "reuse", "the stored path leads nowhere"),
    Change("function renamed", "refuse", "refuse", "-", "reuse", "the named function is gone"),
    Change("evaluator function", "refuse", "tell", "-", "reuse", "verdicts of two evaluators are no measure"),
    Change("interpreter", "refuse", "reuse", "-", "reuse", "another environment; a retry may name one"),
    Change("package version", "tell", "tell", "-", "reuse", "most updates change nothing; the reader decides"),
    Change("environment variable", "reuse", "reuse", "-", "reuse", "values may be secrets, so none is kept"),
    Change("repetitions", "refuse", "-", "-", "reuse", "other rows were asked for"),
    Change("metadata", "refuse", "-", "-", "reuse", "the function reads it"),
    Change("concurrency and timeout", "reuse", "-", "reuse", "reuse", "they decide when, not what"),
    Change("example changed in place", "refuse", "tell", "anew", "tell", "an answer belongs to its question"),
    Change("example changed in a new version", "refuse", "reuse", "anew", "tell", "an experiment keeps its version"),
    Change("new version without change", "reuse", "reuse", "reuse", "reuse", "equal content is equal"),
    Change("example added", "refuse", "reuse", "reuse", "reuse", "the rows to run are others; pairs are not"),
    Change("column added to examples", "refuse", "tell", "reuse", "tell", "a function sees all columns"),
    Change("column mapping", "-", "-", "anew", "-", "another column is another text"),
    Change("column mapping to an equal text", "-", "-", "reuse", "-", "the question is the same"),
    Change("prompt of the judge", "-", "-", "anew", "tell", "another question"),
    Change("choices of the judge", "-", "-", "anew", "tell", "another set of answers"),
    Change("explanations", "-", "-", "anew", "tell", "the model reasons differently"),
    Change("model", "-", "-", "anew", "tell", "another reader"),
    Change("temperature", "-", "-", "anew", "-", "parameters shape the answer"),
    Change("provider parameters", "-", "-", "anew", "-", "a beta is another model"),
    Change("base URL", "-", "-", "anew", "reuse", "another server answers; verdicts do not keep its address"),
    Change("provider", "-", "-", "anew", "-", "another interface, another model"),
    Change("key", "-", "-", "reuse", "reuse", "a key pays, it does not answer"),
    Change("judge renamed", "-", "-", "reuse", "reuse", "a name is no content"),
    Change("version of the judge without change", "-", "-", "reuse", "reuse", "equal content is equal"),
    Change("keywords of a code evaluator", "-", "-", "-", "tell", "another rule"),
]  # fmt: skip


def cells(column: Literal["resume", "retry", "answer", "comparison"]) -> list[tuple[str, Cell]]:
    """The changes that can occur in one column, each with its cell."""
    return [(one.name, getattr(one, column)) for one in TABLE if getattr(one, column) != "-"]
