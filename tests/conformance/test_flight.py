"""The bulk calls of the unmodified SDK against an engine process, and what the tools then see in the same store."""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.caller import serving
from tests.conformance.sdk import arize_python, engine_for_sdk, run_sdk, variables_of
from tests.forks import Forks
from tests.traces import id_of

from assaykit.settings import Settings

pytestmark = pytest.mark.slow

BEGIN = """
import json, logging, os, sys
from datetime import datetime, timedelta, timezone
import pandas as pd
from arize import ArizeClient
client = ArizeClient()
space = client.spaces.list().spaces[0].id
now = datetime.now(timezone.utc)
day = dict(start_time=now - timedelta(days=1), end_time=now + timedelta(minutes=1))
def tell(**facts):
    print(json.dumps(facts, default=str))
"""


class Sdk(NamedTuple):
    """The SDK beside an engine, and the store of that engine."""

    forks: Forks
    variables: dict[str, str]
    store: Path
    folder: Path

    def run(self, script: str, *arguments: str, **more: str) -> dict[str, Any]:
        """What the script tells."""
        return run_sdk(self.forks, arize_python(), BEGIN + script, self.variables | more, *arguments)

    def fails(self, script: str, *arguments: str) -> str:
        """What a script that must fail says on stderr."""
        ran = run_sdk(self.forks, arize_python(), BEGIN + script, self.variables, *arguments, fails=True)
        return ran["stderr"]

    def settings(self) -> Settings:
        return Settings(home=self.store, folders=(self.folder,), toolsets=("all",))


@pytest.fixture(scope="module")
def sdk(
    tmp_path_factory: pytest.TempPathFactory, anyio_backend: str, home_of_bot: Path, forks: Forks
) -> Generator[Sdk]:
    """The SDK beside an engine that has project "bot" with its four spans."""
    folder = tmp_path_factory.mktemp("sdk")
    shutil.copytree(home_of_bot, folder / "store")
    with engine_for_sdk(folder / "store", folder / "engine.log") as variables:
        yield Sdk(forks, variables_of(folder / "home", **variables), folder / "store", folder)


async def test_a_dataset_of_five_thousand_rows_goes_up_and_comes_back_whole(sdk: Sdk) -> None:
    told = sdk.run("""
rows = pd.DataFrame({
    "question": [f"q{n}" for n in range(5000)], "n": range(5000), "ratio": [n / 4 for n in range(5000)],
    "input.value": ["dotted"] * 5000, "tags": [["a", "b"]] * 5000, "gap": [None, "x"] * 2500,
})
dataset = client.datasets.create(name="large", space=space, examples=rows)
found = client.datasets.list_examples(dataset=dataset.id, all=True).examples
tell(id=dataset.id, n=len(found), ids=len({one.id for one in found}), first=found[0].additional_properties,
     last=found[-1].additional_properties, year=found[0].created_at.year == now.year)
""")
    columns = {"question": "q0", "n": 0, "ratio": 0.0, "input.value": "dotted", "tags": ["a", "b"], "gap": None}
    assert (told["n"], told["ids"], told["year"]) == (5000, 5000, True)
    assert told["first"] == columns
    assert told["last"] == columns | {"question": "q4999", "n": 4999, "ratio": 1249.75, "gap": "x"}
    async with serving(sdk.settings()) as ax:
        seen = await ax.read("get_dataset", dataset="large", limit=1)
    assert "Columns: 'question', 'n', 'ratio', 'input.value', 'tags', 'gap'" in seen
    assert "question: q0" in seen


def test_what_is_written_between_two_reads_is_in_the_second(sdk: Sdk) -> None:
    """The SDK keeps datasets on disk under their `updated_at` to the second: these writes lie in one."""
    told = sdk.run("""
dataset = client.datasets.create(name="cached", space=space, examples=[{"n": 0}])
counts = []
for n in range(1, 4):
    counts.append(len(client.datasets.list_examples(dataset=dataset.id, all=True).examples))
    client.datasets.append_examples(dataset=dataset.id, examples=[{"n": n}])
again = client.datasets.list_examples(dataset=dataset.id, all=True).examples
tell(counts=counts, again=[one.additional_properties["n"] for one in again])
""")
    assert told == {"counts": [1, 2, 3], "again": [0, 1, 2, 3]}


