"""Costs as sources deliver them: FOCUS rows, file by file, and which of them count."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from pricing_service.tables.base import Base
from services.db import Aggregate, ExactDecimal, JsonDocument, UtcInstant


def _same_as_period(context: Any) -> str:
    """What is no import has no billing month of its own."""
    period: str = context.get_current_parameters()["period"]
    return period


class CostSource(Aggregate, Base):
    """Who delivers costs, and on which terms. One that was never declared follows what its last import said."""

    __tablename__ = "cost_source"

    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]  # focus, ledger
    declared: Mapped[bool]
    cost_basis: Mapped[str]
    currency: Mapped[str | None]
    accounts: Mapped[list[str]] = mapped_column(JsonDocument)  # of the general ledger, that it details
    account_rules: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument)
    recoverable_tax: Mapped[dict[str, Any]] = mapped_column(JsonDocument)
    mapping: Mapped[dict[str, Any]] = mapped_column(JsonDocument)  # of a ledger


class ClearingExplanation(Aggregate, Base):
    """Why the ledger and the source that details an account differ, and whether the difference is cost."""

    __tablename__ = "clearing_explanation"
    __table_args__ = (Index("ix_clearing_explanation_period", "period", "account"),)

    period: Mapped[str]
    account: Mapped[str]
    currency: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)
    reason: Mapped[str]
    treatment: Mapped[str]  # cost (a row with origin residual), left-out


class CostImport(Aggregate, Base):
    """One file of one source. Its rows count once its snapshots are there, which is its last write."""

    __tablename__ = "cost_import"
    __table_args__ = (Index("ix_cost_import_source_content", "source", "content_sha256"),)

    source: Mapped[str]
    kind: Mapped[str] = mapped_column(default="focus", server_default="focus")  # focus, ledger
    cost_basis: Mapped[str]
    terms: Mapped[dict[str, Any]] = mapped_column(JsonDocument, default=dict, server_default="{}")
    content_sha256: Mapped[str]  # of the plain text, so that a compressed copy is the same file
    state: Mapped[str]  # running, ready, failed
    currency: Mapped[str | None]
    rows: Mapped[int] = mapped_column(BigInteger)
    rejected_count: Mapped[int] = mapped_column(BigInteger)
    billed_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    effective_cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    periods: Mapped[list[str]] = mapped_column(JsonDocument)  # billing months
    booked: Mapped[list[dict[str, Any]]] = mapped_column(JsonDocument, default=list, server_default="[]")


class CostImportFault(Base):
    """A row that was refused: the first thousand of an import are kept, the import counts them all."""

    __tablename__ = "cost_import_fault"

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]


class CostDelivery(Base):
    """The import that had the last word on a billing month of a source, whether it counts or was booked elsewhere."""

    __tablename__ = "cost_delivery"

    source: Mapped[str] = mapped_column(primary_key=True)
    billing_month: Mapped[str] = mapped_column(primary_key=True)
    import_id: Mapped[UUID]


class CostSnapshot(Base):
    """Rows of one `import_id` that count in one fiscal period; in force until a later one supersedes them.

    A file's rows of one billing month fall into one fiscal period where periods are months, else into several.
    What is no file (an accrual, an entry, a correction) has an `import_id` of its own.
    """

    __tablename__ = "cost_snapshot"
    __table_args__ = (
        Index("ix_cost_snapshot_source", "source", "billing_month", "period", "number", unique=True),
        Index("ix_cost_snapshot_period", "period", "superseded_by"),
    )

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    billing_month: Mapped[str] = mapped_column(primary_key=True, default=_same_as_period)
    period: Mapped[str] = mapped_column(primary_key=True)  # fiscal
    source: Mapped[str]
    number: Mapped[int]
    rows: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    currency: Mapped[str]
    superseded_by: Mapped[UUID | None]
    corrects: Mapped[str | None]  # the closed fiscal period whose difference this books
    taken_at: Mapped[datetime] = mapped_column(UtcInstant)


class CostRow(Base):
    """One charge. `cost` is what counts: the column that the source's cost basis names, less recoverable tax.

    A row counts through the snapshot with its `import_id`, `billing_month` and `period`, unless it is cleared.
    """

    __tablename__ = "cost_row"  # read by way of the snapshots, so that one index is enough: rows come by the million

    import_id: Mapped[UUID] = mapped_column(primary_key=True)
    line: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    origin: Mapped[str] = mapped_column(default="focus", server_default="focus")  # focus, ledger, correction, …
    period: Mapped[str]  # fiscal
    billing_month: Mapped[str] = mapped_column(default=_same_as_period)
    account: Mapped[str | None]  # of the general ledger
    cost_centre: Mapped[str | None]
    cleared_by: Mapped[str | None]  # the source that details this ledger row, which therefore does not count
    cost: Mapped[Decimal] = mapped_column(ExactDecimal)
    recoverable_tax: Mapped[Decimal | None] = mapped_column(ExactDecimal)  # not part of `cost`
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
    charge_description: Mapped[str | None]
    charge_frequency: Mapped[str | None]
    service_name: Mapped[str]
    service_category: Mapped[str | None]
    service_subcategory: Mapped[str | None]
    provider_name: Mapped[str | None]
    publisher_name: Mapped[str | None]
    invoice_issuer_name: Mapped[str | None]
    invoice_id: Mapped[str | None]
    billing_account_id: Mapped[str | None]
    billing_account_name: Mapped[str | None]
    sub_account_id: Mapped[str | None]
    sub_account_name: Mapped[str | None]
    region_id: Mapped[str | None]
    region_name: Mapped[str | None]
    resource_id: Mapped[str | None]
    resource_name: Mapped[str | None]
    resource_type: Mapped[str | None]
    pricing_category: Mapped[str | None]
    sku_id: Mapped[str | None]
    consumed_unit: Mapped[str | None]
    consumed_quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    pricing_quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    commitment_discount_quantity: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    pricing_currency_effective_cost: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    tags: Mapped[dict[str, str]] = mapped_column(JsonDocument)
    other: Mapped[dict[str, str]] = mapped_column(JsonDocument, default=dict, server_default="{}")  # FOCUS columns
