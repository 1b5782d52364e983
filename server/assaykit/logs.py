"""Logging to stderr, since stdout carries the protocol."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

from assaykit import redaction

_level: int | None = None


def configure(level: str = "warning", secrets: Iterable[str] = ()) -> None:
    """Send structlog and the standard library's logging to stderr, with `secrets` struck out of every line."""
    configure_standard(level, secrets)
    configure_structlog()


def configure_standard(level: str = "warning", secrets: Iterable[str] = ()) -> None:
    """Do the standard library's part of `configure`. The rest has to follow before a module of ours logs.

    Call it before creating an `MCPServer`: the `basicConfig` that the server calls then has no effect.
    """
    global _level  # noqa: PLW0603  (one process, one log)
    _level = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    redaction.learn(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_StruckFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=_level, handlers=[handler], force=True)


def configure_structlog() -> None:
    """Do structlog's part, with the level of `configure_standard`. Without that call, structlog stays as it is."""
    if _level is None:
        return
    # A server that only lists its tools logs nothing with structlog, which may import rich.
    import structlog  # noqa: PLC0415

    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False) if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
            # The last step: by now tracebacks and nested values are text too.
            _strike,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


class _StruckFormatter(logging.Formatter):
    """Strikes secrets out of the whole text of a record, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redaction.struck(super().format(record))


def _strike(_logger: object, _method: str, line: Any) -> str:
    return redaction.struck(line)
