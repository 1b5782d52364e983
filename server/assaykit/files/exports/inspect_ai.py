"""Logs of Inspect: `.json` files, and the samples in `.eval` archives. A variant is a model.

Source: inspect_ai 0.3, `EvalSample` of a log. A scorer's C and I mean correct and incorrect; P and N mean partially
correct and no answer.
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

_GRADES = {"C": 1, "I": 0, "P": 0.5, "N": 0}
_USED = ("target", "scores", "epoch", "model_usage", "total_time")
_LEFT_OUT = (
    "messages", "events", "store", "attachments", "role_usage", "started_at", "completed_at", "working_time", "uuid",
)  # fmt: skip


def _sample(row: Values) -> Values:
    output, error = mapping_of(row.get("output")), mapping_of(row.get("error"))
    usage = [mapping_of(one) for one in mapping_of(row.get("model_usage")).values()]
    values = {
        "id": row.get("id"),
        "input": row.get("input"),
        "expected": row.get("target"),
        "metadata": row.get("metadata") or None,
        "output": None if error else _said(output),
        "error": error.get("message"),
        "variant": output.get("model"),
        "repetition": row.get("epoch"),
        "latency_s": row.get("total_time"),
        "prompt_tokens": sum(one.get("input_tokens", 0) for one in usage) if usage else None,
        "completion_tokens": sum(one.get("output_tokens", 0) for one in usage) if usage else None,
        "total_tokens": sum(one.get("total_tokens", 0) for one in usage) if usage else None,
        **unused(row, *_USED, *_LEFT_OUT),
    }
    for name, score in mapping_of(row.get("scores")).items():
        values |= _verdict(name, mapping_of(score))
    return filled(values)


def _said(output: Values) -> object:
    if output.get("completion") is not None:
        return output["completion"]
    choices = list_of(output.get("choices"))
    return mapping_of(mapping_of(choices[0]).get("message")).get("content") if choices else None


def _verdict(name: str, score: Values) -> Values:
    value = score.get("value")
    if isinstance(value, dict):
        return {
            column: one
            for part, inner in mapping_of(score.get("value")).items()
            for column, one in verdict(f"{name}.{part}", inner).items()
        }
    found = verdict(name, value, score.get("explanation"))
    if value in _GRADES:
        found[f"eval.{name}.score"] = _GRADES[value]
    return found


SAMPLES = ExportFormat(
    "inspect_ai",
    lambda row: {"epoch", "input", "target", "scores"} <= row.keys(),
    each(_sample),
    _LEFT_OUT,
)
