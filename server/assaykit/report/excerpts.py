"""Excerpts of two outputs that begin where the outputs differ."""

from assaykit.errors import quote

LEAST_SHARED = 40
"""Characters that two outputs share at their start before an excerpt leaves them out."""

_KEPT = 15
"""Characters of the shared start that an excerpt keeps, so that a reader finds the place."""


def excerpts(one: str | None, other: str | None, limit: int) -> tuple[str | None, str | None]:
    """Return one line of each output, at most `limit` characters, from shortly before the place where they differ.

    Outputs that differ early, or that are equal or missing, begin at their start.
    """
    if not one or not other:
        return one and quote(one, limit), other and quote(other, limit)
    apart = (place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there)
    shared = next(apart, min(len(one), len(other)))
    if shared < LEAST_SHARED or one == other:
        return quote(one, limit), quote(other, limit)
    start = shared - _KEPT
    return f"…{quote(one[start:], limit - 1)}", f"…{quote(other[start:], limit - 1)}"
