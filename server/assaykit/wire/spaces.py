"""Spaces, which contain all other resources. Source: REST v2 `/v2/spaces`."""

from collections.abc import Sequence

from assaykit.wire.bodies import Page, ReplyBody, Timestamp


class Space(ReplyBody):
    """One space. Source: `GET /v2/spaces/{space_id}`."""

    id: str
    name: str
    organization_id: str | None = None
    description: str | None = None
    created_at: Timestamp | None = None
    is_private: bool | None = None


class SpacePage(Page[Space]):
    """Source: `GET /v2/spaces`; `limit` at most 100."""

    spaces: list[Space] = []

    @property
    def rows(self) -> Sequence[Space]:
        """The spaces of this page."""
        return self.spaces
