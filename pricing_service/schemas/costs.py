"""Cost imports and cost views."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from pricing_service.domain.focus import CostBasis
from services.http import DecimalString, Read


class RejectedRow(Read):
    line: int = Field(description="Of the file, the header being line 1; a row with line breaks counts its last line")
    reason: str


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
    periods: list[str] = Field(description="Billing periods that it holds rows of")
    created_at: datetime


class CostImportDetail(CostImportRead):
    rejected: list[RejectedRow] = Field(description="The first thousand rows that were refused")


class CostGroup(Read):
    key: str | None = Field(description="The value of the dimension; null where a row has none")
    currency: str
    rows: int
    cost: DecimalString = Field(description="On the cost basis of each source")
    billed_cost: DecimalString
    effective_cost: DecimalString
    contracted_cost: DecimalString
    list_cost: DecimalString


class CostTotal(Read):
    currency: str
    rows: int
    cost: DecimalString
    billed_cost: DecimalString
    effective_cost: DecimalString
    contracted_cost: DecimalString
    list_cost: DecimalString


class CostView(Read):
    """Exact sums over the rows in force in a period."""

    period: str
    group_by: str
    items: list[CostGroup]
    more: bool = Field(description="Whether groups beyond `limit` were left out; `totals` always hold everything")
    totals: list[CostTotal] = Field(description="One per currency")
