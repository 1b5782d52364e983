"""Datasets, their versions and examples. Source: REST v2 `/v2/datasets`."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from assaykit.wire.bodies import Name, OpenBody, Page, ReplyBody, RequestBody, Timestamp
from assaykit.wire.spans import Annotation

ROWS_PER_REQUEST = 1000
"""Most examples or runs of one write."""

SYSTEM_COLUMNS = frozenset({"id", "created_at", "updated_at", "annotations"})
"""Columns that the server owns: refused on create, dropped when rows are copied."""

Examples = Annotated[list[dict[str, Any]], Field(min_length=1, max_length=ROWS_PER_REQUEST)]


class DatasetVersion(ReplyBody):
    """One version of a dataset."""

    id: str
    name: str | None = None
    dataset_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class Dataset(ReplyBody):
    """One dataset, newest version first. Source: `GET /v2/datasets/{dataset_id}`."""

    id: str
    name: str
    space_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    versions: list[DatasetVersion] | None = None


class DatasetPage(Page[Dataset]):
    """Newest first. Source: `GET /v2/datasets`; `limit` at most 100."""

    datasets: list[Dataset] = []

    @property
    def rows(self) -> Sequence[Dataset]:
        """The datasets of this page."""
        return self.datasets


class DatasetVersionWithExampleIds(ReplyBody):
    """The answer to a write of examples: the version, and the ids of the examples in the order sent."""

    id: str
    name: str | None = None
    space_id: str | None = None
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    dataset_version_id: str | None = None
    example_ids: list[str] = []


class DatasetExample(OpenBody):
    """One example: `id` and the free columns of its dataset."""

    id: str
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None
    annotations: list[Annotation] = []


class ExamplePage(Page[DatasetExample]):
    """Oldest first. Source: `GET /v2/datasets/{dataset_id}/examples`; `limit` at most 500."""

    keeps_columns = True

    examples: list[DatasetExample] = []

    @property
    def rows(self) -> Sequence[DatasetExample]:
        """The examples of this page."""
        return self.examples


class CreateDatasetRequest(RequestBody):
    """Source: `POST /v2/datasets`; 1 to 1,000 examples with at least one field each."""

    name: Name
    space_id: str
    examples: Examples


class InsertDatasetExamplesRequest(RequestBody):
    """Appends in place, no new version. Source: `POST /v2/datasets/{dataset_id}/examples`."""

    examples: Examples


class UpdateDatasetRequest(RequestBody):
    """Source: `PATCH /v2/datasets/{dataset_id}`."""

    name: Name


class UpdateDatasetExampleInput(OpenBody):
    """New values for some columns of one example; the other columns stay."""

    id: Annotated[str, Field(min_length=1)]


class UpdateDatasetExamplesRequest(RequestBody):
    """Changes examples by id; ids that the version does not have are ignored.

    The changes are in place, or with a non-empty `new_version` in a copy of the version under that name. Examples in
    the copy keep their ids. Source: `PATCH /v2/datasets/{dataset_id}/examples`.
    """

    examples: Annotated[list[UpdateDatasetExampleInput], Field(min_length=1, max_length=ROWS_PER_REQUEST)]
    new_version: Annotated[str, Field(max_length=255)] | None = None


class SearchDatasetExamplesRequest(RequestBody):
    """A search for examples of one version, by default the newest.

    Source: `POST /v2/datasets/{dataset_id}/examples/search`; `limit` is 50 by default.
    """

    filter: str | None = None
    limit: int | None = Field(default=None, ge=1, le=500)
    cursor: str | None = None
    dataset_version_id: str | None = None


class DeleteDatasetExamplesRequest(RequestBody):
    """Deletes examples from one version in place. Source: `DELETE /v2/datasets/{dataset_id}/examples`."""

    dataset_version_id: str
    example_ids: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1, max_length=ROWS_PER_REQUEST)]


class DeleteDatasetExamplesResponse(ReplyBody):
    """The deleted ids, and the ids that were not in the version."""

    completed: bool | None = None
    deleted_example_ids: list[str] = []
    not_deleted_example_ids: list[str] = []
