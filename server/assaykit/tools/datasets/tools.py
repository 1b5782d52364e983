"""Toolset datasets: the examples that variants are tried on."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import anyio.to_thread
from pydantic import Field

from assaykit.analysis.sampling import Method
from assaykit.api import pages
from assaykit.api.client import path
from assaykit.api.experiments import examples_of
from assaykit.column_paths import input_told
from assaykit.errors import Invalid, NotFound
from assaykit.experiments.kept_columns import facts_of as kept_facts
from assaykit.experiments.kept_columns import told_of as kept_told
from assaykit.foreign import exactly
from assaykit.names import DATASET, Named
from assaykit.session import Session
from assaykit.toolkit.builder import tool
from assaykit.toolkit.columns import listed
from assaykit.toolkit.listing import list_named, name_or_id, page_of, plain, save
from assaykit.toolkit.parameters import File, Here, Limit, ListLimit, ProjectName, SaveTo, SpaceName
from assaykit.toolkit.replies import Reply, bullets, one_line, quoted
from assaykit.tools.datasets.editing import EditedVersion, begin_version, edit_of, write
from assaykit.tools.datasets.reading import ExampleSource, edited_rows, given, source
from assaykit.tools.datasets.sampling import Wish, draw, facts_of, likeness, refuse_odd, told_of
from assaykit.tools.datasets.writing import append, create
from assaykit.wire.datasets import (
    Dataset,
    DatasetExample,
    DatasetVersion,
    ExamplePage,
)

COLUMNS_SHOWN = 12
"""Cells of an example in its line of the text."""

ROWS_PER_PAGE = 500
CELL_LIMIT = 400
"""Characters of one cell of an example in the data; its line in the text has fewer."""

VERSIONS_SHOWN = 10

Renamed = Annotated[dict[str, str] | None, Field(description="{old: new}")]
Unique = Annotated[list[str] | None, Field(description="Drop repeats by; ['*']: all")]


@tool("add")
async def create_dataset(
    here: Here,
    name: str,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    dataset: str | None = None,
    project: ProjectName = None,
    filter: str | None = None,  # noqa: A002  (AX's word for it)
    window: str | None = None,
    columns: Renamed = None,
    unique: Unique = None,
    sample: Method | None = None,
    size: int | None = None,
    by: Annotated[str | None, Field(description="Strata")] = None,
    seed: int = 0,
    space: SpaceName = None,
) -> Reply:
    """Create a dataset from a file, rows, or by filter: spans (last 7 days), a dataset; of all or a sample.

    Source: REST v2 `POST /v2/datasets`, `POST /v2/datasets/{id}/examples`; on the engine `POST /x/uploads`.
    Raises: Invalid, Conflict, NotFound, Ambiguous.
    """
    wish = Wish(unique, sample, size, by, seed)
    refuse_odd(wish)
    within = await here.space(space)
    asked = ExampleSource(file, rows, dataset, project, filter, window, columns)
    async with source(here, within, asked) as found:
        drawn = await anyio.to_thread.run_sync(draw, found, wish.under(found.kept), abandon_on_cancel=True)
        made = await create(here, name, within.id, drawn.rows())
    word = name_or_id(Named(id=made.id, name=name))
    return Reply(
        f"Created dataset {exactly(name)} ({made.id}) with {made.examples} example(s){found.told}; "
        f"columns: {listed(made.columns)}.{kept_told(found.kept)}{found.left_out}{input_told(made.columns)}"
        f"{told_of(drawn)} "
        f"Next: run_experiment(dataset={word!r}, task='file.py:function'), or upload_experiment for results.",
        {
            **here.source(within),
            "dataset": {"id": made.id, "name": name},
            "examples": made.examples,
            "columns": made.columns,
            **kept_facts(found.kept),
            **facts_of(drawn),
        },
    )


@tool("read")
async def list_datasets(
    here: Here,
    name: str | None = None,
    limit: ListLimit = 50,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """List a space's datasets, newest first.

    Source: REST v2 `GET /v2/datasets`.
    Raises: Invalid.
    """
    within = await here.space(space)
    query = {"space_id": within.id, "name": name}
    nothing = f"No dataset in space {exactly(within.name)} fits. `create_dataset` makes one."
    return await list_named(
        here, DATASET, query, limit, cursor, save_to, overwrite=overwrite, within=within, nothing=nothing, flat=_flat
    )


@tool("read")
async def get_dataset(
    here: Here,
    dataset: str | None = None,
    version: str | None = None,
    limit: Limit = 10,
    cursor: str | None = None,
    save_to: SaveTo = None,
    overwrite: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Show a dataset: versions, columns, examples with ids; the newest unless named.

    Source: REST v2 `GET /v2/datasets/{id}`, `GET /v2/datasets/{id}/examples`.
    Raises: NotFound, Ambiguous, Invalid.
    """
    within = await here.space(space)
    named = await here.names.dataset(dataset, within)
    found = await here.api.get(path("v2", "datasets", named.id), Dataset)
    chosen = chosen_version(found, version)
    at = path("v2", "datasets", named.id, "examples")
    query = {"dataset_version_id": None if version is None or chosen is None else chosen.id}
    versions = found.versions or []
    facts: dict[str, Any] = {
        **here.source(within),
        "dataset": {"id": found.id, "name": found.name},
        "version": None if chosen is None else chosen.name or chosen.id,
        "versions": [{"id": one.id, "name": one.name} for one in versions],
    }
    if save_to is not None:
        every = pages.rows(here.api, at, ExamplePage, query, limit=ROWS_PER_PAGE)
        return await save(here, save_to, cursor, every, _row, "examples", facts, overwrite=overwrite)
    shown = await page_of(lambda most: here.api.get(at, ExamplePage, limit=most, cursor=cursor, **query), limit, _line)
    columns = _columns([one.model_extra or {} for one in shown.rows])
    about = [
        f"Versions, newest first: {', '.join(map(_named, versions[:VERSIONS_SHOWN]))}"
        + (f" and {len(versions) - VERSIONS_SHOWN} more" if len(versions) > VERSIONS_SHOWN else ""),
        f"Columns: {listed(columns)}",
    ]
    text = f"Dataset {quoted(found.name)}: {shown.number} example(s){shown.more}\n{bullets(about)}"
    clipped = [{key: _clipped(value) for key, value in _row(one).items()} for one in shown.rows]
    data = {**facts, "columns": columns, "examples": clipped, "next_cursor": shown.following}
    return Reply(text, data, shown.lines)


