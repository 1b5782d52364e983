"""The examples of a dataset that an experiment runs over: of a version, by their ids or keys, or by a filter."""

from collections.abc import Sequence
from typing import NamedTuple

from assaykit.api import experiments as stored
from assaykit.api.client import path
from assaykit.column_paths import is_there, reader_of
from assaykit.errors import Invalid
from assaykit.experiments.example_spool import ExampleSpool
from assaykit.experiments.kept_columns import KEY
from assaykit.figures import things
from assaykit.filters.fields import row_tree
from assaykit.filters.memory import matches
from assaykit.filters.tree import fields
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.runner.assaykit_worker.examples import DatasetShape, shape_of
from assaykit.session import Session
from assaykit.spelling import value_key
from assaykit.toolkit.columns import no_column
from assaykit.toolkit.replies import one_line
from assaykit.tools.datasets.tools import chosen_version
from assaykit.wire.datasets import Dataset, DatasetExample


class DatasetPart(NamedTuple):
    """The wish of a caller: a filter, ids or keys of examples, and the name or id of a version."""

    filter: str | None = None
    ids: Sequence[str] | None = None
    version: str | None = None


class ChosenExamples(NamedTuple):
    """The examples chosen, the number of all, the columns of all, and the id of an older version that they are of."""

    examples: Sequence[DatasetExample]
    of: int
    shape: DatasetShape
    version_id: str | None = None

    @property
    def told(self) -> str:
        """A sentence on the examples that are left out; empty if none is."""
        return f" {len(self.examples)} of {things(self.of, 'example')}." if len(self.examples) < self.of else ""


async def chosen_examples(here: Session, target: Named, choice: DatasetPart) -> ChosenExamples:
    """The examples of a dataset that fit the choice, in the order of the dataset.

    Raises:
        NotFound: the dataset has no such version.
        Invalid: it has no examples; an id or a key is none of theirs; the filter cannot be read, names a column that
            none has, or takes none; or AX is to record an experiment on an older version.
    """
    version_id = None if choice.version is None else await _version_id(here, target, choice.version)
    every = await ExampleSpool.of(stored.examples_of(here.api, target.id, version_id))
    if not every:
        raise Invalid(f"Dataset {exactly(target.name)} has no examples.", "append_examples puts some into it.")
    examples: Sequence[DatasetExample] = every if choice.ids is None else _of_ids(every, choice.ids, target)
    examples = examples if choice.filter is None else _fitting(examples, choice.filter, target)
    shape = shape_of({"id": one.id, **(one.model_extra or {})} for one in every)
    return ChosenExamples(examples, len(every), shape, version_id)


async def _version_id(here: Session, target: Named, wanted: str) -> str | None:
    """The id of an older version; None for the newest, on which any backend records an experiment."""
    found = await here.api.get(path("v2", "datasets", target.id), Dataset)
    chosen = chosen_version(found, wanted)
    newest = chosen_version(found, None)
    if chosen is None or newest is None or chosen.id == newest.id:
        return None
    if not await here.api.has_engine_routes():
        raise Invalid(
            "AX records an experiment on the newest version of its dataset.",
            "Leave out dataset_version, or make a dataset of the older version's rows.",
        )
    return chosen.id


def _of_ids(every: Sequence[DatasetExample], ids: Sequence[str], target: Named) -> list[DatasetExample]:
    wanted = {value_key(one): one for one in ids}
    if not wanted:
        raise Invalid("example_ids is empty, so nothing would be run.", "Name examples, or leave it out.")
    found: dict[str, DatasetExample] = {}
    seen: set[str] = set()
    for one in every:
        key = (one.model_extra or {}).get(KEY)
        names = {one.id, *(() if key is None else (value_key(str(key)),))} & {*wanted, *ids}
        if names:
            found[one.id] = one
            seen |= names
    if missing := [one for key, one in wanted.items() if not {key, one} & seen]:
        raise Invalid(
            f"Dataset {exactly(target.name)} has no example {exactly(missing[0], 60)}"
            + (f" and {len(missing) - 1} more of these" if len(missing) > 1 else "") + ".",
            "get_dataset shows ids and keys.",
        )  # fmt: skip
    return list(found.values())


def _fitting(examples: Sequence[DatasetExample], text: str, target: Named) -> list[DatasetExample]:
    tree = row_tree(text)
    rows = [{"id": one.id, **(one.model_extra or {})} for one in examples]
    found = [one for one, row in zip(examples, rows, strict=True) if matches(tree, reader_of(row))]
    if found:
        return found
    if absent := [field for field in fields(tree) if not is_there(field, rows)]:
        raise no_column(absent[0], list(dict.fromkeys(column for row in rows for column in row)))
    raise Invalid(
        f"None of the {things(len(examples), 'example')} of {exactly(target.name)} matches {one_line(text)!r}.",
        "Look at its examples with get_dataset, and correct the filter.",
    )
