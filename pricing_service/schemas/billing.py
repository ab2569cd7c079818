"""How business units are billed, what is booked on, and what a missed commitment gives back: all dated by period."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from pricing_service.domain.statement import BillingMode
from pricing_service.schemas.numbers import Name, PeriodText, Quantity
from services.http import Body, DecimalString, Read

# Ledgers know such codes; a spreadsheet that opens the export must not take one for a formula.
LedgerCode = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._/-]*$"),
    Field(examples=["CC-4711"]),
]


def _a_percentage(number: Decimal) -> Decimal:
    if number > 100:
        raise ValueError("must be at most 100")
    return number


Percent = Annotated[Quantity, AfterValidator(_a_percentage), Field(examples=["19"])]


class BillingProfilePut(Body):
    business_unit_id: UUID
    effective_from: PeriodText
    mode: BillingMode = BillingMode.CHARGEBACK
    cost_centre: LedgerCode | None = None
    legal_entity: LedgerCode | None = None
    tax_code: LedgerCode | None = Field(
        default=None, description="One of the codes between the legal entities; without it their first one"
    )


class BillingProfileRead(Read):
    """Counts from its period on until a later one; without any a business unit is charged back."""

    id: UUID
    business_unit_id: UUID
    effective_from: str
    mode: BillingMode
    cost_centre: str | None
    legal_entity: str | None
    tax_code: str | None


class BillingProviderPut(Body):
    effective_from: PeriodText
    legal_entity: LedgerCode
    cost_centre: LedgerCode = Field(description="IT's own")
    recovery_account: LedgerCode = Field(description="Credited with what is recovered")
    charge_account: LedgerCode = Field(description="Debited on the consumer's cost centre")


class BillingProviderRead(Read):
    id: UUID
    effective_from: str
    legal_entity: str
    cost_centre: str
    recovery_account: str
    charge_account: str


class TaxBody(Body):
    code: LedgerCode
    rate: Percent = Field(description="Percent of the net amount")
    output_account: LedgerCode = Field(description="The provider's")
    input_account: LedgerCode = Field(description="The consumer's")


class IntercompanyAccountsPut(Body):
    provider_entity: LedgerCode
    consumer_entity: LedgerCode
    effective_from: PeriodText
    receivable_account: LedgerCode
    payable_account: LedgerCode
    taxes: list[TaxBody] = Field(default=[], max_length=50, description="The first is the default; empty: no tax")


class TaxRead(Read):
    code: str
    rate: DecimalString
    output_account: str
    input_account: str


class IntercompanyAccountsRead(Read):
    id: UUID
    provider_entity: str
    consumer_entity: str
    effective_from: str
    receivable_account: str
    payable_account: str
    taxes: list[TaxRead]


class BandBody(Body):
    shortfall_from: Quantity = Field(description="Counts from this distance between promised and attained on")
    credit_percent: Percent = Field(description="Of the period's recurring charges")


class ServiceCreditRulePut(Body):
    offering_id: UUID
    commitment: Name = Field(description="As the catalogue names it", examples=["availability"])
    effective_from: PeriodText
    bands: Annotated[list[BandBody], Field(max_length=50, description="Rising; empty: no credit from then on")]
    cap_percent: Percent = Field(description="Most that all commitments together credit of a subscription's period")


class BandRead(Read):
    shortfall_from: DecimalString
    credit_percent: DecimalString


class ServiceCreditRuleRead(Read):
    id: UUID
    offering_id: UUID
    commitment: str
    effective_from: str
    bands: list[BandRead]
    cap_percent: DecimalString
