"""What pricing publishes of quotes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pricing_service.events.examples import (
    DEMAND,
    OFFERING,
    PLAN,
    QUOTE,
    SERVICE,
    UNIT,
    usd,
)
from pricing_service.events.part import Part
from services.events import EventData, event_type
from services.http import DecimalString, MoneyModel


class RoundingData(Part):
    """How `amount` was rounded, once: `difference` is what that added."""

    mode: str
    places: int
    difference: DecimalString


class QuoteLineData(Part):
    charge: str
    name: str
    model: str
    recurring: str
    quantity: DecimalString
    unit_price: DecimalString | None
    formula: str
    amount: DecimalString
    rounding: RoundingData | None = None


class BudgetAnswerData(Part):
    """Whether the business unit's budget covers it: none (there is no budget), enough or short."""

    state: str
    available: MoneyModel | None


class QuoteState(EventData):
    """A quote's full public state; `total` is one month, `annual_total` twelve and what falls due once."""

    id: UUID
    number: str
    demand_id: UUID | None
    business_unit_id: UUID
    offering_id: UUID
    service_id: UUID | None = None
    price_plan_id: UUID
    plan_version: int
    state: str
    quantity: DecimalString
    currency: str
    lines: list[QuoteLineData]
    one_off_lines: list[QuoteLineData]
    total: MoneyModel
    one_off_total: MoneyModel
    annual_total: MoneyModel
    budget: BudgetAnswerData
    valid_until: datetime
    closed_reason: str | None = None
    note: str | None = None


_QUOTE_EXAMPLE: dict[str, Any] = {
    "id": QUOTE,
    "number": "Q-2026-000001",
    "demand_id": DEMAND,
    "business_unit_id": UNIT,
    "offering_id": OFFERING,
    "service_id": SERVICE,
    "price_plan_id": PLAN,
    "plan_version": 1,
    "state": "open",
    "quantity": "4",
    "currency": "USD",
    "lines": [
        {
            "charge": "server",
            "name": "Virtual server tier 1",
            "model": "per_unit",
            "recurring": "year",
            "quantity": "4",
            "unit_price": "270",
            "formula": "(4 × 270) × 1/12 year = 90 USD",
            "amount": "90.00",
            "rounding": {"mode": "half-even", "places": 2, "difference": "0"},
        }
    ],
    "one_off_lines": [],
    "total": usd("90.00"),
    "one_off_total": usd("0.00"),
    "annual_total": usd("1080.00"),
    "budget": {"state": "enough", "available": usd("60000.00")},
    "valid_until": "2026-12-24T09:00:00Z",
    "closed_reason": None,
    "note": None,
}


@event_type(
    "itaas.pricing.quote.issued.v1",
    summary="A quote was issued, for a demand or as an app asked for it",
    example=_QUOTE_EXAMPLE,
)
class QuoteIssued(QuoteState): ...


@event_type(
    "itaas.pricing.quote.accepted.v1", summary="A quote was accepted", example=_QUOTE_EXAMPLE | {"state": "accepted"}
)
class QuoteAccepted(QuoteState): ...


@event_type(
    "itaas.pricing.quote.expired.v1", summary="A quote lapsed unaccepted", example=_QUOTE_EXAMPLE | {"state": "expired"}
)
class QuoteExpired(QuoteState): ...


@event_type(
    "itaas.pricing.quote.withdrawn.v1",
    summary="A quote was taken back",
    example=_QUOTE_EXAMPLE | {"state": "withdrawn", "closed_reason": "the demand was rejected"},
)
class QuoteWithdrawn(QuoteState): ...


PUBLISHED: list[type[EventData]] = [QuoteIssued, QuoteAccepted, QuoteExpired, QuoteWithdrawn]
