"""The one place that reads the clock. Domain code takes `now=` instead."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
