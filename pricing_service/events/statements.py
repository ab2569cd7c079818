"""What pricing publishes of statements."""

from uuid import UUID

from pricing_service.events.examples import LINE, OFFERING, STATEMENT, SUBSCRIPTION, UNIT, usd
from pricing_service.events.part import Part
from services.events import EventData, event_type
from services.http import DecimalString, MoneyModel


class StatementLineData(Part):
    id: UUID
    subscription_id: UUID
    offering_id: UUID
    charge: str
    quantity: DecimalString
    amount: DecimalString


@event_type(
    "itaas.pricing.statement.issued.v1",
    summary="A statement was issued to a business unit",
    example={
        "id": STATEMENT,
        "business_unit_id": UNIT,
        "period": "2026-11",
        "sequence": 1,
        "state": "issued",
        "total": usd("90.00"),
        "lines": [
            {
                "id": LINE,
                "subscription_id": SUBSCRIPTION,
                "offering_id": OFFERING,
                "charge": "server",
                "quantity": "4",
                "amount": "90.00",
            }
        ],
    },
)
class StatementIssued(EventData):
    id: UUID
    business_unit_id: UUID
    period: str
    sequence: int
    state: str
    total: MoneyModel
    lines: list[StatementLineData]


PUBLISHED: list[type[EventData]] = [StatementIssued]
