"""Logging: one event a line, text on a terminal and JSON elsewhere; what looks like a secret never gets out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from energygrid.settings import Settings

_SECRET_NAMES = re.compile(r"authorization|secret|password|token|install_?code|api_?key|cookie", re.IGNORECASE)
_SECRET_VALUES = re.compile(r"(?:eyJ[\w-]+\.[\w-]+\.[\w-]*|whsec_[\w+/=]+|(?i:bearer|basic) [\w+/=.~-]{8,})")
_REDACTED = "[redacted]"


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace values of secret names, and anything in a text that looks like a token."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = _REDACTED
        elif isinstance(value, str):
            event[name] = _SECRET_VALUES.sub(_REDACTED, value)
    return event


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging for this process, Python's own loggers included."""
    stream = stream or sys.stderr
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not stream.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *shared,
            structlog.processors.format_exc_info if as_json else _keep,
            redact,
            structlog.processors.JSONRenderer(serializer=_to_json)
            if as_json
            else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_ToStructlog()]
    root.setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)


def _keep(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return event


def _to_json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event, enc_hook=str).decode()


class _ToStructlog(logging.Handler):
    """Passes records of libraries on, so that they are redacted and formatted like ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info or None
        )
