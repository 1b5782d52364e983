"""Names of judges near to the names that a filter has."""

import difflib

from assaykit.api.pages import rows
from assaykit.errors import Invalid, quote
from assaykit.filters.fields import canonical, verdict
from assaykit.filters.parse import parse
from assaykit.filters.text import meant
from assaykit.filters.tree import fields
from assaykit.session import Session
from assaykit.wire.evaluators import EvaluatorPage

_VERDICTS = ("eval", "trace_eval", "session_eval")


async def near_judges(here: Session, space_id: str, filter_text: str) -> str:
    """A sentence with the verdicts that were probably meant; empty if the filter names no judge that is not there."""
    try:
        asked = {field: _asked(field) for field in fields(parse(filter_text))}
    except Invalid:
        return ""
    wanted = {field: name for field, (_, name, _) in asked.items() if name}
    if not wanted:
        return ""
    every = rows(here.api, "/v2/evaluators", EvaluatorPage, {"space_id": space_id})
    judges = {one.name.casefold(): one.name async for one in every}
    told: list[str] = []
    for field, name in wanted.items():
        sort, _, part = asked[field]
        near = difflib.get_close_matches(name.casefold(), judges, n=1, cutoff=0.7)
        if near and f"{sort}.{judges[near[0]]}.{part}" != field:
            told.append(f"For {quote(field, 60)!r}, did you mean {meant(f'{sort}.{judges[near[0]]}.{part}')}?")
    return " ".join(told)


def _asked(field: str) -> tuple[str, str, str]:
    """The sort, judge and part that a field may mean; the judge is empty for a field of spans or an attribute."""
    try:
        if field.partition(".")[0] in _VERDICTS:
            return verdict(field)
        canonical(field)
    except Invalid:
        # A bare name is no field, so it may be that of a judge.
        return "eval", field, "label"
    return "", "", ""
