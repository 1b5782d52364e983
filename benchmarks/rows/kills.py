"""S1 to S3: engine processes are killed while they execute runs."""

from collections.abc import Mapping

import anyio
from rows.outcome import Outcome, Terms, few
from tests.e2e.killing import Outcome as Left
from tests.e2e.killing import Size, outcome


def runs(terms: Terms) -> Mapping[str, Outcome]:
    """Kill two processes over runs of a judge and of a RUN_EXPERIMENT task."""
    size = {
        "long": Size(900, 50, 27, 1_000, 0.01),
        "short": Size(4, 1, 1, 60, 0.05),
        "control": Size(0, 4, 1, 120, 0.05, deadline_s=20),
    }[terms.size]
    if terms.breach in {"takeover", "second-call"}:
        size = size._replace(kills=3)
    left = anyio.run(_killed, terms, size)
    lost, twice, odd = _results(left, size)
    kills = max(size.kills, 1)
    repeated = left.asked.total() - len(left.asked)
    open_runs = [run["status"] for run in left.runs if run["status"] in {"PENDING", "RUNNING"}]
    failed = [run["status"] for run in left.runs if run["status"] not in {"PENDING", "RUNNING", "COMPLETED"}]
    return {
        "S1": Outcome(
            {"kills": size.kills, "holds": size.holds, "items": size.items, "lost": lost, "duplicated": twice},
            few(odd),
        ),
        "S2": Outcome(
            {
                "repeated calls": repeated,
                "per kill": repeated / kills,
                "most calls for one row": max(left.asked.values(), default=0),
                "slots of a process": 1,
                "takeovers": left.takeovers,
            },
            [] if repeated <= kills + size.holds else [f"{repeated} repeated calls after {size.kills} kills"],
        ),
        "S3": Outcome(
            {"runs": len(left.runs), "not ended": len(open_runs), "failed": len(failed)},
            [f"{len(open_runs)} runs did not end, {len(failed)} failed"] if open_runs or failed else [],
        ),
    }


async def _killed(terms: Terms, size: Size) -> Left:
    variables = {"SCORECARD_BREACH": terms.breach} if terms.breach else {}
    return await outcome(terms.folder / "runs", size, environment=variables, moments=terms.seed)


def _results(left: Left, size: Size) -> tuple[int, int, list[str]]:
    """The rows without a result, the rows with more than one, and both as sentences."""
    ended = [run for run in left.runs if run["status"] == "COMPLETED"]
    lost = size.items - len(left.results) if len(ended) == len(left.runs) else 0
    twice = sum(times > 1 for times in left.results.values())
    told = [f"{lost} rows have no result"] if lost else []
    return lost, twice, [*told, *([f"{twice} rows have more than one result"] if twice else [])]
