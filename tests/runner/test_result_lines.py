"""The results of a journal: they stay in its file, and memory holds their places."""

import tracemalloc
from pathlib import Path

from assaykit.runner.journal import Journal
from assaykit.runner.results import ExampleCall, RowResult

ROWS = 1_000
LONG = "x" * 10_000


def test_results_of_a_journal_stay_on_disk(tmp_path: Path) -> None:
    with Journal(tmp_path, "dataset", "run") as journal:
        journal.begin({"binding": "auto"})
        tracemalloc.start()
        try:
            for number in range(ROWS):
                journal.keep(RowResult(ExampleCall(f"{number}"), LONG))
            read = sum(len(one.output) for one in journal.results.values())
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert read == ROWS * len(LONG)
    assert peak < ROWS * len(LONG) / 10


def test_the_last_result_of_a_call_counts_also_after_a_restart(tmp_path: Path) -> None:
    call, other = ExampleCall("ä", 2), ExampleCall("b")
    with Journal(tmp_path, "dataset", "run") as journal:
        journal.begin({})
        journal.keep(RowResult(call, error="late"))
        journal.keep(RowResult(other, {"answer": "日本"}))
        assert journal.results.failed == {call}
        journal.keep(RowResult(call, "ü"))
    with Journal(tmp_path, "dataset", "run") as journal:
        assert (journal.results[call].output, journal.results.failed) == ("ü", set())
        journal.keep(RowResult(ExampleCall("c"), error="gone"))
        journal.drop([call])
        assert [*journal.results] == [other, ExampleCall("c")]
        assert journal.results[other].output == {"answer": "日本"}
        assert journal.results.failed == {ExampleCall("c")}
        journal.keep(RowResult(call, 3))
        assert journal.results[call].output == 3


def test_a_torn_result_is_written_anew(tmp_path: Path) -> None:
    with Journal(tmp_path, "dataset", "run") as journal:
        journal.begin({})
        journal.keep(RowResult(ExampleCall("a"), 1))
        journal.keep(RowResult(ExampleCall("b"), 2))
    (file,) = tmp_path.rglob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-5])
    with Journal(tmp_path, "dataset", "run") as journal:
        assert [*journal.results] == [ExampleCall("a")]
        journal.keep(RowResult(ExampleCall("b"), 3))
    with Journal(tmp_path, "dataset", "run") as journal:
        assert [one.output for one in journal.results.values()] == [1, 3]
