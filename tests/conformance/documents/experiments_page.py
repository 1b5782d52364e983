"""The page on experiments in code, every Python snippet, as 8.61 spells it.

The judge of the page's LLM evaluator is written for today's Phoenix evals, which has no `llm_classify` any more.
"""

from types import SimpleNamespace

import openai
import pandas as pd
from arize import ArizeClient
from arize.experiments import EvaluationResult, EvaluationResultFieldNames, Evaluator, ExperimentTaskFieldNames
from ledger import Given, Ledger, Snippet, play, walk
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from phoenix.evals import create_classifier
from phoenix.evals.llm import LLM

SPACE = "default"
ROWS = [
    {
        "attributes.input.value": f"Question {number}?",
        "attributes.output.value": "good" if number % 2 else "bad",
        "attributes.my_number": number,
    }
    for number in range(6)
]
"""The model says "good" to everything, so half of the answers are right."""


def answer_question(dataset_row) -> str:  # noqa: ANN001  (as the page has it)
    question = dataset_row.get("attributes.input.value", "")
    response = openai.OpenAI().chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": question}]
    )
    return response.choices[0].message.content or ""


def echo_input(dataset_row) -> str:  # noqa: ANN001
    return dataset_row.get("attributes.input.value", "")


def correctness(output, dataset_row):  # noqa: ANN001, ANN201
    expected = dataset_row.get("attributes.output.value", "")
    correct = bool(expected) and expected.lower() in (output or "").lower()
    return EvaluationResult(
        score=int(correct),
        label="correct" if correct else "incorrect",
        explanation=f"Expected {expected!r}, got {output!r}",
    )


def has_output(output, dataset_row) -> EvaluationResult:  # noqa: ANN001
    present = bool(output)
    return EvaluationResult(score=float(present), label="present" if present else "missing")


class MatchesExpected(Evaluator):
    annotator_kind = "CODE"
    name = "matches_expected"

    def evaluate(self, output, dataset_row, **_kwargs) -> EvaluationResult:  # noqa: ANN001, ANN003
        matches = dataset_row.get("attributes.output.value") == output
        return EvaluationResult(score=float(matches), label="match" if matches else "mismatch")

    async def async_evaluate(self, *, output, dataset_row, **_kwargs) -> EvaluationResult:  # noqa: ANN001, ANN003
        return self.evaluate(output=output, dataset_row=dataset_row)


class Taste(Evaluator):
    name = "taste"

    def evaluate(self, output, dataset_row, **_kwargs) -> EvaluationResult:  # noqa: ANN001, ANN003
        judge = create_classifier(
            name="taste",
            llm=LLM(provider="openai", model="gpt-4o-mini"),
            prompt_template="Is {output} a good or a bad answer to {input}?",
            choices={"good": 1.0, "bad": 0.0},
        )
        asked = {"output": output, "input": dataset_row.get("attributes.input.value")}
        (verdict,) = judge.evaluate(asked)
        return EvaluationResult(score=verdict.score, label=verdict.label, explanation=verdict.explanation)

    async def async_evaluate(self, *, output, dataset_row, **_kwargs) -> EvaluationResult:  # noqa: ANN001, ANN003
        return self.evaluate(output=output, dataset_row=dataset_row)


def run_it(calls: Ledger, stock: SimpleNamespace) -> None:
    stock.baseline, table = calls.call(
        stock.client.experiments.run,
        name="support-agent-baseline",
        dataset=stock.name,
        space=SPACE,
        task=answer_question,
        evaluators=[correctness],
        concurrency=10,
    )
    calls.check("half are right", sorted(table["eval.correctness.score"]) == [0] * 3 + [1] * 3)


def dry(calls: Ledger, stock: SimpleNamespace) -> None:
    experiment, table = calls.call(
        stock.client.experiments.run,
        name="dry",
        dataset=stock.dataset,
        task=echo_input,
        evaluators=[has_output],
        dry_run=True,
    )
    calls.check("nothing is logged", experiment is None and len(table) == len(ROWS))