@tool("add")
async def append_examples(
    here: Here,
    dataset: str | None = None,
    file: File | None = None,
    rows: list[dict[str, Any]] | None = None,
    columns: Renamed = None,
    unique: Unique = None,
    new_version: bool = False,
    space: SpaceName = None,
) -> Reply:
    """Append rows; unique drops those it has.

    Source: REST v2 `POST /v2/datasets/{id}/examples`; on the engine `POST /x/uploads`. A new version is made with
    `PATCH /v2/datasets/{id}/examples`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    wish = Wish(unique)
    refuse_odd(wish)
    within = await here.space(space)
    if (file is None) == (rows is None):
        raise Invalid("Examples come from exactly one of file and rows.", "Pass one of them.")
    named = await here.names.dataset(dataset, within)
    found = await given(here, file, rows, columns)
    wish = wish.under(found.kept)
    known = frozenset[bytes]() if wish.unique is None else await _known(here, named.id, wish.unique)
    drawn = await anyio.to_thread.run_sync(draw, found, wish, known, abandon_on_cancel=True)
    before = await here.api.get(path("v2", "datasets", named.id, "examples"), ExamplePage, limit=1)
    version = await _new_version(here, named, before.examples) if new_version else None
    made = await append(here, named.id, drawn.rows())
    there = _columns([one.model_extra or {} for one in before.examples])
    text = f"Appended {made.examples} example(s) to {exactly(named.name)}."
    text += f"{kept_told(found.kept)}{found.left_out}{told_of(drawn)}"
    text += "" if version is None else f" They are in its new version {exactly(version.name)}."
    if there and (added := [column for column in made.columns if column not in there]):
        text += f" Warning: its first example has no {listed(added)}."
    if made.columns and (missing := [column for column in there if column not in made.columns]):
        text += f" Warning: the new ones have no {listed(missing)}."
    data = {"dataset": {"id": named.id, "name": named.name}, "examples": made.examples, "columns": made.columns}
    data |= kept_facts(found.kept) | ({} if version is None else {"version": version._asdict()})
    return Reply(text, {**here.source(within), **data, **facts_of(drawn)})


async def _new_version(here: Session, dataset: Named, first: Sequence[DatasetExample]) -> EditedVersion:
    if not first:
        raise Invalid(f"Dataset {exactly(dataset.name)} has no example to copy.", "Append without new_version.")
    return await begin_version(here, dataset, (first[0].id, first[0].model_extra or {}))


@tool("add", "change", "delete")
async def edit_examples(
    here: Here,
    dataset: str | None = None,
    rows: Annotated[list[dict[str, Any]] | None, Field(description="id or key, and new values")] = None,
    file: File | None = None,
    delete: Annotated[list[str] | None, Field(description="Ids or keys")] = None,
    new_version: Annotated[bool, Field(description="Leave the old one as it is")] = False,
    space: SpaceName = None,
) -> Reply:
    """Change or delete examples of a dataset; other columns stay.

    Source: REST v2 `PATCH /v2/datasets/{id}/examples`, `DELETE /v2/datasets/{id}/examples`.
    Raises: Invalid, NotFound, Ambiguous.
    """
    within = await here.space(space)
    if rows is not None and file is not None:
        raise Invalid("New values come from one of file and rows.", "Pass one of them.")
    if not rows and file is None and not delete:
        raise Invalid("There is no row to change and no example to delete.", "Pass rows, file or delete.")
    named = await here.names.dataset(dataset, within)
    given_rows = await anyio.to_thread.run_sync(edited_rows, here, file, rows, abandon_on_cancel=True)
    edit = await edit_of(here, named, given_rows, delete or ())
    data = {"dataset": {"id": named.id, "name": named.name}, "changed": len(edit.changes), "equal": edit.equal}
    data |= {"deleted": list(edit.deleted)}
    if not edit.changes and not edit.deleted:
        return Reply(
            f"Nothing to change in {exactly(named.name)}: the values are there.", {**here.source(within), **data}
        )
    version = await write(here, named, edit, new_version=new_version)
    text = f"Changed {len(edit.changes)} and deleted {len(edit.deleted)} example(s) of {exactly(named.name)}"
    text += "." if version.name is None else f", in its new version {exactly(version.name)}."
    text += f" {edit.equal} row(s) equal what was there." if edit.equal else ""
    return Reply(text, {**here.source(within), **data, "version": version._asdict()})


async def _known(here: Session, dataset_id: str, unique: Sequence[str]) -> frozenset[bytes]:
    """The digests of the dataset's examples by these columns."""
    by = likeness(unique)
    return frozenset([by.digest(example.model_extra or {}) async for example in examples_of(here.api, dataset_id)])


