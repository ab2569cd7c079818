"""Logs: one JSON object a line (or text for people), with the request id, the correlation id and the person_id.

Never a token, a name, an address or free text: what a log line may hold is listed where it is written.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from services import context


def configure(level: str, form: str) -> None:
    """Set up structlog for this process; the standard library's loggers write warnings to the same stream."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[
            _add_context,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")


def _add_context(logger: Any, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    work = context.current_or_none()
    if work is not None:
        line.setdefault("request_id", work.request_id)
        line.setdefault("correlation_id", work.correlation_id)
        if work.actor_id is not None:
            line.setdefault("actor_id", work.actor_id)
    return line