def assemble(calls: Ledger, stock: SimpleNamespace) -> None:
    examples = calls.call(stock.client.datasets.list_examples, dataset=stock.dataset, all=True).to_df()
    calls.check("every example is there", len(examples) == len(ROWS))
    stock.examples = examples
    stock.results = pd.DataFrame({"result": ["By telephone."], "label": ["correct"], "score": [1]})
    stock.results["example_id"] = examples["id"].head(len(stock.results)).to_list()


def upload(calls: Ledger, stock: SimpleNamespace) -> None:
    stock.uploaded = calls.call(
        stock.client.experiments.create,
        name="my_experiment",
        dataset=stock.dataset,
        experiment_runs=stock.results,
        task_fields=ExperimentTaskFieldNames(example_id="example_id", output="result"),
        evaluator_columns={"correctness": EvaluationResultFieldNames(label="label", score="score")},
    )


def results(calls: Ledger, stock: SimpleNamespace) -> None:
    experiment = calls.call(stock.client.experiments.get, experiment="support-agent-baseline", dataset=stock.dataset)
    calls.check("it is the one that was run", experiment.id == stock.baseline.id)
    runs = calls.call(stock.client.experiments.list_runs, experiment=experiment.id, all=True).to_df()
    calls.check("every run is there", len(runs) == len(ROWS) and set(runs["output"]) == {"good"})
    calls.check("so are the labels", sorted(runs["eval.correctness.label"]) == ["correct"] * 3 + ["incorrect"] * 3)


def several(calls: Ledger, stock: SimpleNamespace) -> None:
    _, table = calls.call(
        stock.client.experiments.run,
        name="multi-eval-experiment",
        dataset=stock.dataset,
        task=echo_input,
        evaluators=[correctness, has_output],
    )
    columns = {"eval.correctness.label", "eval.has_output.label"}
    calls.check("each evaluator has its column", columns <= set(table.columns))


def classes(calls: Ledger, stock: SimpleNamespace) -> None:
    _, table = calls.call(
        stock.client.experiments.run,
        name="class-based",
        dataset=stock.dataset,
        task=echo_input,
        evaluators=[MatchesExpected()],
    )
    calls.check("no echo matches", set(table["eval.matches_expected.label"]) == {"mismatch"})


def judged(calls: Ledger, stock: SimpleNamespace) -> None:
    _, table = calls.call(
        stock.client.experiments.run, name="judged", dataset=stock.dataset, task=echo_input, evaluators=[Taste()]
    )
    calls.check("the judge likes all", set(table["eval.taste.label"]) == {"good"})


def asynchronous(calls: Ledger, stock: SimpleNamespace) -> None:
    async def async_task(dataset_row):  # noqa: ANN001, ANN202
        return dataset_row.get("attributes.input.value", "")

    async def async_has_output(output, dataset_row):  # noqa: ANN001, ANN202
        return has_output(output, dataset_row)

    _, table = calls.call(
        stock.client.experiments.run,
        name="async-experiment",
        dataset=stock.dataset,
        task=async_task,
        evaluators=[async_has_output],
        concurrency=10,
    )
    calls.check("every output is there", set(table["eval.async_has_output.label"]) == {"present"})


def smoke(calls: Ledger, stock: SimpleNamespace) -> None:
    experiment, table = calls.call(
        stock.client.experiments.run,
        name="smoke-test",
        dataset=stock.dataset,
        task=echo_input,
        dry_run=True,
        dry_run_count=2,
    )
    calls.check("two rows, and nothing logged", experiment is None and len(table) == 2)


