"""What pricing publishes of statements."""

from typing import Any
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


_EXAMPLE: dict[str, Any] = {
    "id": STATEMENT,
    "business_unit_id": UNIT,
    "period": "2026-11",
    "sequence": 1,
    "state": "issued",
    "mode": "chargeback",
    "total": usd("90.00"),
    "credited": usd("0"),
    "owed": usd("90.00"),
    "line_count": 1,
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
}


@event_type("itaas.pricing.statement.issued.v1", summary="A statement was issued to a business unit", example=_EXAMPLE)
class StatementIssued(EventData):
    """`owed` = total − credited of a chargeback, nothing of a showback.

    A statement of more than a thousand lines leaves them out, since no event may be that large: `line_count` tells,
    and they are read at the statement.
    """

    id: UUID
    business_unit_id: UUID
    period: str
    sequence: int
    state: str
    mode: str | None = None
    total: MoneyModel
    credited: MoneyModel | None = None
    owed: MoneyModel | None = None
    line_count: int | None = None
    lines: list[StatementLineData]


@event_type(
    "itaas.pricing.statement.posted.v1",
    summary="A chargeback statement was handed to the ledger",
    example=_EXAMPLE | {"state": "posted"},
)
class StatementPosted(StatementIssued): ...


@event_type(
    "itaas.pricing.statement.settled.v1",
    summary="A posted statement is settled",
    example=_EXAMPLE | {"state": "settled"},
)
class StatementSettled(StatementIssued): ...


PUBLISHED: list[type[EventData]] = [StatementIssued, StatementPosted, StatementSettled]
