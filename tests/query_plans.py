"""The plan of every query that the engine makes in this process: none walks a table that grows with use.

A `Watch` explains each statement once, when it is first executed. A statement that walks a growing table, sorts its
rows, or reads all rows of a project is a fault, unless it is listed here with the reason.
"""

import inspect
import re
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event

GROWING: Final = {
    "spans": {"span_id", "trace_id", "session_id", "start_ns", "rowid", "n"},
    "evals": {"target_id"},
    "annotations": {"target_id"},
    "run_items": {"run_id"},
    "examples": {"version_id", "id", "rowid", "n"},
    "experiment_runs": {"experiment_id", "id", "rowid", "n"},
    "task_runs": {"id", "task_id", "status", "rowid", "n", "owner", "experiment_id"},
    "answers": {"key", "rowid", "n"},
    "log_events": {"span_id", "rowid", "n"},
}
"""Tables that grow with use, each with the columns of which one must narrow a search."""

ASKED: Final = r"AND spans\.(trace_id|span_id|session_id) = \?(?= AND| ORDER| LIMIT|$)"
"""A key that a statement asks for, which an index must serve."""

PRODUCT: Final = str(Path(__file__).parents[1] / "server")


class Listed(NamedTuple):
    """A statement that may walk or sort rows. `fragment` is a regular expression that it contains."""

    fragment: str
    reason: str


LISTED: Final = (
    Listed(r"^SELECT count\(\*\) AS count_1 FROM (evals|annotations|answers|task_runs)$", "a count of the store"),
    Listed(r"^SELECT count\(\*\) AS count_1 FROM \(SELECT spans\.n AS n FROM spans LIMIT", "a count up to a bound"),
    Listed(r"^SELECT .*\.checksum FROM \w+$", "the check of every row"),
    Listed(r"^DELETE FROM (evals|annotations|spans|projects|datasets|experiments|tasks) ", "the deletion of a whole"),
    Listed(r"^DELETE FROM log_events .* IN \(SELECT spans\.span_id FROM spans ", "the deletion of a project"),
    Listed(r"^SELECT log_events\.n FROM log_events LIMIT|^SELECT log_events\.n, .* LIMIT", "the first rows"),
    Listed(r"FROM spans WHERE spans\.project_id = \? AND spans\.start_ns BETWEEN .* GROUP BY", "every row of a window"),
    Listed(r"FROM spans WHERE \(spans\.project_id \|\| \?\) = \? AND spans\.n ", "the arrivals since the last run"),
    Listed(r"OVER \(PARTITION BY spans\.trace_id \|\| \?\)", "the spans of one unit, in order"),
    Listed(
        r"FROM run_items WHERE run_items\.run_id = \? .*GROUP BY|DISTINCT run_items\.evaluator_id", "rows of one run"
    ),
    Listed(r"FROM run_items JOIN task_runs ON .* WHERE task_runs\.task_id = \?", "rows of one schedule's runs"),
    Listed(r"^SELECT DISTINCT task_runs\.created_ns FROM task_runs JOIN run_items", "the runs of one schedule"),
    Listed(r"FROM experiment_runs WHERE .* AND experiment_runs\.id IN \(\?\) GROUP BY", "the targets of one request"),
    Listed(r"^SELECT DISTINCT examples\.id, .* AND examples\.id IN \(\?\)$", "the targets of one request"),
    Listed(r"spans\.n IN \(SELECT own\.n ", "the spans of one run, newest first"),
    Listed(r"FROM examples WHERE examples\.id IN \(.*ORDER BY examples\.version_id", "examples of one page, in order"),
    Listed(r"FROM task_runs WHERE task_runs\.status IN \(\?.*ORDER BY task_runs\.n", "runs at work"),
    Listed(r"FROM schedules LEFT OUTER JOIN task_runs", "schedules, which are few"),
    Listed(r"^SELECT DISTINCT evals\.name.*evals\.level = \?", "the judges of one experiment"),
    Listed(r"^SELECT evals\.name FROM evals WHERE evals\.scope_id = \? AND evals\.level = \? LIMIT", "one verdict"),
    Listed(r"^UPDATE experiments SET updated_ns=.*UNION SELECT task_runs\.experiment_id", "the experiments of one run"),
    Listed(r"FROM json_each\(spans\.events\) AS anon_\d+ .* DESC LIMIT", "the events of one span, in order"),
    Listed(r"^SELECT min\(spans\.start_ns\) .*max\(spans\.start_ns\)", "both ends of an index"),
)


class Watch:
    """Explains each new statement of every engine in this process from now until `end`."""

    def __init__(self) -> None:
        self.plans: dict[str, list[str]] = {}
        """The steps of each statement."""
        self._seen: set[str] = set()
        """Statements that need no look, as they were executed."""
        self._faults: list[str] = []
        event.listen(sa.Engine, "before_cursor_execute", self._look)

    def forget(self) -> None:
        """Explain every statement anew."""
        self.plans.clear()
        self._seen.clear()

    def end(self) -> None:
        """Explain no more."""
        event.remove(sa.Engine, "before_cursor_execute", self._look)

    def faults(self) -> list[str]:
        """The faults found since the last call."""
        found = self._faults.copy()
        self._faults.clear()
        return found

    def _look(self, _: object, cursor: Any, statement: str, parameters: Any, __: object, many: bool) -> None:
        if statement in self._seen:
            return
        text = re.sub(r"\s+", " ", re.sub(r"\(\?(, \?)*\)", "(?)", statement))
        if text in self.plans or not text.startswith(("SELECT", "UPDATE", "DELETE", "WITH")):
            self._seen.add(statement)
            return
        given = parameters[0] if many else parameters
        # sqlite3 keeps the plans of equal statements, whatever became of an index, so each one gets a comment.
        explain = f"EXPLAIN QUERY PLAN {statement} -- {id(self)}.{time.monotonic_ns()}"
        plan = [row[3] for row in cursor.connection.execute(explain, given)]
        if found := steps_at_fault(text, plan):
            asker = _asker()
            if not asker.startswith(PRODUCT) or "migrations" in asker:
                return  # A test may look at a whole table, and a migration changes one.
            self._faults.append(f"{'; '.join(found)}: {text}")
        self.plans[text] = plan


def steps_at_fault(statement: str, plan: list[str]) -> list[str]:
    """The steps of a plan that walk or sort rows of a growing table; none if the statement is listed."""
    if any(re.search(one.fragment, statement) for one in LISTED):
        return []
    grows = any(re.search(rf"\b(FROM|JOIN|UPDATE) {table}\b", statement) for table in GROWING)
    unused = [key for key in re.findall(ASKED, statement) if f"{key}=?" not in " ".join(plan)]
    found = [step for step in plan if _walks(step) or (grows and "TEMP B-TREE" in step)]
    return found + [f"no index for {key}" for key in unused]


def _walks(step: str) -> bool:
    if found := re.match(r"SCAN (\w+)", step):
        return found[1] in GROWING
    if found := re.match(r"SEARCH (\w+) .*\(([^()]*)\)$", step):
        narrowed = set(re.findall(r"(\w+)[=<>]", found[2]))
        return found[1] in GROWING and not narrowed & GROWING[found[1]]
    return False


def _asker() -> str:
    """The file of the code that made the query."""
    frame = inspect.currentframe()
    while frame is not None and ("sqlalchemy" in frame.f_code.co_filename or frame.f_code.co_filename == __file__):
        frame = frame.f_back
    return "" if frame is None else frame.f_code.co_filename
