"""Reads of what services brought in and what they cost."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.periods import Period
from pricing_service.domain.statement import BillingMode, StatementState
from pricing_service.queries.costs import newest_run
from pricing_service.tables import CreditNote, CreditNoteLine, ServiceCost, Statement, StatementLine
from services.db import exact_sum
from services.money import EXACT, exact_total

ZERO = Decimal(0)


@dataclass(slots=True)
class Revenue:
    """Of a service in one currency; credits are positive. What was only shown (showback) is net of its credits."""

    charged: Decimal = ZERO
    credited: Decimal = ZERO
    shown: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return EXACT.subtract(self.charged, self.credited)


async def revenue(
    session: AsyncSession, period: Period, *, service_id: UUID | None = None
) -> dict[UUID, dict[str, Revenue]]:
    """Per service and currency what issued statements charge for a service period, and what was credited of it."""
    line = StatementLine
    found: dict[UUID, dict[str, Revenue]] = {}
    of_service = [] if service_id is None else [line.service_id == service_id]

    def of(service: UUID, currency: str) -> Revenue:
        return found.setdefault(service, {}).setdefault(currency, Revenue())

    charged = (
        select(line.service_id, line.currency, Statement.mode, exact_sum(line.amount))
        .join(Statement, Statement.id == line.statement_id)
        .where(line.service_period == period.name, Statement.state != StatementState.DRAFT, *of_service)
        .group_by(line.service_id, line.currency, Statement.mode)
    )
    for service, currency, mode, amount in await session.execute(charged):
        books = of(service, currency)
        if mode == BillingMode.SHOWBACK:
            books.shown = exact_total([books.shown, amount])
        else:
            books.charged = exact_total([books.charged, amount])
    credited = (
        select(line.service_id, line.currency, CreditNote.mode, exact_sum(CreditNoteLine.amount))
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .join(line, line.id == CreditNoteLine.statement_line_id)
        .where(line.service_period == period.name, *of_service)
        .group_by(line.service_id, line.currency, CreditNote.mode)
    )
    for service, currency, mode, amount in await session.execute(credited):
        books = of(service, currency)
        if mode == BillingMode.SHOWBACK:
            books.shown = EXACT.subtract(books.shown, amount)
        else:
            books.credited = exact_total([books.credited, amount])
    return found


async def service_costs(
    session: AsyncSession, period: Period, *, service_id: UUID | None = None
) -> dict[UUID, ServiceCost]:
    """What each service cost by the period's newest run; a service that this run does not know cost nothing."""
    query = select(ServiceCost).where(ServiceCost.period == period.name, ServiceCost.allocation_run_id == newest_run())
    if service_id is not None:
        query = query.where(ServiceCost.service_id == service_id)
    return {cost.service_id: cost for cost in await session.scalars(query)}
