"""Logging to stderr, since stdout carries the protocol."""

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

from assaykit import redaction
from assaykit.judge.providers.registry import KEY_VARIABLES

SECRET_VARIABLES = ("ARIZE_API_KEY", "ASSAYKIT_ENGINE_KEY", *KEY_VARIABLES)


def configure(level: str = "warning", secrets: Iterable[str] = ()) -> None:
    """Send structlog and the standard library's logging to stderr, with `secrets` struck out of every line.

    Call it before creating an `MCPServer`: the `basicConfig` that the server calls then has no effect.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    redaction.learn(secrets)
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
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_StruckFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=number, handlers=[handler], force=True)


class _StruckFormatter(logging.Formatter):
    """Strikes secrets out of the whole text of a record, its traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        return redaction.struck(super().format(record))


def _strike(_logger: object, _method: str, line: Any) -> str:
    return redaction.struck(line)
