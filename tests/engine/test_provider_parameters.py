"""Parameters that only one provider has: sent, part of a question's identity, or refused."""

from pathlib import Path
from typing import Any

import pytest
from tests.engine.door import Body, Door, HandClock, counts, judge_version, opened, span
from tests.engine.test_deleted_parts import generation
from tests.scripted_model import ScriptedModel

BETA: Body = {
    "anthropic_headers": {"anthropic_beta": ["context-1m", None, "other-2"]},
    "anthropic_version": "2024-01-01",
}


def environment(url: str) -> dict[str, str]:
    return {"ANTHROPIC_API_KEY": "sk-x", "ANTHROPIC_BASE_URL": url}


def llm(integration: str, **given: Any) -> Body:
    return {
        "ai_integration_id": integration,
        "model_name": "judge-1",
        "invocation_parameters": {},
        "provider_parameters": given,
    }


async def integration_of(door: Door) -> str:
    return (await door.get("/v2/ai-integrations"))["ai_integrations"][0]["id"]


async def test_the_parameters_of_anthropic_are_sent_and_ask_a_question_anew(home: Path) -> None:
    with ScriptedModel(lambda _: "good") as model:
        async with opened(home, environment(model.url), HandClock()) as door:
            project, integration = await door.send(span(1)), await integration_of(door)
            for number, given in enumerate((BETA, BETA, {"anthropic_version": "2024-02-02"}, {})):
                judge = await door.judge(f"j{number}", llm_config=llm(integration, **given))
                task = await door.task(judge, f"t{number}", project_id=project, type="TEMPLATE_EVALUATION")
                assert counts(await door.run(task)) == (1, 0, 0)
            sent = [(one.headers.get("anthropic-version"), one.headers.get("anthropic-beta")) for one in model.requests]
            assert sent == [("2024-01-01", "context-1m,other-2"), ("2024-02-02", None), ("2023-06-01", None)]


async def test_the_parameters_of_a_run_configuration_are_sent(home: Path) -> None:
    with ScriptedModel(lambda _: "fine") as model:
        async with opened(home, environment(model.url)) as door:
            dataset, _ = await door.dataset([{"q": "a"}])
            task = await generation(door, dataset, provider_parameters=BETA)
            run = await door.run(task, experiment_name="e")
            assert counts(run) == (1, 0, 0)
            assert model.requests[0].headers["anthropic-beta"] == "context-1m,other-2"


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"region": "eu-west-1"}, 501, "no region of provider_parameters"),
        ({"azure_params": {"azure_openai_version": "2"}}, 501, "no azure_params"),
        ({"bedrock_options": {"use_converse_endpoint": True}}, 501, "no bedrock_options"),
        ({"anthropic_version": "2024\r\nx-api-key: y"}, 422, "characters that a header cannot have"),
    ],
)
async def test_a_parameter_that_would_have_no_effect_is_refused(
    home: Path, given: Body, status: int, said: str
) -> None:
    async with opened(home, environment("http://127.0.0.1:1")) as door:
        integration = await integration_of(door)
        version = judge_version(integration, llm_config=llm(integration, **given))
        body = {"space_id": await door.space(), "name": "tone", "type": "TEMPLATE", "version": version}
        assert said in await door.refused(status, "POST", "/v2/evaluators", json=body)
        kept = await door.judge(llm_config=llm(integration, azure_params={"azure_openai_version": None}))
        await door.refused(status, "POST", f"/v2/evaluators/{kept}/versions", json=version)
        dataset, _ = await door.dataset([{"q": "a"}])
        config: Body = {"experiment_type": "LLM_GENERATION", "ai_integration_id": integration, "model_name": "m"}
        config |= {"messages": [{"role": "USER", "content": "{{q}}"}], "input_variable_format": "MUSTACHE"}
        task: Body = {"name": "gen", "type": "RUN_EXPERIMENT", "dataset_id": dataset}
        task["run_configuration"] = config | {"provider_parameters": given}
        assert said in await door.refused(status, "POST", "/v2/tasks", json=task)
        task["run_configuration"] = config | {"provider_parameters": {"nonsense": 1}}
        assert "nonsense" in await door.refused(422, "POST", "/v2/tasks", json=task)


async def test_the_parameters_of_another_provider_are_refused_and_not_dropped(home: Path) -> None:
    keys = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:1"}
    async with opened(home, keys) as door:
        integration = await integration_of(door)
        version = judge_version(integration, llm_config=llm(integration, **BETA))
        body = {"space_id": await door.space(), "name": "tone", "type": "TEMPLATE", "version": version}
        said = await door.refused(501, "POST", "/v2/evaluators", json=body)
        assert "no anthropic_headers, anthropic_version of provider_parameters to OPEN_AI" in said
