"""Evaluation tables of MLflow: `eval_results` of `mlflow.genai.evaluate`, and `eval_results_table.json`.

Source: mlflow 3, `EvaluationResult.tables`. A column `<name>/value` is an assessment; an expectation is one too.
"""

from typing import Any, cast

from assaykit.files.exports.shared_columns import (
    ExportFormat,
    Values,
    alone,
    each,
    filled,
    list_of,
    mapping_of,
    number_of,
    opened,
    unused,
    verdict,
)

_EXPECTATIONS = ("expected_response", "expected_facts", "guidelines", "expected_retrieved_context")
_TRACE = (
    "trace", "request", "response", "spans", "assessments", "tags", "trace_metadata", "client_request_id", "trace_id",
    "execution_duration",
)  # fmt: skip


def _genai(row: Values) -> Values:
    request = mapping_of(row.get("request")) or row.get("request")
    told = list_of(mapping_of(mapping_of(row.get("trace")).get("info")).get("assessments"))
    judged = [mapping_of(one) for one in told or list_of(row.get("assessments"))]
    expected = {*_EXPECTATIONS, *(str(one.get("assessment_name")) for one in judged if one.get("expectation"))}
    why = {one.get("assessment_name"): one.get("rationale") for one in judged}
    named = {column.removesuffix("/value"): value for column, value in row.items() if column.endswith("/value")}
    hoped = {name: opened(value) for name, value in named.items() if name in expected and value is not None}
    values: Values = {
        "id": row.get("client_request_id") or row.get("trace_id"),
        "input": _input(request),
        "expected": alone(hoped),
        "output": _plain(row.get("response")),
        "latency_ms": number_of(row.get("execution_duration")),
        **unused(row, *_TRACE, *(column for column in row if column.endswith("/value"))),
    }
    for name, value in named.items():
        if name not in expected:
            values |= verdict(name, value, why.get(name))
    return filled(values)


def _input(request: Any) -> Any:
    return alone(cast("Values", request)) if isinstance(request, dict) else _plain(request)


def _plain(value: Any) -> Any:
    """A text without the quotes in which a trace keeps it."""
    if isinstance(value, str) and len(value) > 1 and value.startswith('"') and value.endswith('"'):
        return opened(value[1:-1].replace('\\"', '"').replace("\\n", "\n"))
    return value


def _older(row: Values) -> Values:
    values: Values = {
        "input": row.get("inputs", row.get("input")),
        "expected": row.get("ground_truth", row.get("targets", row.get("target"))),
        "output": row.get("outputs", row.get("predictions", row.get("prediction"))),
        "latency_s": row.get("latency"),
        **unused(row, "inputs", "ground_truth", "targets", "target", "outputs", "predictions", "prediction", "latency"),
    }
    for column, value in row.items():
        name, version, part = (*column.split("/"), "", "")[:3]
        if version.startswith("v") and part in {"", "score"}:
            values.pop(column, None)
            values |= verdict(name, value, row.get(f"{name}/{version}/justification"))
        elif version.startswith("v") and part == "justification":
            values.pop(column, None)
    return filled(values)


def _is_older(row: Any) -> bool:
    outputs = {"outputs", "predictions", "prediction"} & set(row)
    return bool(outputs) and any("/v1" in column for column in row)


TRACES = ExportFormat(
    "mlflow",
    lambda row: {"trace_id", "request", "response", "assessments"} <= row.keys(),
    each(_genai),
    ("trace", "spans", "tags", "trace_metadata"),
)
TABLE = ExportFormat("mlflow", _is_older, each(_older))
