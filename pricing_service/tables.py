"""What pricing keeps: costs, how they are shared, prices, quotes, budgets, usage and statements.

| table | what |
|---|---|
| cost_import, cost_import_fault, cost_row | FOCUS rows, file by file |
| cost_snapshot | which import's rows count for a source and period |
| cost_pool, service_volume | which rows fall where, who shares them, by what a cost is divided |
| allocation_run, allocation_pool, allocation_share, service_cost | one immutable run each |
| unit_cost | the last published unit cost of a service: what its events are a sequence of |
| price_plan, priced_offering | immutable plan versions; the offering whose price changed |
| quote, quote_counter, budget, reservation | offers, and the money held for them |
| usage_event, statement, statement_line | what was metered and what is charged |
| known_service, known_offering, known_subscription | copies of other services' facts |
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pricing_service.domain.budget import Balance
from services.db import Aggregate, ExactDecimal, JsonDocument, Projection, UtcInstant, new_metadata
from services.money import Money


class Base(DeclarativeBase):
    metadata = new_metadata()


class CostImport(Aggregate, Base):
    """One file of one source. Its rows count once its snapshots are there, which is its last write."""

    __tablename__ = "cost_import"
    __table_args__ = (Index("ix_cost_import_source_content", "source", "content_sha256"),)

    source: Mapped[str]
    cost_basis: Mapped[str]
    content_sha256: Mapped[str]  # of the plain text, so that a compressed copy is the same file
    state: Mapped[str]  # running, ready, failed
    currency: Mapped[str | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    rejected_count: Mapped[int] = mapped_column(BigInteger)
    billed_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    effective_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    periods: Mapped[list[str]] = mapped_column(JsonDocument)


class CostImportFault(Base):
    """A row that was refused: the first thousand of an import are kept, the import counts them all."""

    __tablename__ = "cost_import_fault"

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]


class CostSnapshot(Base):
    """What an import says about one billing period of its source; in force until a later one supersedes it."""

    __tablename__ = "cost_snapshot"
    __table_args__ = (
        UniqueConstraint("source", "period", "number"),
        Index("ix_cost_snapshot_period", "period", "superseded_by"),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    period: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    number: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    superseded_by: Mapped[UUID | None]
    taken_at: Mapped[datetime] = mapped_column(UtcInstant)


class CostRow(Base):
    """One FOCUS charge. `cost` is the column that the source's cost basis names; the other four are as delivered."""

    __tablename__ = "cost_row"
    __table_args__ = (Index("ix_cost_row_period", "period", "import_id"),)

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    period: Mapped[str]
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    billed_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    effective_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    contracted_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    list_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    billing_period_start: Mapped[datetime] = mapped_column(UtcInstant)
    billing_period_end: Mapped[datetime] = mapped_column(UtcInstant)
    charge_period_start: Mapped[datetime] = mapped_column(UtcInstant)
    charge_period_end: Mapped[datetime] = mapped_column(UtcInstant)
    charge_category: Mapped[str]
    charge_class: Mapped[str | None]
    service_name: Mapped[str]
    service_category: Mapped[str | None]
    provider_name: Mapped[str | None]
    sub_account_id: Mapped[str | None]
    resource_id: Mapped[str | None]
    tags: Mapped[dict[str, str]] = mapped_column(JsonDocument)


class CostPool(Aggregate, Base):
    """Cost rows that belong together, and how they are shared. The first pool whose rules match takes a row."""

    __tablename__ = "cost_pool"

    name: Mapped[str] = mapped_column(unique=True)
    position: Mapped[int]
    rules: Mapped[list[dict[str, str]]] = mapped_column(JsonDocument)
    driver: Mapped[dict[str, Any]] = mapped_column(JsonDocument)


class ServiceVolume(Aggregate, Base):
    """The practical capacity of a service in a period: what its cost is divided by."""

    __tablename__ = "service_volume"
    __table_args__ = (UniqueConstraint("service_id", "period"),)

    service_id: Mapped[UUID]
    period: Mapped[str]
    volume: Mapped[Decimal] = mapped_column(ExactDecimal)


class AllocationRun(Aggregate, Base):
    __tablename__ = "allocation_run"

    period: Mapped[str] = mapped_column(index=True)
    method: Mapped[str]
    currency: Mapped[str]
    input_hash: Mapped[str] = mapped_column(index=True)
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    allocated_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost_rows: Mapped[int] = mapped_column(BigInteger)
    unallocated: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)

    @property
    def allocated(self) -> Money:
        return Money(self.allocated_amount, self.currency)


class AllocationPool(Base):
    """A pool as it was in a run: its amount and the cost rows behind it."""

    __tablename__ = "allocation_pool"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost_rows: Mapped[int] = mapped_column(BigInteger)


