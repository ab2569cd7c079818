"""Beside the amounts: what drove the change since the last period."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import changes as domain
from pricing_service.domain.changes import Charged, ChargeKey
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import Recurrence
from pricing_service.domain.prices.charge import to_places
from pricing_service.domain.prices.line import LineKind
from pricing_service.domain.statement import StatementState
from pricing_service.schemas import insights as bodies
from pricing_service.tables import CreditNote, CreditNoteLine, Statement, StatementLine
from services.money import EXACT, exact_total, exponent

ZERO = Decimal(0)


async def read_changes(session: AsyncSession, statement: Statement) -> bodies.ChangesRead:
    """The business unit's period so far, this statement included, against the period before."""
    calendar = await queries.fiscal_calendar(session)
    period = calendar.parse(statement.period)
    previous = calendar.previous(period)
    after = await _charged(session, statement, period.name)
    before = await _charged(session, statement, previous.name)
    found = domain.changes(before, after, places=exponent(statement.currency))
    offerings = await _offerings(session, statement.business_unit_id, {change.key for change in found})
    return bodies.ChangesRead(
        period=period.name,
        compared_with=previous.name,
        currency=statement.currency,
        before=domain.total(before),
        after=domain.total(after),
        difference=EXACT.subtract(domain.total(after), domain.total(before)),
        items=[
            bodies.ChangeRead(
                subscription_id=change.key.subscription_id,
                charge=change.key.charge,
                offering_id=offerings.get(change.key),
                driver=change.driver,
                amount=change.amount,
            )
            for change in found
        ],
    )


async def _charged(session: AsyncSession, statement: Statement, period: str) -> dict[ChargeKey, Charged]:
    """By charge, what issued statements of a period hold (and `statement` itself), and what was credited in it."""
    calendar = await queries.fiscal_calendar(session)
    lines = await session.execute(
        select(StatementLine, Statement.period)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id == statement.business_unit_id,
            Statement.period == period,
            Statement.currency == statement.currency,
            (Statement.state != StatementState.DRAFT) | (Statement.id == statement.id),
        )
    )
    sums: dict[ChargeKey, list[list[Decimal]]] = {}
    for line, of_period in lines:
        amounts, quantities, adjustments, _ = sums.setdefault(_key(line), [[], [], [], []])
        if line.adjusts_period is not None or line.service_period < of_period:
            adjustments.append(line.amount)
        else:
            amounts.append(line.amount)
            if line.kind == LineKind.CHARGE:
                quantities.append(_in_periods(line, calendar.parse(line.service_period)))
    credits = await session.scalars(
        select(CreditNoteLine)
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(
            CreditNote.business_unit_id == statement.business_unit_id,
            CreditNote.period == period,
            CreditNote.currency == statement.currency,
        )
    )
    for credit in credits:
        sums.setdefault(_key(credit), [[], [], [], []])[3].append(credit.amount.copy_negate())
    return {key: Charged(*(exact_total(part) for part in parts)) for key, parts in sums.items()}


def _in_periods(line: StatementLine, period: Period) -> Decimal:
    """The quantity; of a fee that is due for a part of the period, that part of it."""
    if line.meter is not None or line.recurring == Recurrence.ONE_OFF or line.split_end is None:
        return line.quantity
    days = (line.split_end - line.split_start).days
    return to_places(Fraction(line.quantity) * days / period.days, 12)


def _key(line: StatementLine | CreditNoteLine) -> ChargeKey:
    return ChargeKey(line.subscription_id, line.charge.partition("/")[0])


async def _offerings(session: AsyncSession, unit: UUID, keys: set[ChargeKey]) -> Mapping[ChargeKey, UUID]:
    """The offering that each charge was of, the newest statement's where it changed."""
    wanted = {key.subscription_id for key in keys}
    lines = await session.scalars(
        select(StatementLine)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(Statement.business_unit_id == unit, StatementLine.subscription_id.in_(wanted))
        .order_by(Statement.period, Statement.sequence)
    )
    return {_key(line): line.offering_id for line in lines}
