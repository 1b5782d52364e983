"""The skills: every example runs, every name exists, every size is kept, and a test that a lie turns red."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp import Client
from tests.engines import KEY, Engines
from tests.forwarding import Forwarder
from tests.loopback import Served
from tests.scripted_model import ScriptedModel
from tests.skills.runner import examples, faults, prose

from assaykit import sample
from assaykit.engine.engine import Engine
from assaykit.server import create_server
from assaykit.settings import Settings

ROOT = Path(__file__).parents[2]
SKILLS = {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("skills/*/SKILL.md"))}
EACH_SKILL = pytest.mark.parametrize("name", SKILLS)

MOST_LINES = 120
MOST_TOKENS = 1200
CHARACTERS_PER_TOKEN = 4
MOST_ROWS = 5
SECTIONS = ["Before you start", "Steps", "Ask the user only if", "Done means", "If it fails", "Related"]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
SIBLING = re.compile(r"`([a-z]+(?:-[a-z]+)+)`")
FOLDER_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def judged(prompt: str) -> str:
    """A verdict that differs from answer to answer: one that cites a policy is grounded."""
    response = prompt.rpartition("Response to judge:")[2]
    return "grounded" if re.search(r"\[[A-Z]+-\d\]", response) else "ungrounded"


@asynccontextmanager
async def sample_client_on_ax(folder: Path, engines: Engines) -> AsyncGenerator[Client]:
    """The same on a backend that has the routes of the contract alone, as Arize AX."""
    with ScriptedModel(judged) as model:
        keys = {"OPENAI_API_KEY": "sk-scripted-model", "OPENAI_BASE_URL": model.url}
        with (
            engines.serving(Settings(home=folder / "engine", environment=keys)) as url,
            Served(Forwarder(url, like_ax=True), lifespan=True) as served,
        ):
            headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
            async with httpx.AsyncClient(trust_env=False) as http:
                sent = await http.post(f"{url}/v1/traces", headers=headers, content=sample.otlp_json(time.time_ns()))
                assert sent.status_code == 200, sent.text
            files = (sample.variant_path("a").parent,)
            settings = Settings(
                "ax", home=folder / "home", folders=files, ax_key=KEY, ax_url=served.address, structured=True
            )
            async with Client(create_server(settings)) as client:
                yield client


@asynccontextmanager
async def sample_client(home: Path) -> AsyncGenerator[Client]:
    """A client of a server whose store holds the sample's traces, with a model and the sample's files."""
    headers = {"Authorization": "Bearer seed", "Content-Type": "application/json"}
    async with Engine.open(home, key="seed", environment={}) as there:
        transport = httpx.ASGITransport(there.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://engine.local", headers=headers) as http:
            sent = await http.post("/v1/traces", content=sample.otlp_json(time.time_ns()))
            assert sent.status_code == 200, sent.text
    with ScriptedModel(judged) as model:
        settings = Settings(
            home=home,
            folders=(sample.variant_path("a").parent,),
            environment={"OPENAI_API_KEY": "sk-scripted-model", "OPENAI_BASE_URL": model.url},
            structured=True,
        )
        async with Client(create_server(settings)) as client:
            yield client


def front_matter(text: str) -> dict[str, str]:
    """The fields, each a plain YAML scalar on one line."""
    opening, fields, _ = text.split("---\n", 2)
    assert opening == ""
    return {line.partition(": ")[0]: line.partition(": ")[2] for line in fields.splitlines()}


def sections(text: str) -> dict[str, str]:
    """The second-level sections, by heading."""
    return {
        part.partition("\n")[0]: part.partition("\n")[2] for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    }


def test_there_are_skills() -> None:
    assert {
        "score-traces",
        "compare-experiments",
        "run-experiments",
        "calibrate-judge",
        "build-judge",
        "error-analysis",
    } <= SKILLS.keys()


@EACH_SKILL
@pytest.mark.parametrize("kind", ["embedded", pytest.param("ax", marks=pytest.mark.slow)])
async def test_every_example_runs_and_every_name_exists(
    name: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    opened = (
        sample_client(tmp_path)
        if kind == "embedded"
        else sample_client_on_ax(tmp_path, request.getfixturevalue("engines"))
    )
    async with opened as client:
        assert await faults(SKILLS[name], client) == []
    assert sum(len(example.expects) for example in examples(SKILLS[name])) >= 3


@pytest.mark.parametrize(
    ("true", "false", "told"),
    [
        ('\nsearch_spans {"project"', '\nfind_spans {"project"', "find_spans: there is no such tool"),
        ('"query_filter": ', '"filter": ', "'filter' was unexpected"),
        ('"column_mappings": {"context"', '"mappings": {"context"', "'mappings' was unexpected"),
        ('"limit": 5', '"limit": "5"', "'5' is not of type 'integer'"),
        ('"project": "support-bot"', '"project": "support-box"', "support-box"),
        ('"attributes.input.value"', '"attributes.no.such"', "finds no value"),
        ("rows_to_score == 31", "rows_to_score == 30", "rows_to_score is 31, not 30"),
        ("num_successes == 30", "num_succeeded == 30", "$.run.num_succeeded is 'nothing there'"),
        ("num_skipped == 1", "num_skipped == true", "$.run.num_skipped is 1, not True"),
        ("-> RUN", "-> RAN", "{{RUN}}"),
        ("`list_judges`", "`list_judge`", "the prose names list_judge, which does not exist"),
        ("`new_version`", "`newer_version`", "the prose names newer_version, which does not exist"),
    ],
)
async def test_a_skill_that_says_what_is_not_so_is_found_out(true: str, false: str, told: str, tmp_path: Path) -> None:
    text = SKILLS["score-traces"]
    assert true in text
    async with sample_client(tmp_path) as client:
        found = await faults(text.replace(true, false), client)
    assert any(told in fault for fault in found), found


async def test_a_misspelt_argument_is_found_out_inside_an_object_too(tmp_path: Path) -> None:
    text = SKILLS["compare-experiments"].replace('{"label": "human_label"', '{"labels": "human_label"')
    async with sample_client(tmp_path) as client:
        found = await faults(text, client)
    assert any("'labels' was unexpected" in fault for fault in found), found


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("get_status", "is no call"),
        ("get_status {'a': 1}", "property name"),
        ("get_status {}\nexpects $.store == 1", "neither an expectation nor a name"),
        ("get_status {}\n$.store = STORE", "neither an expectation nor a name"),
    ],
)
def test_an_example_that_cannot_be_read_is_an_error(body: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        examples(f"```tool\n{body}\n```\n")


@EACH_SKILL
def test_every_block_is_an_example_that_is_run(name: str) -> None:
    assert "```" not in prose(SKILLS[name])


@EACH_SKILL
def test_the_front_matter_is_what_every_host_accepts(name: str) -> None:
    fields = front_matter(SKILLS[name])
    assert list(fields) == ["name", "description"]
    assert fields["name"] == name
    assert FOLDER_NAME.fullmatch(name)
    assert len(name) <= 64
    description = fields["description"]
    assert 200 <= len(description) <= 600
    # Hosts put it into a prompt between angle brackets, and YAML reads ": " and " #" as its own.
    assert not any(mark in description for mark in ("<", ">", ": ", " #"))
    assert "Use when the user says" in description
    assert "Do not use to" in description


@EACH_SKILL
def test_a_skill_is_short(name: str) -> None:
    text = SKILLS[name]
    assert len(text.splitlines()) <= MOST_LINES
    assert len(text) / CHARACTERS_PER_TOKEN <= MOST_TOKENS


@EACH_SKILL
def test_a_skill_has_the_sections_that_all_have(name: str) -> None:
    found = sections(SKILLS[name])
    assert [heading for heading in found if heading in SECTIONS] == SECTIONS
    assert len(examples(found["Before you start"])) == 1
    rows = [line for line in found["If it fails"].splitlines() if line.startswith("|")]
    assert 1 <= len(rows) - 2 <= MOST_ROWS
    assert "\nOutcome: " in SKILLS[name].partition("## ")[0]


@EACH_SKILL
def test_a_step_is_one_call(name: str) -> None:
    steps = re.split(r"^\d+\. ", sections(SKILLS[name])["Steps"], flags=re.MULTILINE)[1:]
    assert len(steps) >= 3
    assert [len(examples(step)) for step in steps] == [1] * len(steps)


@EACH_SKILL
def test_links_and_named_skills_lead_somewhere(name: str) -> None:
    text = SKILLS[name]
    for target in LINK.findall(text):
        assert (ROOT / "skills" / name / target).exists(), target
    related = set(SIBLING.findall(text))
    assert related
    assert related <= SKILLS.keys() - {name}
    assert set(re.findall(r"\(([a-z]+-[a-z]+)\)", front_matter(text)["description"])) <= SKILLS.keys() - {name}