class AllocationShare(Base):
    """What of a pool's own cost ended at a service in a run."""

    __tablename__ = "allocation_share"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(primary_key=True)
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)


class ServiceCost(Base):
    """What a service cost in a run, in all and per unit."""

    __tablename__ = "service_cost"
    __table_args__ = (
        UniqueConstraint("allocation_run_id", "service_id"),
        Index("ix_service_cost_service", "service_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    allocation_run_id: Mapped[UUID]
    service_id: Mapped[UUID]
    period: Mapped[str]
    cost_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    volume: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    volume_source: Mapped[str]  # given, subscriptions, none
    unit: Mapped[str]
    unit_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    cost_rows: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime] = mapped_column(UtcInstant)

    @property
    def cost(self) -> Money:
        return Money(self.cost_amount, self.currency)


class UnitCost(Aggregate, Base):
    """The unit cost of a service that was published last; its id is the service's."""

    __tablename__ = "unit_cost"

    period: Mapped[str]
    unit_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    allocation_run_id: Mapped[UUID]


class PricePlan(Aggregate, Base):
    """One version of an offering's charges. Never changed: a new price is a new version."""

    __tablename__ = "price_plan"
    __table_args__ = (UniqueConstraint("offering_id", "plan_version"),)

    offering_id: Mapped[UUID]
    plan_version: Mapped[int]
    currency: Mapped[str]
    effective_from: Mapped[datetime] = mapped_column(UtcInstant)
    charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)


class PricedOffering(Aggregate, Base):
    """An offering that has a price; its id is the offering's. What price.changed is a sequence of."""

    __tablename__ = "priced_offering"

    plan_version: Mapped[int]
    currency: Mapped[str]


class Quote(Aggregate, Base):
    __tablename__ = "quote"

    number: Mapped[str] = mapped_column(unique=True)
    demand_id: Mapped[UUID] = mapped_column(index=True)
    business_unit_id: Mapped[UUID] = mapped_column(index=True)
    offering_id: Mapped[UUID]
    price_plan_id: Mapped[UUID]
    plan_version: Mapped[int]
    state: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    one_off_lines: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    usage_charges: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    one_off_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    annual_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    budget: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    valid_until: Mapped[datetime] = mapped_column(UtcInstant)
    closed_reason: Mapped[str | None]

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)

    @property
    def one_off_total(self) -> Money:
        return Money(self.one_off_amount, self.currency)

    @property
    def annual_total(self) -> Money:
        return Money(self.annual_amount, self.currency)


class QuoteCounter(Base):
    __tablename__ = "quote_counter"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


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


class Statement(Aggregate, Base):
    __tablename__ = "statement"
    __table_args__ = (UniqueConstraint("business_unit_id", "period", "sequence"),)

    business_unit_id: Mapped[UUID]
    period: Mapped[str] = mapped_column(index=True)
    sequence: Mapped[int]
    state: Mapped[str]
    currency: Mapped[str]
    total_amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    issued_at: Mapped[datetime | None] = mapped_column(UtcInstant)

    @property
    def total(self) -> Money:
        return Money(self.total_amount, self.currency)


class StatementLine(Base):
    """One charge of one subscription in one split of the period; its parts add up to its amount."""

    __tablename__ = "statement_line"
    __table_args__ = (
        UniqueConstraint("statement_id", "position"),
        Index("ix_statement_line_subscription", "subscription_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[UUID]
    position: Mapped[int]
    subscription_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID]
    demand_id: Mapped[UUID | None]
    charge: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]  # charge or true_up
    model: Mapped[str]
    recurring: Mapped[str]
    meter: Mapped[str | None]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    unit_price: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    formula: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    split_start: Mapped[date]
    usage_from: Mapped[date | None]
    usage_until: Mapped[date | None]
    price_plan_id: Mapped[UUID | None]
    plan_version: Mapped[int | None]
    allocation_run_id: Mapped[UUID | None]


class KnownService(Projection, Base):
    __tablename__ = "known_service"

    name: Mapped[str]
    unit_of_measure: Mapped[str]


class KnownOffering(Projection, Base):
    __tablename__ = "known_offering"

    service_id: Mapped[UUID]
    name: Mapped[str]
    state: Mapped[str]
    unit_of_measure: Mapped[str]


class KnownSubscription(Projection, Base):
    __tablename__ = "known_subscription"
    __table_args__ = (Index("ix_known_subscription_unit", "business_unit_id", "id"),)

    business_unit_id: Mapped[UUID]
    offering_id: Mapped[UUID]
    service_id: Mapped[UUID] = mapped_column(index=True)
    demand_id: Mapped[UUID | None]
    quantity: Mapped[Decimal] = mapped_column(ExactDecimal)
    state: Mapped[str]
    activated_at: Mapped[datetime] = mapped_column(UtcInstant)
    ended_at: Mapped[datetime | None] = mapped_column(UtcInstant)