def chosen_version(dataset: Dataset, wanted: str | None) -> DatasetVersion | None:
    """The version with this name or id, or the newest if none is named.

    Raises:
        NotFound: the dataset has no such version.
    """
    versions = dataset.versions or []
    if wanted is None:
        return next(iter(versions), None)
    for one in versions:
        if wanted in {one.id, one.name}:
            return one
    known = ", ".join(map(_named, versions[:VERSIONS_SHOWN]))
    raise NotFound(
        f"Dataset {exactly(dataset.name)} has no version {quoted(wanted, 60)}. There are: {known}.", "Use one."
    )


def _named(version: DatasetVersion) -> str:
    """The version's name and id. The id is shown since `trigger_run` takes no name."""
    return f"{quoted(version.name, 60)} ({version.id})" if version.name else version.id


def _columns(examples: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(column for example in examples for column in example))


def _flat(dataset: Dataset) -> dict[str, Any]:
    return {key: value for key, value in plain(dataset).items() if key != "versions"}


def _row(example: DatasetExample) -> dict[str, Any]:
    """An example as one row: its id and its own columns."""
    return {"id": example.id, **(example.model_extra or {})}


def _clipped(value: Any) -> Any:
    """A cell for the data of a reply. Long text is clipped."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= CELL_LIMIT else text[: CELL_LIMIT - 1] + "…"


def _line(example: DatasetExample) -> str:
    columns = list((example.model_extra or {}).items())
    cells = [f"{one_line(column, 40)}: {one_line(value, 100)}" for column, value in columns[:COLUMNS_SHOWN]]
    return " | ".join([example.id, *cells])
