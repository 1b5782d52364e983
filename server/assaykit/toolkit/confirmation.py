"""Confirmation by the user before a deletion, which cannot be undone.

If the client can show forms, the user answers one. Otherwise the model has to repeat the name of the resource, and the
host's approval of the call is the only guard.
"""

from typing import Annotated

from mcp.server.mcpserver import Context
from pydantic import Field

from assaykit.errors import Invalid
from assaykit.names import Named
from assaykit.session import Session
from assaykit.toolkit.questions import Answer, asked, can_ask

ExactName = Annotated[str, Field(description="Exact name or id")]
Confirm = Annotated[str | None, Field(description="The name again, where no person can be asked")]


async def before_deleting(ctx: Context[Session], noun: str, named: Named, goes_too: str, confirm: str | None) -> Answer:
    """The user's answer, or consent without one. `confirm` counts only if the client shows no forms.

    Raises:
        Invalid: the client shows no forms, and `confirm` is not the name.
    """
    api = ctx.request_context.lifespan_context.api
    # After this request `api.who` names the backend correctly.
    await api.has_engine_routes()
    what = f"the {noun} {named.name!r} ({named.id})"
    if can_ask(ctx):
        return await asked(ctx, f"Delete {what} from {api.who}, with {goes_too}? This cannot be undone.")
    if confirm != named.name:
        raise Invalid(
            f"Deleting {what} takes {goes_too} with it and cannot be undone, so confirm has to be its name.",
            f"Ask the user; then call again with confirm={named.name!r}.",
        )
    return Answer(yes=True)
