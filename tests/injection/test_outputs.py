"""Hostile names in what `assaykit gate` and `assaykit plan` print and write: each stays on its line and in its cell."""

import json
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree as ET

import anyio
import pytest
from tests.browser import opened
from tests.caller import serving
from tests.e2e.processes import environment
from tests.injection import breaks
from tests.injection.vectors import FORMS, VECTORS, at
from tests.injection.world import World, answer, build
from tests.scripted_model import ScriptedModel

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

RULES = ("tone: not worse by more than 5 points", "exact match with expected: at least 95 %")
OURS = ("SHIP ", "HOLD ", "ERROR ", "UNDECIDED ", "NEEDS REVIEW ", "Note: ", "  ")
"""The beginnings of lines below the first one of a decision."""


class Gated(NamedTuple):
    """The world, and what `assaykit gate` printed of each pair of its experiments."""

    world: World
    printed: list[str]


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Generator[Gated]:
    """A gate over each experiment with a hostile name, as candidate and as baseline."""
    with ScriptedModel(answer) as model, ScriptedModel(answer) as other:
        world = anyio.run(build, tmp_path_factory.mktemp("world"), model.url, other.url)
        printed: list[str] = []
        first, second, plain = (world.ids[f"experiment {place}"] for place in range(3))
        judge = at("judge of a file")[0]
        for baseline, candidate in ((first, plain), (plain, second), (first, second)):
            words = ["gate", "--baseline", baseline, "--candidate", candidate, "--junit", f"{len(printed)}.xml"]
            words += ["--markdown", f"{len(printed)}.md", "--rule", f"{judge}: better"]
            words += ["--direction", f"{judge}=MAXIMIZE", "--direction", "tone=MAXIMIZE"]
            for rule in RULES:
                words += ["--rule", rule]
            ended = command(world, *words)
            assert ended.returncode == 1, ended.stderr
            printed.append(ended.stdout)
        yield Gated(world, printed)


def command(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "assaykit", *words],
        cwd=world.files, env=environment(world.home), capture_output=True, check=False, encoding="utf-8", timeout=300,
    )  # fmt: skip


def hidden(text: str) -> set[str]:
    """The characters of a text that a terminal obeys or does not show."""
    return {mark for mark in text if mark != "\n" and (not mark.isprintable() or mark in "\u3164\u115f")}


def test_a_name_writes_no_line_of_the_decision(gated: Gated) -> None:
    for text in gated.printed:
        first, *rest = text.splitlines()
        assert first.startswith("HOLD: ")
        assert [line for line in rest if not line.startswith(OURS)] == []
        assert hidden(text) == set()
        assert breaks.marks(text)


def test_a_plan_prints_no_hidden_character(gated: Gated) -> None:
    ids = gated.world.ids
    for goal in ("better by 5 points", "tone: better by 5 points"):
        pilot = ("--baseline", ids["experiment 0"], "--candidate", ids["experiment 1"])
        ended = command(gated.world, "plan", goal, *pilot)
        assert hidden(ended.stdout + ended.stderr) == set()


def test_a_name_ends_no_element_of_junit(gated: Gated) -> None:
    for place in range(len(gated.printed)):
        suite = ET.parse(gated.world.files / f"{place}.xml").getroot()  # noqa: S314  (written just now)
        assert [one.tag for one in suite] == ["properties", *["testcase"] * 3]
        assert {part.tag for one in suite for part in one} <= {"property", "failure", "system-out"}
        assert not [part.tag for one in suite for inner in one for part in inner]
        names = [str(suite.get("name")), *(str(value) for one in suite.iter() for value in one.attrib.values())]
        assert {mark for name in names for mark in hidden(name)} == set()


def test_a_name_ends_no_cell_of_markdown(gated: Gated) -> None:
    for place in range(len(gated.printed)):
        text = (gated.world.files / f"{place}.md").read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line]
        assert lines[0].startswith("### ")
        (head,) = [number for number, line in enumerate(lines) if line.startswith("| | Rule")]
        rows = lines[head:]
        assert [row.replace("\\|", "").count("|") for row in rows] == [4] * 5
        assert not [line for line in lines if "<" in line or "![" in line or "](" in line.replace("\\]", "")]
        assert hidden(text) == set()


async def test_sixty_hostile_texts_on_a_page_run_nothing_and_ask_for_nothing(tmp_path: Path) -> None:
    """Each text is a name, a label, a value and an explanation of a comparison that a browser opens."""
    folder = tmp_path / "files"
    folder.mkdir()
    settings = Settings(home=tmp_path / "home", folders=(folder,), structured=True)
    texts = [*(vector.text(200) for vector in VECTORS), *SCRIPTS]
    assert len(texts) >= 60 + len(FORMS)
    rows = [
        {"key": f"k{number}", "input": text, "tier": SCRIPTS[number % len(SCRIPTS)]}
        for number, text in enumerate(texts)
    ]
    async with serving(settings) as ax:
        await ax.ask("create_dataset", name=SCRIPTS[0], rows=rows)
        for turn, name in enumerate((SCRIPTS[6], SCRIPTS[7])):
            runs = [
                {
                    "key": f"k{number}", "output": text, f"eval.{SCRIPTS[9]}.label": texts[(number + turn) % 40],
                    f"eval.{SCRIPTS[9]}.explanation": text, "eval.tone.score": (number + turn) % 2,
                }
                for number, text in enumerate(texts)
            ]  # fmt: skip
            (folder / f"{turn}.json").write_text(json.dumps(runs), encoding="utf-8")
            await ax.ask("upload_experiment", file=f"{turn}.json", dataset=SCRIPTS[0], key="key", name=name)
        given = {"experiments": [SCRIPTS[6], SCRIPTS[7]], "slice_by": ["tier"], "directions": {"tone": "MAXIMIZE"}}
        await ax.ask("compare_experiments", save_to="page.html", **given)
    page = folder / "page.html"
    seen = opened(page, tmp_path / "seen")
    assert (seen.asked, seen.console) == ([], [])
    assert "VEC" in page.read_text(encoding="utf-8")


_RUNS = "console.log('executed')"
SCRIPTS = (
    f"<script>{_RUNS}</script>",
    f'<img src=x onerror="{_RUNS}">',
    f'</title></style><svg onload="{_RUNS}">',
    f'"><body onload="{_RUNS}">',
    f'\'><iframe srcdoc="<script>{_RUNS}</script>"></iframe>',
    f'<a href="javascript:{_RUNS}" autofocus onfocus="{_RUNS}">x</a>',
    f"--><script>{_RUNS}</script><!--",
    f"]]></svg><script>{_RUNS}</script>",
    f'<details open ontoggle="{_RUNS}">',
    f"<math><mtext><script>{_RUNS}</script>",
    f"&lt;script&gt;{_RUNS}&lt;/script&gt;",
    f'</textarea><video><source onerror="{_RUNS}">',
    '<link rel="stylesheet" href="https://example.com/x.css">',
    '<meta http-equiv="refresh" content="0;url=https://example.com/">',
    "<style>@import url(https://example.com/x.css)</style>",
    '<img src="https://example.com/a.png">',
    "<base href=https://example.com/>",
    f"<scr\0ipt>{_RUNS}</scr\0ipt>",
)
"""Texts that run a script or load a part from the network where they are not escaped."""
