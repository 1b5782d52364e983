"""Results of calls of the task, in the form for the journal and in the form for the backend."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assaykit.runner.usage import cost, tokens

JsonObject = dict[str, Any]

MIME_TYPE = "output.mime_type"
"""The column that says whether an output was text or JSON, where its text alone would be read otherwise."""

PLAIN, JSON = "text/plain", "application/json"


class ExampleCall(NamedTuple):
    """One call of the task: the example, and the number of the repetition, from 1."""

    example_id: str
    repetition: int = 1


class RowResult(NamedTuple):
    """The result of one call: an output or an error, the verdicts on the output, and the spans of all functions.

    `retries` counts the calls of the functions that were made again after a 429 or 5xx.
    """

    call: ExampleCall
    output: Any = None
    error: str | None = None
    evaluations: Sequence[JsonObject] = ()
    spans: Sequence[JsonObject] = ()
    retries: int = 0

    @property
    def latency_ms(self) -> float | None:
        """Duration of the task without its evaluators, in ms, also if it was cut short. None if it has no span."""
        if not self.spans or self.spans[0].get("end_ns") is None:
            return None
        # The task's own span is the last of its trace to end.
        trace = self.trace
        own = next((span for span in trace if span["parent_id"] is None), trace[0])
        return (own["end_ns"] - own["start_ns"]) / 1e6

    @property
    def trace(self) -> list[JsonObject]:
        """The spans of the task, without those of its evaluators."""
        return [span for span in self.spans if span["trace_id"] == self.spans[0]["trace_id"]]

    def as_json(self) -> JsonObject:
        """The result as a line of the journal."""
        told = {**self._asdict(), **self.call._asdict()}
        del told["call"]
        return told


def from_json(told: JsonObject) -> RowResult:
    """The result in a line of the journal.

    Raises:
        KeyError, TypeError: the line is not one that `as_json` wrote.
    """
    if not isinstance(told["example_id"], str) or not isinstance(told["repetition"], int):
        raise TypeError("the line names no call")
    call = ExampleCall(told["example_id"], told["repetition"])
    spans, retries = told["spans"], told.get("retries", 0)
    return RowResult(call, told["output"], told["error"], told["evaluations"], spans, retries)


def with_code(result: RowResult, evaluators: Sequence[JsonObject], digests: Sequence[str | None]) -> RowResult:
    """The result with the digest of each evaluator's code in its verdict's metadata, unless that has its own.

    `evaluators` are those of the worker, in the order of `digests`.
    """
    codes = {one["name"]: digest for one, digest in zip(evaluators, digests, strict=False)}
    evaluations: list[JsonObject] = []
    for one in result.evaluations:
        code = codes.get(one.get("evaluator", one["name"]))
        told: JsonObject = one.get("metadata") or {}
        evaluations.append(one if code is None else {**one, "metadata": {"code": code, **told}})
    return result._replace(evaluations=evaluations)


def columns(result: RowResult, metadata: Mapping[str, Any], repetitions: int) -> JsonObject:
    """The result as a run of an experiment. A verdict that failed has an explanation and neither label nor score."""
    found: JsonObject = {"example_id": result.call.example_id, "output": text(result.output)}
    if result.error is not None:
        found["error"] = result.error
    found["execution_status"] = "COMPLETED" if result.error is None else "FAILED"
    if (latency := result.latency_ms) is not None:
        found["latency"] = round(latency, 3)
    used = {"token_count": tokens(result.trace), "total_cost": cost(result.trace)}
    found |= {name: amount for name, amount in used.items() if amount is not None}
    if repetitions > 1:
        found["repetition"] = result.call.repetition
    if result.spans:
        found["result.trace.id"] = result.spans[0]["trace_id"]
        found["result.trace.timestamp"] = result.spans[0]["start_ns"] // 1_000_000
    if result.error is None and (kind := _mime_type(result.output)) is not None:
        found[MIME_TYPE] = kind
    for verdict in result.evaluations:
        found |= {f"eval.{verdict['name']}.{field}": value for field, value in verdict_columns(verdict).items()}
    return found | {f"metadata.{key}": value for key, value in metadata.items()}


def verdict_columns(verdict: Mapping[str, Any]) -> JsonObject:
    """The columns of a verdict without their common beginning `eval.<name>.`."""
    found = {field: verdict[field] for field in ("label", "score", "explanation") if verdict.get(field) is not None}
    if "error" in verdict:
        found["explanation"] = f"failed: {verdict['error']}"
    return found | {f"metadata.{key}": text(value) for key, value in verdict.get("metadata", {}).items()}


def _mime_type(output: Any) -> str | None:
    """The type of an output that its text alone would not tell: a text like an object, a number, a bool or None."""
    if isinstance(output, str):
        return None if output_of(output, None) == output else PLAIN
    return None if isinstance(output, (dict, list)) else JSON


def output_of(told: str | None, mime_type: Any) -> Any:
    """The output of a task from its stored text. Without a type, only the text of an object or a list is JSON."""
    if told is None or mime_type == PLAIN:
        return told
    if mime_type == JSON and not told:
        return None
    if mime_type == JSON or told.lstrip().startswith(("{", "[")):
        try:
            return json.loads(told)
        except (ValueError, RecursionError):
            return told
    return told


def text(value: Any) -> str:
    """An output as the backend keeps it: a string unchanged, None as an empty string, any other value as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
