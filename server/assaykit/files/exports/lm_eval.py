"""Samples of the LM Evaluation Harness: `samples_<task>_<time>.jsonl` of `--log_samples`. A variant is a filter.

Source: lm_eval 0.4.
"""

from assaykit.files.exports.shared_columns import (
    ExportFormat,
    Values,
    each,
    filled,
    list_of,
    mapping_of,
    number_of,
    unused,
    verdict,
)

_USED = ("doc_id", "target", "doc", "filtered_resps", "filter")
_LEFT_OUT = ("arguments", "resps", "metrics", "doc_hash", "prompt_hash", "target_hash")


def _sample(row: Values) -> Values:
    first = mapping_of(mapping_of(row.get("arguments")).get("gen_args_0"))
    arguments = list_of(row.get("arguments"))
    given = first.get("arg_0") or (list_of(arguments[0])[:1] or [None])[0] if arguments or first else None
    said = list_of(row.get("filtered_resps"))
    values = {
        "id": row.get("doc_id"),
        "input": given,
        "expected": row.get("target"),
        "metadata": row.get("doc"),
        "output": said[0] if len(said) == 1 else said or None,
        "variant": row.get("filter"),
        **unused(row, *_USED, *_LEFT_OUT),
    }
    for name in list_of(row.get("metrics")):
        if number_of(row.get(name)) is not None or isinstance(row.get(name), bool):
            values.pop(str(name), None)
            values |= verdict(str(name), row.get(name))
    return filled(values)


SAMPLES = ExportFormat(
    "lm_eval",
    lambda row: {"doc_id", "doc", "filtered_resps"} <= row.keys(),
    each(_sample),
    _LEFT_OUT,
)
