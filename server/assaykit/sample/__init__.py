"""A small sample to start with: the support bot of Brindle & Fig, an online shop that does not exist.

`traces.jsonl` has 31 chats over five days; each is an agent span with a policy lookup and a written answer.
People judged 30 answers (`metadata.human_label` and `metadata.human_note` on the LLM span); one chat failed
before its answer. `questions.csv` is a dataset of 40 questions. `variant-a.csv` and `variant-b.csv` are the answers of
two prompts to these questions, judged by people: a is the first prompt, b says "cite the policy or say that you do not
know". Most good answers cite their policy, as in [RET-1], and most bad ones do not, so a cheap rule agrees with people
often but not always. All data was written for this project.
"""

import csv
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NotRequired, TypedDict

PROJECT = "support-bot"
HUMAN_BAD_SHARE = 0.3  # of the 30 judged answers: 9 are bad

_FOLDER = Path(__file__).parent
_STATUS = {"OK": 1, "ERROR": 2}  # Source: OTLP `Status.StatusCode`
_INTERNAL = 1  # Source: OTLP `Span.SpanKind`

Cell = str | int | float


class _Line(TypedDict):
    """One span of `traces.jsonl`; `start_offset_ms` is relative to now and negative."""

    trace: str
    span: str
    parent: str | None
    name: str
    kind: str
    start_offset_ms: int
    duration_ms: int
    status: Literal["OK", "ERROR"]
    status_message: NotRequired[str]
    attributes: dict[str, Cell]


def otlp_json(now_ns: int) -> bytes:
    """The chats as one OTLP/JSON `ExportTraceServiceRequest`; the last chat ended a few minutes before `now_ns`.

    The ids depend on the chat alone, so a second import sends the same spans with new times.
    """
    lines = [json.loads(line) for line in (_FOLDER / "traces.jsonl").read_text(encoding="utf-8").splitlines()]
    resource = {"service.name": PROJECT, "openinference.project.name": PROJECT}
    scope = {"scope": {"name": "assaykit.sample"}, "spans": [_span(line, now_ns) for line in lines]}
    request = {
        "resourceSpans": [{"resource": {"attributes": _attributes(resource)}, "scopeSpans": [scope]}],
    }
    return json.dumps(request, ensure_ascii=False).encode()


def questions() -> list[dict[str, str]]:
    """The 40 examples of the dataset: `key`, `question`, `policy`, `expected`."""
    with (_FOLDER / "questions.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def variant_path(name: Literal["a", "b"]) -> Path:
    """The results of one prompt, joined to the questions by `key`.

    Columns: `key`, `answer`, `human_label` (good, bad), `human_score` (1, 0), `cites_policy` (yes, no),
    `seconds`.
    """
    return _FOLDER / f"variant-{name}.csv"


def _span(line: _Line, now_ns: int) -> dict[str, object]:
    start = now_ns + line["start_offset_ms"] * 1_000_000
    status: dict[str, object] = {"code": _STATUS[line["status"]]}
    if "status_message" in line:
        status["message"] = line["status_message"]
    span: dict[str, object] = {
        "traceId": _hex(line["trace"], 32),
        "spanId": _hex(f"{line['trace']}/{line['span']}", 16),
        "name": line["name"],
        "kind": _INTERNAL,
        # OTLP/JSON writes 64-bit integers as text.
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + line["duration_ms"] * 1_000_000),
        "attributes": _attributes({"openinference.span.kind": line["kind"], **line["attributes"]}),
        "status": status,
    }
    if line["parent"] is not None:
        span["parentSpanId"] = _hex(f"{line['trace']}/{line['parent']}", 16)
    return span


def _hex(name: str, digits: int) -> str:
    return hashlib.sha256(f"assaykit.sample/{name}".encode()).hexdigest()[:digits]


def _attributes(values: Mapping[str, Cell]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: Cell) -> dict[str, object]:
    if isinstance(value, str):
        return {"stringValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"doubleValue": value}
