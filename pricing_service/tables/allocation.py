"""How costs are shared: pools, volumes, immutable runs and the unit costs that they publish."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant
from services.money import Money


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
    model_id: Mapped[UUID | None]  # None: of the cost pools as they stood
    model_version: Mapped[int | None]
    inputs: Mapped[dict[str, Any]] = mapped_column(JsonDocument, default=dict, server_default="{}")

    __not_audited__ = frozenset({"inputs"})

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


class AllocationSource(Base):
    """What fell into a pool from one import and currency; `rate` turned `cost` into `amount` of the run's currency."""

    __tablename__ = "allocation_source"

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)  # the pool's; -1: no pool took the rows
    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    source: Mapped[str]
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    cost_rows: Mapped[int] = mapped_column(BigInteger)
    rate: Mapped[Decimal] = mapped_column(ExactDecimal)  # as it was stated
    rate_inverse: Mapped[bool]  # stated for the other direction: cost ÷ rate
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)


class AllocationNode(Base):
    """A pool, a tower or a service as it gave its cost on: own + received = what it gave + left_over."""

    __tablename__ = "allocation_node"
    __table_args__ = (UniqueConstraint("run_id", "position"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)  # pool:<name>, tower:<name>, service:<id>
    position: Mapped[int]  # in the order in which they gave
    own: Mapped[Decimal] = mapped_column(ExactDecimal)
    received: Mapped[Decimal] = mapped_column(ExactDecimal)
    gross: Mapped[Decimal] = mapped_column(ExactDecimal)  # of the simultaneous equations, to twelve decimals
    driver: Mapped[str | None]
    basis: Mapped[str]  # driver, fallback, none
    reason: Mapped[str | None]  # why the driver was of no use
    weights: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    left_over: Mapped[Decimal] = mapped_column(ExactDecimal)


class AllocationFlow(Base):
    """What of a pool's cost went from one node to another."""

    __tablename__ = "allocation_flow"
    __table_args__ = (Index("ix_allocation_flow_receiver", "run_id", "receiver"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    giver: Mapped[str] = mapped_column(primary_key=True)
    receiver: Mapped[str] = mapped_column(primary_key=True)
    pool: Mapped[str] = mapped_column(primary_key=True)
    attribution: Mapped[str] = mapped_column(primary_key=True)  # rule, driver, spread
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)


class UnitCostShare(Base):
    """What of a service's cost a business unit carries in a run."""

    __tablename__ = "unit_cost_share"
    __table_args__ = (Index("ix_unit_cost_share_unit", "run_id", "business_unit_id"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    service_id: Mapped[UUID] = mapped_column(primary_key=True)
    business_unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    weight: Mapped[Decimal] = mapped_column(ExactDecimal)
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
    volume_source: Mapped[str]  # given, capacity, subscriptions, none
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
