"""The sweep: every tool over the hostile store, and the breaks in its replies."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tests.caller import serving, text_of
from tests.injection import breaks
from tests.injection.breaks import Break
from tests.injection.calls import Call, reads
from tests.injection.changes import CHANGES, errors
from tests.injection.vectors import VECTORS, at
from tests.injection.world import answer, build
from tests.scripted_model import ScriptedModel

from assaykit import foreign
from assaykit.settings import Settings
from assaykit.toolkit import replies
from assaykit.toolkit.replies import TEXT_LIMIT


class Reply(NamedTuple):
    """A call and the text of its reply."""

    call: Call
    text: str
    is_error: bool

    @property
    def breaks(self) -> list[Break]:
        """The hostile texts outside their fences and quotation marks."""
        found = breaks.breaks(self.text)
        if "internal error" in self.text:
            found.append(Break("", "an internal error", self.text[:200]))
        if len(self.text.encode()) > TEXT_LIMIT:
            found.append(Break("", "a reply above its limit", self.text[:200]))
        return found


class Swept(NamedTuple):
    """The replies of a sweep, and the tools of the server."""

    replies: Sequence[Reply]
    tools: frozenset[str]

    @property
    def broken(self) -> list[tuple[str, str, Break]]:
        """Each break, with its tool and the kind of its reply."""
        return [(one.call.tool, one.call.kind, found) for one in self.replies for found in one.breaks]

    @property
    def never_shown(self) -> list[tuple[str, str]]:
        """The vectors that no reply shows, with their places."""
        shown = {mark for one in self.replies for mark in breaks.marks(one.text)}
        return [(vector.id, vector.at) for vector in VECTORS if vector.id not in shown]

    @property
    def found(self) -> set[str]:
        """The vectors that broke out of a reply."""
        return {found.vector for _, _, found in self.broken if found.vector}


async def sweep(folder: Path) -> Swept:
    """Make every call of the sweep on a new hostile store in the folder."""
    refuses = ScriptedModel(answer, failures=[400] * 999, failure_text=at("provider error")[0])
    with ScriptedModel(answer) as model, refuses as refusing:
        world = await build(folder, model.url, refusing.url)
        settings = Settings(home=world.home, folders=(world.files,), toolsets=("all",))
        async with serving(settings, model.url) as ax:
            tools = frozenset(tool.name for tool in (await ax.client.list_tools()).tools)
            made: list[Reply] = []
            for call in (*reads(world), *errors(world), *(one.of(world.ids) for one in CHANGES)):
                result = await ax.call(call.tool, **call.arguments)
                made.append(Reply(call, text_of(result), bool(result.is_error)))
    return Swept(made, tools)


@contextmanager
def unquoted() -> Generator[None]:
    """Switch quotation marks and fences off until the block ends: the control of the sweep."""

    def bare(lines: Sequence[str]) -> str:
        return "\n".join(lines)

    with (
        mock.patch.object(foreign, "repr", str, create=True),
        mock.patch.object(replies, "repr", str, create=True),
        mock.patch.object(replies, "fenced", bare),
    ):
        yield
