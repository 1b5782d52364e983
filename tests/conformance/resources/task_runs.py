"""The runs of a task: triggered, waited for, listed and cancelled."""

from datetime import UTC, datetime, timedelta

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.tasks.types import RunStatus, TaskEvaluatorInput, TaskType
from ledger import Given, Ledger, play

SPACE = "default"


def made_task(calls: Ledger, given: Given) -> str:
    client = ArizeClient()
    config = {"type": "MANAGED", "name": "json", "managed_evaluator": "JSON_PARSEABLE", "variables": ["output"]}
    evaluator = calls.call(
        client.evaluators.create_code_evaluator,
        name="of task runs",
        space=SPACE,
        commit_message="First.",
        code_config=config,
    )
    mapped = {"evaluator_id": evaluator.id, "column_mappings": {"output": "attributes.output.value"}}
    return calls.call(
        client.tasks.create_evaluation_task,
        name="run",
        task_type=TaskType.CODE_EVALUATION,
        project=given["project"],
        space=SPACE,
        evaluators=[TaskEvaluatorInput.from_dict(mapped)],
    ).id


def life(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    task = made_task(calls, given)
    now = datetime.now(UTC)
    begun = calls.call(
        client.tasks.trigger_run,
        task=task,
        data_start_time=now - timedelta(hours=1),
        data_end_time=now,
        max_spans=3,
        override_evaluations=False,
    )
    calls.check("it begins as PENDING", begun.status == RunStatus.PENDING)
    ended = calls.call(client.tasks.wait_for_run, run_id=begun.id, poll_interval=0.1, timeout=60)
    calls.check("it scored three", (ended.status, ended.num_successes) == (RunStatus.COMPLETED, 3))
    calls.check("get says the same", calls.call(client.tasks.get_run, run_id=begun.id) == ended)
    rest = calls.call(client.tasks.trigger_run, task="run", space=SPACE, data_start_time=now - timedelta(hours=1))
    ended = calls.call(client.tasks.wait_for_run, run_id=rest.id, poll_interval=0.1, timeout=60)
    calls.check("the next scored what was left", ended.num_successes == 1)
    spans = calls.call(client.spans.list, project=given["project"], space=SPACE).spans
    calls.check(
        "every span has its verdict", [[one.name for one in span.evaluations] for span in spans] == [["json"]] * 4
    )
    completed = calls.call(client.tasks.list_runs, task=task, status=RunStatus.COMPLETED)
    calls.check("both are listed", {one.id for one in completed.task_runs} == {begun.id, rest.id})
    pages = calls.pages("task_runs", client.tasks.list_runs, task="run", space=SPACE, limit=1)
    calls.check("two pages have the same", len(list(pages)) == 2)
    calls.refused(ApiException, "400", client.tasks.cancel_run, run_id=begun.id)
    calls.refused(ApiException, "404", client.tasks.get_run, run_id="VGFza1J1bjo5OTk6eHh4eA==")
    calls.refused(ValueError, "experiment_name", client.tasks.trigger_run, task=task, experiment_name="x")


play(life)