RUN = """
from arize.experiments import EvaluationResult, Evaluator
name, kind, dry = sys.argv[1], sys.argv[2], sys.argv[3] == "dry"
rows = [{"question": f"q{n}", "answer": str(n), "attributes.input.value": f"in {n}"} for n in range(6)]
known = [one for one in client.datasets.list(space=space).datasets if one.name == "to run"]
dataset = known[0] if known else client.datasets.create(name="to run", space=space, examples=rows)

def plain(dataset_row):
    if dataset_row["answer"] == "5":
        raise ValueError("no answer")
    return dataset_row["answer"]

async def awaited(input, dataset_row):
    assert input == "in " + dataset_row["question"][1:], input
    return {"answer": dataset_row["answer"]}

def even(output):
    return EvaluationResult(score=1.0, label="seen", explanation="because", metadata={"by": "hand"})

class Long(Evaluator):
    name = "long"
    def evaluate(self, *, output=None, dataset_row=None, **kwargs):
        return EvaluationResult(label="long" if len(str(output)) > 1 else "short")

made, frame = client.experiments.run(
    name=name, dataset=dataset.id, task=plain if kind == "plain" else awaited, evaluators=[even, Long()], dry_run=dry,
    concurrency=2, timeout=60,
)
runs = [] if dry else client.experiments.list_runs(experiment=made.id, all=True).experiment_runs
tell(dataset=dataset.id, made=made and made.id, columns=sorted(frame.columns), outputs=list(frame["output"]),
     runs=[one.to_dict() | {"example_id": one.example_id} for one in runs])
"""


def test_a_dry_run_of_an_experiment_stores_nothing(sdk: Sdk) -> None:
    told = sdk.run(RUN, "rehearsal", "plain", "dry")
    assert told["made"] is None
    assert told["outputs"] == ["0", "1", "2", "3", "4", None]
    assert {"eval.even.score", "eval.even.explanation", "eval.long.label"} <= set(told["columns"])


async def test_an_experiment_that_the_sdk_runs_is_there_with_its_verdicts_and_its_spans(sdk: Sdk) -> None:
    told = sdk.run(RUN, "first try", "plain", "real")
    runs = {run["output"]: run for run in told["runs"]}
    assert runs.keys() == {"0", "1", "2", "3", "4", None}
    assert runs["3"]["eval.even.score"] == 1.0
    assert (runs["3"]["eval.even.label"], runs["3"]["eval.even.explanation"]) == ("seen", "because")
    assert runs["3"]["eval.long.label"] == "short"
    assert "no answer" in runs[None]["error"]
    second = sdk.run(RUN, "second try", "async", "real")
    assert {json.loads(run["output"])["answer"] for run in second["runs"]} == set("012345")
    assert {run["example_id"] for run in second["runs"]} == {run["example_id"] for run in told["runs"]}
    async with serving(sdk.settings()) as ax:
        compared = await ax.read("compare_experiments", experiments=["first try", "second try"], dataset="to run")
        shown = await ax.read("get_experiment", experiment="first try", dataset="to run")
        spans = await ax.ask(
            "search_spans", project=f"experiment_traces_for_dataset_{told['dataset']}", filter="name = 'Task: awaited'"
        )
    assert "long" in compared
    assert "no answer" in shown
    assert len(spans["spans"]) == 6
    clash = sdk.fails(RUN, "first try", "plain", "real")
    assert "There is an experiment named 'first try' already, and it has runs. Choose another name." in clash


async def test_an_experiment_of_thirteen_hundred_runs_goes_up_with_its_evaluator_columns(sdk: Sdk) -> None:
    told = sdk.run("""
from arize.experiments.evaluators.types import EvaluationResultFieldNames
from arize.experiments.types import ExperimentTaskFieldNames
dataset = client.datasets.create(
    name="many", space=space, examples=pd.DataFrame({"question": [f"q{n}" for n in range(1300)]})
)
examples = client.datasets.list_examples(dataset=dataset.id, all=True).examples
rows = [
    {"row": one.id, "said": n, "points": n / 1300, "verdict": "good" if n % 2 else "bad", "why": f"reason {n}"}
    for n, one in enumerate(examples)
]
made = client.experiments.create(
    name="uploaded", dataset=dataset.id, experiment_runs=rows,
    task_fields=ExperimentTaskFieldNames(example_id="row", output="said"),
    evaluator_columns={"tone": EvaluationResultFieldNames(score="points", label="verdict", explanation="why")},
)
before = client.experiments.list_runs(experiment=made.id, all=True).experiment_runs
client.experiments.append_runs(experiment=made.id, experiment_runs=[{"example_id": examples[0].id, "output": "more"}])
runs = client.experiments.list_runs(experiment=made.id, all=True).experiment_runs
tell(n=len(before), after=len(runs), one=runs[3].to_dict(), output=runs[3].output,
     paired=[run.example_id for run in before] == [one.id for one in examples])
""")
    assert (told["n"], told["after"], told["paired"], told["output"]) == (1300, 1301, True, "3")
    assert {name: told["one"][f"eval.tone.{name}"] for name in ("score", "label", "explanation")} == {
        "score": 3 / 1300,
        "label": "good",
        "explanation": "reason 3",
    }
    async with serving(sdk.settings()) as ax:
        found = await ax.ask("get_experiment", experiment="uploaded", dataset="many", limit=1)
    assert "1301" in json.dumps(found)


