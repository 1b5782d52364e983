"""The removal of a thing that a failed call has made in part."""

import anyio

from assaykit.api.client import path
from assaykit.api.staging import GIVE_UP_S
from assaykit.errors import AssayError, NotFound
from assaykit.foreign import as_word
from assaykit.session import Session


async def take_back(here: Session, noun: str, key: str, name: str, cause: BaseException) -> None:
    """Delete a thing, such as one of `datasets`, after `cause`. If that fails too, `cause` tells what is left."""
    is_gone = False
    # It also runs if the call was cancelled.
    with anyio.move_on_after(GIVE_UP_S, shield=True):
        try:
            await here.api.delete(path("v2", noun, key))
            is_gone = True
        except NotFound:
            is_gone = True
        except AssayError:
            pass  # the cause is told, and the thing that is left
    if not is_gone and isinstance(cause, AssayError):
        thing = noun.removesuffix("s").replace("-", " ")
        cause.also(
            f"The {thing} {as_word(name)} ({key}) was written in part and could not be deleted.",
            f"Delete that {thing} first.",
        )
