"""The look for a create whose answer was lost: what follows from the things that are found."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from assaykit.api.recognition import Create, LostCreate, Untold
from assaykit.errors import Ambiguous, AssayError
from assaykit.wire.bodies import ReplyBody

SENDING_SHARE = 0.75
"""The part of a create's deadline for the request itself. The rest is for a look at what became of it."""

AGAIN_S = 1.0
"""The pause before a second look, because the backend may still be at work on the create."""

ReplyT = TypeVar("ReplyT", bound=ReplyBody)


async def looked_up(
    create: Create,
    lost: LostCreate,
    error: AssayError,
    reply: type[ReplyT],
    within_s: float,
    sleep: Callable[[float], Awaitable[None]],
) -> ReplyT:
    """The thing that a create has made, as its answer would have told it. `error` is the loss of the answer.

    Raises:
        Ambiguous: it cannot be told whether the create took effect.
        AssayError: the create did not take effect; the error's message begins with that of `error`.
    """
    found: Sequence[ReplyBody] = ()
    with anyio.move_on_after(within_s) as looking:
        try:
            found = await create.find(lost)
            if not found:
                await sleep(min(AGAIN_S, within_s / 4))
                found = await create.find(lost)
        except Untold as why:
            raise _ambiguous(create, error, str(why)) from error
        except AssayError as failed:
            raise _ambiguous(create, error, f"The look for it failed: {failed.message}") from error
    if looking.cancelled_caught:
        raise _ambiguous(create, error, "The look for it took too long.")
    if len(found) > 1:
        raise _ambiguous(create, error, f"{len(found)} things that were made meanwhile fit it.")
    if found:
        one = found[0]
        return one if isinstance(one, reply) else reply.model_validate(one.model_dump())
    if error.may_be_under_way:
        raise _ambiguous(create, error, "It is not there yet, and the backend may still be at work on it.")
    raise _not_done(create, error)


def _ambiguous(create: Create, error: AssayError, why: str) -> Ambiguous:
    return Ambiguous(
        f"{_ended(error.message)} It is ambiguous whether {create.done}. {why}",
        f"Look with {create.seen_by}, and call again only if it is not there.",
    )


def _not_done(create: Create, error: AssayError) -> AssayError:
    """The error for a create that two looks did not find. A late one of the same name would be refused."""
    not_done = create.done.replace(" was ", " was not ").replace(" were ", " were not ")
    error.message = f"{_ended(error.message)} Two looks at what is there show that {not_done}."
    error.next = (
        "Call again."
        if create.is_named
        else f"Look once more with {create.seen_by} before you call again: the backend may have been slow."
    )
    error.args = (f"{error.message} {error.next}",)
    return error


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
