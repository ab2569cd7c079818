"""Tables of demand. Aggregates are versioned and audited; `known_*` are small copies of what others own.

business_unit ─┬─ business_unit_external_id         demand ─┬─ demand_transition
               └─ goal                                      ├─ fulfilment_order ── fulfilment_task
                                                            └─ subscription (of an order)
lead_time (of an offering)
approval_policy                                     known_offering (catalogue), known_quote (pricing)
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Enum, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from demand_service.domain.agreement import Proposal, Quote, QuoteState
from demand_service.domain.approval import BudgetState
from demand_service.domain.funnel import DemandKind, DemandState, Standing
from demand_service.domain.goal import GoalStatus
from demand_service.domain.goal import status as goal_status
from demand_service.domain.order import OrderState, TaskState
from demand_service.domain.subscription import SubscriptionState
from services.clock import utc_now
from services.db import Aggregate, ExactDecimal, JsonDocument, Projection, UtcInstant, new_metadata
from services.ids import uuid7

if TYPE_CHECKING:
    from demand_service.tables.know import ProfileFact


class Base(DeclarativeBase):
    metadata = new_metadata()


def words(kind: type[StrEnum]) -> Enum:
    """A column of one of `kind`'s words, stored as that word; a new word needs no change of the table."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=40,
        values_callable=lambda words: [word.value for word in words],
    )


class BusinessUnit(Aggregate, Base):
    __tablename__ = "business_unit"

    name: Mapped[str]
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("business_unit.id"), index=True)
    cost_centre: Mapped[str | None]
    headcount: Mapped[int | None]
    external_ids: Mapped[list["BusinessUnitExternalId"]] = relationship(
        lazy="selectin", order_by="BusinessUnitExternalId.system", cascade="all, delete-orphan"
    )
    goals: Mapped[list["Goal"]] = relationship(lazy="selectin", order_by="Goal.id", cascade="all, delete-orphan")
    facts: Mapped[list["ProfileFact"]] = relationship(
        lazy="selectin", order_by="ProfileFact.id", cascade="all, delete-orphan"
    )

    @property
    def processes(self) -> list[dict[str, Any]]:
        """Those of the profile, as its readers are told of them: without what somebody wrote of their pain."""
        told = ("criticality", "volume", "volume_unit", "capabilities")
        return [
            {"id": fact.id, "name": fact.name} | {key: fact.details.get(key) for key in told}
            for fact in self.facts
            if fact.kind == "process"
        ]

    @property
    def business_unit_id(self) -> UUID:
        """What happens to a business unit belongs to that unit (the chassis puts it on the event)."""
        return self.id


class BusinessUnitExternalId(Base):
    """The id that another system knows a business unit by; it names one unit at most."""

    __tablename__ = "business_unit_external_id"

    system: Mapped[str] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(primary_key=True)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)


class Goal(Base):
    """Part of its business unit: a change of it is a new version of the unit."""

    __tablename__ = "goal"
    __table_args__ = (UniqueConstraint("business_unit_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"))
    name: Mapped[str]
    metric: Mapped[str]
    baseline: Mapped[Decimal] = mapped_column(ExactDecimal)
    target: Mapped[Decimal] = mapped_column(ExactDecimal)
    due: Mapped[date]
    priority: Mapped[int]
    set_on: Mapped[date]
    current: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    measured_on: Mapped[date | None]

    @property
    def status(self) -> GoalStatus:
        return goal_status(
            baseline=self.baseline,
            target=self.target,
            current=self.current,
            set_on=self.set_on,
            due=self.due,
            today=utc_now().date(),
        )


class Demand(Aggregate, Base):
    """`left_state` is what a pause interrupted; `quote_id` is the quote that policy saw last."""

    __tablename__ = "demand"

    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(Text)
    kind: Mapped[DemandKind] = mapped_column(words(DemandKind))
    goal_id: Mapped[UUID | None]
    requested_by: Mapped[str]
    state: Mapped[DemandState] = mapped_column(words(DemandState), index=True)
    left_state: Mapped[DemandState | None] = mapped_column(words(DemandState))
    deferred_until: Mapped[date | None]
    offering_id: Mapped[UUID | None]
    quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    options: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    form: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    superseded_quote_id: Mapped[UUID | None]
    quote_id: Mapped[UUID | None]
    decision: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    order_id: Mapped[UUID | None]

    # Read only where a single demand is shown; every list would pay for them otherwise.
    history: Mapped[list["DemandTransition"]] = relationship(
        lazy="raise", viewonly=True, order_by="DemandTransition.id"
    )
    quote: Mapped["KnownQuote | None"] = relationship(
        lazy="raise", viewonly=True, primaryjoin="foreign(Demand.quote_id) == KnownQuote.id"
    )

    @property
    def standing(self) -> Standing:
        return Standing(self.kind, self.state, self.left_state)

    @property
    def proposal(self) -> Proposal | None:
        if self.offering_id is None or self.quantity is None:
            return None
        return Proposal(self.offering_id, self.quantity, self.superseded_quote_id)


