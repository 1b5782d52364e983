"""Confirmation by the user before a deletion, which cannot be undone.

The model fills in the arguments, so an argument is not consent. If the client can show forms, the user answers one.
Otherwise the model has to repeat the name of the resource, and the host's approval of the call is the only guard.
"""

from typing import Annotated

from mcp.server.elicitation import AcceptedElicitation, ElicitationResult
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Elicit
from pydantic import BaseModel, Field

from assaykit.errors import Invalid
from assaykit.names import Named
from assaykit.session import Session

ExactName = Annotated[str, Field(description="Exact name or id")]
Confirm = Annotated[str | None, Field(description="The name again, where no person can be asked")]


class Sure(BaseModel):
    """The form. It has one field, since some clients hang on an empty form."""

    yes: bool = Field(title="Yes, do it")


Confirmation = ElicitationResult[Sure]
"""The client's answer: accepted with the form, declined or cancelled."""


def can_ask(ctx: Context[Session]) -> bool:
    """True if the client shows forms. A bare `elicitation: {}` means that it does; one for URLs alone does not."""
    declared = ctx.client_capabilities.elicitation if ctx.client_capabilities is not None else None
    return declared is not None and (declared.form is not None or declared.url is None)


async def before_deleting(
    ctx: Context[Session], noun: str, named: Named, goes_too: str, confirm: str | None
) -> Sure | Elicit[Sure]:
    """The question for the user, or consent without one. `confirm` counts only if the client shows no forms.

    Raises:
        Invalid: the client shows no forms, and `confirm` is not the name.
    """
    api = ctx.request_context.lifespan_context.api
    # After this request `api.who` names the backend correctly.
    await api.has_engine_routes()
    what = f"the {noun} {named.name!r} ({named.id})"
    if can_ask(ctx):
        return Elicit(f"Delete {what} from {api.who}, with {goes_too}? This cannot be undone.", Sure)
    if confirm != named.name:
        raise Invalid(
            f"Deleting {what} takes {goes_too} with it and cannot be undone, so confirm has to be its name.",
            f"Ask the user; then call again with confirm={named.name!r}.",
        )
    return Sure(yes=True)


def agreed(answer: Confirmation) -> bool:
    """True if the user agreed."""
    return isinstance(answer, AcceptedElicitation) and answer.data.yes


def refused(answer: Confirmation) -> str:
    """The reason why the user did not agree, in words."""
    return {"decline": "the user declined", "cancel": "the user closed the question"}.get(
        answer.action, "the user did not tick the box"
    )
