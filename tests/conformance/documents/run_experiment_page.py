"""The part of the page on tasks that drives an experiment's model calls on the server, as 8.61 spells it."""

from types import SimpleNamespace

from arize import ArizeClient
from arize.ai_integrations.types import AiIntegrationProvider
from arize.prompts.types import InputVariableFormat, LLMMessageRequest, MessageRole
from arize.tasks.types import LlmGenerationRunConfigRequest
from ledger import Given, Ledger, Snippet, play, walk

SPACE = "default"
DATASET = "of the run-experiment part"


def stocked(calls: Ledger, given: Given) -> SimpleNamespace:
    client = ArizeClient()
    integration = calls.call(
        client.ai_integrations.create,
        name=DATASET,
        provider=AiIntegrationProvider.OPEN_AI,
        base_url=given["model"],
        api_key="env:MODEL_KEY",
    ).id
    rows = [{"question": f"Question {number}?"} for number in range(3)]
    calls.call(client.datasets.create, name=DATASET, space=SPACE, examples=rows)
    return SimpleNamespace(client=client, integration=integration)


def create(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(
        stock.client.tasks.create_run_experiment_task,
        name="Nightly QA Run",
        dataset=DATASET,
        space=SPACE,
        run_configuration=LlmGenerationRunConfigRequest(
            experiment_type="LLM_GENERATION",
            ai_integration_id=stock.integration,
            model_name="m-1",
            messages=[LLMMessageRequest(role=MessageRole.USER, content="Answer: {{question}}")],
            input_variable_format=InputVariableFormat.MUSTACHE,
        ),
    )
    calls.check("its type is its own", task.type == "RUN_EXPERIMENT")
    stock.task = task.id


def trigger(calls: Ledger, stock: SimpleNamespace) -> None:
    run = calls.call(
        stock.client.tasks.trigger_run, task=stock.task, experiment_name="qa-run-2024-01-15", max_examples=2
    )
    run = calls.call(stock.client.tasks.wait_for_run, run_id=run.id, poll_interval=0.2, timeout=60)
    calls.check("two examples were run", (run.status, run.num_successes) == ("COMPLETED", 2))
    runs = calls.call(stock.client.experiments.list_runs, experiment=run.experiment_id).experiment_runs
    calls.check("the experiment has what the model said", [one.output for one in runs] == ["good", "good"])


SNIPPETS: dict[str, Snippet] = {
    "Create a Run-Experiment Task": (create, ("tasks.create_run_experiment_task",)),
    "Trigger a Run: run_experiment tasks": (
        trigger,
        ("tasks.trigger_run", "tasks.wait_for_run", "experiments.list_runs"),
    ),
}


def page(calls: Ledger, given: Given) -> None:
    walk(calls, SNIPPETS, stocked(calls, given))


play(page)
