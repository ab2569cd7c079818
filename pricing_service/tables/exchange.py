"""Exchange rates, dated and typed."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal


class ExchangeRate(Aggregate, Base):
    """One statement of what a currency is worth on a day. Corrected by a new one, never changed."""

    __tablename__ = "exchange_rate"
    __table_args__ = (
        Index("ix_exchange_rate_pair", "rate_type", "base", "quote", "day", "number", unique=True),
        Index("ix_exchange_rate_day", "day"),
    )

    rate_type: Mapped[str]  # budget, average, closing
    base: Mapped[str]
    quote: Mapped[str]
    day: Mapped[date]
    number: Mapped[int]  # of the statements for this day, from 1
    rate: Mapped[Decimal] = mapped_column(ExactDecimal)  # one base is so many quote
    source: Mapped[str]
    superseded_by: Mapped[UUID | None]

    @property
    def type(self) -> str:
        return self.rate_type

    @property
    def date(self) -> date:
        return self.day
