"""The quarterly statement."""

from datetime import date
from uuid import UUID

from pydantic import Field

from pricing_service.domain.statement import BillingMode
from pricing_service.schemas.credits import CreditNoteSummary
from pricing_service.schemas.statements import StatementSummary
from services.http import DecimalString, Read


class QuarterSums(Read):
    currency: str
    mode: BillingMode
    charges: DecimalString
    adjustments: DecimalString = Field(description="Lines that put an earlier, closed period right")
    credits: DecimalString = Field(description="Of credit notes that are booked in the quarter")
    net: DecimalString = Field(description="charges + adjustments − credits")


class QuarterTotal(QuarterSums): ...


class QuarterRow(QuarterSums):
    service_id: UUID
    service: str | None
    charge: str
    name: str


class QuarterlyStatementRead(Read):
    """What the three periods' issued statements and credit notes come to; the rows add up to the totals."""

    business_unit_id: UUID
    quarter: str
    periods: list[str]
    first_day: date
    end_day: date = Field(description="The first day that no longer belongs to it")
    totals: list[QuarterTotal]
    items: list[QuarterRow]
    statements: list[StatementSummary] = Field(description="At most 1000")
    credit_notes: list[CreditNoteSummary] = Field(description="At most 1000")
