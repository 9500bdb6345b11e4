"""Logging: structlog's events on standard error, as lines for people or as JSON.

Standard output belongs to results. What strangers chose (ids, headers, details) is escaped, so that
no id can forge a line or move a terminal's cursor; whatever is called a password, a token or a
secret is masked, and so is the password in a URL. Libraries that log through `logging` (Faust,
aiokafka) come out in the same form.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password

_SECRET = re.compile(r"password|passwd|secret|token|credential|authorization", re.IGNORECASE)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"]*@[^\s'\"]+", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging for this process, once, at its start."""
    target = stream if stream is not None else sys.stderr
    as_json = settings.log_format == "json"
    if settings.log_format == "auto":
        as_json = not target.isatty()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _take_over(logging.getLogger(), _formatter(shared, as_json, target), target, settings.log_level)


def _formatter(shared: list[Any], as_json: bool, target: TextIO) -> logging.Formatter:
    last: list[Any] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        harmless,
    ]
    if as_json:
        last.append(structlog.processors.JSONRenderer())
    else:
        last.append(structlog.dev.ConsoleRenderer(colors=target.isatty()))
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()], processors=last
    )


def _take_over(
    root: logging.Logger, formatter: logging.Formatter, target: TextIO, level: str
) -> None:
    writer = logging.StreamHandler(target)
    writer.setFormatter(formatter)
    root.handlers[:] = [writer]
    root.setLevel(level.upper())
    for chatty in ("aiokafka", "faust", "mode", "kafka"):
        logging.getLogger(chatty).setLevel(max(root.level, logging.WARNING))


def harmless(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:
    """A structlog processor: secrets masked, control characters escaped.

    >>> harmless(None, "", {"event": "seen", "customer": "a\\nb", "password": "x"})
    {'event': 'seen', 'customer': 'a\\\\nb', 'password': '********'}
    """
    return {
        key: "********" if _SECRET.search(key) else _harmless_value(key, value)
        for key, value in event.items()
    }


def _harmless_value(key: str, value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if not isinstance(value, str):
        return value
    masked = _URL.sub(lambda found: url_without_password(found[0]), value)
    if key == "exception":  # a traceback has lines of its own
        return masked
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], masked)
