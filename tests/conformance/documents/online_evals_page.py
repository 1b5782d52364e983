"""The page on online evaluations, the part "by code": spans out, judged by Phoenix evals, labels back in."""

from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace

import anyio
from arize import ArizeClient
from ledger import Given, Ledger, Snippet, play, walk
from phoenix.evals import create_classifier
from phoenix.evals.evaluators import async_evaluate_dataframe
from phoenix.evals.llm import LLM
from phoenix.evals.utils import to_annotation_dataframe

TEMPLATE = """
You judge how an answer to a question sounds.
[Question]: {input}
[Response]: {output}
Answer with a single word, "good" or "bad".
"""


def export(calls: Ledger, stock: SimpleNamespace) -> None:
    now = datetime.now(UTC)
    stock.table = calls.call(
        stock.client.spans.export_to_df,
        space_id=stock.space,
        project_name=stock.project,
        start_time=now - timedelta(days=7),
        end_time=now,
    )
    calls.check("every span is exported", set(stock.table["context.span_id"]) == set(stock.spans))


def judge(calls: Ledger, stock: SimpleNamespace) -> None:
    table = stock.table
    table["input"] = table["attributes.input.value"]
    table["output"] = table["attributes.output.value"]
    evaluator = create_classifier(
        name="sample-eval",
        llm=LLM(provider="openai", model="gpt-5"),
        prompt_template=TEMPLATE,
        choices={"good": 1.0, "bad": 0.0},
    )

    def evaluate_dataframe() -> object:
        return anyio.run(partial(async_evaluate_dataframe, dataframe=table, evaluators=[evaluator]))

    stock.results = calls.call(evaluate_dataframe)


def log(calls: Ledger, stock: SimpleNamespace) -> None:
    results = calls.call(to_annotation_dataframe, stock.results)
    calls.check("each span has its label", list(results["label"]) == ["good"] * len(stock.spans))
    named = {name: f"eval.correctness.{name}" for name in ("label", "score", "explanation")}
    written = calls.call(
        stock.client.spans.update_evaluations,
        space_id=stock.space,
        project_name=stock.project,
        dataframe=results.rename(columns=named),
    )
    calls.check("every label is taken", int(written["records_updated"]) == len(stock.spans))


def seen(calls: Ledger, stock: SimpleNamespace) -> None:
    found = calls.call(
        stock.client.spans.list, project=stock.project, space="default", filter="eval.correctness.label = 'good'"
    )
    calls.check("a filter finds them", {one.context.span_id for one in found.spans} == set(stock.spans))


SNIPPETS: dict[str, Snippet] = {
    "1. Export spans": (export, ("spans.export_to_df",)),
    "2. Run evals": (judge, ("evaluate_dataframe",)),
    "3. Log results back": (log, ("to_annotation_dataframe", "spans.update_evaluations")),
    "Viewing results": (seen, ("spans.list",)),
}


def page(calls: Ledger, given: Given) -> None:
    client = ArizeClient()
    space = calls.call(client.spaces.get, space="default").id
    walk(calls, SNIPPETS, SimpleNamespace(client=client, space=space, **given))


play(page)
