"""Argument types that several tools share, each description written once.

What is named by a bare noun (`space`, `project`, `task`, ...) takes a name or an id, and may be left out where there
is only one. The server's instructions say so once, instead of every schema; and what `save_to` does.
"""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from assaykit.session import Session


def _session(ctx: Context[Session]) -> Session:
    return ctx.request_context.lifespan_context


ToolContext = Context[Session]
"""The call itself, for tools that report progress or ask the user."""

Here = Annotated[Session, Resolve(_session)]
"""The session of the call; the model never sees it."""

SpaceName = str | None
ProjectName = str | None
SaveTo = str | None
Filter = Annotated[str | None, Field(description="status_code = 'OK'")]
PeriodText = Annotated[str | None, Field(description="'last 7 days', 2026-01-01..2026-01-31")]
Mappings = Annotated[dict[str, str] | None, Field(description="{variable: path}")]
Limit = Annotated[int, Field(ge=1, le=500)]
"""Rows of a page, where the contract's pages are long."""

ListLimit = Annotated[int, Field(ge=1, le=100)]
File = Annotated[str, Field(description="CSV, JSON, JSONL or Parquet")]
