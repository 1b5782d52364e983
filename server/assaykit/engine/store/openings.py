"""The count of a store's openings, in the store and beside it, which shows that the newest part of the store was lost.

SQLite keeps new rows in a write-ahead log, a file of its own, until they are copied into the store. A store without its
log, or one that was emptied, looks sound to SQLite. So the first write of each process counts in the store, and then in
a file beside it. The store has the lower number only if rows were lost, or if an older copy took its place.
"""

import contextlib
import os
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from assaykit.engine.store.tables import counters
from assaykit.errors import Unavailable, quote

SUFFIX = ".openings"
"""The end of the name of the file beside the store."""

_KIND = "Opening"
_DIGITS = 20


def require_whole(engine: sa.Engine, file: Path) -> None:
    """Refuse a store with a lower number than the file beside it has.

    Raises:
        Unavailable: rows were lost, or the store was replaced by an older copy.
    """
    beside = _beside(file)
    known = _read(beside)
    if not known:
        return
    stored = None
    # SQLite would write its header into an empty file, and a log that is put back later would not fit it.
    if file.stat().st_size:
        with engine.connect() as connection:
            stored = _stored(connection)
    if stored is not None and stored >= known:
        return
    what = "is empty, though it was in use" if stored is None else "lacks what was written when it was last in use"
    raise Unavailable(
        f"The store {quote(str(file))!r} {what}: it was emptied or replaced by an older copy, or its log "
        f"{quote(f'{file.name}-wal')!r} is gone.",
        f"Put back the file and its log, or delete {quote(beside.name)!r} beside it to go on with the file as it is.",
    )


def count(connection: sa.Connection, file: Path) -> int:
    """Count an opening in the store, and return its number."""
    last = max(_read(_beside(file)), _stored(connection) or 0) + 1
    counted = insert(counters).values(kind=_KIND, last=last)
    connection.execute(counted.on_conflict_do_update(index_elements=["kind"], set_={"last": last}))
    return last


def keep(file: Path, number: int) -> None:
    """Write the number beside the store, after the store has it. A disk that takes no more loses only the check.

    SQLite does not sync its log at each commit. A power cut may keep the number and lose the log, so the log is synced
    first: the store would be refused, though it is sound.
    """
    beside = _beside(file)
    _sync(file.with_name(f"{file.name}-wal"))
    partly = beside.with_name(f"{beside.name}.{os.getpid()}.part")
    with contextlib.suppress(OSError):
        try:
            with os.fdopen(
                os.open(partly, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii"
            ) as written:
                written.write(f"{number}\n")
            partly.replace(beside)
        finally:
            partly.unlink(missing_ok=True)


def _sync(log: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(log, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def forget(file: Path) -> None:
    """Forget the openings of a store that is there no more."""
    _beside(file).unlink(missing_ok=True)


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}{SUFFIX}")


def _read(beside: Path) -> int:
    """The number in the file; 0 without a file, or for one that holds no number."""
    try:
        text = beside.read_bytes()[:_DIGITS].strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0


def _stored(connection: sa.Connection) -> int | None:
    """The number in the store; 0 in one that never counted, None in one without tables."""
    if not sa.inspect(connection).has_table(counters.name):
        return None
    return connection.scalar(sa.select(counters.c.last).where(counters.c.kind == _KIND)) or 0
