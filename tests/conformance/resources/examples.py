"""The examples of a dataset."""

from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.datasets.types import AnnotateRecordInput, AnnotationInput
from ledger import Given, Ledger, play

SPACE = "default"
ROWS = [{"question": f"Question {number}?", "tier": number % 2, "attributes.input.value": "x"} for number in range(5)]


def reading(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    made = calls.call(datasets.create, name="read", space=SPACE, examples=ROWS)
    listed = calls.call(datasets.list_examples, dataset=made.id)
    calls.check(
        "in their order", [one.to_dict()["question"] for one in listed.examples] == [r["question"] for r in ROWS]
    )
    calls.check("a name with dots stays flat", listed.examples[0].to_dict()["attributes.input.value"] == "x")
    table = calls.call(datasets.list_examples, dataset="read", space=SPACE, limit=2).to_df()
    calls.check("a page becomes a table", len(table) == 2 and {"id", "question"} <= set(table.columns))
    every = list(calls.pages("examples", datasets.list_examples, dataset=made.id, limit=2))
    calls.check("three pages have all", len({one.id for one in every}) == len(ROWS))
    odd = calls.call(datasets.list_examples, dataset=made.id, filter="tier = 1")
    calls.check("a filter finds two", len(odd.examples) == 2)
    version = calls.call(datasets.get, dataset=made.id).versions[0].id
    same = calls.call(datasets.list_examples, dataset=made.id, dataset_version_id=version)
    calls.check("the version has all", len(same.examples) == len(ROWS))
    calls.refused(ApiException, "422", datasets.list_examples, dataset=made.id, filter="tier = = 1")


def writing(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    made = calls.call(datasets.create, name="written", space=SPACE, examples=ROWS)
    added = calls.call(datasets.append_examples, dataset=made.id, examples=[{"question": "One more?"}])
    calls.check("it says what came in", len(added.example_ids) == 1)
    before = calls.call(datasets.get, dataset=made.id)
    calls.check("no version came with it", len(before.versions) == 1)
    first = calls.call(datasets.list_examples, dataset=made.id, limit=1).examples[0]
    gone = calls.call(
        datasets.delete_examples, dataset=made.id, dataset_version_id=added.dataset_version_id, examples=[first.id]
    )
    calls.check("it says what went", gone.deleted_example_ids == [first.id])
    left = calls.call(datasets.list_examples, dataset="written", space=SPACE).examples
    calls.check("one came and one went", len(left) == len(ROWS) and first.id not in {one.id for one in left})


def changing(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    made = calls.call(datasets.create, name="changed", space=SPACE, examples=ROWS)
    first = calls.call(datasets.list_examples, dataset=made.id, limit=1).examples[0]
    calls.call(datasets.update_examples, dataset=made.id, examples=[{"id": first.id, "tier": 7}])
    seen = calls.call(datasets.list_examples, dataset=made.id, limit=1).examples[0].to_dict()
    calls.check("one column is changed, the others stay", (seen["tier"], seen["question"]) == (7, "Question 0?"))
    copied = calls.call(
        datasets.update_examples, dataset=made.id, examples=[{"id": first.id, "tier": 8}], new_version="second"
    )
    versions = calls.call(datasets.get, dataset=made.id).versions
    calls.check("a new version is there", copied.dataset_version_id in {one.id for one in versions})
    calls.check("there are two", len(versions) == 2)


def annotating(calls: Ledger, _given: Given) -> None:
    client = ArizeClient()
    made = calls.call(client.datasets.create, name="annotated", space=SPACE, examples=ROWS)
    calls.call(
        client.annotation_configs.create_continuous, name="clarity", space=SPACE, minimum_score=0, maximum_score=1
    )
    example = calls.call(client.datasets.list_examples, dataset=made.id, limit=1).examples[0]
    record = AnnotateRecordInput(record_id=example.id, values=[AnnotationInput(name="clarity", score=0.5)])
    calls.call(client.datasets.annotate_examples, dataset="annotated", space=SPACE, annotations=[record])
    seen = calls.call(client.datasets.list_examples, dataset=made.id, limit=1).examples[0]
    calls.check("the score is on it", [(one.name, one.score) for one in seen.annotations] == [("clarity", 0.5)])


play(reading, writing, changing, annotating)
