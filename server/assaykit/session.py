"""The session that tool calls share: the backend's client, the resolved names and the settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from assaykit.api.client import Api
from assaykit.names import Named, Names
from assaykit.settings import Settings


@dataclass(frozen=True)
class Session:
    """One server's open connection to its backend.

    `not_shown` has, for each tool that the server does not show, the change of its start that shows it.
    """

    api: Api
    names: Names
    settings: Settings
    now: Callable[[], datetime]
    not_shown: Mapping[str, str] = field(default_factory=dict[str, str])

    async def space(self, wanted: str | None) -> Named:
        """The space that a call works in, resolved as by `Names.space`."""
        return await self.names.space(wanted)

    def source(self, space: Named | None = None) -> dict[str, str]:
        """The backend, and the space if given, for the data of a reply."""
        where = {"backend": self.api.backend}
        return where if space is None else {**where, "space": space.name}


def session(api: Api, settings: Settings, not_shown: Mapping[str, str] | None = None) -> Session:
    """A session over an open client."""
    names = Names(api, settings.space, settings.ax_space)
    return Session(api, names, settings, lambda: datetime.now(UTC), not_shown or {})
