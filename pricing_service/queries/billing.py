"""Reads of what is dated by period, of what was credited, and of what is booked."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from pricing_service.domain.credit import creditable
from pricing_service.domain.periods import Period
from pricing_service.domain.statement import StatementState
from pricing_service.tables import (
    BillingProfile,
    CreditNote,
    CreditNoteLine,
    Journal,
    JournalLine,
    ServiceCredit,
    Statement,
    StatementLine,
)
from pricing_service.tables.billing import Dated
from services.db import exact_sum

D = TypeVar("D", bound=Dated)
ZERO = Decimal(0)


async def dated_in_force(session: AsyncSession, table: type[D], period: Period, *where: Any) -> D | None:
    """The row that counts in `period`: the newest that is effective by its first day."""
    query = select(table).where(table.effective_day <= period.first_day, *where).order_by(table.effective_day.desc())
    found: D | None = await session.scalar(query.limit(1))
    return found


async def billing_modes(session: AsyncSession, units: Sequence[UUID]) -> dict[UUID, list[tuple[date, str]]]:
    """From which day each unit is billed how, in the order of time."""
    query = (
        select(BillingProfile.business_unit_id, BillingProfile.effective_day, BillingProfile.mode)
        .where(BillingProfile.business_unit_id.in_(units))
        .order_by(BillingProfile.effective_day)
    )
    modes: dict[UUID, list[tuple[date, str]]] = {unit: [] for unit in units}
    for unit, since, mode in await session.execute(query):
        modes[unit].append((since, mode))
    return modes


async def billed_periods(session: AsyncSession, business_unit_id: UUID, *, closed_through: str | None) -> list[str]:
    """The service periods that statements of the unit bill: issued ones, and drafts of closed periods, which stand."""
    stands = Statement.state != StatementState.DRAFT
    query = (
        select(StatementLine.service_period)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id == business_unit_id,
            stands if closed_through is None else or_(stands, Statement.period <= closed_through),
        )
        .distinct()
    )
    return sorted(await session.scalars(query))


async def credited_by_line(session: AsyncSession, statement_id: UUID) -> dict[UUID, Decimal]:
    """What credit notes have given back of each line of a statement; reversals count against it."""
    query = (
        select(CreditNoteLine.statement_line_id, exact_sum(CreditNoteLine.amount))
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(CreditNote.statement_id == statement_id)
        .group_by(CreditNoteLine.statement_line_id)
    )
    return {line: amount for line, amount in await session.execute(query)}


async def creditable_by_line(session: AsyncSession, lines: Sequence[StatementLine]) -> dict[UUID, Decimal]:
    """What of each line can still be given back: see `credit.creditable`."""
    ids = [line.id for line in lines]
    other = aliased(StatementLine)
    same_charge = and_(
        other.subscription_id == StatementLine.subscription_id,
        other.charge == StatementLine.charge,
        other.kind == StatementLine.kind,
        other.split_start == StatementLine.split_start,
        other.service_period == StatementLine.service_period,
    )
    charged = (
        select(StatementLine.id, exact_sum(other.amount))
        .join(other, same_charge)
        .join(Statement, Statement.id == other.statement_id)
        .where(StatementLine.id.in_(ids), Statement.state != StatementState.DRAFT)
        .group_by(StatementLine.id)
    )
    given_back = (
        select(StatementLine.id, exact_sum(CreditNoteLine.amount))
        .join(other, same_charge)
        .join(CreditNoteLine, CreditNoteLine.statement_line_id == other.id)
        .where(StatementLine.id.in_(ids))
        .group_by(StatementLine.id)
    )
    own = (
        select(CreditNoteLine.statement_line_id, exact_sum(CreditNoteLine.amount))
        .where(CreditNoteLine.statement_line_id.in_(ids))
        .group_by(CreditNoteLine.statement_line_id)
    )
    total, of_charge, of_line = [
        {line: amount for line, amount in await session.execute(query)} for query in (charged, given_back, own)
    ]
    return {
        line.id: creditable(
            line.amount,
            of_line.get(line.id, ZERO),
            charged=total.get(line.id, ZERO),
            given_back=of_charge.get(line.id, ZERO),
        )
        for line in lines
    }


async def service_credited(session: AsyncSession, statement_id: UUID, subscription_id: UUID, period: str) -> Decimal:
    """What service credits for a period have given back of a subscription on a statement, and was not reversed."""
    reversed_notes = select(CreditNote.reverses_id).where(CreditNote.reverses_id.is_not(None))
    total = await session.scalar(
        select(exact_sum(ServiceCredit.amount)).where(
            ServiceCredit.statement_id == statement_id,
            ServiceCredit.subscription_id == subscription_id,
            ServiceCredit.period == period,
            ServiceCredit.credit_note_id.not_in(reversed_notes),
        )
    )
    return total or ZERO


async def net_by_service(session: AsyncSession, statement_id: UUID) -> dict[UUID, Decimal]:
    query = (
        select(StatementLine.service_id, exact_sum(StatementLine.amount))
        .where(StatementLine.statement_id == statement_id)
        .group_by(StatementLine.service_id)
        .order_by(StatementLine.service_id)
    )
    return {service: amount for service, amount in await session.execute(query)}


async def credit_net_by_service(session: AsyncSession, credit_note_id: UUID) -> dict[UUID, Decimal]:
    query = (
        select(CreditNoteLine.service_id, exact_sum(CreditNoteLine.amount))
        .where(CreditNoteLine.credit_note_id == credit_note_id)
        .group_by(CreditNoteLine.service_id)
        .order_by(CreditNoteLine.service_id)
    )
    return {service: amount.copy_negate() for service, amount in await session.execute(query)}


async def unbooked_credit_notes(session: AsyncSession, statement_id: UUID) -> list[CreditNote]:
    booked = select(Journal.credit_note_id).where(
        Journal.statement_id == statement_id, Journal.credit_note_id.is_not(None)
    )
    query = select(CreditNote).where(CreditNote.statement_id == statement_id, CreditNote.id.not_in(booked))
    return list(await session.scalars(query.order_by(CreditNote.id)))


async def journal_of_statement(session: AsyncSession, statement_id: UUID) -> Journal | None:
    found: Journal | None = await session.scalar(
        select(Journal).where(Journal.statement_id == statement_id, Journal.credit_note_id.is_(None))
    )
    return found


async def booked_credit_net(session: AsyncSession, statement_id: UUID) -> Decimal:
    """The net that credit notes of the statement have booked so far (0 or less)."""
    total = await session.scalar(
        select(exact_sum(Journal.net_amount)).where(
            Journal.statement_id == statement_id, Journal.credit_note_id.is_not(None)
        )
    )
    return total or ZERO


async def journal_lines(session: AsyncSession, journal_ids: Sequence[UUID]) -> dict[UUID, list[JournalLine]]:
    query = (
        select(JournalLine)
        .where(JournalLine.journal_id.in_(journal_ids))
        .order_by(JournalLine.journal_id, JournalLine.position)
    )
    lines: dict[UUID, list[JournalLine]] = {journal_id: [] for journal_id in journal_ids}
    for line in await session.scalars(query):
        lines[line.journal_id].append(line)
    return lines


async def next_draft(session: AsyncSession, period: str, after: UUID | None) -> UUID | None:
    """The period's draft statements one by one, in the order of their ids."""
    query = select(Statement.id).where(Statement.period == period, Statement.state == StatementState.DRAFT)
    if after is not None:
        query = query.where(Statement.id > after)
    found: UUID | None = await session.scalar(query.order_by(Statement.id).limit(1))
    return found


