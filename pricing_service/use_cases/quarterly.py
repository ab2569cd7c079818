"""The quarterly statement of a business unit: a view of what stands, nothing of its own."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import quarter as domain
from pricing_service.domain.quarter import Row, RowKey, Sums
from pricing_service.domain.statement import BillingMode, StatementState
from pricing_service.schemas import quarterly as bodies
from pricing_service.schemas.credits import CreditNoteSummary
from pricing_service.schemas.statements import StatementSummary
from pricing_service.tables import CreditNote, KnownService, Statement

MOST_DOCUMENTS = 1000


async def quarterly_statement(
    session: AsyncSession, business_unit_id: UUID, quarter_name: str
) -> bodies.QuarterlyStatementRead:
    """Raises PeriodUnreadable."""
    calendar = await queries.fiscal_calendar(session)
    periods = calendar.parse_quarter(quarter_name, pointer="quarter")
    names = [period.name for period in periods]
    parts = [
        Row(
            RowKey(currency, mode, service_id, charge),
            name,
            Sums(charges=amount) if adjusts is None else Sums(adjustments=amount),
        )
        for service_id, charge, adjusts, currency, mode, name, amount in await queries.quarterly_charges(
            session, business_unit_id, names
        )
    ]
    parts += [
        Row(RowKey(currency, mode, service_id, charge), name, Sums(credits=amount))
        for service_id, charge, currency, mode, name, amount in await queries.quarterly_credits(
            session, business_unit_id, names
        )
    ]
    rows = domain.rows(parts)
    services = await _names(session, {row.key.service_id for row in rows})
    return bodies.QuarterlyStatementRead(
        business_unit_id=business_unit_id,
        quarter=quarter_name,
        periods=names,
        first_day=periods[0].first_day,
        end_day=periods[-1].end_day,
        totals=[
            bodies.QuarterTotal(currency=currency, mode=BillingMode(mode), **_sums(sums))
            for (currency, mode), sums in domain.totals(rows).items()
        ],
        items=[
            bodies.QuarterRow(
                service_id=row.key.service_id,
                service=services.get(row.key.service_id),
                charge=row.key.charge,
                name=row.name,
                currency=row.key.currency,
                mode=BillingMode(row.key.mode),
                **_sums(row.sums),
            )
            for row in rows
        ],
        statements=await _statements(session, business_unit_id, names),
        credit_notes=await _credit_notes(session, business_unit_id, names),
    )


def _sums(sums: Sums) -> dict[str, object]:
    return {"charges": sums.charges, "adjustments": sums.adjustments, "credits": sums.credits, "net": sums.net}


async def _names(session: AsyncSession, ids: set[UUID]) -> dict[UUID, str]:
    query = select(KnownService.id, KnownService.name).where(KnownService.id.in_(ids))
    return {service_id: name for service_id, name in await session.execute(query)}


async def _statements(session: AsyncSession, business_unit_id: UUID, periods: list[str]) -> list[StatementSummary]:
    query = (
        select(Statement)
        .where(
            Statement.business_unit_id == business_unit_id,
            Statement.period.in_(periods),
            Statement.state != StatementState.DRAFT,
        )
        .order_by(Statement.period, Statement.sequence)
        .limit(MOST_DOCUMENTS)
    )
    return [StatementSummary.model_validate(statement) for statement in await session.scalars(query)]


async def _credit_notes(session: AsyncSession, business_unit_id: UUID, periods: list[str]) -> list[CreditNoteSummary]:
    query = (
        select(CreditNote)
        .where(CreditNote.business_unit_id == business_unit_id, CreditNote.period.in_(periods))
        .order_by(CreditNote.id)
        .limit(MOST_DOCUMENTS)
    )
    return [CreditNoteSummary.model_validate(note) for note in await session.scalars(query)]
