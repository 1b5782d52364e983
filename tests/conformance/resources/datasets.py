"""Datasets, without their examples."""

import pandas as pd
from arize import ArizeClient
from arize._generated.api_client.exceptions import ApiException
from arize.utils.resolve import NotFoundError
from ledger import Given, Ledger, play

SPACE = "default"
ROWS = [{"question": "Who?", "attributes.input.value": "Who?"}, {"question": "Where?", "extra": 3}]


def life(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    made = calls.call(datasets.create, name="life", space=SPACE, examples=ROWS)
    calls.check("id leads to it", calls.call(datasets.get, dataset=made.id).id == made.id)
    by_name = calls.call(datasets.get, dataset="life", space=SPACE)
    calls.check("it has one version", [one.dataset_id for one in by_name.versions] == [made.id])
    calls.refused(ApiException, "409", datasets.create, name="life", space=SPACE, examples=ROWS)
    renamed = calls.call(datasets.update, dataset="life", space=SPACE, name="second life")
    calls.check("it is renamed", (renamed.id, renamed.name) == (made.id, "second life"))
    calls.call(datasets.delete, dataset="second life", space=SPACE)
    calls.refused(NotFoundError, "second life", datasets.get, dataset="second life", space=SPACE)
    calls.refused(ApiException, "404", datasets.get, dataset=made.id)


def frame(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    rows = pd.DataFrame({"question": ["a", "b", None], "number": [1.0, float("nan"), 3.0]})
    made = calls.call(datasets.create, name="from a frame", space=SPACE, examples=rows)
    examples = calls.call(datasets.list_examples, dataset=made.id).examples
    calls.check("three rows", len(examples) == len(rows))


def lists(calls: Ledger, _given: Given) -> None:
    datasets = ArizeClient().datasets
    for name in ("sheet one", "sheet two", "sheet three"):
        calls.call(datasets.create, name=name, space=SPACE, examples=ROWS)
    names = [one.name for one in calls.pages("datasets", datasets.list, name="sheet", space=SPACE, limit=2)]
    calls.check("the newest first, over two pages", names == ["sheet three", "sheet two", "sheet one"])
    table = calls.call(datasets.list, space=SPACE).to_df()
    calls.check("a list becomes a table", {"id", "name"} <= set(table.columns))


play(life, frame, lists)
