"""Consent to paid calls of models: one question to the user above a threshold, before a tool starts anything.

`Settings.ask_above_calls` and `ask_above_dollars` are the threshold. If the price of a call is unknown, the number of
calls decides. Where nobody can be asked, the argument `confirm_cost` has to be the number of calls of the plan.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from mcp.server.mcpserver import Context

from assaykit.errors import Invalid
from assaykit.figures import dollars
from assaykit.planning.disclosures import Disclosure, counted
from assaykit.session import Session
from assaykit.settings import Settings
from assaykit.toolkit.questions import asked, can_ask

CostConfirmation = int | None
"""The argument `confirm_cost`. The server's instructions explain it once."""

TIMES_THE_ESTIMATE = 2
"""Dollars at which consented work stops, in estimates. Replies of a model may be longer than expected."""


class Consent(NamedTuple):
    """Whether the work may start. `said` is a sentence for the reply, empty below the threshold."""

    is_given: bool
    said: str = ""

    def lines(self, spending: Disclosure) -> list[str]:
        """The lines of the reply on work that has started: the disclosure, and who agreed to it."""
        return [*spending.lines(), *([self.said] if self.said else [])]


def needs_consent(settings: Settings, spending: Disclosure) -> bool:
    """True if the work has more calls, or a higher known price, than may start without a question."""
    return spending.calls > settings.ask_above_calls or spending.cost > settings.ask_above_dollars


def stopping(here: Session, spending: Disclosure) -> Disclosure:
    """The disclosure with a limit in dollars, where the engine enforces one and the work needs consent.

    A limit that the caller gave stays. Without a known price there is none.
    """
    at_once = here.settings.concurrency if here.settings.backend == "local" else None
    if spending.stops_at is not None or spending.on_ax or spending.basis or not spending.is_priced:
        return spending._replace(at_once=at_once)
    if not spending.cost or not needs_consent(here.settings, spending):
        return spending
    return spending._replace(stops_at=round(TIMES_THE_ESTIMATE * spending.cost, 4), at_once=at_once)


async def consent(
    here: Session,
    ctx: Context[Session],
    work: str,
    spending: Disclosure,
    confirm_cost: CostConfirmation,
    again: Mapping[str, Any] | None = None,
) -> Consent:
    """Consent to the work, asked for if the work is above the threshold.

    `work` names it in the question, such as "Run task 'policy'". `again` are arguments that fix the plan in a repeated
    call, such as the window.

    Raises:
        Invalid: nobody can be asked, and `confirm_cost` is not the number of calls.
        Unavailable: the client's answer does not fit the form.
    """
    if not needs_consent(here.settings, spending):
        return Consent(is_given=True)
    told = ". ".join(spending.lines())
    if can_ask(ctx):
        answer = await asked(ctx, f"{work}? {told}.")
        said = f"The user agreed to {counted(spending.calls, 'calls')}." if answer.yes else f"{answer.refusal}."
        return Consent(answer.yes, said)
    if confirm_cost != spending.calls:
        given = "" if confirm_cost is None else f" and not {confirm_cost}"
        repeated = "".join(f", {name}={value!r}" for name, value in (again or {}).items())
        raise Invalid(
            f"Above {_threshold(here.settings)} the user has to agree, and this client shows no questions, so "
            f"confirm_cost has to be {spending.calls}{given}. {told}.",
            f"Ask the user; then call again with confirm_cost={spending.calls}{repeated}.",
        )
    return Consent(
        is_given=True,
        said=f"No person agreed to the {counted(spending.calls, 'calls')}: this client shows no questions, "
        f"and the call gave confirm_cost={spending.calls}.",
    )


def announced(here: Session, ctx: Context[Session], spending: Disclosure) -> list[str]:
    """The lines of a preview: the disclosure, and the consent that the call will need."""
    lines = spending.lines()
    if needs_consent(here.settings, spending):
        way = "asks the user first" if can_ask(ctx) else f"needs confirm_cost={spending.calls}, after the user agreed"
        lines.append(f"Above {_threshold(here.settings)}: the call {way}")
    return lines


def _threshold(settings: Settings) -> str:
    return f"{settings.ask_above_calls:,} calls or {dollars(settings.ask_above_dollars)}"
