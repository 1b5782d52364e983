"""The ten most used tools and every class of error: a call of each, and what the model must be told."""

from collections.abc import Mapping
from typing import NamedTuple

from tests.hosts.corpus import TRACES
from tests.hosts.prepared import MAPPING, WEEK, Prepared
from tests.hosts.stand_ins import Call
from tests.traces import PROJECT

from assaykit import errors

REFUSING = "refusing"
"""The name of the server whose backend refuses."""


class Question(NamedTuple):
    """A call, parts of its answer, and whether foreign text with its fence belongs to the answer."""

    call: Call
    said: tuple[str, ...]
    is_fenced: bool = False


def of_tools(there: Prepared) -> list[Question]:
    """A call of each of the ten most used tools. All but the reading calls can be made once only."""
    week = {"project": PROJECT, "window": WEEK}
    trace = TRACES[0].span["traceId"]
    return [
        Question(Call("get_status"), ("on the embedded engine", "Next: `list_projects`")),
        Question(Call("list_projects"), ("4 project(s) in space 'default'", "Next: search_spans(project=")),
        Question(
            Call("search_spans", {"project": PROJECT, "limit": 2}),
            ("2 of 28 span(s) of", "; more", "cursor", "Next: get_trace"),
            is_fenced=True,
        ),
        Question(
            Call("get_trace", {"trace": trace, "project": PROJECT}),
            (f"Trace {trace} of", "Next: `preview_judge`"),
            is_fenced=True,
        ),
        Question(
            Call("create_judge", {"name": "links", "code": "MATCHES_REGEX", "pattern": "https"}),
            ("Created 'links'", "Next: `preview_judge`"),
        ),
        Question(
            Call("preview_judge", {"judge": "cites", "project": PROJECT, "column_mappings": MAPPING}),
            ("'cites' on 3 span(s)", "Next: trigger_backfill(evaluators=['cites'], project='"),
            is_fenced=True,
        ),
        Question(
            Call("trigger_backfill", {"evaluators": ["links"], "column_mappings": MAPPING, **week}),
            ("of the new task", "28 to score", "Next: wait_for_run(run='"),
        ),
        Question(
            Call("wait_for_run", {"run": there.cites}), ("26 scored, 1 failed", "Next: search_spans"), is_fenced=True
        ),
        Question(
            Call("create_dataset", {"name": "taken", "project": PROJECT}),
            ("Created dataset 'taken'", "Next: run_experiment("),
        ),
        Question(
            Call("compare_experiments", {"experiments": ["one", "two"]}),
            ("tone: no difference between two and one can be shown", "Next: get_experiment"),
            is_fenced=True,
        ),
    ]


def of_errors() -> Mapping[type[errors.AssayError], Question]:
    """For each class of error a call that raises it: its sentence, and its next step."""
    return {
        errors.Invalid: Question(
            Call("search_spans", {"limt": 5}), ("limt: unknown name, did you mean 'limit'?", "search_spans takes: ")
        ),
        errors.NotFound: Question(
            Call("get_dataset", {"dataset": "raws"}), ("No dataset is named 'raws'. Near: 'rows'", "Use one of these.")
        ),
        errors.Ambiguous: Question(
            Call("search_spans"), ("There are 4 projects, so one must be named", "Pass `project`.")
        ),
        errors.Conflict: Question(
            Call("create_judge", {"name": "cites", "code": "MATCHES_REGEX", "pattern": "x"}),
            ("evaluator named 'cites' already", "Use it, pass new_version=true"),
        ),
        errors.Unsupported: Question(
            Call("list_projects", {"save_to": "projects.csv"}, REFUSING),
            ("This server is read-only", "Leave save_to out"),
        ),
        errors.Unauthorized: Question(Call("list_projects", {}, REFUSING), ("refused the key", "Check ARIZE_API_KEY")),
        errors.RateLimited: Question(Call("list_datasets", {}, REFUSING), ("asks to slow down", "then try again")),
        errors.Unavailable: Question(
            Call("list_experiments", {}, REFUSING), ("failed with status 503", "Try again later")
        ),
        errors.ContractBroken: Question(
            Call("list_prompts", {}, REFUSING), ("with an HTML page", "check ARIZE_API_HOST")
        ),
    }
