"""Costs as sources deliver them: FOCUS rows, file by file, and which of them count."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


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
