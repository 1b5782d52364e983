"""Evaluation tasks, without their runs."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.tasks.types import TaskEvaluatorInput, TaskType
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"


def made_evaluator(calls: Ledger, name: str) -> str:
    config = {"type": "MANAGED", "name": "json", "managed_evaluator": "JSON_PARSEABLE", "variables": ["output"]}
    evaluators = ArizeClient().evaluators
    return calls.call(
        evaluators.create_code_evaluator, name=name, space=SPACE, commit_message="First.", code_config=config
    ).id


def life(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    evaluator = made_evaluator(calls, "of tasks")
    attached = TaskEvaluatorInput.from_dict(
        {
            "evaluator_id": evaluator,
            "column_mappings": {"output": "attributes.output.value"},
            "query_filter": "status_code = 'OK'",
        }
    )
    wanted = {
        "task_type": TaskType.CODE_EVALUATION,
        "project": given["project"],
        "space": SPACE,
        "evaluators": [attached],
    }
    made = calls.call(
        client.tasks.create_evaluation_task,
        name="life",
        sampling_rate=0.5,
        is_continuous=False,
        query_filter="latency_ms < 5000",
        **wanted,
    )
    calls.check("its filter is kept", made.query_filter == "latency_ms < 5000")
    mapped = made.evaluators[0]
    calls.check("its mapping is kept", mapped.column_mappings == {"output": "attributes.output.value"})
    calls.check("the evaluator's own filter is kept", mapped.query_filter == "status_code = 'OK'")
    calls.check("id leads to it", calls.call(client.tasks.get, task=made.id) == made)
    calls.check("name leads to it", calls.call(client.tasks.get, task="life", space=SPACE) == made)
    calls.refused(ApiException, "life", client.tasks.create_evaluation_task, name="life", **wanted)
    changed = calls.call(client.tasks.update, task="life", space=SPACE, name="second life", query_filter=None)
    calls.check("it is renamed and has no filter", (changed.name, changed.query_filter) == ("second life", None))
    calls.check("what was not named stays", changed.sampling_rate == 0.5)
    again = calls.call(client.tasks.update, task=made.id, sampling_rate=1, evaluators=[attached])
    calls.check("the rate is changed", again.sampling_rate == 1)
    calls.refused(ApiException, "409", client.evaluators.delete, evaluator=evaluator)
    calls.call(client.tasks.delete, task="second life", space=SPACE)
    calls.refused(NotFoundError, "second life", client.tasks.get, task="second life", space=SPACE)
    calls.refused(ApiException, "404", client.tasks.get, task=made.id)
    calls.call(client.evaluators.delete, evaluator=evaluator)


def lost_evaluator(calls: Ledger, given: Given) -> None:
    """The SDK loses an evaluator given as a keyword, and sends null in its place."""
    tasks = ArizeClient().tasks
    calls.refused(
        ApiException,
        "evaluator",
        tasks.create_evaluation_task,
        name="lost",
        task_type=TaskType.CODE_EVALUATION,
        project=given["project"],
        space=SPACE,
        evaluators=[TaskEvaluatorInput(evaluator_id="RXZhbHVhdG9yOjE6eHh4eA==")],
    )


def lists(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    attached = TaskEvaluatorInput.from_dict({"evaluator_id": made_evaluator(calls, "of lists")})
    names = ["list one", "list two", "list three"]
    for name in names:
        calls.call(
            client.tasks.create_evaluation_task,
            name=name,
            task_type=TaskType.CODE_EVALUATION,
            project=given["project"],
            space=SPACE,
            evaluators=[attached],
        )
    of_project = {"project": given["project"], "space": SPACE}
    pages = calls.pages("tasks", client.tasks.list, limit=2, **of_project)
    calls.check("two pages have all", sorted(one.name for one in pages) == sorted(names))
    found = calls.call(client.tasks.list, name="LIST T", **of_project)
    calls.check("a part of the name finds two", len(found.tasks) == 2)
    typed = calls.call(client.tasks.list, task_type=TaskType.TEMPLATE_EVALUATION, **of_project)
    calls.check("none is of the other type", typed.tasks == [])
    calls.check("a space is enough", len(calls.call(client.tasks.list, space=SPACE).tasks) >= len(names))


play(life, lost_evaluator, lists)
