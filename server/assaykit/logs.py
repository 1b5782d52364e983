"""Logging to stderr, since stdout carries the protocol."""

import logging
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from assaykit.judge.providers.registry import KEY_VARIABLES

SECRET_VARIABLES = ("ARIZE_API_KEY", "ASSAYKIT_ENGINE_KEY", *KEY_VARIABLES)
_SHORTEST_SECRET = 6
_LOOKS_SECRET = re.compile(r"\b(?:sk|ak)-[A-Za-z0-9_\-]{8,}|Bearer\s+[A-Za-z0-9._\-]{8,}")


def configure(level: str = "warning", secrets: Iterable[str] = ()) -> None:
    """Send structlog and the standard library's logging to stderr, with `secrets` struck out.

    Call it before creating an `MCPServer`: the `basicConfig` that the server calls then has no effect.
    """
    number = logging.getLevelNamesMapping().get(level.upper(), logging.WARNING)
    # A variable may have blanks around its key, and requests carry the key without them.
    bare = (secret.strip() for secret in secrets)
    strike = _Redaction(secret for secret in bare if len(secret) >= _SHORTEST_SECRET)
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=False) if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            # The exception is text by now, so a key inside a traceback is struck out too.
            strike,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(strike.filter)
    logging.basicConfig(level=number, handlers=[handler], format="%(levelname)s %(name)s %(message)s", force=True)


class _Redaction:
    """Strikes out known secrets and text that looks like a secret."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: self.clean(value) if isinstance(value, str) else value for key, value in event.items()}

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.clean(record.getMessage()), ()
        return True

    def clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return _LOOKS_SECRET.sub("[secret]", text)
