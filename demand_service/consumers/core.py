"""What demand learns from the catalogue and from pricing.

Quotes are kept first and weighed second, in one transaction; weighing looks at what is known, not at the event,
so that duplicates, late events and any order of quotes end in the same state (`use_cases.agreement.settle`).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.agreement import QuoteState
from demand_service.domain.approval import BudgetState
from demand_service.tables import Demand, KnownOffering, KnownQuote
from demand_service.use_cases.agreement import pass_over_if_outdated, settle
from demand_service.use_cases.steps import DemandNotFound
from services.events import Consumers, Delivery, EventSeen, project

consumers = Consumers()

# The event's own name says what became of the quote; pricing's words for its states are its own.
STATE_OF: Mapping[str, QuoteState] = {
    "itaas.pricing.quote.issued.v1": QuoteState.ISSUED,
    "itaas.pricing.quote.accepted.v1": QuoteState.ACCEPTED,
    "itaas.pricing.quote.expired.v1": QuoteState.EXPIRED,
    "itaas.pricing.quote.withdrawn.v1": QuoteState.WITHDRAWN,
}


class TaskSeen(EventSeen):
    key: str
    name: str
    depends_on: list[str] = Field([])
    role: str | None = None


class OfferingSeen(EventSeen):
    name: str
    state: str
    service_id: UUID
    request_form: dict[str, Any] = Field({})
    fulfilment: list[TaskSeen] = Field([])
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    audience: dict[str, Any] | None = None
    options: list[dict[str, Any]] = Field([])


class AmountSeen(EventSeen):
    amount: Decimal
    currency: str


class BudgetSeen(EventSeen):
    state: BudgetState


class QuoteSeen(EventSeen):
    """A quote without a demand is one that an app asked pricing for: it is no concern of ours."""

    demand_id: UUID | None
    offering_id: UUID
    quantity: Decimal
    total: AmountSeen
    annual_total: AmountSeen
    budget: BudgetSeen


class DemandOfQuoteSeen(EventSeen):
    demand_id: UUID | None


@consumers.projection("itaas.catalog.offering.published.v1", KnownOffering)
@consumers.projection("itaas.catalog.offering.changed.v1", KnownOffering)
@consumers.projection("itaas.catalog.offering.retired.v1", KnownOffering)
async def know_offering(session: AsyncSession, event: Delivery[OfferingSeen], now: datetime) -> None:
    await project(session, KnownOffering, event, event.data.model_dump())


@consumers.projection("itaas.pricing.quote.issued.v1", KnownQuote)
@consumers.projection("itaas.pricing.quote.accepted.v1", KnownQuote)
@consumers.projection("itaas.pricing.quote.expired.v1", KnownQuote)
@consumers.projection("itaas.pricing.quote.withdrawn.v1", KnownQuote)
async def know_quote(session: AsyncSession, event: Delivery[QuoteSeen], now: datetime) -> None:
    quote = event.data
    if quote.demand_id is None:
        return
    await project(
        session,
        KnownQuote,
        event,
        {
            "demand_id": quote.demand_id,
            "state": STATE_OF[event.type],
            "offering_id": quote.offering_id,
            "quantity": quote.quantity,
            "currency": quote.annual_total.currency,
            "total": quote.total.amount,
            "annual_total": quote.annual_total.amount,
            "budget_state": quote.budget.state,
        },
    )


@consumers.reaction("itaas.pricing.quote.issued.v1")
@consumers.reaction("itaas.pricing.quote.accepted.v1")
@consumers.reaction("itaas.pricing.quote.expired.v1")
@consumers.reaction("itaas.pricing.quote.withdrawn.v1")
async def weigh_quote(session: AsyncSession, event: Delivery[DemandOfQuoteSeen], now: datetime) -> None:
    if event.data.demand_id is None:
        return
    demand = await session.get(Demand, event.data.demand_id, with_for_update=True)
    if demand is None:
        raise DemandNotFound(f"quote {event.subject} is for demand {event.data.demand_id}, which does not exist")
    if STATE_OF[event.type] is QuoteState.ISSUED:
        await pass_over_if_outdated(session, demand, event.subject, caused_by=event.causation_id)
    await settle(session, demand, now=now)
