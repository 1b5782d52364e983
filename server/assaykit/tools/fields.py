"""Argument types that several tools share, each description written once."""

from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.resolve import Resolve
from pydantic import Field

from assaykit.session import Session


def _session(ctx: Context[Session]) -> Session:
    return ctx.request_context.lifespan_context


Here = Annotated[Session, Resolve(_session)]
"""The session of the call; the model never sees it."""

Space = Annotated[str | None, Field(description="Space name or id")]
Project = Annotated[str | None, Field(description="Project name or id")]
Filter = Annotated[
    str | None,
    Field(description="e.g. status_code = 'OK' AND latency_ms < 5000; eval.<name>.label works too"),
]
Window = Annotated[str | None, Field(description="'last 7 days', 'everything', or 2026-01-01..2026-01-31")]
Limit = Annotated[int, Field(ge=1, le=500)]
Cursor = Annotated[str | None, Field(description="next_cursor of the page before")]
Run = Annotated[str, Field(description="Run id")]
File = Annotated[str, Field(description="CSV, JSON, JSONL or Parquet file")]