class DemandTransition(Base):
    """One step through the funnel. `person_id` is None where policy or an event took it."""

    __tablename__ = "demand_transition"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), index=True)
    step: Mapped[str]
    from_state: Mapped[DemandState] = mapped_column(words(DemandState))
    to_state: Mapped[DemandState] = mapped_column(words(DemandState))
    at: Mapped[datetime] = mapped_column(UtcInstant)
    person_id: Mapped[str | None]
    reason: Mapped[str | None] = mapped_column(Text)


class ApprovalPolicy(Aggregate, Base):
    """Asked in the order of `position`, then `key`."""

    __tablename__ = "approval_policy"

    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    description: Mapped[str] = mapped_column(Text)
    position: Mapped[int]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)


class FulfilmentOrder(Aggregate, Base):
    """One per demand, which the unique column holds against two events that arrive at once."""

    __tablename__ = "fulfilment_order"
    __table_args__ = (Index("ix_fulfilment_order_offering_id_fulfilled_at", "offering_id", "fulfilled_at"),)

    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), unique=True)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    options: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    requested_by: Mapped[str]
    state: Mapped[OrderState] = mapped_column(words(OrderState))
    opened_at: Mapped[datetime] = mapped_column(UtcInstant)
    fulfilled_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    lead_time_days: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    tasks: Mapped[list["FulfilmentTask"]] = relationship(lazy="selectin", order_by="FulfilmentTask.position")


class FulfilmentTask(Base):
    __tablename__ = "fulfilment_task"
    __table_args__ = (UniqueConstraint("order_id", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("fulfilment_order.id"))
    position: Mapped[int]
    key: Mapped[str]
    name: Mapped[str]
    role: Mapped[str | None]
    depends_on: Mapped[list[str]] = mapped_column(JsonDocument)
    state: Mapped[TaskState] = mapped_column(words(TaskState))
    completed_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    completed_by: Mapped[str | None]


class LeadTime(Aggregate, Base):
    """What an offering's orders took lately (id: the offering); reckoned anew whenever one of them is fulfilled."""

    __tablename__ = "lead_time"

    p50_days: Mapped[Decimal] = mapped_column(ExactDecimal)
    p85_days: Mapped[Decimal] = mapped_column(ExactDecimal)
    n: Mapped[int]
    since: Mapped[datetime] = mapped_column(UtcInstant)

    @property
    def offering_id(self) -> UUID:
        return self.id


class Subscription(Aggregate, Base):
    __tablename__ = "subscription"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("fulfilment_order.id"), unique=True)
    demand_id: Mapped[UUID] = mapped_column(ForeignKey("demand.id"), index=True)
    business_unit_id: Mapped[UUID] = mapped_column(ForeignKey("business_unit.id"), index=True)
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    options: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    requested_by: Mapped[str]
    state: Mapped[SubscriptionState] = mapped_column(words(SubscriptionState))
    activated_at: Mapped[datetime] = mapped_column(UtcInstant)
    ended_at: Mapped[datetime | None] = mapped_column(UtcInstant)


class KnownOffering(Projection, Base):
    """What the catalogue published: enough to check a proposal and to plan its order."""

    __tablename__ = "known_offering"

    name: Mapped[str]
    state: Mapped[str]
    service_id: Mapped[UUID]
    request_form: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    fulfilment: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    valid_from: Mapped[datetime | None] = mapped_column(UtcInstant)
    valid_until: Mapped[datetime | None] = mapped_column(UtcInstant)
    audience: Mapped[dict[str, Any] | None] = mapped_column(JsonDocument)
    options: Mapped[list[dict[str, Any]] | None] = mapped_column(JsonDocument)


class KnownQuote(Projection, Base):
    """What pricing quoted. `annual_total` is what policy is asked about."""

    __tablename__ = "known_quote"

    demand_id: Mapped[UUID] = mapped_column(index=True)
    state: Mapped[QuoteState] = mapped_column(words(QuoteState))
    offering_id: Mapped[UUID]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    total: Mapped[Decimal] = mapped_column(ExactDecimal)
    annual_total: Mapped[Decimal] = mapped_column(ExactDecimal)
    budget_state: Mapped[BudgetState] = mapped_column(words(BudgetState))

    def as_quote(self) -> Quote:
        return Quote(self.id, self.state, self.offering_id, self.quantity)
