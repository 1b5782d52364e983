"""Every REST call of `arize` 8.39 that the engine serves, with what it must give back.

It runs in that SDK's interpreter: `sweep.py <project> <model's address> <span id>...`.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.ai_integrations.types import AiIntegrationAuthType, AiIntegrationProvider
from arize.annotation_configs.types import CategoricalAnnotationValue, OptimizationDirection
from arize.datasets.types import AnnotateRecordInput, AnnotationInput
from arize.evaluators.types import (
    DataGranularity,
    EvaluatorLlmConfig,
    ManagedCodeConfig,
    ManagedCodeEvaluator,
    StaticParam,
    StaticParamDefaultValue,
    StaticParamType,
    TemplateConfig,
)
from arize.experiments import EvaluationResultFieldNames, ExperimentTaskFieldNames
from arize.prompts.types import (
    InputVariableFormat,
    InvocationParams,
    LLMMessage,
    LlmProvider,
    MessageRole,
    ProviderParams,
)
from arize.tasks.types import BaseEvaluationTaskRequestEvaluatorsInner, RunStatus, TaskType

SPACE = "default"

client = ArizeClient()
project, model, *spans = sys.argv[1:]


def annotated(record: str) -> list[AnnotateRecordInput]:
    return [AnnotateRecordInput(record_id=record, values=[AnnotationInput(name="mood", label="glad")])]


def spaces() -> None:
    found = client.spaces.list(name=SPACE).spaces[0]
    assert client.spaces.get(space=SPACE) == client.spaces.get(space=found.id) == found


def projects() -> None:
    made = client.projects.create(name="older project", space=SPACE)
    assert client.projects.get(project="older project", space=SPACE) == made
    assert client.projects.update(project=made.id, name="old project").name == "old project"
    assert made.id in {one.id for one in client.projects.list(space=SPACE).projects}
    client.projects.delete(project="old project", space=SPACE)


def datasets() -> None:
    rows = [{"question": "COMPLETED", "status": "FAILED", "type": "TEMPLATE"}, {"question": "b", "status": None}]
    made = client.datasets.create(name="older rows", space=SPACE, examples=rows)
    assert client.datasets.get(dataset="older rows", space=SPACE).versions[0].dataset_id == made.id
    assert client.datasets.update(dataset=made.id, name="old rows").name == "old rows"
    assert made.id in {one.id for one in client.datasets.list(space=SPACE).datasets}
    appended = client.datasets.append_examples(dataset=made.id, examples=[{"question": "c", "status": "x"}])
    examples = client.datasets.list_examples(dataset=made.id).examples
    told = [one.additional_properties["question"] for one in examples]
    assert told == ["COMPLETED", "b", "c"], "a row's own values stay as they are"
    assert examples[0].additional_properties == rows[0]
    assert examples[2].id == appended.example_ids[0]
    changed = {"id": examples[1].id, "question": "b", "status": "PENDING"}
    client.datasets.update_examples(dataset=made.id, examples=[changed])
    assert client.datasets.list_examples(dataset=made.id).examples[1].additional_properties["status"] == "PENDING"
    client.datasets.annotate_examples(dataset=made.id, annotations=annotated(examples[0].id))
    assert client.datasets.list_examples(dataset=made.id).examples[0].annotations[0].label == "glad"
    gone = client.datasets.delete_examples(
        dataset=made.id, dataset_version_id=appended.dataset_version_id, examples=[examples[2].id, "nowhere"]
    )
    assert (gone.deleted_example_ids, gone.not_deleted_example_ids) == ([examples[2].id], ["nowhere"])


def experiments() -> None:
    dataset = client.datasets.create(name="older runs", space=SPACE, examples=[{"q": "a"}, {"q": "b"}])
    ids = [one.id for one in client.datasets.list_examples(dataset=dataset.id).examples]
    frame = pd.DataFrame({"example": ids, "said": ["PENDING", "b"], "l": ["good", "bad"], "s": [1, 0.5]})
    made = client.experiments.create(
        name="older",
        dataset=dataset.id,
        experiment_runs=frame,
        task_fields=ExperimentTaskFieldNames(example_id="example", output="said"),
        evaluator_columns={"taste": EvaluationResultFieldNames(label="l", score="s")},
    )
    assert client.experiments.get(experiment="older", dataset=dataset.id) == made
    assert [one.id for one in client.experiments.list(dataset=dataset.id).experiments] == [made.id]
    runs = client.experiments.list_runs(experiment=made.id).experiment_runs
    assert [one.output for one in runs] == ["PENDING", "b"]
    assert [one.additional_properties["eval.taste.score"] for one in runs] == [1, 0.5]
    more = client.experiments.append_runs(
        experiment=made.id, experiment_runs=pd.DataFrame({"example_id": ids[:1], "output": ["c"]})
    )
    assert len(more.run_ids) == 1
    client.experiments.annotate_runs(experiment=made.id, annotations=annotated(runs[0].id))
    client.experiments.delete(experiment="older", dataset=dataset.id)


def integrations() -> str:
    made = client.ai_integrations.create(
        name="older", provider=AiIntegrationProvider.CUSTOM, base_url=model, auth_type=AiIntegrationAuthType.DEFAULT
    )
    assert (made.provider, made.auth_type) == ("custom", "default")
    for provider in (AiIntegrationProvider.OPENAI, AiIntegrationProvider.NVIDIANIM, AiIntegrationProvider.GEMINI):
        other = client.ai_integrations.create(name=provider.value, provider=provider, base_url=model)
        assert client.ai_integrations.get(integration=other.id).provider == provider
        client.ai_integrations.delete(integration=other.id)
    changed = client.ai_integrations.update(integration=made.id, name="old", model_names=["m-1"])
    assert changed.model_names == ["m-1"]
    assert client.ai_integrations.get(integration="old", space=SPACE).id == made.id
    assert made.id in {one.id for one in client.ai_integrations.list().ai_integrations}
    return made.id


def judge(integration: str, name: str) -> TemplateConfig:
    return TemplateConfig(
        name=name,
        template="Is {output} good or bad?",
        include_explanations=True,
        use_function_calling_if_available=True,
        classification_choices={"good": 1, "bad": 0},
        direction=OptimizationDirection.MINIMIZE,
        data_granularity=DataGranularity.SPAN,
        llm_config=EvaluatorLlmConfig(
            ai_integration_id=integration,
            model_name="m-1",
            invocation_parameters=InvocationParams(temperature=0),
            provider_parameters=ProviderParams(),
        ),
    )


def evaluators(integration: str) -> tuple[str, str]:
    made = client.evaluators.create_template_evaluator(
        name="older judge", space=SPACE, commit_message="First.", template_config=judge(integration, "old taste")
    )
    config = made.version.template_config
    assert (made.type, config.direction, config.data_granularity) == ("template", "minimize", "span")
    assert config.use_function_calling_if_available is True
    assert client.evaluators.get(evaluator="older judge", space=SPACE) == made
    second = client.evaluators.create_template_version(
        evaluator=made.id, commit_message="Second.", template_config=judge(integration, "old taste")
    )
    assert client.evaluators.get_version(version_id=second.id) == second
    assert len(client.evaluators.list_versions(evaluator=made.id).evaluator_versions) == 2
    assert client.evaluators.update(evaluator=made.id, description="Old.").description == "Old."
    keywords = StaticParam(
        name="keywords", type=StaticParamType.STRING_ARRAY, default_value=StaticParamDefaultValue(["Answer"])
    )
    code = ManagedCodeConfig(
        type="managed",
        name="old words",
        managed_evaluator=ManagedCodeEvaluator.CONTAINSANYKEYWORD,
        variables=["output"],
        static_params=[keywords],
    )
    words = client.evaluators.create_code_evaluator(
        name="older words", space=SPACE, commit_message="First.", code_config=code
    )
    again = client.evaluators.create_code_version(evaluator=words.id, commit_message="Again.", code_config=code)
    inside = again.code_config
    assert (again.type, inside.type, inside.managed_evaluator) == ("code", "managed", "ContainsAnyKeyword")
    assert {made.id, words.id} <= {one.id for one in client.evaluators.list(space=SPACE).evaluators}
    return made.id, words.id


def tasks(template: str, code: str) -> None:
    mapped = {"column_mappings": {"output": "attributes.output.value"}, "query_filter": "status_code = 'OK'"}
    for kind, evaluator in (("template_evaluation", template), ("code_evaluation", code)):
        made = client.tasks.create_evaluation_task(
            name=kind,
            task_type=kind,
            project=project,
            space=SPACE,
            evaluators=[BaseEvaluationTaskRequestEvaluatorsInner(evaluator_id=evaluator, **mapped)],
            sampling_rate=1,
            is_continuous=False,
        )
        assert (made.type, made.experiment_ids) == (kind, [])
        assert client.tasks.get(task=kind, space=SPACE) == client.tasks.get(task=made.id) == made
        assert [one.id for one in client.tasks.list(space=SPACE, task_type=kind).tasks] == [made.id]
        runs(made.id)
        assert client.tasks.update(task=made.id, sampling_rate=0.5, query_filter=None).sampling_rate == 0.5
    client.tasks.delete(task=made.id)
    assert TaskType.RUN_EXPERIMENT == "run_experiment"


def runs(task: str) -> None:
    now = datetime.now(UTC)
    run = client.tasks.trigger_run(task=task, data_start_time=now - timedelta(hours=2), data_end_time=now)
    assert run.status == "pending"
    ended = client.tasks.wait_for_run(run_id=run.id, poll_interval=0.1, timeout=60)
    assert (ended.status, ended.num_successes) == (RunStatus.COMPLETED, len(spans)), ended
    assert client.tasks.get_run(run_id=run.id) == ended
    listed = client.tasks.list_runs(task=task, status="completed").task_runs
    assert [one.id for one in listed] == [run.id]
    refused("400", client.tasks.cancel_run, run_id=run.id)


def prompts() -> None:
    asked = {
        "commit_message": "First.",
        "input_variable_format": InputVariableFormat.MUSTACHE,
        "provider": LlmProvider.AZURE_OPEN_AI,
        "messages": [LLMMessage(role=MessageRole.USER, content="Answer {{question}}.")],
    }
    made = client.prompts.create(space=SPACE, name="older", **asked)
    version = made.version
    assert (version.provider, version.input_variable_format) == ("azure_open_ai", "mustache")
    assert (version.messages[0].role, version.messages[0].content) == ("user", "Answer {{question}}.")
    second = client.prompts.create_version(prompt=made.id, model="m-1", **asked)
    assert client.prompts.set_labels(version_id=second.id, labels=["production"]).labels == ["production"]
    assert client.prompts.get_version_by_label(prompt=made.id, label_name="production").id == second.id
    client.prompts.delete_label(version_id=second.id, label_name="production")
    assert client.prompts.get_version(version_id=version.id) == version
    assert len(client.prompts.list_versions(prompt=made.id).prompt_versions) == 2
    assert client.prompts.get(prompt="older", space=SPACE).version.id == second.id
    assert client.prompts.update(prompt=made.id, description="Old.").description == "Old."
    assert made.id in {one.id for one in client.prompts.list(space=SPACE).prompts}
    client.prompts.delete(prompt=made.id)


def annotation_configs() -> None:
    values = [CategoricalAnnotationValue(label="glad", score=1), CategoricalAnnotationValue(label="sad", score=0)]
    api = client.annotation_configs
    mood = api.create_categorical(
        name="mood", space=SPACE, values=values, optimization_direction=OptimizationDirection.MAXIMIZE
    )
    assert (mood.type, mood.optimization_direction) == ("categorical", "maximize")
    grade = api.create_continuous(name="grade", space=SPACE, minimum_score=0, maximum_score=1)
    note = api.create_freeform(name="note", space=SPACE)
    assert [grade.type, note.type] == ["continuous", "freeform"]
    assert api.get(annotation_config="mood", space=SPACE) == mood
    assert api.update_freeform(annotation_config=note.id, name="remark").name == "remark"
    assert len(api.list(space=SPACE).annotation_configs) == 3
    api.delete(annotation_config=note.id)


def spans_of_project() -> None:
    found = client.spans.list(project=project, space=SPACE).spans
    assert {one.context.span_id for one in found} == set(spans)
    assert all((one.status_code, one.kind) == ("OK", "LLM") for one in found)
    assert {one.name for span in found for one in span.evaluations} == {"old taste", "old words"}
    client.spans.annotate(project=project, space=SPACE, annotations=annotated(spans[0]))
    gone = client.spans.delete(project=project, space=SPACE, span_ids=[spans[0]])
    assert gone.deleted_span_ids == [spans[0]]


def refused(says: str, call: Any, **named: Any) -> None:
    try:
        call(**named)
    except ApiException as error:
        said = str(error)
    else:
        said = "nothing"
    assert says in said, f"{call.__name__} was answered with {said}"


spaces()
projects()
annotation_configs()
datasets()
experiments()
tasks(*evaluators(integrations()))
prompts()
spans_of_project()
refused("404", client.tasks.get, task="VGFzazo5OTk6eHh4eA==")
sys.stdout.write("{}\n")
