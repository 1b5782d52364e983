"""Deleting: who is asked, what counts as a yes, and that only what was named exactly goes."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import anyio
import pytest
from mcp import Client
from mcp.client import ClientRequestContext
from mcp_types import INTERNAL_ERROR, ElicitRequestParams, ElicitResult, ErrorData
from tests.caller import Caller, text_of
from tests.engines import reached

from assaykit.server import create_server
from assaykit.settings import Settings
from assaykit.toolkit.replies import data_of

Era = Literal["legacy", "auto"]
LEGACY = pytest.param("legacy", marks=pytest.mark.embedded("the eras of MCP differ before the backend is asked"))
ERAS = pytest.mark.parametrize("era", [LEGACY, "auto"])

YES = ElicitResult(action="accept", content={"yes": True})
UNTICKED = ElicitResult(action="accept", content={"yes": False})
DECLINE = ElicitResult(action="decline")
CANCEL = ElicitResult(action="cancel")


class Person:
    """Gives the answers in order, the last one again and again, and remembers the questions.

    `meanwhile` happens once, while the first question is open.
    """

    def __init__(self, *answers: ElicitResult | ErrorData) -> None:
        self.answers = [*answers]
        self.asked: list[str] = []
        self.form: dict[str, Any] = {}
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def __call__(
        self,
        context: ClientRequestContext,  # noqa: ARG002  (the client passes it by name)
        params: ElicitRequestParams,
    ) -> ElicitResult | ErrorData:
        self.asked.append(params.message)
        self.form = params.model_dump(by_alias=True)["requestedSchema"]
        if self.meanwhile is not None:
            happens, self.meanwhile = self.meanwhile, None
            await happens()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@asynccontextmanager
async def with_person(settings: Settings, era: Era, person: Person | None) -> AsyncGenerator[Caller]:
    """A caller whose client shows forms to this person; None is a client that shows none."""
    with reached(settings) as there:
        async with Client(create_server(there), mode=era, elicitation_callback=person) as client:
            yield Caller(client, there)


async def make_task(ax: Caller, name: str = "policy") -> str:
    await ax.ask("create_judge", name=f"cites {name}", code="MATCHES_REGEX", pattern="x")
    made = await ax.ask("create_task", name=name, project="bot", evaluators=[f"cites {name}"])
    return made["task"]["id"]


async def there(ax: Caller, task: str) -> bool:
    return not (await ax.call("get_task", task=task)).is_error


@ERAS
async def test_a_yes_deletes_and_the_question_says_what_goes(bot: None, settings: Settings, era: Era) -> None:
    person = Person(YES)
    async with with_person(settings, era, person) as ax:
        task = await make_task(ax)
        told = await ax.ask("delete_task", task="policy")
        assert told["deleted"] is True
        assert told["task"] == {"id": task, "name": "policy"}
        assert not await there(ax, task)
    (question,) = person.asked
    assert re.match(
        rf"Delete the task 'policy' \({task}\) from the (embedded engine|engine at 127.0.0.1:\d+), with its runs "
        r"\(its verdicts stay\)\?",
        question,
    )
    assert question.endswith("This cannot be undone.")
    assert person.form["required"] == ["yes"]
    assert person.form["properties"]["yes"]["type"] == "boolean"


@ERAS
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (DECLINE, "Not deleted: the user declined."),
        (CANCEL, "Not deleted: the user closed the question."),
        (UNTICKED, "Not deleted: the user did not tick the box."),
    ],
)
async def test_anything_but_a_yes_deletes_nothing(
    bot: None, settings: Settings, era: Era, answer: ElicitResult, said: str
) -> None:
    async with with_person(settings, era, Person(answer)) as ax:
        task = await make_task(ax)
        result = await ax.call("delete_task", task="policy")
        assert not result.is_error
        assert data_of(result)["deleted"] is False
        assert await ax.read("delete_task", task="policy") == said
        assert await there(ax, task)


@ERAS
async def test_confirm_does_not_stand_in_for_a_person_who_can_be_asked(bot: None, settings: Settings, era: Era) -> None:
    person = Person(DECLINE)
    async with with_person(settings, era, person) as ax:
        task = await make_task(ax)
        assert (await ax.ask("delete_task", task="policy", confirm="policy"))["deleted"] is False
        assert await there(ax, task)
    assert len(person.asked) == 1


@pytest.mark.over_http("delete_task", "invalid")
@ERAS
async def test_where_nobody_can_be_asked_the_name_has_to_be_repeated(bot: None, settings: Settings, era: Era) -> None:
    async with with_person(settings, era, None) as ax:
        task = await make_task(ax)
        for confirm in (None, "", "Policy", "yes", task):
            refusal = await ax.refused("delete_task", task=task, confirm=confirm)
            assert refusal["message"].startswith(f"Deleting the task 'policy' ({task}) takes its runs")
            assert refusal["next"] == "Ask the user; then call again with confirm='policy'."
        assert await there(ax, task)
        assert (await ax.ask("delete_task", task=task, confirm="policy"))["deleted"] is True
        assert not await there(ax, task)


@pytest.mark.parametrize(
    "answer",
    [ErrorData(code=INTERNAL_ERROR, message="no window"), ElicitResult(action="accept", content={"yes": "perhaps"})],
)
async def test_a_client_that_fails_to_ask_is_told_so_and_nothing_goes(
    bot: None, settings: Settings, answer: ElicitResult | ErrorData
) -> None:
    async with with_person(settings, "legacy", Person(answer)) as ax:
        task = await make_task(ax)
        refusal = await ax.refused("delete_task", task="policy", confirm="policy")
        assert refusal["code"] == "unavailable"
        assert refusal["message"].endswith("gave back no usable answer, so nothing was done.")
        assert await there(ax, task)


@ERAS
async def test_a_question_that_nobody_answers_in_time_deletes_nothing(bot: None, settings: Settings, era: Era) -> None:
    """In the newer era the client holds the question, so the answer comes and is too late."""
    person = Person(YES)
    async with with_person(replace(settings, answer_s=0.2), era, person) as ax:
        task = await make_task(ax)

        async def later() -> None:
            await anyio.sleep(0.6)

        person.meanwhile = later
        told = await ax.read("delete_task", task="policy")
        assert told == "Not deleted: nobody answered the question within 0.2 s."
        await anyio.sleep(0.6)
        assert await there(ax, task)


async def test_a_value_for_the_hidden_answer_is_an_unknown_argument(bot: None, ax: Caller) -> None:
    await make_task(ax)
    for hidden in ("sure", "ctx", "here"):
        refusal = await ax.refused("delete_task", task="policy", **{hidden: {"yes": True}})
        assert refusal["message"].startswith(f"{hidden}: unknown name")


async def test_only_an_exact_name_or_id_is_deleted(bot: None, settings: Settings) -> None:
    person = Person(YES)
    async with with_person(settings, "auto", person) as ax:
        task = await make_task(ax)
        for name in ("Policy", "polic", "policy ", ""):
            refusal = await ax.refused("delete_task", task=name)
            assert refusal["code"] == "not_found"
            assert f"'policy' ({task})" in refusal["message"]
        assert "a task was wanted" in (await ax.refused("delete_task", task="RGF0YXNldDoxOmFiY2Q="))["message"]
        assert await there(ax, task)
    assert person.asked == []


@ERAS
async def test_what_is_deleted_is_looked_up_anew(bot: None, settings: Settings, era: Era) -> None:
    """Another window deletes the task and makes one of the same name: the name now means the new one."""
    person = Person(YES)
    async with with_person(settings, era, person) as ax, with_person(settings, era, None) as other:
        first = await make_task(ax)
        assert await there(ax, "policy")
        await other.ask("delete_task", task="policy", confirm="policy")
        made = await other.ask("create_task", name="policy", project="bot", evaluators=["cites policy"])
        told = await ax.ask("delete_task", task="policy")
        assert told["task"]["id"] == made["task"]["id"] != first


@ERAS
async def test_a_yes_is_about_the_thing_that_was_asked_about(bot: None, settings: Settings, era: Era) -> None:
    """While the question is open, another window puts another task in the place of the one in it."""
    person = Person(YES, DECLINE)
    async with with_person(settings, era, person) as ax, with_person(settings, era, None) as other:
        await make_task(ax)

        async def replace_it() -> None:
            await other.ask("delete_task", task="policy", confirm="policy")
            await other.ask("create_task", name="policy", project="bot", evaluators=["cites policy"])

        person.meanwhile = replace_it
        result = await ax.call("delete_task", task="policy")
        assert result.is_error == (era == "legacy")
        assert ("not_found" if era == "legacy" else "Not deleted") in text_of(result)
        assert await there(other, "policy")
    assert len(set(person.asked)) == len(person.asked) == (1 if era == "legacy" else 2)


KINDS = ["project", "experiment", "dataset", "judge", "integration", "prompt", "annotation_config", "queue"]


async def make_all(ax: Caller) -> None:
    """One thing of each kind, all called "x"."""
    await ax.ask("create_dataset", name="x", rows=[{"key": "q1"}])
    (ax.settings.folders[0] / "x.csv").write_text("key,output\nq1,a\n", encoding="utf-8")
    await ax.ask("upload_experiment", name="x", file="x.csv", dataset="x", key="key")
    await ax.ask("create_judge", name="x", code="JSON_PARSEABLE")
    await ax.ask("save_prompt", prompt="x", template="Say {word}", provider="OPEN_AI")
    await ax.ask(
        "create_integration",
        name="x",
        provider="CUSTOM",
        base_url="http://127.0.0.1:9/v1",
        model_names=["m"],
        test=False,
    )
    await ax.ask("label_queue", queue="x", label="x", dataset="x")
    spans = await ax.ask("search_spans", project="bot")
    await ax.ask("annotate", name="x", targets=[spans["spans"][0]["span_id"]], project="bot", score=1)


@pytest.mark.parametrize("kind", KINDS)
async def test_one_thing_of_each_kind_is_deleted_by_its_exact_name(bot: None, ax: Caller, kind: str) -> None:
    await make_all(ax)
    name = "bot" if kind == "project" else "x"
    refusal = await ax.refused("delete_resource", kind=kind, name=name)
    assert refusal["next"] == f"Ask the user; then call again with confirm={name!r}."
    told = await ax.ask("delete_resource", kind=kind, name=name, confirm=name)
    assert told["deleted"] is True
    assert (told["kind"], told["name"]) == (kind, name)
    again = await ax.refused("delete_resource", kind=kind, name=told["id"], confirm=name)
    assert again["code"] == "not_found"
    # An experiment goes with its dataset; everything else has to be there still.
    for other in [other for other in KINDS if other != kind and (kind, other) != ("dataset", "experiment")]:
        of_other = "bot" if other == "project" else "x"
        assert (await ax.ask("delete_resource", kind=other, name=of_other, confirm=of_other))["deleted"] is True


@ERAS
async def test_a_person_is_asked_before_anything_else_goes_too(bot: None, settings: Settings, era: Era) -> None:
    person = Person(DECLINE)
    async with with_person(settings, era, person) as ax:
        assert await ax.read("delete_resource", kind="project", name="bot", confirm="bot") == (
            "Not deleted: the user declined."
        )
        assert (await ax.ask("list_projects"))["projects"][0]["name"] == "bot"
    (question,) = person.asked
    assert question.startswith("Delete the project 'bot' (")
    assert "with its spans, verdicts and tasks?" in question


async def test_a_judge_that_a_task_uses_stays(bot: None, ax: Caller) -> None:
    await make_task(ax)
    refusal = await ax.refused("delete_resource", kind="judge", name="cites policy", confirm="cites policy")
    assert refusal["code"] == "conflict"
    assert "'policy'" in refusal["message"]


@pytest.mark.over_http("delete_resource", "ambiguous")
async def test_two_experiments_of_one_name_are_told_apart_by_id(ax: Caller) -> None:
    (ax.settings.folders[0] / "x.csv").write_text("key,output\nq1,a\n", encoding="utf-8")
    for dataset in ("one", "two"):
        await ax.ask("create_dataset", name=dataset, rows=[{"key": "q1"}])
        await ax.ask("upload_experiment", name="x", file="x.csv", dataset=dataset, key="key")
    refusal = await ax.refused("delete_resource", kind="experiment", name="x", confirm="x")
    assert refusal["code"] == "ambiguous"
    assert refusal["message"].startswith("2 experiments are named 'x': ")


async def test_an_unknown_kind_is_refused_with_the_kinds(ax: Caller) -> None:
    refusal = await ax.refused("delete_resource", kind="task", name="x")
    assert refusal["message"].startswith("kind: ")
    assert "'annotation_config'" in refusal["message"]
