"""Experiments, without their runs."""

import pandas as pd
from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.experiments import EvaluationResultFieldNames, ExperimentTaskFieldNames
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"
FIELDS = ExperimentTaskFieldNames(example_id="example", output="answer")


def life(calls: Ledger, _given: Given) -> None:
    client = ArizeClient()
    dataset = calls.call(client.datasets.create, name="of experiments", space=SPACE, examples=[{"q": "a"}, {"q": "b"}])
    examples = calls.call(client.datasets.list_examples, dataset=dataset.id).examples
    table = pd.DataFrame(
        {"example": [one.id for one in examples], "answer": ["x", "y"], "mark": [1, 0], "word": ["good", "bad"]}
    )
    made = calls.call(
        client.experiments.create,
        name="first",
        dataset="of experiments",
        space=SPACE,
        experiment_runs=table,
        task_fields=FIELDS,
        evaluator_columns={"taste": EvaluationResultFieldNames(score="mark", label="word")},
    )
    calls.check("it is of the dataset", made.dataset_id == dataset.id)
    calls.check("id leads to it", calls.call(client.experiments.get, experiment=made.id).name == "first")
    by_name = calls.call(client.experiments.get, experiment="first", dataset=dataset.id)
    calls.check("name leads to it", by_name.id == made.id)
    again = {"dataset": dataset.id, "experiment_runs": table, "task_fields": FIELDS}
    calls.refused(ApiException, "409", client.experiments.create, name="first", **again)
    second = calls.call(client.experiments.create, name="second", **again)
    names = [one.name for one in calls.pages("experiments", client.experiments.list, dataset=dataset.id, limit=1)]
    calls.check("both are listed", sorted(names) == ["first", "second"])
    calls.call(client.experiments.delete, experiment=second.id)
    calls.call(client.experiments.delete, experiment="first", dataset="of experiments", space=SPACE)
    calls.refused(ApiException, "404", client.experiments.get, experiment=made.id)
    calls.refused(NotFoundError, "first", client.experiments.get, experiment="first", dataset=dataset.id)


def alone(calls: Ledger, _given: Given) -> None:
    experiments = ArizeClient().experiments
    rows = [{"answer": "x"}, {"answer": "y"}]
    fields = ExperimentTaskFieldNames(output="answer")
    made = calls.call(experiments.create, name="alone", space=SPACE, experiment_runs=rows, task_fields=fields)
    calls.check("it has no dataset", made.dataset_id is None)
    listed = calls.call(experiments.list, space=made.space_id)
    calls.check("its space lists it", made.id in {one.id for one in listed.experiments})


play(life, alone)
