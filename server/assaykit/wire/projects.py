"""Projects: where spans arrive. Source: REST v2 `/v2/projects`."""

from collections.abc import Sequence
from typing import Literal

from assaykit.wire.bodies import Name, Page, ReplyBody, RequestBody, Timestamp

ProjectType = Literal["APPLICATION", "HARNESS", "EXPERIMENT"]


class Project(ReplyBody):
    """One project. Source: `GET /v2/projects/{project_id}`."""

    id: str
    name: str
    space_id: str | None = None
    created_at: Timestamp | None = None
    project_type: ProjectType | None = None


class ProjectPage(Page[Project]):
    """Source: `GET /v2/projects`; `limit` at most 100."""

    projects: list[Project] = []

    @property
    def rows(self) -> Sequence[Project]:
        """The projects of this page."""
        return self.projects


class CreateProjectRequest(RequestBody):
    """Source: `POST /v2/projects`."""

    name: Name
    space_id: str


class UpdateProjectRequest(RequestBody):
    """Source: `PATCH /v2/projects/{project_id}`."""

    name: Name
