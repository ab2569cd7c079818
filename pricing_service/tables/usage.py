"""What was metered."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import ExactDecimal, UtcInstant


class UsageEvent(Base):
    """A reading of a meter, kept for good under the id that its producer gave it."""

    __tablename__ = "usage_event"
    __table_args__ = (
        Index("ix_usage_event_subscription_day", "subscription_id", "day"),
        Index("ix_usage_event_statement", "statement_id"),
    )

    source: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    time: Mapped[datetime] = mapped_column(UtcInstant)
    day: Mapped[date]
    subscription_id: Mapped[UUID]
    meter: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    received_at: Mapped[datetime] = mapped_column(UtcInstant)
    statement_id: Mapped[UUID | None]  # the statement that billed it first; None: not rated yet
