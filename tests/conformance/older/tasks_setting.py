"""The setting of the page on tasks: a client, a project, judges, a dataset with experiments."""

import os
from datetime import UTC, datetime
from typing import Any

from arize import ArizeClient
from arize.ai_integrations.types import AiIntegrationProvider
from arize.evaluators.types import EvaluatorLlmConfig, TemplateConfig
from arize.experiments import ExperimentTaskFieldNames
from arize.prompts.types import InvocationParams, ProviderParams
from arize.tasks.types import TaskRun

SPACE = "default"

client = ArizeClient()
INTEGRATION = client.ai_integrations.create(
    name="page", provider=AiIntegrationProvider.CUSTOM, base_url=os.environ["MODEL_URL"]
).id
PROJECT = client.projects.get(project="page", space=SPACE).id


def judge(name: str, template: str) -> str:
    config = TemplateConfig(
        name=name,
        template=template,
        include_explanations=True,
        use_function_calling_if_available=True,
        classification_choices={"good": 1, "bad": 0},
        llm_config=EvaluatorLlmConfig(
            ai_integration_id=INTEGRATION,
            model_name="m-1",
            invocation_parameters=InvocationParams(),
            provider_parameters=ProviderParams(),
        ),
    )
    return client.evaluators.create_template_evaluator(
        name=name, space=SPACE, commit_message="First.", template_config=config
    ).id


OF_QUERY = judge("of query", "Is {user_query} polite?")
OF_OUTPUT = judge("of output", "Is {output} polite?")

DATASET = client.datasets.create(name="page", space=SPACE, examples=[{"q": "a"}, {"q": "b"}]).id
CONFIGURATION = (
    f'experiment_type="llm_generation", ai_integration_id="{INTEGRATION}", model_name="m-1", '
    'messages=[{"role": "user", "content": "Say {q}."}], input_variable_format="f_string",'
)
rows = [one.id for one in client.datasets.list_examples(dataset=DATASET).examples]
EXPERIMENTS = [
    client.experiments.create(
        name=name,
        dataset=DATASET,
        experiment_runs=[{"example_id": one, "output": "Thank you."} for one in rows],
        task_fields=ExperimentTaskFieldNames(example_id="example_id", output="output"),
    ).id
    for name in ("one", "two")
]


def task_id(name: str) -> str:
    return client.tasks.get(task=name, space=SPACE).id


def pending() -> str:
    """A run that is not done: its windows of 2024 are scored anew, as slowly as the model answers."""
    return client.tasks.trigger_run(
        task=task_id("Custom Relevance"), data_start_time=datetime(2024, 1, 1, tzinfo=UTC), override_evaluations=True
    ).id


ended = []
"""How the runs that the page triggered ended."""


def after(run: TaskRun, name: str) -> str:
    """The task of that name, when the run has ended."""
    done = client.tasks.wait_for_run(run_id=run.id, poll_interval=0.1, timeout=60)
    ended.append([done.status, done.num_successes, done.experiment_id is not None])
    return task_id(name)


def facts() -> dict[str, Any]:
    """What the page left behind."""
    return {
        "tasks": [[one.name, one.type, one.is_continuous] for one in client.tasks.list(space=SPACE).tasks],
        "runs": ended,
        "experiments": sorted(one.name for one in client.experiments.list(dataset=DATASET).experiments),
    }
