"""The periods that attainment is measured in: calendar months in UTC, named as in 2026-10.

Pricing's fiscal calendar is pricing's; where its periods are calendar months (its default) a month has the same name
there, and so a miss finds the statements of its period.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from services.errors import Fault, Invalid

FIRST_YEAR, LAST_YEAR = 2000, 2199
_NAME = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)


class PeriodNotReadable(Invalid): ...


class Month(NamedTuple):
    """Orders by time. `end` is the first instant that is no longer in it."""

    year: int
    number: int

    @property
    def name(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.after(1).start

    def after(self, months: int) -> "Month":
        years, number = divmod(self.number - 1 + months, 12)
        return Month(self.year + years, number + 1)


def month_of(instant: datetime) -> Month:
    utc = instant.astimezone(UTC)
    return Month(utc.year, utc.month)


def month_named(name: str, *, pointer: str = "/period") -> Month:
    """Raises PeriodNotReadable."""
    found = _NAME.fullmatch(name)
    if found is None or not FIRST_YEAR <= int(found[1]) <= LAST_YEAR:
        raise PeriodNotReadable(
            "a period is a calendar month such as 2026-10",
            faults=[Fault(pointer, f"must be YYYY-MM, from {FIRST_YEAR} to {LAST_YEAR}")],
        )
    return Month(int(found[1]), int(found[2]))


def months_of(starts_at: datetime, ends_at: datetime) -> list[Month]:
    """The months that [starts_at, ends_at) lies in; of an instant (both the same) the one that holds it."""
    last = month_of(max(starts_at, ends_at - timedelta(microseconds=1)))
    months = [month_of(starts_at)]
    while months[-1] < last:
        months.append(months[-1].after(1))
    return months
