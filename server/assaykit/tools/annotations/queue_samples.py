"""The sample of a queue: at random, by strata, of each verdict of a judge, or where two judges differ."""

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from assaykit.analysis.rows import listed
from assaykit.analysis.sampling import Drawn, at_random, by_strata, evenly
from assaykit.errors import Invalid
from assaykit.foreign import as_word, exactly
from assaykit.spelling import common_spellings, folded
from assaykit.toolkit.columns import no_column
from assaykit.toolkit.replies import one_line
from assaykit.tools.annotations.queue_items import Candidates, QueueCandidate
from assaykit.wire.annotation_queues import RECORDS_PER_QUEUE_REQUEST

USUAL_SIZE = 50
"""Items of a queue if nobody says how many."""

STRATA_SHOWN = 10
_PAIR = 2


class QueueWish(NamedTuple):
    """The sample that was asked for: what it goes by, the number of items, and the seed.

    `by` is empty, or has a path of strata, a judge, or two judges. The names of people's annotations are judges too.
    """

    by: Sequence[str] = ()
    size: int | None = None
    seed: int = 0

    @property
    def path(self) -> str | None:
        """The only name, which is a path unless it is a judge."""
        return self.by[0] if len(self.by) == 1 else None


class QueueSample(NamedTuple):
    """The items of a queue in its order, which is random, so that the first ones are a sample too.

    `told` has the sample in words.
    """

    items: Sequence[QueueCandidate]
    told: str


def drawn(found: Candidates, wish: QueueWish, nouns: str) -> QueueSample:
    """Draw the items of a queue. `nouns` names them, such as `spans`.

    Raises:
        Invalid: there is no item, no such path or judge, or there are fewer items than asked for.
    """
    _refuse_odd(wish)
    if not found.items:
        failed = f" {found.failed} failed run(s) have no output." if found.failed else ""
        raise Invalid(
            f"There are no {nouns} to label.{failed}", "Widen the window or the filter, or name another source."
        )
    if len(wish.by) == _PAIR:
        items, how = _differing(found, wish.by[0], wish.by[1], nouns)
        taken = at_random(len(items), _size(wish, len(items), nouns), wish.seed)
    elif wish.by and any(wish.by[0] in one.verdicts for one in found.items):
        items, labels = _judged(found, wish.by[0])
        how = f" with a verdict of {as_word(wish.by[0])}"
        taken = _of_each(labels, _size(wish, len(items), nouns), wish)
    elif wish.by:
        items, how = found.items, f", by {as_word(wish.by[0])}"
        taken = by_strata(_strata(found, wish.by[0]), _size(wish, len(items), nouns), wish.seed)
    else:
        items, how = found.items, ", at random"
        taken = at_random(len(items), _size(wish, len(items), nouns), wish.seed)
    order = [items[place] for place in taken.positions]
    random.Random(wish.seed).shuffle(order)  # noqa: S311  (no secret)
    return QueueSample(order, f"{len(order)} of {len(items)} {nouns}{how}, seed {wish.seed}{_told(taken)}")


def _refuse_odd(wish: QueueWish) -> None:
    if len(wish.by) > _PAIR or len(set(wish.by)) < len(wish.by):
        raise Invalid("by takes a path, a judge, or two different judges.", "Name one or two.")
    if wish.size is not None and not 1 <= wish.size <= RECORDS_PER_QUEUE_REQUEST:
        raise Invalid(
            f"A queue has 1 to {RECORDS_PER_QUEUE_REQUEST} items, not {wish.size}.", "Make several queues for more."
        )


def _strata(found: Candidates, path: str) -> Sequence[str | None]:
    if not found.has_path:
        judges = sorted({name for one in found.items for name in one.verdicts})
        missing = no_column(path, found.columns)
        told = f" Judges and people: {listed(judges)}." if judges else ""
        raise Invalid(f"{missing.message}{told}", missing.next)
    spelled = common_spellings(one.stratum for one in found.items if one.stratum is not None)
    return [one.stratum and spelled.get(one.stratum, one.stratum) for one in found.items]


def _judged(found: Candidates, judge: str) -> tuple[Sequence[QueueCandidate], Sequence[str]]:
    judged = [one for one in found.items if judge in one.verdicts]
    spelled = common_spellings(one.verdicts[judge] for one in judged)
    return judged, [spelled.get(one.verdicts[judge], one.verdicts[judge]) for one in judged]


def _differing(found: Candidates, first: str, second: str, nouns: str) -> tuple[Sequence[QueueCandidate], str]:
    there = {name for one in found.items for name in one.verdicts}
    for judge in (first, second):
        if judge not in there:
            raise Invalid(
                f"None of the {len(found.items)} {nouns} has a verdict of {exactly(judge)}; "
                f"there are {listed(sorted(there))}.",
                "Name two of these, or score the rows with the judge first.",
            )
    both = [one for one in found.items if first in one.verdicts and second in one.verdicts]
    if not both:
        raise Invalid(
            f"None of the {nouns} has verdicts of both {exactly(first)} and {exactly(second)}.",
            "Score the same rows with both judges first.",
        )
    said = [{folded(one.verdicts[judge]) for one in both} for judge in (first, second)]
    if said[0].isdisjoint(said[1]):
        words = [listed(sorted({one.verdicts[judge] for one in both})) for judge in (first, second)]
        raise Invalid(
            f"{exactly(first)} and {exactly(second)} share no label: {words[0]} and {words[1]}.",
            "Name two judges with the same labels, or one judge.",
        )
    differing = [one for one in both if folded(one.verdicts[first]) != folded(one.verdicts[second])]
    if not differing:
        raise Invalid(
            f"{exactly(first)} and {exactly(second)} agree on all {len(both)} {nouns} that have both verdicts.",
            "Name one judge for items of each verdict, or none for a random sample.",
        )
    how = f" on which {as_word(first)} and {as_word(second)} differ ({len(both)} have both verdicts)"
    return differing, how


def _size(wish: QueueWish, there: int, nouns: str) -> int:
    if wish.size is None:
        return min(USUAL_SIZE, there)
    if wish.size > there:
        raise Invalid(f"There are {there} such {nouns}, so no queue of {wish.size}.", f"Pass n of at most {there}.")
    return wish.size


def _of_each(strata: Sequence[str], size: int, wish: QueueWish) -> Drawn:
    labels = set(strata)
    if size < len(labels):
        raise Invalid(
            f"{exactly(wish.by[0])} gives {len(labels)} different labels, more than the {size} items of the queue.",
            f"Pass n of at least {len(labels)}, or leave by out.",
        )
    return evenly(strata, size, wish.seed)


def _told(drawn: Drawn) -> str:
    """The strata in words, the largest first."""
    strata: Mapping[Hashable, tuple[int, int]] = drawn.strata
    if not strata:
        return ""
    largest = sorted(strata, key=lambda value: -strata[value][1])
    each = [f"{_value(one)} {strata[one][0]} of {strata[one][1]}" for one in largest[:STRATA_SHOWN]]
    more = f" and {len(largest) - STRATA_SHOWN} more" if len(largest) > STRATA_SHOWN else ""
    return f" ({', '.join(each)}{more})"


def _value(value: Hashable) -> str:
    return "(no value)" if value is None else repr(one_line(value, 60))
