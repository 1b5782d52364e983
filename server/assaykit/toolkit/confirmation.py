"""Confirmation by the user before a deletion, which cannot be undone.

If the client can show forms, the user answers one. Otherwise the model has to repeat the name of the resource, and the
host's approval of the call is the only guard.
"""

from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import Field

from assaykit.errors import Invalid
from assaykit.foreign import exactly
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.listing import name_or_id
from assaykit.toolkit.questions import Answer, asked, can_ask

ExactName = Annotated[str, Field(description="Exact name or id")]
Confirm = Annotated[str | None, Field(description="The name again, if unasked")]


async def before_deleting(ctx: Context[Session], noun: str, named: Named, goes_too: str, confirm: str | None) -> Answer:
    """The user's answer, or consent without one. `confirm` counts only if the client shows no forms.

    Raises:
        Invalid: the client shows no forms, and `confirm` is not the name. It may be the id if the name is odd.
    """
    api = ctx.request_context.lifespan_context.api
    # After this request `api.who` names the backend correctly.
    await api.has_engine_routes()
    what = f"the {noun} {exactly(named.name)} ({named.id})"
    word = name_or_id(named)
    if can_ask(ctx):
        return await asked(ctx, f"Delete {what} from {api.who}, with {goes_too}? This cannot be undone.")
    if confirm not in {named.name, word}:
        which = "name" if word == named.name else "id"
        raise Invalid(
            f"Deleting {what} takes {goes_too} with it and cannot be undone, so confirm has to be its {which}.",
            f"Ask the user; then call again with confirm={word!r}.",
        )
    return Answer(yes=True)