# What a charge is called: a credit for a line that is no longer rated has a name of its own, which says less.
_NAME = func.coalesce(
    func.max(case((StatementLine.model != "credit", StatementLine.name))), func.max(StatementLine.name)
)


async def charges_of(session: AsyncSession, statement: Statement) -> list[Any]:
    """(service, charge, adjusted period, amount, lines, name) of a statement."""
    keys = [StatementLine.service_id, StatementLine.charge, StatementLine.adjusts_period]
    query = (
        select(*keys, exact_sum(StatementLine.amount), func.count(), _NAME)
        .where(StatementLine.statement_id == statement.id)
        .group_by(*keys)
        .order_by(*keys)
    )
    return list(await session.execute(query))


async def quarterly_charges(session: AsyncSession, business_unit_id: UUID, periods: Sequence[str]) -> list[Any]:
    """(service, charge, name, currency, mode, adjusts, amount) of what is issued in `periods`."""
    keys = [
        StatementLine.service_id,
        StatementLine.charge,
        StatementLine.adjusts_period,
        Statement.currency,
        Statement.mode,
    ]
    query = (
        select(*keys, _NAME, exact_sum(StatementLine.amount))
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id == business_unit_id,
            Statement.period.in_(periods),
            Statement.state != StatementState.DRAFT,
        )
        .group_by(*keys)
        .order_by(*keys)
    )
    return list(await session.execute(query))


async def quarterly_credits(session: AsyncSession, business_unit_id: UUID, periods: Sequence[str]) -> list[Any]:
    """(service, charge, currency, mode, name, amount) of the credit notes that are booked in `periods`."""
    keys = [CreditNoteLine.service_id, CreditNoteLine.charge, CreditNote.currency, CreditNote.mode]
    query = (
        select(*keys, func.max(CreditNoteLine.name), exact_sum(CreditNoteLine.amount))
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(CreditNote.business_unit_id == business_unit_id, CreditNote.period.in_(periods))
        .group_by(*keys)
        .order_by(*keys)
    )
    return list(await session.execute(query))
