"""The page on tasks of the SDK's documentation, snippet by snippet, as 8.61 spells it.

Since the page was written, the words for types and statuses went to upper case, and an evaluator is attached as
`TaskEvaluatorInput(SpanEvaluatorInput(...))`.
"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from arize import ArizeClient
from arize._generated.api_client.models.span_evaluator_input import SpanEvaluatorInput
from arize.ai_integrations.types import AiIntegrationProvider
from arize.evaluators.types import EvaluatorLlmConfigRequest, TemplateConfigInput
from arize.experiments import ExperimentTaskFieldNames
from arize.prompts.types import InvocationParamsRequest, ProviderParamsRequest
from arize.tasks.types import TaskEvaluatorInput
from ledger import Given, Ledger, Snippet, play, walk

SPACE = "default"


def stocked(calls: Ledger, given: Given) -> SimpleNamespace:
    """What the page takes for granted: a judge, a project with spans, a dataset with two experiments."""
    client = ArizeClient()
    integration = calls.call(
        client.ai_integrations.create,
        name="of the tasks page",
        provider=AiIntegrationProvider.OPEN_AI,
        base_url=given["model"],
        api_key="env:MODEL_KEY",
    ).id
    llm = EvaluatorLlmConfigRequest(
        ai_integration_id=integration,
        model_name="m-1",
        invocation_parameters=InvocationParamsRequest(),
        provider_parameters=ProviderParamsRequest(),
    )
    template = TemplateConfigInput(
        name="relevance",
        template="Is it good or bad? {user_query}",
        include_explanations=True,
        use_function_calling=True,
        classification_choices={"good": 1, "bad": 0},
        llm_config=llm,
    )
    evaluator = calls.call(
        client.evaluators.create_template_evaluator,
        name="relevance",
        space=SPACE,
        commit_message="First.",
        template_config=template,
    ).id
    rows = [{"user_query": "Who?", "question": "Who?"}, {"user_query": "Where?", "question": "Where?"}]
    dataset = calls.call(client.datasets.create, name="of the tasks page", space=SPACE, examples=rows).id
    examples = calls.call(client.datasets.list_examples, dataset=dataset).examples
    fields = ExperimentTaskFieldNames(example_id="example", output="answer")
    runs = [{"example": one.id, "answer": "Here."} for one in examples]
    experiments = [
        calls.call(client.experiments.create, name=name, dataset=dataset, experiment_runs=runs, task_fields=fields).id
        for name in ("one", "two")
    ]
    return SimpleNamespace(
        client=client,
        project=given["project"],
        integration=integration,
        evaluator=evaluator,
        dataset=dataset,
        experiments=experiments,
    )


def attached(stock: SimpleNamespace, **more: object) -> list[TaskEvaluatorInput]:
    return [TaskEvaluatorInput(SpanEvaluatorInput(evaluator_id=stock.evaluator, **more))]


def create_for_project(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(
        stock.client.tasks.create_evaluation_task,
        name="Relevance Monitor",
        task_type="TEMPLATE_EVALUATION",
        project=stock.project,
        space=SPACE,
        evaluators=attached(stock, column_mappings={"user_query": "input.value"}),
        is_continuous=True,
        sampling_rate=0.1,
    )
    calls.check("it is continuous", (task.is_continuous, task.sampling_rate) == (True, 0.1))
    stock.monitor = task.id


def create_for_dataset(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(
        stock.client.tasks.create_evaluation_task,
        name="Experiment Evaluation",
        task_type="TEMPLATE_EVALUATION",
        dataset="of the tasks page",
        space=SPACE,
        experiment_ids=stock.experiments,
        evaluators=attached(stock),
        is_continuous=False,
    )
    calls.check("it has both experiments", set(task.experiment_ids) == set(stock.experiments))
    stock.of_dataset = task.id


def create_with_mappings(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(
        stock.client.tasks.create_evaluation_task,
        name="Custom Relevance",
        task_type="TEMPLATE_EVALUATION",
        project=stock.project,
        space=SPACE,
        evaluators=attached(stock, column_mappings={"user_query": "input.value"}, query_filter="status_code = 'OK'"),
        query_filter="latency_ms < 5000",
        is_continuous=False,
    )
    calls.check(
        "both filters are kept",
        (task.query_filter, task.evaluators[0].query_filter) == ("latency_ms < 5000", "status_code = 'OK'"),
    )
    stock.task = task.id


def list_tasks(calls: Ledger, stock: SimpleNamespace) -> None:
    listed = calls.call(stock.client.tasks.list, space=SPACE, limit=50)
    names = {task.name for task in listed.tasks}
    calls.check("the tasks are there", {"Relevance Monitor", "Experiment Evaluation", "Custom Relevance"} <= names)


def list_by_type(calls: Ledger, stock: SimpleNamespace) -> None:
    for task_type, is_there in (("TEMPLATE_EVALUATION", True), ("CODE_EVALUATION", False), ("RUN_EXPERIMENT", False)):
        listed = calls.call(stock.client.tasks.list, space=SPACE, task_type=task_type)
        found = {task.id for task in listed.tasks}
        calls.check(f"{task_type} is told apart", (stock.task in found) is is_there)


def get(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(stock.client.tasks.get, task="Custom Relevance", space=SPACE)
    calls.check("it is the one", (task.id, task.name) == (stock.task, "Custom Relevance"))


def update(calls: Ledger, stock: SimpleNamespace) -> None:
    task = calls.call(
        stock.client.tasks.update,
        task="Relevance Monitor",
        space=SPACE,
        name="Relevance Monitor v2",
        sampling_rate=0.25,
    )
    calls.check("it is changed", (task.name, task.sampling_rate) == ("Relevance Monitor v2", 0.25))
    cleared = calls.call(stock.client.tasks.update, task=stock.task, query_filter=None)
    calls.check("None clears the filter", cleared.query_filter is None)


def trigger_window(calls: Ledger, stock: SimpleNamespace) -> None:
    run = calls.call(
        stock.client.tasks.trigger_run,
        task=stock.task,
        data_start_time=datetime(2024, 1, 1),  # noqa: DTZ001  (as the page has it: without an offset)
        data_end_time=datetime(2024, 2, 1),  # noqa: DTZ001
    )
    calls.check("a new run is pending", run.status == "PENDING")
    calls.check("a time without an offset is UTC", run.data_start_time.isoformat() == "2024-01-01T00:00:00+00:00")


def trigger_dataset(calls: Ledger, stock: SimpleNamespace) -> None:
    run = calls.call(
        stock.client.tasks.trigger_run,
        task=stock.of_dataset,
        experiment_ids=stock.experiments[:1],
        override_evaluations=True,
    )
    ended = calls.call(stock.client.tasks.wait_for_run, run_id=run.id, poll_interval=0.2)
    calls.check("the runs of one experiment are scored", (ended.status, ended.num_successes) == ("COMPLETED", 2))


def end_to_end(calls: Ledger, stock: SimpleNamespace) -> None:
    run = calls.call(stock.client.tasks.trigger_run, task=stock.task)
    run = calls.call(stock.client.tasks.wait_for_run, run_id=run.id)
    calls.check("all four spans are scored", (run.status, run.num_successes) == ("COMPLETED", 4))
    stock.run = run.id


def list_runs(calls: Ledger, stock: SimpleNamespace) -> None:
    listed = calls.call(stock.client.tasks.list_runs, task=stock.task, limit=20)
    calls.check("both runs are there", len(listed.task_runs) == 2)


def list_completed(calls: Ledger, stock: SimpleNamespace) -> None:
    for status, expected in (("COMPLETED", 1), ("PENDING", 0), ("RUNNING", 0), ("FAILED", 0), ("CANCELLED", 1)):
        listed = calls.call(stock.client.tasks.list_runs, task=stock.task, status=status)
        calls.check(f"{expected} run is {status}", len(listed.task_runs) == expected)


def get_run(calls: Ledger, stock: SimpleNamespace) -> None:
    run = calls.call(stock.client.tasks.get_run, run_id=stock.run)
    calls.check("it is the one", (run.id, run.status) == (stock.run, "COMPLETED"))


def again() -> dict[str, object]:
    """All of it once more; a run without a start goes on where the last one ended."""
    return {"data_start_time": datetime.now(UTC) - timedelta(days=1), "override_evaluations": True}


def cancel(calls: Ledger, stock: SimpleNamespace) -> None:
    begun = calls.call(stock.client.tasks.trigger_run, task=stock.task, **again())
    run = calls.call(stock.client.tasks.cancel_run, run_id=begun.id)
    calls.check("it is cancelled", (run.id, run.status) == (begun.id, "CANCELLED"))


def wait(calls: Ledger, stock: SimpleNamespace) -> None:
    begun = calls.call(stock.client.tasks.trigger_run, task=stock.task, **again())
    calls.refused(TimeoutError, "", stock.client.tasks.wait_for_run, run_id=begun.id, poll_interval=0.02, timeout=0.05)
    run = calls.call(stock.client.tasks.wait_for_run, run_id=begun.id, poll_interval=0.2, timeout=60)
    calls.check("it is through", run.status == "COMPLETED")


def delete(calls: Ledger, stock: SimpleNamespace) -> None:
    calls.call(stock.client.tasks.delete, task="Relevance Monitor v2", space=SPACE)
    left = {task.id for task in calls.call(stock.client.tasks.list, space=SPACE).tasks}
    calls.check("it is gone", stock.monitor not in left)


SNIPPETS: dict[str, Snippet] = {
    "Create: Project-Based Task": (create_for_project, ("tasks.create_evaluation_task",)),
    "Create: Dataset-Based Task": (create_for_dataset, ("tasks.create_evaluation_task",)),
    "Create: Column Mappings and Filters": (create_with_mappings, ("tasks.create_evaluation_task",)),
    "List Tasks": (list_tasks, ("tasks.list",)),
    "List Tasks: by type": (list_by_type, ("tasks.list",) * 3),
    "Get a Task": (get, ("tasks.get",)),
    "Update a Task": (update, ("tasks.update",) * 2),
    "Trigger a Run: a window": (trigger_window, ("tasks.trigger_run",)),
    "Trigger a Run: experiments": (trigger_dataset, ("tasks.trigger_run", "tasks.wait_for_run")),
    "End-to-End: Trigger and Wait": (end_to_end, ("tasks.trigger_run", "tasks.wait_for_run")),
    "List Runs": (list_runs, ("tasks.list_runs",)),
    "List Runs: by status": (list_completed, ("tasks.list_runs",) * 5),
    "Get a Run": (get_run, ("tasks.get_run",)),
    "Cancel a Run": (cancel, ("tasks.trigger_run", "tasks.cancel_run")),
    "Wait for a Run": (wait, ("tasks.trigger_run", "tasks.wait_for_run", "tasks.wait_for_run")),
    "Delete a Task": (delete, ("tasks.delete", "tasks.list")),
}


def page(calls: Ledger, given: Given) -> None:
    walk(calls, SNIPPETS, stocked(calls, given))


play(page)
