"""Thirty hostile traces through every tool that shows foreign text, in this process."""

from pathlib import Path

from tests.caller import serving, text_of
from tests.hosts.corpus import CANARY, TRACES
from tests.hosts.fences import faults
from tests.hosts.prepared import Prepared, copied, showing

from assaykit.settings import Settings
from assaykit.toolkit.replies import TEXT_LIMIT


async def test_no_tool_shows_a_hostile_text_outside_a_fence(filled: Prepared, tmp_path: Path) -> None:
    there = copied(filled, tmp_path)
    settings = Settings(home=there.home, folders=(there.files,), toolsets=("all",))
    async with serving(settings) as ax:
        replies = [(call, text_of(await ax.call(call.tool, **call.arguments))) for call in showing(there)]
    assert len(TRACES) == 30
    assert [(call.tool, call.arguments, fault) for call, text in replies for fault in faults(text)] == []
    # Each tool was tried with a reply that shows a hostile text, and the limit with a reply that reaches it.
    assert {call.tool for call, _ in replies} - {call.tool for call, text in replies if CANARY in text} == set()
    assert TEXT_LIMIT / 2 < max(len(text.encode()) for _, text in replies) <= TEXT_LIMIT
