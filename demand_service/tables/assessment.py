"""What is assessed of a demand: scores with their history, cash flows, stakeholders, RAID, the business case.

demand ─┬─ demand_score ── demand_score_entry      ├─ stakeholder
        ├─ cash_flow_table                          ├─ raid_item
        └─ business_case                            known_balance (pricing)
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from demand_service.domain.cash_flow import Periods
from demand_service.domain.portfolio import Nature
from demand_service.domain.raid import RaidKind, RaidState
from demand_service.domain.stakeholder import Stance
from demand_service.tables.core import Base, words
from services.db import Aggregate, ExactDecimal, JsonDocument, Projection, UtcInstant
from services.ids import uuid7


class DemandScore(Aggregate, Base):
    """The score that stands; `inputs` as they were given, with what is derived still named by its source."""

    __tablename__ = "demand_score"
    __table_args__ = (UniqueConstraint("demand_id", "method"),)

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"))
    business_unit_id: Mapped[UUID]
    method: Mapped[str]
    inputs: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    terms: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    score: Mapped[Decimal] = mapped_column(ExactDecimal)
    derived: Mapped[bool] = mapped_column(index=True)
    scored_at: Mapped[datetime] = mapped_column(UtcInstant)
    scored_by: Mapped[str | None]
    cause: Mapped[str]


class DemandScoreEntry(Base):
    """Each score that ever stood. `person_id` is None where a changed fact made it anew, which `cause` names."""

    __tablename__ = "demand_score_entry"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    score_id: Mapped[UUID] = mapped_column(ForeignKey("demand_score.id"), index=True)
    inputs: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    terms: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    score: Mapped[Decimal] = mapped_column(ExactDecimal)
    at: Mapped[datetime] = mapped_column(UtcInstant)
    person_id: Mapped[str | None]
    cause: Mapped[str]


class CashFlowTable(Aggregate, Base):
    __tablename__ = "cash_flow_table"

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), unique=True)
    business_unit_id: Mapped[UUID]
    currency: Mapped[str]
    period: Mapped[Periods] = mapped_column(words(Periods))
    rate: Mapped[Decimal] = mapped_column(ExactDecimal)
    flows: Mapped[list[str]] = mapped_column(JsonDocument)
    worth: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    kept_at: Mapped[datetime] = mapped_column(UtcInstant)
    kept_by: Mapped[str]


class Stakeholder(Aggregate, Base):
    """A person, by their opaque id, or a role where nobody is named yet."""

    __tablename__ = "stakeholder"

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), index=True)
    business_unit_id: Mapped[UUID]
    person_id: Mapped[str | None]
    role: Mapped[str | None]
    influence: Mapped[int]
    interest: Mapped[int]
    stance: Mapped[Stance] = mapped_column(words(Stance))
    note: Mapped[str] = mapped_column(Text)


class RaidItem(Aggregate, Base):
    __tablename__ = "raid_item"

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), index=True)
    business_unit_id: Mapped[UUID]
    kind: Mapped[RaidKind] = mapped_column(words(RaidKind))
    state: Mapped[RaidState] = mapped_column(words(RaidState))
    title: Mapped[str]
    description: Mapped[str] = mapped_column(Text)
    owner: Mapped[str | None]
    due: Mapped[date | None]
    likelihood: Mapped[int | None]
    impact: Mapped[int | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    raised_by: Mapped[str]
    moved_at: Mapped[datetime] = mapped_column(UtcInstant)
    moved_by: Mapped[str]


class BusinessCase(Aggregate, Base):
    """What makes a demand a candidate of the portfolio."""

    __tablename__ = "business_case"

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), unique=True)
    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    nature: Mapped[Nature] = mapped_column(words(Nature))
    value: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    days: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    kept_by: Mapped[str]


class KnownBalance(Projection, Base):
    """What pricing told of a budget's balance: enough to say what share of it a demand takes."""

    __tablename__ = "known_balance"

    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    fiscal_year: Mapped[int]
    available: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    scope: Mapped[str]
