"""The runs of an experiment."""

import pandas as pd
from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.experiments import EvaluationResultFieldNames, ExperimentTaskFieldNames
from arize.experiments.types import AnnotateRecordInput, AnnotationInput, ExperimentRunInput
from ledger import Given, Ledger, play

SPACE = "default"


def reading(calls: Ledger, _given: Given) -> None:
    client = ArizeClient()
    dataset = calls.call(client.datasets.create, name="of runs", space=SPACE, examples=[{"q": n} for n in range(5)])
    examples = calls.call(client.datasets.list_examples, dataset=dataset.id).examples
    ids = [one.id for one in examples]
    table = pd.DataFrame(
        {
            "example": ids[:4],
            "answer": ["one", "two", "three", "four"],
            "mark": [1.0, 0.0, float("nan"), 0.5],
            "word": ["good", "bad", None, "so-so"],
            "why": ["clear", "unclear", None, "half"],
            "tokens": [10, 20, 30, 40],
        }
    )
    made = calls.call(
        client.experiments.create,
        name="run",
        dataset=dataset.id,
        experiment_runs=table,
        task_fields=ExperimentTaskFieldNames(example_id="example", output="answer"),
        evaluator_columns={"taste": EvaluationResultFieldNames(score="mark", label="word", explanation="why")},
    )
    runs = calls.call(client.experiments.list_runs, experiment=made.id).experiment_runs
    by_example = {one.example_id: {"output": one.output, **one.additional_properties} for one in runs}
    first = by_example[ids[0]]
    calls.check("the run is of its example", first["output"] == "one")
    calls.check("the label is under the evaluator's name", first["eval.taste.label"] == "good")
    calls.check("so is the score", first["eval.taste.score"] == 1)
    calls.check("so is the explanation", first["eval.taste.explanation"] == "clear")
    calls.check("another column stays", first["tokens"] == 10)
    third = by_example[ids[2]]
    calls.check("no score is no zero", third.get("eval.taste.score") is None)
    every = calls.pages("experiment_runs", client.experiments.list_runs, experiment=made.id, limit=3)
    calls.check("two pages have all", len({one.id for one in every}) == 4)
    good = calls.call(client.experiments.list_runs, experiment=made.id, filter="eval.taste.score > 0.4")
    calls.check("a filter finds two", len(good.experiment_runs) == 2)
    named = calls.call(client.experiments.list_runs, experiment="run", dataset="of runs", space=SPACE).to_df()
    calls.check("a page becomes a table", len(named) == 4)
    added = calls.call(
        client.experiments.append_runs,
        experiment=made.id,
        experiment_runs=[ExperimentRunInput(example_id=ids[4], output="five")],
    )
    calls.check("it says what came in", len(added.run_ids) == 1)
    calls.refused(ApiException, "422", client.experiments.list_runs, experiment=made.id, filter="output LIKE")
    annotating(calls, client, made.id, added.run_ids[0])


def annotating(calls: Ledger, client: ArizeClient, experiment: str, run: str) -> None:
    calls.call(client.annotation_configs.create_freeform, name="note on a run", space=SPACE)
    record = AnnotateRecordInput(record_id=run, values=[AnnotationInput(name="note on a run", text="Late.")])
    calls.call(client.experiments.annotate_runs, experiment=experiment, annotations=[record])
    runs = calls.call(client.experiments.list_runs, experiment=experiment).experiment_runs
    notes = [note.text for one in runs if one.id == run for note in one.annotations]
    calls.check("the note is on the run", notes == ["Late."])


play(reading)
