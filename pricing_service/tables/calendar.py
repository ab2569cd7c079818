"""How time is cut, and which of its periods are closed."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.calendar import FiscalCalendar, Scheme, YearName
from pricing_service.tables.base import Base
from services.db import Aggregate, UtcInstant


class FiscalCalendarRow(Aggregate, Base):
    """The one calendar of the organisation; absent until somebody sets it: calendar months, January, UTC."""

    __tablename__ = "fiscal_calendar"

    scheme: Mapped[str]
    start_month: Mapped[int]
    year_named_by: Mapped[str]
    first_weekday: Mapped[int]
    time_zone: Mapped[str]

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
    """A billing period that was closed at least once; one without a row is open."""

    __tablename__ = "period_state"

    name: Mapped[str] = mapped_column(unique=True)
    state: Mapped[str]  # closed, open (again)
    closed_at: Mapped[datetime | None] = mapped_column(UtcInstant)
