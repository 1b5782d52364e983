"""From the columns of a file to the flat rows of an experiment upload."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import pytest

from assaykit.errors import Invalid
from assaykit.files.columns import (
    EvaluatorColumns,
    ExperimentColumns,
    ExperimentRows,
    Filled,
)
from assaykit.files.rows import FileRow


class Mapped(NamedTuple):
    rows: list[dict[str, object]]
    evaluators: dict[str, Filled]


def mapped(*values: Mapping[str, object], columns: ExperimentColumns | None = None) -> Mapped:
    rows = [FileRow(line, dict(value)) for line, value in enumerate(values, start=2)]
    found = ExperimentRows(rows, columns or ExperimentColumns(), "runs.csv")
    told = list(found)
    assert [row for row, _ in told] == rows
    assert found.count == len(rows)
    return Mapped([row for _, row in told], found.evaluators)


def refusal(*values: Mapping[str, object], columns: ExperimentColumns | None = None) -> str:
    with pytest.raises(Invalid) as error:
        mapped(*values, columns=columns)
    return str(error.value)


def test_mapped_columns_get_their_wire_names_and_the_others_are_kept() -> None:
    columns = ExperimentColumns(
        example_id="id",
        output="result",
        evaluators={
            "correctness": EvaluatorColumns(
                label="verdict", score="points", explanation="why", metadata={"model": "judge_model"}
            )
        },
    )
    row: dict[str, object] = {
        "id": "e1", "result": "Hello", "verdict": "good", "points": "0.5", "why": "polite",
        "judge_model": "m1", "seconds": "1.2", "empty": None,
    }  # fmt: skip
    result = mapped(row, columns=columns)
    assert result.rows == [
        {
            "example_id": "e1",
            "output": "Hello",
            "eval.correctness.label": "good",
            "eval.correctness.score": 0.5,
            "eval.correctness.explanation": "polite",
            "eval.correctness.metadata.model": "m1",
            "seconds": "1.2",
        }
    ]
    assert result.evaluators == {"correctness": Filled(labelled=1, scored=1)}


def test_columns_with_wire_names_need_no_mapping() -> None:
    result = mapped(
        {
            "example_id": "e1",
            "output": "x",
            "eval.my.judge.score": "true",
            "eval.my.judge.metadata.score": "a",
        },
        {"example_id": "e1", "output": "y", "eval.my.judge.score": None, "eval.tone.label": "kind"},
    )
    assert result.rows[0]["eval.my.judge.score"] == 1
    assert result.rows[0]["eval.my.judge.metadata.score"] == "a"
    assert "eval.my.judge.score" not in result.rows[1]
    assert result.evaluators == {"my.judge": Filled(0, 1), "tone": Filled(1, 0)}


def test_repeated_example_ids_are_runs_of_their_own() -> None:
    result = mapped(*({"example_id": key, "output": "x"} for key in ("a", "b", "a")))
    assert [row["example_id"] for row in result.rows] == ["a", "b", "a"]


def test_a_row_that_lacks_a_column_is_no_row_of_another_table() -> None:
    """A row of JSON lines has the columns that it has."""
    rows = [FileRow(1, {"example_id": "a"}), FileRow(2, {"output": "x", "example_id": "b", "eval.tone.label": "kind"})]
    found = ExperimentRows(rows, ExperimentColumns(), "runs.jsonl")
    with pytest.raises(Invalid, match=r"1 of 2 rows of 'runs\.jsonl' have no output in 'output': line 1\."):
        list(found)
    assert found.evaluators == {"tone": Filled(1, 0)}
    with pytest.raises(Invalid, match=r"has no column 'output'; it has 'example_id'\."):
        list(ExperimentRows(rows[:1], ExperimentColumns(), "runs.jsonl"))


def test_an_output_that_is_no_text_becomes_compact_json() -> None:
    values: list[object] = [{"b": [1, 2], "a": "ü"}, 5, True, [], ""]
    result = mapped(*({"example_id": "e", "output": value} for value in values))
    assert [row["output"] for row in result.rows] == ['{"b":[1,2],"a":"ü"}', "5", "true", "[]", ""]


def test_example_ids_are_text() -> None:
    assert mapped({"example_id": 12, "output": "x"}).rows[0]["example_id"] == "12"
    assert mapped({"example_id": " a ", "output": "x"}).rows[0]["example_id"] == "a"
    for value in (True, 1.5, " ", ["a"]):
        assert "Line 2" in refusal({"example_id": value, "output": "x"})


@pytest.mark.parametrize(
    ("cell", "score"),
    [
        ("1", 1), ("-0.5", -0.5), (" 2. ", 2.0), (".5", 0.5), ("1e-3", 0.001), ("TRUE", 1), ("false", 0),
        (True, 1), (False, 0), (0, 0), (0.25, 0.25), ("9" * 30, float("9" * 30)),
    ],
)  # fmt: skip
def test_score_cells_become_numbers(cell: object, score: float) -> None:
    found = mapped({"example_id": "e", "output": "x", "eval.a.score": cell}).rows[0]["eval.a.score"]
    assert (found, type(found)) == (score, type(score))


@pytest.mark.parametrize("cell", ["good", "0,5", "1_000", "nan", "inf", "1e999", "", "٣", [1], math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused_with_its_line(cell: object) -> None:
    message = refusal(
        {"example_id": "e", "output": "x", "eval.a.score": 1},
        {"example_id": "e", "output": "x", "eval.a.score": cell},
    )
    assert message.startswith("Line 3 of 'runs.csv'")


def test_labels_are_text() -> None:
    rows = mapped(*({"example_id": "e", "output": "x", "eval.a.label": value} for value in ("good", True, 3))).rows
    assert [row["eval.a.label"] for row in rows] == ["good", "true", "3"]
    assert "a list as a label" in refusal({"example_id": "e", "output": "x", "eval.a.label": ["good"]})


def test_a_missing_column_lists_what_there_is_and_the_near_names() -> None:
    message = refusal({"example_id": "e", "outputs": "x", "other": 1})
    assert "no column 'output'" in message
    assert "'example_id', 'outputs', 'other'" in message
    assert "Did you mean 'outputs'?" in message
    evaluators = {"a": EvaluatorColumns(score="pionts")}
    message = refusal({"example_id": "e", "output": "x", "points": 1}, columns=ExperimentColumns(evaluators=evaluators))
    assert "'eval.a.score'" in message
    assert "Did you mean 'points'?" in message


def test_a_long_list_of_columns_is_cut() -> None:
    assert "and 20 more" in refusal({f"column{number}": 1 for number in range(50)})


def test_rows_without_an_output_or_an_example_id_are_counted_and_the_first_lines_named() -> None:
    rows: list[dict[str, object]] = [{"example_id": "e", "output": "x"}, {"example_id": None, "output": "x"}]
    assert "1 of 2 rows of 'runs.csv' have no example id in 'example_id': line 3." in refusal(*rows)
    empty: list[dict[str, object]] = [{"example_id": "e", "output": None}] * 7
    assert "7 of 8 rows of 'runs.csv' have no output in 'output': line 3, 4, 5, 6, 7, ..." in refusal(rows[0], *empty)
    assert "1 of 2 rows" in refusal(rows[0], {"example_id": "e"})


def test_a_mapping_that_would_give_two_columns_one_name_is_refused() -> None:
    message = refusal({"example_id": "e", "output": "x", "result": "y"}, columns=ExperimentColumns(output="result"))
    assert "has a column 'output', and 'result' is mapped to it too" in message


def test_an_unmapped_evaluator_column_without_results_shows_in_the_counts() -> None:
    result = mapped({"example_id": "e", "output": "x", "eval.a.score": None})
    assert result.evaluators == {"a": Filled(labelled=0, scored=0)}


def test_a_mapped_evaluator_without_any_result_is_refused() -> None:
    rows: dict[str, object] = {"example_id": "e", "output": "x", "points": None}
    assert "No row of 'runs.csv' has" in refusal(
        rows, columns=ExperimentColumns(evaluators={"a": EvaluatorColumns(score="points")})
    )
    assert "neither a label nor a score" in refusal(
        rows, columns=ExperimentColumns(evaluators={"a": EvaluatorColumns(explanation="points")})
    )


@pytest.mark.parametrize("name", ["", "two\nlines", "a.metadata.b", "a.score.metadata.b"])
def test_an_evaluator_name_that_could_not_be_read_back_is_refused(name: str) -> None:
    columns = ExperimentColumns(evaluators={name: EvaluatorColumns(score="points")})
    assert "cannot be the name" in refusal({"example_id": "e", "output": "x", "points": 1}, columns=columns)


def test_one_column_may_serve_twice() -> None:
    columns = ExperimentColumns(evaluators={"a": EvaluatorColumns(label="output", score="points")})
    result = mapped({"example_id": "e", "output": "refund", "points": "1"}, columns=columns)
    assert result.rows == [{"example_id": "e", "output": "refund", "eval.a.label": "refund", "eval.a.score": 1}]


def test_a_file_without_rows_is_refused() -> None:
    assert "holds no rows" in refusal()
