"""The rows of the scorecard: number, name, target, program, and the breach of the control."""

from typing import NamedTuple

BREACH = "SCORECARD_BREACH"
"""The variable with the name of the breach in a control's processes."""

OWN = "of-the-program"
"""The breach of a program that runs its own control."""

ONE_TEST = "one-test"
"""The breach of the tests, of which only the first of each file runs."""


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
        program="kills:runs",
        breach="fence",
        control="results of an engine that lost its run are stored",
    ),
    Row(
        "S1b",
        "Kill -9 during uploads, exports, update_task and migrations",
        "100 kills beside a second process: all or nothing, and the other process goes on",
        program="torn_work:kinds",
        breach="torn-files",
        control="an export is written under its own name at once",
    ),
    Row(
        "S2",
        "Repeated judge calls per kill",
        "at most 1 (each hold may repeat one too)",
        program="kills:runs",
        breach="second-call",
        control="the model is asked twice for each row",
    ),
    Row(
        "S3",
        "Runs that do not end after S1",
        "0",
        program="kills:runs",
        breach="takeover",
        control="no engine takes over a dead one's runs",
    ),
    Row(
        "S4",
        "Every n-th statement fails",
        (
            "a request is done or refused in words; a run completes or fails with its reason; its count "
            "is that of its results"
        ),
        program="store_faults:statements",
        breach="swallowed-refusals",
        control="a refusal by the store is answered as a success",
    ),
    Row(
        "S5",
        "Random histories against a model",
        "2,000 histories of 50 steps: 0 violations",
        program="suites:S5",
        breach="no-cancel",
        control="a cancelled run goes on",
        note="Each of the four tests asserts that it played 500 histories to their end.",
    ),
    Row(
        "S6",
        "Kill -9 at each statement of a migration",
        "0 broken stores, all rows kept",
        program="store_faults:migrations",
        breach="migration-in-pieces",
        control="each statement of a migration commits by itself",
    ),
    Row(
        "S7",
        "Several processes on one store",
        "0 failed writes, each run executed by one",
        program="suites:S7",
        breach="fence",
        control="results of an engine that lost its run are stored",
    ),
    Row(
        "S7b",
        "Clocks that jump",
        "an hour forward or back: no run is taken from an engine that lives, and no span is lost",
        program="suites:S7b",
        breach="wall-clocks",
        control="silence is measured by the wall clock",
    ),
    Row(
        "S8",
        "Full disk",
        "40 moments: 0 acknowledged rows lost, and work goes on when there is room",
        program="store_faults:full_disks",
        breach="swallowed-refusals",
        control="a refusal by the store is answered as a success",
    ),
    Row(
        "S9",
        "Damaged store files",
        "500 flipped bits and 100 truncations: at least 99 % of those that change data are told",
        program="store_faults:flips",
        breach="unchecked-store",
        control="the check of the store finds nothing",
        note=(
            "Counters, names, outcomes of single rows and states of runs have no checksum. SQLite finds some in its "
            "check of the indexes."
        ),
    ),
    Row(
        "S10",
        "The copy of a store before its migration",
        "it holds the old schema and every row",
        program="suites:S10",
        breach="no-copy",
        control="no copy is made",
        note="The copy before a migration is the only copy that assaykit makes.",
    ),
    Row(
        "S11",
        "Power cuts",
        "300 cuts: 0 corrupt stores",
        program="power_cuts:cuts",
        breach="unsynced",
        control="no write is synced",
        note=(
            "The system calls of a process are played again, and writes that were not synced are dropped, in part or "
            "as a whole. No real disk is cut off."
        ),
    ),
    Row(
        "S12",
        "Fuzzed tool calls",
        "10,000 over two transports: 0 internal errors, tracebacks or paths of code in replies, hangs over 5 s",
        program="fuzzed_tools:calls",
        breach="told-causes",
        control="a failed call is answered with the traceback of its cause",
    ),
    Row(
        "S13",
        "Malformed messages and disconnects",
        "2,000 and 500: alive, 0 HTTP 5xx, memory grows less than 20 MB, no descriptor stays open",
        program="raw_messages:hostile",
        breach="kept-requests",
        control="the server keeps a descriptor of each request",
    ),
    Row(
        "S14",
        "Fuzzed REST requests",
        "5,000 by Schemathesis: 0 HTTP 5xx, 0 answers outside the document",
        program="suites:S14",
        breach="crash",
        control="a route fails with an exception",
        note="The test of the long size asserts that at least 5,000 cases were made.",
    ),
    Row(
        "S14b",
        "Fuzzed OTLP requests over HTTP",
        "5,000: 0 HTTP 5xx, stored spans can be read",
        program="exports:over_http",
        breach="unexplained-bytes",
        control="bytes that are no message end in an error that nobody explains",
    ),
    Row(
        "S14c",
        "Fuzzed OTLP requests over gRPC",
        "5,000: no code but OK, INVALID_ARGUMENT and RESOURCE_EXHAUSTED",
        program="exports:over_grpc",
        breach="unexplained-bytes",
        control="bytes that are no message end in an error that nobody explains",
    ),
    Row(
        "S15",
        "Hostile code in evaluators",
        "0 of 40 snippets run",
        program="texts:snippets",
        breach="run-code",
        control="the code of custom evaluators is run",
        note=(
            "assaykit stores code of evaluators and does not run it. Functions of `run_experiment` run "
            "with the user's rights, and no row measures them. One operating system was measured, Linux."
        ),
    ),
    Row(
        "S16",
        "Time of a code evaluator",
        "p50 below 1 ms, p99 below 5 ms, 10,000 rows within 30 s",
        program="texts:overhead",
        breach="slow-evaluators",
        control="each row takes ten milliseconds more",
    ),
    Row(
        "S17",
        "Paths out of the allowed folders",
        "0 of 200 spellings, 0 in a race of 10 s",
        program="texts:paths",
        breach="checked-names",
        control="a path is checked by its name and opened by its name then",
    ),
    Row(
        "S18",
        "Files that unpack to much",
        "every bomb is refused within little memory",
        program="suites:S18",
        breach="larger-budget",
        control="a Parquet file may unpack to twice as many bytes",
    ),
    Row(
        "S19",
        "Planted secrets",
        "0 of 12 found outside their home, in four encodings",
        program="entries:canaries",
        breach=OWN,
        control="known keys are not struck out",
    ),
    Row(
        "S20",
        "Keys, hosts and origins",
        "every route x 11 credentials x 12 hosts and origins: 0 surprises",
        program="doors:matrix",
        breach="open-doors",
        control="the checks of key, Host and Origin are removed",
    ),
    Row(
        "S21",
        "Filters that look further",
        "300 filters: 0 spans of another project, 0 HTTP 5xx, none over 2 s",
        program="texts:filters",
        breach="every-project",
        control="a search has no condition on the project",
    ),
    Row(
        "S22",
        "Templates that compute",
        "50 templates: no object shown, none over 100 ms, none grows",
        program="texts:template_texts",
        breach="formatted-templates",
        control="templates are rendered by str.format",
    ),
    Row(
        "S23",
        "Scripts on a comparison page",
        "60 hostile texts and 18 scripts: 0 executed, 0 requests",
        program="suites:S23",
        breach="raw-page",
        control="the page does not escape foreign text",
    ),
    Row(
        "S24",
        "Injections into judges",
        "labels outside the choices stored: 0",
        program="suites:S24",
        breach="bent-labels",
        control="a reply that is no choice counts as the nearest one",
    ),
    Row(
        "S24b",
        "Hostile texts in replies of tools",
        "60 vectors through every tool: 0 outside a fence and quotation marks",
        program="entries:hostile_texts",
        breach=OWN,
        control="texts are neither fenced nor quoted",
    ),
    Row(
        "S25",
        "Faults of the network to AX",
        "12 faults x 50 calls: the right outcome, none past its deadline + 1 s",
        program="entries:faults",
        breach=OWN,
        control="the deadline of a call is too long",
    ),
    Row(
        "S25b",
        "The tool suite over HTTP through a proxy",
        "every test of the tools passes through a chaos proxy that spoils nothing",
        program="suites:S25b",
        breach="crash",
        control="a route fails with an exception",
        note="S25 has the tools under each fault of the proxy.",
    ),
    Row(
        "S26",
        "Creates whose answer is lost",
        "500 creates, 30 % of the answers dropped: 0 duplicates",
        program="entries:creates",
        breach=OWN,
        control="a create is sent again without a look",
    ),
    Row(
        "S27",
        "Cancelled calls",
        "500: 0 tasks or descriptors left, 0 half-written datasets",
        program="loads:cancels",
        breach="kept-descriptors",
        control="each call leaves a descriptor behind",
    ),
    Row(
        "S28",
        "Many clients",
        "50 clients x 200 calls: 0 errors, p50 below 250 ms, p99 below 1.5 s",
        program="loads:clients",
        breach="slow-calls",
        control="each call takes two seconds more",
        note="Clients and server share two cores, so the median is that of the machine: 244 and 287 ms on slower days.",
    ),
    Row(
        "S29",
        "A million spans",
        "ingest at least 5,000 spans/s, a filtered list within 300 ms",
        program="floods:spans",
        breach="slow-requests",
        control="each request takes 0.4 s more",
    ),
    Row(
        "S30",
        "Continuous tasks",
        "each matching span is judged once, also late ones and after restarts",
        program="suites:S30",
        breach="takeover",
        control="no engine takes over a dead one's runs",
    ),
    Row(
        "S31",
        "An hour of work",
        "60 minutes at 20 calls/s: memory and descriptors stay flat",
        program="loads:soak",
        breach="kept-requests",
        control="the server keeps a descriptor of each request",
    ),
    Row(
        "S32",
        "Start",
        "the first answer over stdio within 2 s (p95)",
        program="loads:starts",
        breach="slow-start",
        control="the start takes three seconds more",
    ),
    Row(
        "S33",
        "Dependencies",
        "0 known vulnerabilities, at most 12 direct ones",
        unmeasured=(
            "pip-audit needs a database of vulnerabilities from the network; there are 14 direct "
            "dependencies, two more than the target"
        ),
    ),
    Row(
        "S34",
        "Static rules",
        "ruff's security rules find nothing",
        program="entries:linted",
        breach=OWN,
        control="one more module runs a shell and calls eval",
    ),
    Row(
        "S35",
        "Mutants of the guards",
        "at least 90 % killed",
        program="mutants:killed",
        breach=ONE_TEST,
        control="each file of tests has only its first test",
        note=(
            "The guards are the modules of foreign text, of paths and files, of keys, hosts and origins, of secrets "
            "in text, and the formulas of CSV. A mutant has one changed comparison, condition, constant, result, call "
            "or error."
        ),
    ),
    Row(
        "S36",
        "The list of tools",
        "it is the released one; unknown arguments are refused; tools that destroy say so",
        program="suites:S36",
        breach="changed-tool",
        control="a tool has another description",
    ),
)

SHORT = ["S12", "S13", "S14b", "S20"]
"""The rows that `--short` measures."""
