"""What pricing publishes of disputes and credit notes. What people wrote stays with pricing, to be read there."""

from typing import Any
from uuid import UUID

from pricing_service.events.examples import (
    CREDIT_NOTE,
    CREDIT_NOTE_LINE,
    DISPUTE,
    LINE,
    OFFERING,
    SERVICE,
    STATEMENT,
    SUBSCRIPTION,
    UNIT,
    usd,
)
from pricing_service.events.part import Part
from services.events import EventData, event_type
from services.http import DecimalString, MoneyModel


class DisputeState(EventData):
    """A dispute's full public state. `opened_by` is a person_id; the reasons are read at the dispute itself."""

    id: UUID
    business_unit_id: UUID
    statement_id: UUID
    line_id: UUID
    period: str
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    charge: str
    state: str
    line_amount: DecimalString
    claimed: MoneyModel
    awarded: MoneyModel | None
    credit_note_id: UUID | None
    opened_by: str | None


_DISPUTE: dict[str, Any] = {
    "id": DISPUTE,
    "business_unit_id": UNIT,
    "statement_id": STATEMENT,
    "line_id": LINE,
    "period": "2026-11",
    "subscription_id": SUBSCRIPTION,
    "offering_id": OFFERING,
    "service_id": SERVICE,
    "charge": "server",
    "state": "open",
    "line_amount": "90.00",
    "claimed": usd("30.00"),
    "awarded": None,
    "credit_note_id": None,
    "opened_by": "p_5b1c0f9e",
}


@event_type(
    "itaas.pricing.dispute.opened.v1", summary="A business unit contests a line of a statement", example=_DISPUTE
)
class DisputeOpened(DisputeState): ...


@event_type(
    "itaas.pricing.dispute.resolved.v1",
    summary="A dispute was rejected, or upheld and credited",
    example=_DISPUTE | {"state": "upheld", "awarded": usd("20.00"), "credit_note_id": CREDIT_NOTE},
)
class DisputeResolved(DisputeState): ...


class CreditNoteLineData(Part):
    id: UUID
    statement_line_id: UUID
    subscription_id: UUID
    offering_id: UUID
    service_id: UUID
    charge: str
    amount: DecimalString


@event_type(
    "itaas.pricing.credit-note.issued.v1",
    summary="Something of a statement was given back; a reversal has amounts below zero",
    example={
        "id": CREDIT_NOTE,
        "number": "CN-2026-000001",
        "business_unit_id": UNIT,
        "statement_id": STATEMENT,
        "origin": "dispute",
        "mode": "chargeback",
        "period": "2026-12",
        "credits_period": "2026-11",
        "total": usd("20.00"),
        "dispute_id": DISPUTE,
        "reverses_id": None,
        "lines": [
            {
                "id": CREDIT_NOTE_LINE,
                "statement_line_id": LINE,
                "subscription_id": SUBSCRIPTION,
                "offering_id": OFFERING,
                "service_id": SERVICE,
                "charge": "server",
                "amount": "20.00",
            }
        ],
    },
)
class CreditNoteIssued(EventData):
    """`period` is the one in which it is booked, `credits_period` that of the statement."""

    id: UUID
    number: str
    business_unit_id: UUID
    statement_id: UUID
    origin: str
    mode: str
    period: str
    credits_period: str
    total: MoneyModel
    dispute_id: UUID | None
    reverses_id: UUID | None
    lines: list[CreditNoteLineData]


PUBLISHED: list[type[EventData]] = [DisputeOpened, DisputeResolved, CreditNoteIssued]
