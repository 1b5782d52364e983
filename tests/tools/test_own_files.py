"""Files and functions of the user's: keys, names, paths, spellings and values go in and come out as they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.caller import Caller, serving
from tests.files.test_writing import NESTED, typed
from tests.tools.test_run_experiment import Write, bare_python, write

from assaykit.files.formats import WRITTEN_SUFFIXES

__all__ = ["bare_python", "write"]

Row = dict[str, Any]
ROWS: list[Row] = [
    {"id": "t1", "question": "-3", "answer": 5, "about": {"kind": "sum", "steps": [1, 2]}},
    {"id": "t2", "question": "=1+1", "answer": "5", "about": {"kind": "sum", "steps": []}},
    {"id": 3, "question": "'-3", "answer": None, "about": {"kind": "text"}},
    {"id": "4", "question": "", "answer": True, "about": None},
]


def put(files: Path, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (files / name).write_text(text, encoding="utf-8")


async def rows_of(ax: Caller, dataset: str, *left_out: str) -> list[Row]:
    """The examples of a dataset without their ids, without the columns that are null."""
    found = (await ax.ask("get_dataset", dataset=dataset, limit=500))["examples"]
    return [{key: one for key, one in row.items() if key not in {"id", *left_out} and one is not None} for row in found]


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
async def test_a_dataset_comes_back_from_its_file_as_it_was(ax: Caller, suffix: str) -> None:
    await ax.ask("create_dataset", name="first", rows=ROWS)
    await ax.ask("get_dataset", dataset="first", save_to=f"a{suffix}")
    told = await ax.told("create_dataset", name="second", file=f"a{suffix}")
    assert "id is kept as source_example_id" in told
    first = await rows_of(ax, "first")
    assert first[0] == {"key": "t1", **{key: one for key, one in ROWS[0].items() if key != "id"}}
    assert typed(await rows_of(ax, "second", "source_example_id")) == typed(first)
    await ax.ask("append_examples", dataset="first", file=f"a{suffix}")
    assert typed((await rows_of(ax, "first", "source_example_id"))[4:]) == typed(first)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
async def test_any_rows_come_back_through_the_tools(ax: Caller, suffix: str) -> None:
    drawn: list[list[Any]] = []

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(values=NESTED)
    def draw(values: Any) -> None:
        drawn.append(values)

    draw()
    await ax.ask("create_dataset", name="first", rows=[{"n": n, "a": one, "=b": one} for n, one in enumerate(drawn)])
    await ax.ask("get_dataset", dataset="first", save_to=f"a{suffix}")
    await ax.ask("create_dataset", name="second", file=f"a{suffix}")
    await ax.ask("get_dataset", dataset="second", save_to=f"b{suffix}")
    await ax.ask("create_dataset", name="third", file=f"b{suffix}")
    first = typed(await rows_of(ax, "first"))
    assert len(first) >= 12
    assert typed(await rows_of(ax, "second", "key")) == first
    assert typed(await rows_of(ax, "third", "key", "source_example_id")) == first


@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
async def test_an_experiment_comes_back_from_its_file_with_failures_and_tries(
    ax: Caller, files: Path, suffix: str
) -> None:
    await ax.ask("create_dataset", name="q", rows=[{"key": f"q{n}"} for n in range(4)])
    ids = [one["id"] for one in (await ax.ask("get_dataset"))["examples"]]
    runs: list[Row] = [
        {"example_id": ids[0], "error": "late"},
        {"example_id": ids[0], "output": "-3", "eval.ok.label": True, "eval.ok.score": 1},
        {"example_id": ids[1], "output": "", "eval.ok.label": False, "eval.ok.score": 0},
        {"example_id": ids[2], "error": "=boom"},
        {"example_id": ids[3], "output": '{"a": [1]}'},
    ]
    put(files, "r.json", runs)
    made = await ax.ask("upload_experiment", file="r.json")
    assert (made["runs"], made["failed"], made["rows_tried_again"]) == (5, 2, 1)
    await ax.ask("get_experiment", experiment="r", save_to=f"e{suffix}")
    again = await ax.ask("upload_experiment", file=f"e{suffix}", name="again")
    assert {key: again[key] for key in ("runs", "failed", "rows_tried_again", "evaluators")} == {
        key: made[key] for key in ("runs", "failed", "rows_tried_again", "evaluators")
    }
    old, new = [await ax.ask("get_experiment", experiment=one, failures_first=False) for one in ("r", "again")]
    assert (old["errors"], old["evaluators"]) == (new["errors"], new["evaluators"])
    told = [
        sorted((one["example_id"], one["output"], one["error"] or "") for one in each["runs"]) for each in (old, new)
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("name", "content", "arguments"),
    [
        ("a.csv", "id,response\nt1,x\nt2,y\n3.0,z\n", {}),
        ("a.csv", "key,output\nt1,x\nt2,y\n3,z\n", {}),
        (
            "a.json",
            [{"id": "t1", "completion": "x"}, {"id": 3.0, "completion": "z"}, {"id": "t2", "completion": "y"}],
            {},
        ),
        ("a.csv", "ticket,output\nt1,x\nt2,y\n3,z\n", {"key": "ticket=id"}),
        ("a.csv", "id,output\nt1,x\nt2,y\n3,z\n", {"key": "id"}),
        ("a.json", [{"m": {"id": one}, "output": one} for one in ("t1", "t2", "3")], {"key": "m.id=key"}),
        ("a.csv", "example_id,output\nt1,x\nt2,y\n3,z\n", {}),
    ],
)
async def test_rows_are_matched_by_the_users_own_key(
    ax: Caller, files: Path, name: str, content: Any, arguments: dict[str, str]
) -> None:
    await ax.ask("create_dataset", name="q", rows=ROWS[:3])
    put(files, name, content)
    made = await ax.ask("upload_experiment", file=name, **arguments)
    assert (made["runs"], made["examples_covered"], made["examples_without_run"]) == (3, 3, 0)
    rows = (await ax.ask("get_experiment", failures_first=False))["runs"]
    assert {row["key"].removesuffix(".0") for row in rows} == {"t1", "t2", "3"}


async def test_columns_get_the_names_that_are_asked_for(ax: Caller, files: Path) -> None:
    put(files, "a.jsonl", "\n".join(json.dumps(row) for row in ROWS))
    renames = {"question": "input", "answer": "expected", "about.kind": "metadata", "id": "ticket"}
    made = await ax.ask(
        "create_dataset", name="q", file="a.jsonl", columns=renames, unique=["ticket"], by="metadata", size=2
    )
    assert made["columns"][:3] == ["ticket", "input", "expected"]
    assert "kept_as" not in made
    refusal = await ax.refused("create_dataset", name="r", file="a.jsonl", columns={"questoin": "input"})
    assert refusal["message"].startswith("No row has a column 'questoin'")
    refusal = await ax.refused("create_dataset", name="r", file="a.jsonl", columns={"question": "answer"})
    assert refusal["message"] == "Two columns would be named answer."


@pytest.mark.parametrize(
    "asked",
    [
        {"file": "q.json", "columns": {"tier": "kind"}},
        {"file": "q.json", "by": "tier", "size": 1},
        {"dataset": "q", "filter": "tier = 'a'"},
        {"dataset": "q", "columns": {"tier": "kind"}},
    ],
)
async def test_a_guess_goes_below_objects(ax: Caller, files: Path, asked: dict[str, Any]) -> None:
    rows = [{"id": n, "metadata": {"customer": {"tier": "a"}}} for n in range(3)]
    put(files, "q.json", rows)
    await ax.ask("create_dataset", name="q", rows=rows)
    refusal = await ax.refused("create_dataset", name="r", **asked)
    assert "'metadata.customer.tier'" in refusal["message"]
    assert refusal["next"] == "Did you mean 'metadata.customer.tier'?"


async def test_a_path_means_the_same_everywhere(ax: Caller, files: Path) -> None:
    kinds = ["a", "b"] * 4
    rows = [
        {"id": n, "metadata": json.dumps({"kind": kind}), "truth": {"label": n % 2}} for n, kind in enumerate(kinds)
    ]
    await ax.ask("create_dataset", name="q", rows=rows)
    one = await ax.ask("create_dataset", name="a", dataset="q", filter="metadata.kind = 'a'")
    assert one["examples"] == 4
    assert (await ax.ask("create_dataset", name="b", dataset="q", unique=["metadata.kind"]))["examples"] == 2
    drawn = await ax.ask("create_dataset", name="c", dataset="q", by="metadata.kind", size=4)
    assert {each["value"]: each["examples"] for each in drawn["sample"]["strata"]} == {"a": 2, "b": 2}
    for name, right in (("x", 8), ("y", 4)):
        said = [{"id": n, "output": {"label": (n % 2) == (n < right), "ok": n < right}} for n in range(8)]
        put(files, f"{name}.json", said)
        await ax.ask(
            "upload_experiment", file=f"{name}.json", dataset="q", output="output.label",
            evaluators={"ok": {"label": "output.ok"}},
        )  # fmt: skip
    shown = await ax.ask("get_experiment", experiment="y", dataset="q", filter="metadata.kind = 'b'")
    assert shown["rows"] == 4
    data = (await ax.ask(
        "compare_experiments", experiments=["x", "y"], dataset="q", slice_by=["metadata.kind"], truth="truth.label",
        positive={"ok": "true"}, directions={"ok": "MAXIMIZE"},
    ))["comparison"]  # fmt: skip
    assert [each["value"] for each in data["slices"]["by"][0]["slices"]] == ["a", "b"]
    assert [each["right"] for each in data["classification"]["experiments"]] == [8, 4]


SPELLINGS: dict[str, tuple[Any, Any]] = {
    "q.csv": ("True", "False"),
    "p.jsonl": (True, False),
    "n.json": (1, 0),
    "f.json": (1.0, 0.0),
    "u.csv": ("TRUE", "FALSE"),
}


async def test_one_value_is_one_label_whatever_file_it_comes_from(ax: Caller, files: Path) -> None:
    await ax.ask("create_dataset", name="q", rows=[{"id": str(n)} for n in range(24)])
    for name, (yes, no) in SPELLINGS.items():
        rows = [{"id": n, "output": "x", "ok": no if n % 2 else yes} for n in range(24)]
        if name.endswith(".csv"):
            put(files, name, "id,output,ok\n" + "".join(f"{row['id']},x,{row['ok']}\n" for row in rows))
        elif name.endswith(".jsonl"):
            put(files, name, "\n".join(json.dumps(row) for row in rows))
        else:
            put(files, name, rows)
        await ax.ask("upload_experiment", file=name, evaluators={"ok": {"label": "ok"}})
    names = [Path(name).stem for name in SPELLINGS]
    for positive in ("True", "1"):
        told = await ax.ask(
            "compare_experiments", experiments=names, positive={"ok": positive}, directions={"ok": "MAXIMIZE"}
        )
        findings = told["comparison"]["findings"]
        assert [(one["verdict"], one["difference"], one["n"]) for one in findings] == [
            ("no difference shown", 0, 24)
        ] * 4
    shown = await ax.ask("get_experiment", experiment="f")
    assert shown["evaluators"]["ok"]["labels"] == {"1.0": 12, "0.0": 12}


CHECKS = """
    import enum
    from collections import namedtuple

    class Grade(str, enum.Enum):
        GOOD = "good"

    class Asked:
        def __call__(self, output, expected=None, **kwargs):
            return {"score": kwargs["input"] == output, "rationale": kwargs["question"]}

    Rates = namedtuple("Rates", "precision recall")
    asked = Asked()
    first = lambda output: 1.0
    second = lambda output: 0.0

    def same(outputs, reference_outputs):
        assert outputs == reference_outputs, "not the same"

    def rates(output):
        return Rates(0.5, 1)

    def feedback(output):
        return {"results": [{"key": "tone", "score": 1, "comment": "kind"}, {"key": "facts", "score": 0}]}

    def silent(output):
        return None, "no source"

    def grade(output):
        return Grade.GOOD

    def blank(expected):
        return "nothing" if expected is None else "something"
