"""Refusals of the folder for temporary files, as errors with a next step."""

import errno
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from assaykit.errors import Unavailable, quote, system_advice

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def writing(what: str) -> Generator[None]:
    """Raise a refusal of the system inside the block as an error. `what` begins its sentence.

    Raises:
        Unavailable: the folder for temporary files has no room or cannot be used.
    """
    try:
        yield
    except OSError as error:
        folder = quote(tempfile.gettempdir())
        advice = f"Free some space in {folder!r}, or set TMPDIR to a folder on another disk; then send it again."
        if error.errno not in _FULL:
            advice = system_advice(error, advice)
        raise Unavailable(f"{what} could not be kept in {folder!r}: {error.strerror}.", advice) from error
