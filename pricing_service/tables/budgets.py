"""Budgets, what moved each of their figures, and the money of them that is held for quotes."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.domain.budget import NUMBERS, Balance, Control, Phase
from pricing_service.domain.budget_phases import Scope, ScopeKind
from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


@dataclass(frozen=True, slots=True)
class NumberedPhase:
    """A phase as it is shown: its period's number within the fiscal year, its figures, what is available."""

    number: int
    amount: Decimal
    reserved: Decimal
    actual: Decimal
    memo: Decimal
    available: Decimal


class Budget(Aggregate, Base):
    """A business unit's money of a fiscal year for a scope, in one currency.

    `figures` holds those of periods 1 to 12; the four columns are their sums, and both are the sums of the
    budget's entries. They are written together, behind the row's lock (use_cases.budget_ledger.post).
    """

    __tablename__ = "budget"
    __table_args__ = (UniqueConstraint("business_unit_id", "fiscal_year", "currency", "scope_key"),)

    business_unit_id: Mapped[UUID]
    fiscal_year: Mapped[int]
    currency: Mapped[str]
    scope_key: Mapped[str]
    scope_kind: Mapped[str]
    scope_name: Mapped[str | None]
    service_ids: Mapped[list[str]] = mapped_column(JsonDocument)
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    reserved: Mapped[Decimal] = mapped_column(ExactDecimal)
    actual: Mapped[Decimal] = mapped_column(ExactDecimal)
    memo: Mapped[Decimal] = mapped_column(ExactDecimal)
    figures: Mapped[list[dict[str, str]]] = mapped_column(JsonDocument)
    hard: Mapped[bool]
    control: Mapped[str]
    thresholds: Mapped[list[int]] = mapped_column(JsonDocument)
    crossed: Mapped[list[int]] = mapped_column(JsonDocument)  # thresholds that were told
    year_end: Mapped[str]
    carry_over_cap: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    settled_at: Mapped[datetime | None] = mapped_column(UtcInstant)  # when what was left lapsed or was carried over
    change_reason: Mapped[str | None]  # of the latest amendment, transfer or carry-over; the audit records keep all

    @property
    def scope(self) -> Scope:
        return Scope(ScopeKind(self.scope_kind), self.scope_name, frozenset(map(UUID, self.service_ids)))

    @property
    def balance(self) -> Balance:
        phases = tuple(Phase(**{figure: Decimal(value) for figure, value in each.items()}) for each in self.figures)
        return Balance(phases, self.hard, Control(self.control))

    @property
    def available(self) -> Decimal:
        return Phase(self.amount, self.reserved, self.actual).available

    @property
    def phases(self) -> list[NumberedPhase]:
        return [
            NumberedPhase(number, phase.amount, phase.reserved, phase.actual, phase.memo, phase.available)
            for number, phase in zip(NUMBERS, self.balance.phases, strict=True)
        ]


class BudgetEntry(Base):
    """One movement of one figure of a budget in one period. Written once; a figure is the sum of its entries."""

    __tablename__ = "budget_entry"
    __table_args__ = (Index("ix_budget_entry_budget", "budget_id", "figure", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    budget_id: Mapped[UUID]
    number: Mapped[int]
    figure: Mapped[str]
    cause: Mapped[str]
    delta: Mapped[Decimal] = mapped_column(ExactDecimal)
    charge: Mapped[str | None]  # recurring, one_off, usage
    demand_id: Mapped[UUID | None]
    quote_id: Mapped[UUID | None]
    source_id: Mapped[UUID | None]  # the statement, credit note, transfer or other budget behind it
    reason: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(UtcInstant)


class Reservation(Base):
    """Money of a budget held for an accepted quote in one period; `left` shrinks as statements are issued."""

    __tablename__ = "reservation"
    __table_args__ = (
        Index("ix_reservation_budget", "budget_id", "number"),
        Index("ix_reservation_demand", "demand_id"),
    )

    quote_id: Mapped[UUID] = mapped_column(primary_key=True)
    budget_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    charge: Mapped[str] = mapped_column(primary_key=True)  # recurring, one_off
    demand_id: Mapped[UUID | None]
    offering_id: Mapped[UUID]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    left: Mapped[Decimal] = mapped_column(ExactDecimal)


class BudgetTransfer(Aggregate, Base):
    """Money moved from one budget to another."""

    __tablename__ = "budget_transfer"

    from_budget_id: Mapped[UUID] = mapped_column(index=True)
    to_budget_id: Mapped[UUID] = mapped_column(index=True)
    currency: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)  # period and amount, which add up
    reason: Mapped[str]
