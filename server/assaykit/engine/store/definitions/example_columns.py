"""The keys and ids of all examples of a dataset as columns, because a comparison reads no more of most examples."""

import sqlalchemy as sa

from assaykit.engine import json_text
from assaykit.engine.store.definitions import datasets
from assaykit.engine.store.definitions.run_columns import RowPart, packed, page_of, text_of
from assaykit.engine.store.pages import PageRequest, decode_cursor, encode_cursor
from assaykit.wire.run_columns import is_key

_EXAMPLES = "SELECT n, id, data FROM examples WHERE version_id = ? AND n > ? ORDER BY n LIMIT ?"


def page(connection: sa.Connection, dataset_id: str, version_id: str | None, at: PageRequest) -> bytes:
    """A `ColumnPage` of a version's examples as JSON text; of the newest version if `version_id` is None.

    Raises:
        NotFound: no such dataset or version.
        Malformed: the cursor comes from another list.
    """
    datasets.get(connection, dataset_id)
    version = datasets.page_version(connection, dataset_id, version_id, at.cursor)
    after = 0 if at.cursor is None else decode_cursor(at.cursor, 2)[1]
    rows = connection.exec_driver_sql(_EXAMPLES, (version.id, after, at.limit + 1)).fetchall()
    shown = rows[: at.limit]
    groups = packed((json_text.read(data) for _, _, data in shown), is_key)
    part = RowPart([row[0] for row in shown], [row[1] for row in shown], groups)
    following = encode_cursor(version.n, shown[-1][0]) if len(rows) > at.limit else None
    return page_of([text_of(part)] if shown else [], following)
