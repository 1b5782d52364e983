"""The `ax` command line against the engine: the page on tasks as real commands, the rest of it in one process."""

import importlib
import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from tests.conformance.clients import HERE, Answer, Note, Place, ax, count, play
from tests.conformance.stock import Stock, stocked
from tests.environments import OLDER_AX, OLDEST_AX, python_with
from tests.shape.tree import ROOT

pytestmark = pytest.mark.slow

Check = Callable[[Any, Stock], object]
"""Whether what came back is right."""


def of_stock(data: Any, stock: Stock) -> bool:
    return stock.ids["task"] in {one["id"] for one in data["tasks"]}


def is_run(*statuses: str) -> Check:
    return lambda data, stock: data["task_id"] == stock.ids["task"] and data["status"] in statuses


ENDED = ("COMPLETED", "CANCELLED")
"""A run over what is scored already ends as CANCELLED."""

PAGE: dict[str, tuple[str, Check]] = {
    "list of a space": ("tasks list --space default -o json", of_stock),
    "list by type": ("tasks list --space default --task-type TEMPLATE_EVALUATION -o json", of_stock),
    "list into a file": ("tasks list --project {project} --output tasks.json", of_stock),
    "get": ("tasks get {task} -o json", lambda data, stock: data["id"] == stock.ids["task"]),
    "create for a project": (
        """tasks create --name "Relevance by CLI" --task-type TEMPLATE_EVALUATION --project {project}
        --evaluators {attached} --is-continuous --sampling-rate 0.1 -o json""",
        lambda data, _: (data["sampling_rate"], data["is_continuous"]) == (0.1, True),
    ),
    "create for a dataset": (
        """tasks create --name "Experiment by CLI" --task-type TEMPLATE_EVALUATION --dataset {dataset}
        --experiment-ids {first},{second} --evaluators {attached} --no-continuous -o json""",
        lambda data, stock: set(data["experiment_ids"]) == {stock.ids["first"], stock.ids["second"]},
    ),
    "trigger": ("tasks trigger-run {task} -o json", is_run("PENDING")),
    "trigger over a window": (
        "tasks trigger-run {task} --data-start-time 2024-01-01T00:00:00Z --data-end-time 2024-02-01T00:00:00Z -o json",
        is_run("PENDING"),
    ),
    "trigger and wait": ("tasks trigger-run {task} --wait -o json", is_run(*ENDED)),
    "trigger and wait for so long": (
        "tasks trigger-run {task} --wait --timeout 300 --poll-interval 10 -o json",
        is_run(*ENDED),
    ),
    "list runs": (
        "tasks list-runs {task} -o json",
        lambda data, stock: stock.ids["run"] in {one["id"] for one in data["task_runs"]},
    ),
    "list runs by status": (
        "tasks list-runs {task} --status COMPLETED -o json",
        lambda data, _: {one["status"] for one in data["task_runs"]} <= {"COMPLETED"},
    ),
    "list runs into a file": (
        "tasks list-runs {task} --status FAILED --output runs.json",
        lambda data, _: data["task_runs"] == [],
    ),
    "get a run": ("tasks get-run {run} -o json", lambda data, stock: data["id"] == stock.ids["run"]),
    "cancel a run": (
        "tasks cancel-run {begun} -o json",
        lambda data, stock: data["status"] == "CANCELLED" and data["task_id"] == stock.ids["slow_task"],
    ),
    "cancel a run unasked": ("tasks cancel-run {begun} --force -o json", lambda data, _: data["status"] == "CANCELLED"),
    "wait for a run": ("tasks wait-for-run {run} -o json", is_run(*ENDED)),
    "wait for a run for so long": (
        "tasks wait-for-run {run} --timeout 300 --poll-interval 10 -o json",
        is_run(*ENDED),
    ),
}
"""Each command of the page on tasks, with today's flags."""


@pytest.fixture(scope="session")
def stock(place: Place) -> Stock:
    return stocked(place, "cli")


def run(stock: Stock, command: str) -> Answer:
    attached = [{"evaluator_id": stock.ids["evaluator"], "query_filter": None, "column_mappings": {"answer": "q"}}]
    begun = stock.begun() if "{begun}" in command else ""
    filled = command.format(**stock.ids, attached=shlex.quote(json.dumps(attached)), begun=begun)
    return ax(stock.place, shlex.split(filled), answers="y\n")


