"""How time is cut, and which of its periods are closed."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.calendar import FiscalCalendar, Scheme, YearName
from pricing_service.tables.base import Base
from services.db import Aggregate, UtcInstant

THE_CALENDAR = UUID("0192f0c1-7b00-7000-8000-0000000000ca")  # there is one, and migration 0004 puts it there


class FiscalCalendarRow(Aggregate, Base):
    """The one calendar of the organisation, and its reporting currency; calendar months in UTC until it is set.

    Its row is also the lock of the books: who writes into a period shares it, who closes one takes it alone.
    """

    __tablename__ = "fiscal_calendar"

    scheme: Mapped[str]
    start_month: Mapped[int]
    year_named_by: Mapped[str]
    first_weekday: Mapped[int]
    time_zone: Mapped[str]
    reporting_currency: Mapped[str | None]

    @property
    def calendar(self) -> FiscalCalendar:
        return FiscalCalendar(
            Scheme(self.scheme),
            self.start_month,
            YearName(self.year_named_by),
            self.first_weekday,
            ZoneInfo(self.time_zone),
        )


class PeriodState(Aggregate, Base):
    """A billing period that was closed at least once. One without a row is open, unless a later one is closed."""

    __tablename__ = "period_state"

    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]  # closed, open (again)
    closed_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    reason: Mapped[str | None]  # why it was reopened last; kept by the audit record too
