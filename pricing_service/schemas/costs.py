"""Cost imports and cost views."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from pricing_service.domain.clearing import Treatment
from pricing_service.domain.cost_rows import CostBasis
from pricing_service.schemas.cost_rules import TagKey, Text
from pricing_service.schemas.numbers import Name, Number
from services.http import Body, CurrencyCode, DecimalString, Read


class RejectedRow(Read):
    line: int = Field(description="Of the file, the header being line 1; a row with line breaks counts its last line")
    reason: str


class BookedDifference(Read):
    """A closed period keeps its figures: what an import says otherwise was booked as corrections in an open one."""

    correction_id: UUID
    billing_month: str
    period: str = Field(description="The closed fiscal period")
    booked_in: str = Field(description="The fiscal period whose cost it is")
    rows: int
    cost: DecimalString
    currency: str


class CostImportRead(Read):
    """An import: one file of one source. Its rows count once it is `ready`."""

    id: UUID
    source: str
    cost_basis: CostBasis
    state: str = Field(description="running, ready or failed")
    content_sha256: str
    currency: str | None
    rows: int
    rejected_count: int
    billed_cost: DecimalString
    effective_cost: DecimalString
    kind: str = Field(description="focus or ledger")
    periods: list[str] = Field(description="Billing months that it holds rows of; of a ledger, fiscal periods")
    booked: list[BookedDifference] = Field(description="Differences to closed periods, and where they were booked")
    created_at: datetime


class CostImportDetail(CostImportRead):
    rejected: list[RejectedRow] = Field(description="The first thousand rows that were refused")


class CostSums(Read):
    currency: str
    rows: int
    cost: DecimalString = Field(description="On the cost basis of each source, without recoverable tax")
    recoverable_tax: DecimalString = Field(description="Not part of `cost`")
    billed_cost: DecimalString
    effective_cost: DecimalString
    contracted_cost: DecimalString
    list_cost: DecimalString


class CostGroup(CostSums):
    period: str
    key: str | None = Field(description="The value of the first dimension; null where a row has none")
    keys: dict[str, str | None] = Field(description="The value of each dimension")


class CostTotal(CostSums): ...


class CostView(Read):
    """Exact sums over the rows in force in a period, or in several."""

    period: str | None = Field(description="Null where the view spans several")
    first: str = Field(serialization_alias="from")
    last: str = Field(serialization_alias="to")
    group_by: str
    dimensions: list[str]
    items: list[CostGroup]
    more: bool = Field(description="Whether groups beyond `limit` were left out; `totals` always hold everything")
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next groups; null after the last")
    totals: list[CostTotal] = Field(description="One per currency")


class CostRowRead(Read):
    """One row that counts, with what it is made from: its import (or entry) and the line in it."""

    import_id: UUID
    line: int
    source: str
    origin: str
    period: str
    billing_month: str
    corrects: str | None = Field(description="The closed fiscal period that a correction is of")
    account: str | None
    cost_centre: str | None
    cleared_by: str | None = Field(description="The source that details this ledger row, which is therefore no cost")
    cost: DecimalString
    recoverable_tax: DecimalString | None
    billed_cost: DecimalString
    effective_cost: DecimalString
    contracted_cost: DecimalString | None
    list_cost: DecimalString | None
    currency: str
    billing_period_start: datetime
    billing_period_end: datetime
    charge_period_start: datetime
    charge_period_end: datetime
    charge_category: str
    charge_class: str | None
    charge_description: str | None
    charge_frequency: str | None
    service_name: str
    service_category: str | None
    service_subcategory: str | None
    provider_name: str | None
    publisher_name: str | None
    invoice_issuer_name: str | None
    invoice_id: str | None
    billing_account_id: str | None
    billing_account_name: str | None
    sub_account_id: str | None
    sub_account_name: str | None
    region_id: str | None
    region_name: str | None
    resource_id: str | None
    resource_name: str | None
    resource_type: str | None
    pricing_category: str | None
    sku_id: str | None
    consumed_unit: str | None
    consumed_quantity: DecimalString | None
    pricing_quantity: DecimalString | None
    commitment_discount_quantity: DecimalString | None
    pricing_currency_effective_cost: DecimalString | None
    tags: dict[str, str]
    other: dict[str, str] = Field(description="The remaining FOCUS columns and the provider's own, as written")


class ClearingLine(Read):
    """An account that a source details: what the ledger says of it, and what counts in its place."""

    account: str
    currency: str
    sources: list[str]
    ledger: DecimalString = Field(description="Cleared: not added to cost")
    detail: DecimalString = Field(description="Cost of the rows that detail the account")
    detail_billed: DecimalString = Field(description="Their billed cost, which is what an invoice in the ledger says")
    residual: DecimalString = Field(description="ledger − detail")
    explained: DecimalString
    unexplained: DecimalString = Field(description="residual − explained; the period closes once it is 0 everywhere")


class ExplanationRead(Read):
    id: UUID
    period: str
    account: str
    currency: str
    amount: DecimalString
    reason: str
    treatment: Treatment
    created_at: datetime


class ClearingView(Read):
    period: str
    items: list[ClearingLine]
    explanations: list[ExplanationRead]


class ExplanationCreate(Body):
    """Why the ledger and the detail differ. Without an amount it explains all that is left."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*\S[^\x00]*$")]
    amount: Number | None = Field(None, description="A part of the unexplained residual, of its sign")
    currency: CurrencyCode | None = Field(None, description="Needed where the account has residuals in several")
    treatment: Treatment = Field(
        Treatment.COST, description="`cost`: it counts, as a row of origin residual; `left-out`: it does not"
    )
    service_name: Name | None = Field(None, description="ServiceName of the residual's row")
    cost_centre: Name | None = None
    tags: dict[TagKey, Text] = Field(default_factory=dict, max_length=50)
