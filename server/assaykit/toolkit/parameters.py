"""Parameter types that several tools share, so that each description is written once.

A parameter named by a bare noun (`space`, `project`, `task`, ...) takes a name or an id, and may be left out if only
one exists. The server's instructions explain these parameters, `column_mappings`, `file`, `save_to`, `window` and
filters once, so no schema repeats it.
"""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from assaykit.session import Session
from assaykit.toolkit.questions import as_of_question


async def _session(ctx: Context[Session]) -> Session:
    return as_of_question(ctx)


ToolContext = Context[Session]
"""The context of a call, for tools that report progress or ask the user."""

Here = Annotated[Session, Resolve(_session)]
"""The session of the call; the model never sees it."""

SpaceName = str | None
ProjectName = str | None
SaveTo = str | None
Filter = str | None
PeriodText = str | None
Mappings = dict[str, str] | None
Limit = Annotated[int, Field(ge=1, le=500)]
"""Rows of a page, for lists whose pages may have up to 500 rows in the contract."""

ListLimit = Annotated[int, Field(ge=1, le=100)]
File = str
MaxCost = Annotated[float | None, Field(gt=0, description="US dollars")]
