"""Logs of OpenAI's evals: JSON lines of events, which a `sample_id` ties together.

Source: `evals/record.py` of openai/evals: events `sampling`, `match` and `metrics` below a line with the `spec`.
"""

from collections.abc import Iterable, Iterator

from assaykit.files.exports.shared_columns import ExportFormat, Values, alone, filled, list_of, mapping_of, verdict
from assaykit.files.rows import FileRow


def _samples(rows: Iterable[FileRow]) -> Iterator[tuple[int, Values]]:
    model = None
    found: dict[str, tuple[int, Values]] = {}
    for row in rows:
        if spec := mapping_of(row.values.get("spec")):
            model = next(iter(list_of(spec.get("completion_fns"))), None)
        elif (name := row.values.get("sample_id")) is not None:
            line, values = found.setdefault(str(name), (row.line, {"id": str(name)}))
            values |= _event(str(row.values.get("type")), mapping_of(row.values.get("data")))
            found[str(name)] = line, values
    for line, values in found.values():
        yield line, filled({**values, "variant": model})


def _event(kind: str, data: Values) -> Values:
    match kind:
        case "sampling":
            said = data.get("sampled")
            return {"input": data.get("prompt"), "output": said[0] if isinstance(said, list) and said else said}
        case "match":
            told = {"expected": data.get("expected")} if data.get("expected") is not None else {}
            return {**told, **verdict("match", data.get("correct"))}
        case "metrics":
            return {column: one for name, value in data.items() for column, one in verdict(name, value).items()}
        case "error":
            return {"error": data.get("message") or alone(data)}
        case _:
            return {f"{kind}": data} if data else {}


EVENTS = ExportFormat("openai evals", lambda row: "eval_name" in mapping_of(row.get("spec")), _samples)
