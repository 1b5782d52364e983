"""Results of RAGAS: `evaluate(...).to_pandas()` in a file of any format. A further column of numbers is a metric.

Source: ragas 0.3 and 0.4.
"""

from assaykit.files.exports.shared_columns import ExportFormat, Values, each, filled, number_of, opened, verdict

_OWN = {"user_input", "response", "reference", "retrieved_contexts", "reference_contexts"}
_KEYS = ("id", "key", "example_id")


def _sample(row: Values) -> Values:
    values: Values = {
        "id": next((row[name] for name in _KEYS if row.get(name) is not None), None),
        "input": row.get("user_input"),
        "expected": row.get("reference"),
        "context": opened(row.get("retrieved_contexts")),
        "output": row.get("response"),
        "reference_contexts": row.get("reference_contexts"),
    }
    for name, value in row.items():
        if name not in _OWN and name not in _KEYS:
            is_score = isinstance(value, bool) or number_of(value) is not None
            values |= verdict(name, value) if is_score else {name: value}
    return filled(values)


SAMPLES = ExportFormat(
    "ragas",
    lambda row: {"user_input", "response"} <= row.keys() and bool({"reference", "retrieved_contexts"} & row.keys()),
    each(_sample),
)
