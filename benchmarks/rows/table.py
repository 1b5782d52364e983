"""The rows of the scorecard: number, name, target, program, and the breach of the control."""

from typing import NamedTuple

BREACH = "SCORECARD_BREACH"
"""The variable with the name of the breach in a control's processes."""


class Row(NamedTuple):
    """A promise. `program` is `module:function` of this package; a row without one says why in `unmeasured`.

    `control` says in words what the breach of the name `breach` does.
    """

    number: str
    name: str
    target: str
    program: str = ""
    breach: str = ""
    control: str = ""
    unmeasured: str = ""
    note: str = ""


ROWS = (
    Row(
        "S1",
        "Results after kill -9",
        "900 kills over two processes: 0 lost, 0 duplicated",
        "kills:runs",
        "fence",
        "results of an engine that lost its run are stored",
    ),
    Row(
        "S2",
        "Repeated judge calls per kill",
        "at most 1 (each hold may repeat one too)",
        "kills:runs",
        "second-call",
        "the model is asked twice for each row",
    ),
    Row(
        "S1b",
        "Kill -9 during uploads, exports, update_task and migrations",
        "100 kills beside a second process: all or nothing, and the other process goes on",
        "torn_work:kinds",
        "torn-files",
        "an export is written under its own name at once",
    ),
    Row("S3", "Runs that do not end after S1", "0", "kills:runs", "takeover", "no engine takes over a dead one's runs"),
    Row(
        "S12",
        "Fuzzed tool calls",
        "10,000 over two transports: 0 internal errors, tracebacks or paths of code in replies, hangs over 5 s",
        "fuzzed_tools:calls",
        "told-causes",
        "a failed call is answered with the traceback of its cause",
    ),
    Row(
        "S13",
        "Malformed messages and disconnects",
        "2,000 and 500: alive, 0 HTTP 5xx, memory grows less than 20 MB, no descriptor stays open",
        "raw_messages:hostile",
        "kept-requests",
        "the server keeps a descriptor of each request",
    ),
    Row(
        "S14",
        "Fuzzed REST requests",
        "5,000 by Schemathesis: 0 HTTP 5xx, 0 answers outside the document",
        "suites:S14",
        "crash",
        "a route fails with an exception",
    ),
    Row(
        "S14b",
        "Fuzzed OTLP requests over HTTP",
        "5,000: 0 HTTP 5xx, what was stored can be read",
        "exports:over_http",
        "unexplained-bytes",
        "bytes that are no message end in an error that nobody explains",
    ),
    Row(
        "S14c",
        "Fuzzed OTLP requests over gRPC",
        "5,000: no code but OK, INVALID_ARGUMENT and RESOURCE_EXHAUSTED",
        "exports:over_grpc",
        "unexplained-bytes",
        "bytes that are no message end in an error that nobody explains",
    ),
    Row(
        "S20",
        "Keys, hosts and origins",
        "every route x 11 credentials x 12 hosts and origins: 0 surprises",
        "doors:matrix",
        "open-doors",
        "the checks of key, Host and Origin are removed",
    ),
)

SHORT = ["S12", "S13", "S14b", "S20"]
"""The rows that `--short` measures."""