def test_spans_are_exported_whole_filtered_projected_and_sampled(sdk: Sdk) -> None:
    told = sdk.run("""
every = client.spans.export_to_df(space_id=space, project_name="bot", **day)
failed = client.spans.export_to_df(
    space_id=space, project_name="bot", where="status_code = 'ERROR' AND latency_ms > 2000", **day
)
named = client.spans.export_to_df(space_id=space, project_name="bot", columns=["name", "attributes.input.value"], **day)
none = client.spans.export_to_df(space_id=space, project_name="bot", where="name = 'nobody'", **day)
old = client.spans.export_to_df(
    space_id=space, project_name="bot", start_time=now - timedelta(days=9), end_time=now - timedelta(days=8)
)
part = client.spans.export_to_df(space_id=space, project_name="bot", sample_rate=0.000001, **day)
client.spans.export_to_parquet(path="out.parquet", space_id=space, project_name="bot", stream_chunk_size=1, **day)
tell(names=list(every["name"]), failed=list(failed["name"]), named=sorted(named.columns), none=len(none), old=len(old),
     part=len(part), file=len(pd.read_parquet("out.parquet")), kind=list(every["attributes.openinference.span.kind"]),
     output=list(every["attributes.output.value"]), zone=str(every["time"].dtype), start=str(every["start_time"].dtype),
     ordered=bool(every["time"].is_monotonic_increasing), span=list(every["context.span_id"])[0])
""")
    assert told["names"] == ["a1", "a2", "a3", "a4"]
    assert told["span"] == id_of("a1")
    assert told["failed"] == ["a3"]
    assert told["named"] == ["attributes.input.value", "index", "name", "start_time", "time"]  # the index is pandas's
    assert (told["none"], told["old"], told["part"], told["file"]) == (0, 0, 0, 4)
    assert told["kind"] == ["LLM"] * 4
    assert told["output"] == ["Within 30 days [RET-1].", "I do not know.", "Call us [SHIP-2].", None]
    assert (told["zone"], told["start"], told["ordered"]) == ("datetime64[ns, UTC]", "datetime64[ns]", True)


def test_a_filter_that_cannot_be_read_and_a_project_that_is_not_there_say_so(sdk: Sdk) -> None:
    said = sdk.fails("client.spans.export_to_df(space_id=space, project_name='bot', where='nam = 1', **day)")
    assert "Spans have no field 'nam'. Did you mean name?" in said
    said = sdk.fails("client.spans.export_to_df(space_id=space, project_name='bto', **day)")
    assert "This space has no project named 'bto'." in said
    assert str(sdk.store) not in said