@pytest.mark.parametrize("name", PAGE)
def test_a_command_of_the_page_does_what_it_says(stock: Stock, name: str, record_property: Note) -> None:
    command, check = PAGE[name]
    answer = run(stock, command)
    assert answer.code == 0, answer.errors
    written = command.rpartition("--output ")[2]
    is_file = "--output" in command
    data = json.loads((stock.place.home / written).read_text(encoding="utf-8")) if is_file else answer.data
    assert check(data, stock), data
    count(record_property, 1, 1)


@pytest.mark.parametrize("command", ["tasks get T25saW5lVGFzazo5OTp0dHR0", "tasks get-run VGFza1J1bjo5OTp0dHR0"])
def test_what_is_not_there_ends_in_exit_code_4(place: Place, command: str, record_property: Note) -> None:
    answer = ax(place, [*command.split(), "-o", "json"])
    assert (answer.code, answer.out) == (4, "")
    assert "There is no" in answer.errors
    count(record_property, 1, 1)


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "parquet"])
def test_a_file_of_results_becomes_an_experiment(stock: Stock, kind: str, record_property: Note) -> None:
    row = {"example_id": stock.ids["example"], "output": "As the variant said.", "eval.taste.label": "good"}
    file = stock.place.home / f"results.{kind}"
    if kind == "parquet":
        arrow: Any = importlib.import_module("pyarrow")
        parquet: Any = importlib.import_module("pyarrow.parquet")
        parquet.write_table(arrow.Table.from_pylist([row]), file)
    else:
        text = {"csv": "\n".join(",".join(line) for line in (row.keys(), row.values())), "json": json.dumps([row])}
        file.write_text(text.get(kind, json.dumps(row)) + "\n", encoding="utf-8")
    words = ["--name", f"from {kind}", "--dataset", stock.ids["dataset"], "--file", file.name, "-o", "json"]
    answer = ax(stock.place, ["experiments", "create", *words])
    assert answer.code == 0, answer.errors
    (made,) = stock.get(f"/v2/experiments/{answer.data['id']}/runs")["experiment_runs"]
    assert {name: made[name] for name in row} == row
    count(record_property, 1, 1)


def test_every_command_over_the_resources_comes_through(place: Place, record_property: Note) -> None:
    play(place, HERE / "commands" / "sweep.py", record_property)


def flags() -> list[list[str]]:
    """The rows of the table: command, flag on the page, flag today."""
    lines = (ROOT / "docs" / "ax-cli-flags.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| `ax")]
    return [[command.removeprefix("ax "), before, now] for command, before, now in cells]


def help_of(release: tuple[str, ...], place: Place, command: str) -> str:
    """The help of a command of an older `ax`: a line names a flag and the words that it takes."""
    answer = ax(place, [*command.split(), "--help"], interpreter=python_with(*release))
    assert answer.code == 0, answer.errors
    return answer.out


def takes(text: str, flag: str) -> bool:
    """Whether a help text has the flag and, if the flag takes listed words only, the word."""
    name, _, value = flag.partition(" ")
    line = next((line for line in text.splitlines() if name in line.split()), None)
    if line is None:
        return False
    listed = re.search(r"<(\w+(?:\|\w+)+)>", line)
    return listed is None or value in listed[1].split("|")


def test_every_flag_on_the_page_was_one_of_an_older_release(place: Place) -> None:
    commands = {command for command, _, _ in flags()}
    oldest, older = ({one: help_of(release, place, one) for one in commands} for release in (OLDEST_AX, OLDER_AX))
    assert [(command, before) for command, before, _ in flags() if not takes(oldest[command], before)] == []
    gone = {before.split()[0] for command, before, _ in flags() if not takes(older[command], before)}
    assert gone == {"--space-id", "--project-id", "--dataset-id"}


def test_every_row_of_the_table_of_flags_is_true(place: Place, record_property: Note) -> None:
    assert len(flags()) == 36
    play(place, HERE / "commands" / "flags.py", record_property, rows=flags())
