"""Exports of the hosted tools LangSmith, Langfuse and Braintrust.

Sources: `evaluate(...).to_pandas()` and `Run` of LangSmith's SDK; `TraceWithDetails` and the dataset run items of
Langfuse's API; the rows of an experiment in Braintrust's API.
"""

from typing import Any

from assaykit.files.exports.shared_columns import (
    ExportFormat,
    Values,
    alone,
    each,
    filled,
    list_of,
    mapping_of,
    number_of,
    unused,
    verdict,
)

_READ_BELOW = ("inputs.", "outputs.", "reference.", "feedback.")


def _below(row: Values, prefix: str) -> Any:
    return alone({name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)})


def _langsmith_table(row: Values) -> Values:
    values = {
        "id": row.get("example_id"),
        "input": _below(row, "inputs."),
        "expected": _below(row, "reference."),
        "output": _below(row, "outputs."),
        "error": row.get("error"),
        "latency_s": number_of(row.get("execution_time")),
        **unused(row, "example_id", "execution_time", *(name for name in row if name.startswith(_READ_BELOW))),
    }
    for name, value in row.items():
        if name.startswith("feedback."):
            values |= verdict(name.removeprefix("feedback."), value)
    return filled(values)


def _langsmith_run(row: Values) -> Values:
    inputs, outputs = mapping_of(row.get("inputs")), mapping_of(row.get("outputs"))
    values = {
        "id": row.get("reference_example_id") or row.get("id"),
        "input": alone(inputs),
        "expected": alone(mapping_of(row.get("reference_outputs"))),
        "output": alone(outputs),
        "error": row.get("error"),
        "latency_s": number_of(row.get("latency")),
        "cost": number_of(row.get("total_cost")),
        **unused(row, "inputs", "outputs", "reference_outputs", "reference_example_id", "latency", "total_cost",
                 "feedback_stats"),
    }  # fmt: skip
    for name, value in mapping_of(row.get("feedback_stats")).items():
        told = mapping_of(value)
        values |= verdict(name, told.get("avg") if told else value)
    return filled(values)


def _langfuse(row: Values) -> Values:
    usage = mapping_of(row.get("usage"))
    values = {
        "id": row.get("datasetItemId") or row.get("id"),
        "input": row.get("input"),
        "expected": row.get("expectedOutput"),
        "metadata": row.get("metadata"),
        "output": row.get("output"),
        "error": row.get("statusMessage") if row.get("level") == "ERROR" else None,
        "latency_s": number_of(row.get("latency")),
        "cost": number_of(row.get("totalCost")),
        "prompt_tokens": usage.get("input"),
        "completion_tokens": usage.get("output"),
        "total_tokens": usage.get("total"),
        **unused(row, "datasetItemId", "expectedOutput", "latency", "totalCost", "usage", "scores"),
    }
    for score in map(mapping_of, list_of(row.get("scores"))):
        value = score.get("value") if score.get("stringValue") is None else score["stringValue"]
        values |= verdict(str(score.get("name")), value, score.get("comment"))
    return filled(values)


def _braintrust(row: Values) -> Values | None:
    if row.get("is_root") is False or row.get("root_span_id") not in {None, row.get("span_id")}:
        return None
    metrics = mapping_of(row.get("metrics"))
    start, end = number_of(metrics.get("start")), number_of(metrics.get("end"))
    origin = mapping_of(row.get("origin"))
    values = {
        "id": origin.get("id") or row.get("id"),
        "input": row.get("input"),
        "expected": row.get("expected"),
        "metadata": row.get("metadata") or None,
        "output": row.get("output"),
        "error": row.get("error"),
        "latency_s": None if start is None or end is None else end - start,
        "cost": number_of(metrics.get("estimated_cost")),
        "prompt_tokens": metrics.get("prompt_tokens"),
        "completion_tokens": metrics.get("completion_tokens"),
        "total_tokens": metrics.get("tokens"),
        **unused(row, "scores", "metrics", "origin", "is_root", "root_span_id", "span_id", "span_attributes"),
    }
    for name, value in mapping_of(row.get("scores")).items():
        values |= verdict(name, value)
    return filled(values)


def _is_langsmith_table(row: Any) -> bool:
    firsts = {name.partition(".")[0] for name in row if "." in name}
    return {"inputs", "outputs"} <= firsts and bool({"feedback", "reference"} & firsts)


LANGSMITH_TABLE = ExportFormat("langsmith", _is_langsmith_table, each(_langsmith_table))
LANGSMITH_RUNS = ExportFormat(
    "langsmith",
    lambda row: {"inputs", "outputs"} <= row.keys() and bool({"feedback_stats", "reference_example_id"} & row.keys()),
    each(_langsmith_run),
)
LANGFUSE = ExportFormat(
    "langfuse",
    lambda row: {"input", "output"} <= row.keys() and bool({"htmlPath", "totalCost", "datasetItemId"} & row.keys()),
    each(_langfuse),
)
BRAINTRUST = ExportFormat(
    "braintrust",
    lambda row: {"input", "output", "scores"} <= row.keys() and bool({"root_span_id", "span_attributes"} & row.keys()),
    each(_braintrust),
)
