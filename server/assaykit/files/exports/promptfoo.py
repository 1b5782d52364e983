"""Exports of promptfoo: `-o results.json`, `.jsonl` and `.csv`. A variant is a provider with a prompt.

Source: promptfoo 0.121, `promptfoo eval -o`. In its files `error` is also the reason why an assertion failed; only
`failureReason` 2 means that the call failed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from assaykit.files.exports.shared_columns import (
    EXPECTED,
    VARIANT,
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
from assaykit.files.rows import FileRow

_FAILED_CALL = 2
_USED = (
    "testIdx", "vars", "gradingResult", "testCase", "response", "tokenUsage", "provider", "prompt", "failureReason",
    "latencyMs", "score", "success", "namedScores", "metrics",
)  # fmt: skip
_LEFT_OUT = ("id", "promptId", "promptIdx", "metadata", "response.raw", "testCase.assert")
_USED_OF_CELL = ("Status", "Score", "Named Scores", "Grader Reason", "Latency (ms)", "Comment")
_OUTPUT = re.compile(r"\[.+\] .+", re.DOTALL)
_BETWEEN = "\x1f"
"""Stands between the name of an output column and that of a column about it, once they are told apart."""


def names_told_apart(header: Sequence[str]) -> list[str]:
    """The header of a CSV file of promptfoo, in which each output is followed by columns of the same names.

    A header of any other file is unchanged.
    """
    at = [place for place, name in enumerate(header[:-1]) if _OUTPUT.fullmatch(name) and header[place + 1] == "Status"]
    if not at:
        return list(header)
    owner, found = "", list[str]()
    for place, name in enumerate(header):
        if place in at:
            owner = name
            found.append(name)
        else:
            found.append(f"{owner}{_BETWEEN}{name}" if owner else name)
    return found


def _inputs(variables: Mapping[str, Any], number: Any) -> Values:
    """The example of the variables of a test."""
    expected = next((name for name in EXPECTED if name in variables), None)
    others = {name: value for name, value in variables.items() if name not in {"id", expected}}
    own = variables.get("id")
    return {
        "id": number if own in (None, "") else own,
        "input": alone(others),
        "expected": None if expected is None else variables[expected],
    }


def _result(row: Values) -> Values:
    graded, test, response = mapping_of(row.get("gradingResult")), mapping_of(row.get("testCase")), row.get("response")
    said = mapping_of(response)
    has_failed = row.get("failureReason") == _FAILED_CALL
    usage = mapping_of(row.get("tokenUsage"))
    provider, prompt = mapping_of(row.get("provider")), mapping_of(row.get("prompt"))
    metadata = {
        name: value
        for name, value in {**mapping_of(test.get("metadata")), "description": test.get("description")}.items()
        if value is not None
    }
    values = {
        **_inputs(mapping_of(row.get("vars") or test.get("vars")), row.get("testIdx")),
        "metadata": metadata or None,
        "output": None if has_failed else said.get("output"),
        "error": (row.get("error") or "The call failed.") if has_failed else None,
        VARIANT: f"{provider.get('label') or provider.get('id')} / {prompt.get('label') or prompt.get('raw')}",
        "provider": provider.get("id"),
        "prompt": prompt.get("raw"),
        "latency_ms": row.get("latencyMs"),
        "prompt_tokens": usage.get("prompt"),
        "completion_tokens": usage.get("completion"),
        "total_tokens": usage.get("total"),
        **unused(row, *_USED, *_LEFT_OUT),
    }
    if not has_failed:
        values |= verdict("promptfoo", row.get("score"), graded.get("reason"), passed=row.get("success"))
        values |= _assertions(list_of(graded.get("componentResults")), mapping_of(row.get("namedScores")))
    return filled(values)


def _assertions(results: Sequence[Any], named: Mapping[str, Any]) -> Values:
    found: Values = {}
    times: Counter[str] = Counter()
    for result in map(mapping_of, results):
        told = mapping_of(result.get("assertion"))
        name = str(told.get("metric") or told.get("type") or "assertion")
        times[name] += 1
        name = name if times[name] == 1 else f"{name} {times[name]}"
        found |= verdict(name, result.get("score"), result.get("reason"), passed=result.get("pass"))
    for name, score in named.items():
        if name not in times:
            found |= verdict(name, score)
    return found


def _table(rows: Iterable[FileRow]) -> Iterator[tuple[int, Values]]:
    """The rows of a CSV file: one for each test and output column."""
    for number, row in enumerate(rows):
        outputs = [name for name in row.values if f"{name}{_BETWEEN}Status" in row.values]
        about = {name for name in row.values if _BETWEEN in name}
        variables = {name: value for name, value in row.values.items() if name not in {*outputs, *about, "Description"}}
        for output in outputs:
            own = {
                name.partition(_BETWEEN)[2]: row.values[name] for name in about if name.startswith(output + _BETWEEN)
            }
            yield row.line, _cell(row.values, variables, output, own, number)


def _cell(row: Mapping[str, Any], variables: Values, output: str, own: Values, number: int) -> Values:
    status, reason, named = own.get("Status"), own.get("Grader Reason"), mapping_of(own.get("Named Scores"))
    has_failed = status == "ERROR"
    provider, _, prompt = output.removeprefix("[").partition("] ")
    values = {
        **_inputs(variables, number),
        "metadata": {"description": row["Description"]} if row.get("Description") else None,
        "output": None if has_failed else row[output],
        "error": (reason or row[output] or "The call failed.") if has_failed else None,
        VARIANT: f"{provider} / {prompt}",
        "latency_ms": number_of(own.get("Latency (ms)")),
        "comment": own.get("Comment"),
        **unused(own, *_USED_OF_CELL, *(f"Metric: {name}" for name in named)),
    }
    if not has_failed:
        values |= verdict("promptfoo", own.get("Score"), reason, passed=status == "PASS")
        for name, score in named.items():
            values |= verdict(name, score)
    return filled(values)


RESULTS = ExportFormat(
    "promptfoo",
    lambda row: (
        {"gradingResult", "testIdx", "promptIdx"} <= row.keys() or {"promptIdx", "testCase", "vars"} <= row.keys()
    ),
    each(_result),
    _LEFT_OUT,
)
TABLE = ExportFormat("promptfoo", lambda row: any(name.endswith(f"{_BETWEEN}Status") for name in row), _table)
