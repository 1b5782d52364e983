"""Test runs of DeepEval: the JSON file of `evaluate()` in `DEEPEVAL_RESULTS_FOLDER`, with its `testCases`.

Source: deepeval 4.3.
"""

from assaykit.files.exports.shared_columns import (
    ExportFormat,
    Values,
    each,
    filled,
    list_of,
    mapping_of,
    unused,
    verdict,
)

_USED = (
    "name", "order", "actualOutput", "expectedOutput", "context", "retrievalContext", "metricsData", "success",
    "completionTime", "tokenCost", "additionalMetadata",
)  # fmt: skip


def _case(row: Values) -> Values:
    metrics = [mapping_of(one) for one in list_of(row.get("metricsData"))]
    values = {
        "id": row.get("name") or row.get("order"),
        "input": row.get("input"),
        "expected": row.get("expectedOutput"),
        "context": row.get("context") or row.get("retrievalContext"),
        "metadata": row.get("additionalMetadata") or row.get("metadata"),
        "output": row.get("actualOutput"),
        "latency_s": row.get("completionTime"),
        "cost": row.get("tokenCost"),
        **unused(row, *_USED),
    }
    for metric in metrics:
        name = str(metric.get("name"))
        if metric.get("error"):
            values[f"{name}.error"] = metric["error"]
        else:
            values |= verdict(name, metric.get("score"), metric.get("reason"), passed=metric.get("success"))
    return filled(values)


CASES = ExportFormat("deepeval", lambda row: {"input", "metricsData"} <= row.keys(), each(_case))