def sampled(calls: Ledger, stock: SimpleNamespace) -> None:
    examples = calls.call(stock.client.datasets.list_examples, dataset=stock.dataset, all=True).to_df()
    sample = examples.sample(frac=0.5, random_state=42)
    columns = [column for column in sample.columns if column not in {"id", "created_at", "updated_at"}]
    made = calls.call(
        stock.client.datasets.create, name=f"{stock.name} sample", space=SPACE, examples=sample[columns].copy()
    )
    _, table = calls.call(stock.client.experiments.run, name="sampled-experiment", dataset=made.id, task=echo_input)
    calls.check("half of them were run", len(table) == len(ROWS) // 2)


def explicit_spans(calls: Ledger, stock: SimpleNamespace) -> None:
    def task_add_1(dataset_row):  # noqa: ANN001, ANN202
        with trace.get_tracer(__name__).start_as_current_span("test_function") as span:
            number = dataset_row.get("attributes.my_number")
            span.set_attribute("dataset.my_number", number)
            return number + 1

    _, table = calls.call(
        stock.client.experiments.run,
        name="tracing-demo",
        dataset=stock.dataset,
        task=task_add_1,
        set_global_tracer_provider=True,
    )
    calls.check("each is one more", sorted(int(one) for one in table["output"]) == [1, 2, 3, 4, 5, 6])
    spans_of(calls, stock, "test_function")


def instrumented(calls: Ledger, stock: SimpleNamespace) -> None:
    OpenAIInstrumentor().instrument()
    calls.call(
        stock.client.experiments.run,
        name="auto-instrumented",
        dataset=stock.dataset,
        task=answer_question,
        set_global_tracer_provider=True,
    )
    OpenAIInstrumentor().uninstrument()
    spans_of(calls, stock, "ChatCompletion")


def spans_of(calls: Ledger, stock: SimpleNamespace, name: str) -> None:
    """The runs of a dataset send their spans to one project; the application's own lie under the task's."""
    (project,) = calls.call(stock.client.projects.list, name=stock.dataset).projects
    found = calls.call(stock.client.spans.list, project=project.id, filter=f"name = '{name}'").spans
    calls.check(f"{len(ROWS)} spans {name}, not {len(found)}", len(found) == len(ROWS))
    calls.check("they lie under the task's span", all(one.parent_id for one in found))


def retry(calls: Ledger, stock: SimpleNamespace) -> None:
    def failing(dataset_row) -> str:  # noqa: ANN001
        if dataset_row["attributes.my_number"] == 3:
            raise RuntimeError("no answer")
        return "good"

    _, table = calls.call(
        stock.client.experiments.run, name="with failures", dataset=stock.dataset, task=failing, exit_on_error=False
    )
    failed = table[table["error"].notna()]
    calls.check("one row failed", len(failed) == 1)
    rows = stock.examples[stock.examples["id"].isin(failed["example_id"])]
    columns = [column for column in rows.columns if column not in {"id", "created_at", "updated_at"}]
    made = calls.call(stock.client.datasets.create, name=f"{stock.name} retry", space=SPACE, examples=rows[columns])
    _, table = calls.call(stock.client.experiments.run, name="retried", dataset=made.id, task=echo_input)
    calls.check("the row is through", len(table) == 1 and table["error"].isna().all())


RUN = ("experiments.run",)
SNIPPETS: dict[str, Snippet] = {
    "Run it": (run_it, RUN),
    "Run it: dry_run": (dry, RUN),
    "Assemble your results": (assemble, ("datasets.list_examples",)),
    "Upload the run": (upload, ("experiments.create",)),
    "Export or get results": (results, ("experiments.get", "experiments.list_runs")),
    "Multiple evaluators": (several, RUN),
    "Class-based evaluators: code": (classes, RUN),
    "Class-based evaluators: LLM": (judged, RUN),
    "Async experiments": (asynchronous, RUN),
    "Dataset sampling: dry run": (smoke, RUN),
    "Dataset sampling: sample": (sampled, ("datasets.list_examples", "datasets.create", *RUN)),
    "Experiment tracing: explicit spans": (explicit_spans, (*RUN, "projects.list", "spans.list")),
    "Experiment tracing: auto-instrumentor": (instrumented, (*RUN, "projects.list", "spans.list")),
    "Handle row-level failures": (retry, (*RUN, "datasets.create", *RUN)),
}


def page(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    name = given["project"]
    dataset = calls.call(client.datasets.create, name=name, space=SPACE, examples=ROWS)
    walk(calls, SNIPPETS, SimpleNamespace(client=client, name=name, dataset=dataset.id))


play(page)
