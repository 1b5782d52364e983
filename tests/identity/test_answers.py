"""Answers of judges: which changes of the table ask a question again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engine.conftest import home, new_store, nothing_learnt
from tests.engine.door import Body, HandClock, counts, opened
from tests.identity.table import Cell, cells
from tests.scripted_model import ScriptedModel

__all__ = ["home", "new_store", "nothing_learnt"]

TEMPLATE = "Is this good? {output}"


def llm(**change: Any) -> Callable[[str], Body]:
    def config(integration: str) -> Body:
        usual: Body = {
            "ai_integration_id": integration,
            "model_name": "judge-1",
            "invocation_parameters": {},
            "provider_parameters": {},
        }
        return {"llm_config": usual | change}

    return config


def judge(**change: Any) -> Callable[[str], Body]:
    return lambda _: change


JUDGES: dict[str, Callable[[str], Body]] = {
    "prompt of the judge": judge(template="Is this fine? {output}"),
    "choices of the judge": judge(classification_choices={"good": 1, "bad": 0, "fair": 0.5}),
    "explanations": judge(include_explanations=False),
    "model": llm(model_name="judge-2"),
    "temperature": llm(invocation_parameters={"temperature": 0.5}),
    "provider parameters": llm(provider_parameters={"anthropic_version": "2024-01-01"}),
}
ROWS: dict[str, Body] = {
    "example changed in place": {"output": "another answer"},
    "example changed in a new version": {"output": "another answer"},
    "example added": {"output": "an answer", "added": 1},
    "column added to examples": {"output": "an answer", "more": 1},
    "new version without change": {"output": "an answer"},
}
MAPPINGS = {"column mapping": {"output": "other"}, "column mapping to an equal text": {"output": "copy"}}


@pytest.mark.parametrize(("change", "cell"), cells("answer"))
async def test_a_question_is_asked_again_if_its_answer_may_be_another(home: Path, change: str, cell: Cell) -> None:
    with ScriptedModel(lambda _: "good") as model, ScriptedModel(lambda _: "good") as other:
        environment = {"ANTHROPIC_API_KEY": "sk-a", "ANTHROPIC_BASE_URL": model.url}
        await _scored(home, environment, "first", {}, {"output": "an answer"}, None)
        match change:
            case "base URL":
                environment = environment | {"ANTHROPIC_BASE_URL": other.url}
            case "provider":
                environment = {"OPENAI_API_KEY": "sk-a", "OPENAI_BASE_URL": model.url}
            case "key":
                environment = environment | {"ANTHROPIC_API_KEY": "sk-b"}
            case _:
                pass
        before = model.count
        assert before == 1
        row = ROWS.get(change, {"output": "an answer", "other": "other", "copy": "an answer"})
        await _scored(home, environment, "second", JUDGES.get(change, judge()), row, MAPPINGS.get(change))
        asked = model.count + other.count - before
        assert asked == (1 if cell == "anew" else 0)


async def _scored(
    home: Path,
    environment: dict[str, str],
    name: str,
    change: Callable[[str], Body] | Body,
    row: Body,
    mapping: dict[str, str] | None,
) -> None:
    """Score one run of an experiment with a judge of its own."""
    async with opened(home, environment, HandClock()) as door:
        wanted = "ANTHROPIC" if "ANTHROPIC_API_KEY" in environment else "OPEN_AI"
        every = (await door.get("/v2/ai-integrations"))["ai_integrations"]
        integration = next(one["id"] for one in every if one["provider"] == wanted)
        config = llm()(integration) | (change(integration) if callable(change) else change)
        version: Body = {
            "name": name,
            "template": TEMPLATE,
            "include_explanations": True,
            "use_function_calling": True,
            "classification_choices": {"good": 1, "bad": 0},
        }
        body: Body = {"space_id": await door.space(), "name": name, "type": "TEMPLATE"}
        body["version"] = {"commit_message": "m", "template_config": version | config}
        made = (await door.post("/v2/evaluators", body))["id"]
        dataset, (example,) = await door.dataset([{"q": "a"}], name)
        experiment = await door.experiment(dataset, [{"example_id": example, **row}], name)
        fields: Body = {"dataset_id": dataset, "experiment_ids": [experiment], "type": "TEMPLATE_EVALUATION"}
        evaluators = [{"evaluator_id": made, **({"column_mappings": mapping} if mapping else {})}]
        task = (await door.post("/v2/tasks", {"name": name, "evaluators": evaluators, **fields}))["id"]
        assert counts(await door.run(task)) == (1, 0, 0)
