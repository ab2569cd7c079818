"""What a source delivers, row by row: a charge with exact costs, or the fault for which a row is refused."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from pricing_service.domain.calendar import FiscalCalendar, Scheme, refuse_unbookable
from services.errors import Invalid, Refusal


class RowUnreadable(Invalid): ...


class Origin(StrEnum):
    """Where a cost row comes from; what no file brings (accruals and the like) has origins of its own."""

    FOCUS = "focus"
    LEDGER = "ledger"
    CORRECTION = "correction"  # the difference that a closed period can no longer take
    RESIDUAL = "residual"  # what the ledger has beyond the source that details it


class CostBasis(StrEnum):
    """Which column is "the cost" of a source."""

    BILLED = "billed"
    EFFECTIVE = "effective"
    CONTRACTED = "contracted"
    LIST = "list"

    @property
    def column(self) -> str:
        return f"{self.value.capitalize()}Cost"


class CostRow(NamedTuple):
    """One charge, as the file says it. Costs are unrounded; instants are UTC; the last two are JSON objects of texts.

    Its fields are columns of the table, in the order in which they are stored.
    """

    period: str  # fiscal
    billing_month: str  # the provider's; of a ledger the fiscal period again
    account: str | None
    cost_centre: str | None
    cost: Decimal  # what counts: the basis of the source, less recoverable tax
    recoverable_tax: Decimal | None
    billed_cost: Decimal
    effective_cost: Decimal
    contracted_cost: Decimal | None
    list_cost: Decimal | None
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
    consumed_quantity: Decimal | None
    pricing_quantity: Decimal | None
    commitment_discount_quantity: Decimal | None
    pricing_currency_effective_cost: Decimal | None
    tags_json: str
    other_json: str  # the remaining columns of FOCUS and the x_ ones of the provider, by name

    @property
    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = json.loads(self.tags_json)
        return tags

    @property
    def other(self) -> dict[str, str]:
        other: dict[str, str] = json.loads(self.other_json)
        return other

    @property
    def billing_period(self) -> str:
        """The provider's month, in UTC: "2026-10"."""
        return self.billing_month


@dataclass(frozen=True, slots=True)
class RowFault:
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class EmptyLines:
    """So many empty lines were skipped up to `line` that whoever reads on should get a chance to stop."""

    line: int


@lru_cache(maxsize=4096)
def placed(
    calendar: FiscalCalendar, billed_from: datetime, billed_to: datetime, charged_from: datetime
) -> tuple[str, str]:
    """The fiscal period of a provider's charge, and the provider's month that it is billed in.

    Of a calendar of months the period is that month, of weeks it is that of the charge's first day. Days are UTC.
    A charge outside its billing period (a correction of an earlier one, say) counts with the nearest day of it:
    what a provider bills in a month belongs to that month. Raises RowUnreadable where nothing can be booked.
    """
    first = billed_from.astimezone(UTC).date()
    month = first.isoformat()[:7]
    day = date(first.year, first.month, 1)
    if calendar.scheme is not Scheme.MONTHS:
        last = max(billed_to.astimezone(UTC).date() - timedelta(days=1), first)
        day = min(max(charged_from.astimezone(UTC).date(), first), last)
    try:
        period = calendar.of_day(day)
        refuse_unbookable(period)
        return period.name, month
    except Refusal as refusal:
        raise RowUnreadable(f"BillingPeriodStart: {refusal.detail}") from refusal
