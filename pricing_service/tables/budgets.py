"""Budgets, and the money of them that is held for quotes."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.budget import Balance
from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal


class Budget(Aggregate, Base):
    __tablename__ = "budget"
    __table_args__ = (UniqueConstraint("business_unit_id", "fiscal_year", "currency"),)

    business_unit_id: Mapped[UUID]
    fiscal_year: Mapped[int]
    currency: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    reserved: Mapped[Decimal] = mapped_column(ExactDecimal)
    actual: Mapped[Decimal] = mapped_column(ExactDecimal)
    hard: Mapped[bool]

    @property
    def balance(self) -> Balance:
        return Balance(self.amount, self.reserved, self.actual, self.hard)

    @property
    def available(self) -> Decimal:
        return self.balance.available


class Reservation(Base):
    """Money of a budget held for an accepted quote; `left` shrinks as statements are issued."""

    __tablename__ = "reservation"

    quote_id: Mapped[UUID] = mapped_column(primary_key=True)
    demand_id: Mapped[UUID] = mapped_column(index=True)
    budget_id: Mapped[UUID]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    left: Mapped[Decimal] = mapped_column(ExactDecimal)