async def test_evaluations_annotations_and_metadata_are_written_to_spans(sdk: Sdk) -> None:
    ids = [id_of(name) for name in ("a1", "a2", "a3")]
    told = sdk.run(
        """
ids = json.loads(sys.argv[1])
frame = pd.DataFrame({
    "context.span_id": [*ids, "0123456789abcdef"], "eval.tone.label": ["kind", "rude", None, "kind"],
    "eval.tone.score": [1.0, 0.0, None, 1.0], "eval.tone.explanation": ["why", None, None, None],
    "trace_eval.whole.label": ["done", None, None, None],
})
flight = client.spans.update_evaluations(space_id=space, project_name="bot", dataframe=frame)
plain = client.spans.update_evaluations(
    space_id=space, project_name="bot", force_http=True,
    dataframe=pd.DataFrame({"context.span_id": ids[:2], "eval.http.label": ["yes", "no"]}),
)
noted = client.spans.update_annotations(space_id=space, project_name="bot", dataframe=pd.DataFrame({
    "context.span_id": ids[:1], "annotation.reviewed.label": ["ok"], "annotation.reviewed.score": [0.5],
    "annotation.notes": ["look again"],
}))
patched = client.spans.update_metadata(space_id=space, project_name="bot", dataframe=pd.DataFrame({
    "context.span_id": [ids[0], "0123456789abcdef"], "patch_document": [{"tier": "pro", "of": {"n": 1}}] * 2,
}))
frame = client.spans.export_to_df(space_id=space, project_name="bot", where="eval.tone.label = 'kind'", **day)
tell(flight=flight, plain=plain.json(), noted=noted, patched=patched, row=frame.iloc[0].to_dict(), n=len(frame))
""",
        json.dumps(ids),
    )
    assert told["flight"] == {"records_updated": "2", "unmatched_ids": ["0123456789abcdef"]}
    assert told["plain"] == {"records_updated": 2, "unmatched_ids": []}
    assert told["noted"] == {"records_updated": "1"}
    assert (told["patched"]["spans_updated"], told["patched"]["spans_failed"]) == ("1", "1")
    assert told["patched"]["errors"][0]["span_id"] == "0123456789abcdef"
    row = told["row"]
    assert (told["n"], row["name"], row["eval.http.label"], row["trace_eval.whole.label"]) == (1, "a1", "yes", "done")
    assert (row["eval.tone.score"], row["eval.tone.explanation"]) == (1.0, "why")
    assert (row["annotation.reviewed.label"], row["annotation.notes.text"]) == ("ok", "look again")
    assert row["attributes.metadata"] == {"tier": "pro", "of.n": 1}
    async with serving(sdk.settings()) as ax:
        rude = await ax.ask("search_spans", project="bot", filter="eval.tone.label = 'rude' AND eval.http.label = 'no'")
        pro = await ax.ask("search_spans", project="bot", filter="metadata.tier = 'pro' AND metadata.of.n = 1")
    assert [found["name"] for found in rude["spans"]] == ["a2"]
    assert [found["name"] for found in pro["spans"]] == ["a1"]


def test_a_put_that_is_refused_writes_nothing(sdk: Sdk) -> None:
    told = sdk.run("""
rows = pd.DataFrame({"id": [f"own-{n}" for n in range(1500)], "n": range(1500)})
made = client.datasets.create(name="with ids", space=space, examples=rows)
first = client.datasets.list_examples(dataset=made.id, all=True).examples[0].id
fresh = pd.concat([pd.DataFrame({"n": range(1500)}), rows.tail(1)])
logging.disable(logging.CRITICAL)
try:
    client.datasets.create(name="clash", space=space, examples=fresh)
except RuntimeError as error:
    said = str(error)
tell(first=first, said=said, names=[one.name for one in client.datasets.list(space=space).datasets])
""")
    assert told["first"] == "own-0"
    assert "The example id 'own-1499' occurs twice, or belongs to another dataset." in told["said"]
    assert "with ids" in told["names"]
    assert "clash" not in told["names"]


def test_a_wrong_key_is_refused_at_every_door(sdk: Sdk) -> None:
    told = sdk.run(
        """
logging.disable(logging.CRITICAL)
wrong = ArizeClient(api_key="another")
said = {}
def tried(door, call, **how):
    try:
        call(**how)
    except Exception as error:
        said[door] = str(error)
tried("rest", wrong.spaces.list)
tried("flight", wrong.spans.export_to_df, space_id=space, project_name="bot", **day)
frame = pd.DataFrame({"context.span_id": ["a"], "eval.x.label": ["b"]})
tried("put", wrong.spans.update_evaluations, space_id=space, project_name="bot", dataframe=frame)
tried("arrow", wrong.spans.update_evaluations, space_id=space, project_name="bot", dataframe=frame, force_http=True)

import grpc
address = f"{os.environ['ARIZE_OTLP_HOST']}:{os.environ['ARIZE_OTLP_PORT']}"
export = grpc.insecure_channel(address).unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
codes = []
for key in ("another", os.environ["ARIZE_API_KEY"], "Bearer " + os.environ["ARIZE_API_KEY"]):
    try:
        export(b"", metadata=[("authorization", key)], timeout=60)
        codes.append("OK")
    except grpc.RpcError as error:
        codes.append(error.code().name)
tell(said=said, codes=codes)
"""
    )
    assert told["said"].keys() == {"rest", "flight", "put", "arrow"}
    assert all("The engine's key is missing or wrong." in said for said in told["said"].values()), told["said"]
    assert told["codes"] == ["UNAUTHENTICATED", "OK", "OK"]
