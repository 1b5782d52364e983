"""Real coding assistants hand their models the answer, the fence and the next step of each reply."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.hosts.corpus import CANARY
from tests.hosts.fences import OPENING, faults
from tests.hosts.prepared import Prepared, showing
from tests.hosts.programs import HOST_NAMES, PACKAGE, Host, Run, run
from tests.hosts.questions import REFUSING, Question, of_errors, of_tools
from tests.hosts.refusing import refusing
from tests.hosts.servers import refusing_server, server
from tests.hosts.stand_ins import Call
from tests.loopback import Served

from assaykit.errors import AssayError
from assaykit.toolkit.replies import TEXT_LIMIT

pytestmark = pytest.mark.slow

SHOWS_CANARY = {"get_trace", "compare_experiments"}
WRAPPING = 500
"""Bytes that a host puts round a reply."""


def lacking(told: Run, question: Question, *further: str) -> list[str]:
    """The parts of the answer that the model did not get."""
    text = told.received(question.call)
    parts = [*question.said, *further, *([OPENING] if question.is_fenced else [])]
    return [f"{question.call.tool} lacks {part!r}: {text[:500]}" for part in parts if part not in text]


def leaks(told: Run, calls: Sequence[Call]) -> list[str]:
    """The foreign texts outside fences that the model got, and the replies that are too large."""
    received = [(call, told.received(call)) for call in calls]
    large = [call.tool for call, text in received if len(text.encode()) > TEXT_LIMIT + WRAPPING]
    return [f"{call.tool}: {fault}" for call, text in received for fault in faults(text)] + large


@pytest.mark.parametrize("host", HOST_NAMES)
async def test_a_model_gets_answer_fence_and_next_step(host: Host, there: Prepared, tmp_path: Path) -> None:
    tools, errors = of_tools(there), of_errors()
    calls = [*(one.call for one in tools), *(one.call for one in errors.values()), *showing(there)]
    with Served(refusing()) as backend:
        servers = {"assaykit": server(there), REFUSING: refusing_server(backend.address)}
        told = run(host, tmp_path, calls, servers)
    assert [part for one in tools for part in lacking(told, one)] == []
    assert [part for kind, one in errors.items() for part in lacking(told, one, kind.code)] == []
    assert leaks(told, calls) == []
    # Without hostile texts in the replies, the line before would prove nothing.
    assert sum(CANARY in text for text in told.stand_in.received.values()) > len(showing(there)) / 2


def test_every_class_of_error_has_a_question() -> None:
    assert set(of_errors()) == set(AssayError.__subclasses__())


async def test_a_fence_that_is_missing_in_one_channel_is_seen(there: Prepared, tmp_path: Path) -> None:
    servers = {
        "assaykit": server(there, package=without_fence(tmp_path / "package")),
        "structured": server(there, "--structured"),
    }
    fenced = [one for one in of_tools(there) if one.is_fenced and one.call.tool != "preview_judge"]
    asked = [one._replace(call=one.call._replace(server=name)) for name in servers for one in fenced]
    told = run("codex", tmp_path, [one.call for one in asked], servers)
    unseen = [one.call for one in asked if not lacking(told, one)]
    assert unseen == []
    of_text = [one.call for one in asked if one.call.server == "assaykit" and one.call.tool in SHOWS_CANARY]
    assert all(leaks(told, [call]) for call in of_text)


def without_fence(folder: Path) -> Path:
    """A copy of the package whose fences are gone."""
    shutil.copytree(PACKAGE / "assaykit", folder / "assaykit", ignore=shutil.ignore_patterns("__pycache__"))
    module = folder / "assaykit" / "toolkit" / "replies.py"
    text = module.read_text(encoding="utf-8")
    broken, number = re.subn(r'return "\\n"\.join\(\[f"--- untrusted data .*\]\)', r'return "\\n".join(lines)', text)
    assert number == 1
    module.write_text(broken, encoding="utf-8")
    return folder