"""


@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_functions_as_they_stand_are_run_and_read(ax: Caller, write: Write, bare_python: Path, kind: str) -> None:
    rows = [{"input": "Where?", "question": "Where?", "expected": "Where?"}, {"input": "When?", "question": "When?"}]
    await ax.ask("create_dataset", name="q", rows=rows)
    write("task.py", f"{kind} answer(x):\n    assert x in ('Where?', 'When?')\n    return x\n")
    write("checks.py", CHECKS)
    names = ("asked", "first", "second", "same", "rates", "feedback", "silent", "grade", "blank")
    data = await ax.ask(
        "run_experiment", task="task.py:answer", python=str(bare_python),
        evaluators=[f"checks.py:{name}" for name in names],
    )  # fmt: skip
    assert data["failed"] == 0
    told = {name: (one["mean"], one["labels"], one["failed"]) for name, one in data["evaluators"].items()}
    assert told == {
        "asked": (1.0, {}, 0),
        "first": (1.0, {}, 0),
        "second": (0.0, {}, 0),
        "same": (0.5, {"pass": 1, "fail": 1}, 0),
        "precision": (0.5, {}, 0),
        "recall": (1.0, {}, 0),
        "tone": (1.0, {}, 0),
        "facts": (0.0, {}, 0),
        "silent": (None, {"abstained": 2}, 0),
        "grade": (None, {"good": 2}, 0),
        "blank": (None, {"something": 1, "nothing": 1}, 0),
    }
    runs = (await ax.ask("get_experiment", limit=5))["runs"]
    why = {one["name"]: one.get("explanation") for one in runs[0]["evaluations"]}
    assert (why["silent"], why["tone"]) == ("no source", "kind")


async def test_a_server_of_another_data_folder_takes_the_files(ax: Caller, files: Path, tmp_path: Path) -> None:
    """Ids of another store are no ids here: rows are matched by the keys that the dataset keeps."""
    await ax.ask("create_dataset", name="q", rows=[{"id": f"t{n}"} for n in range(3)])
    ids = [one["id"] for one in (await ax.ask("get_dataset"))["examples"]]
    put(files, "r.json", [{"example_id": one, "output": one} for one in ids])
    await ax.ask("get_dataset", save_to="q.csv")
    async with serving(type(ax.settings)(home=tmp_path / "other", folders=(files,), toolsets=("all",))) as there:
        await there.ask("create_dataset", name="copy", file="q.csv")
        made = await there.ask("upload_experiment", file="r.json")
        assert (made["runs"], made["examples_covered"]) == (3, 3)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", WRITTEN_SUFFIXES)
async def test_any_runs_come_back_through_the_tools(ax: Caller, files: Path, suffix: str) -> None:
    drawn: list[list[Any]] = []

    @settings(max_examples=12, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(values=NESTED)
    def draw(values: Any) -> None:
        drawn.append(values)

    draw()
    await ax.ask("create_dataset", name="q", rows=[{"n": n} for n, _ in enumerate(drawn)])
    ids = [one["id"] for one in (await ax.ask("get_dataset", limit=500))["examples"]]
    given_rows = [
        {"example_id": one, "output": json.dumps(value), "a": value, "=b": value, "scores": {"ok": n % 2}}
        for n, (one, value) in enumerate(zip(ids, drawn, strict=True))
    ]
    put(files, "r.json", given_rows)
    await ax.ask("upload_experiment", file="r.json", name="r0")
    for number in range(2):
        await ax.ask("get_experiment", experiment=f"r{number}", save_to=f"r{number}{suffix}")
        await ax.ask("upload_experiment", file=f"r{number}{suffix}", name=f"r{number + 1}")
    told = [await saved(ax, files, f"r{number}") for number in range(3)]
    wanted = {one["example_id"]: [one["output"], one["a"], one["=b"]] for one in given_rows}
    assert [typed({key: row[:3] for key, row in each.items()}) for each in told] == [typed(wanted)] * 3
    scores = {one: number % 2 for number, one in enumerate(ids)}
    assert [{key: row[3] for key, row in each.items()} for each in told] == [scores] * 3


async def saved(ax: Caller, files: Path, name: str) -> dict[str, list[Any]]:
    """The columns of each run by its example."""
    await ax.ask("get_experiment", experiment=name, save_to=f"told {name}.json", failures_first=False)
    rows = json.loads((files / f"told {name}.json").read_text(encoding="utf-8"))
    return {row["example_id"]: [row.get(key) for key in ("output", "a", "=b", "eval.ok.score")] for row in rows}
