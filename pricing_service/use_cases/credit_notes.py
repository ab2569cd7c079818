"""Credit notes: what is given back of a statement's lines; each stands for good, and restores the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import credit as domain
from pricing_service.domain.credit import CreditOrigin
from pricing_service.domain.statement import BillingMode, StatementState
from pricing_service.events import CreditNoteIssued, CreditNoteLineData
from pricing_service.schemas import credits as bodies
from pricing_service.tables import CreditNote, CreditNoteLine, Statement, StatementLine
from pricing_service.use_cases import budget_spending, journals, late_usage
from pricing_service.use_cases.numbering import CREDIT_NOTE, next_number
from pricing_service.use_cases.periods import require_open
from pricing_service.use_cases.statement_lines import locked
from services import context
from services.errors import Fault, NotFound
from services.events import current_thread, record
from services.http import MoneyModel
from services.identity import Units
from services.ids import uuid7
from services.money import EXACT, Money, exact_total

_BOOKED = frozenset({StatementState.POSTED, StatementState.SETTLED})


@dataclass(frozen=True, slots=True)
class Why:
    """What led to a credit note."""

    origin: CreditOrigin
    reason: str
    dispute_id: UUID | None = None
    reverses_id: UUID | None = None
    basis: dict[str, Any] | None = None
    thread: str | None = None


async def issue(
    session: AsyncSession,
    statement: Statement,
    wanted: Mapping[UUID, Decimal],
    why: Why,
    *,
    now: datetime,
    pointers: Mapping[UUID, str] | None = None,
) -> CreditNote:
    """Give `wanted` back, per line of the statement, which the caller holds locked.

    Raises StatementNotCreditable, CreditNotPossible, CreditExceedsLine, NotFound for a line of another statement.
    """
    domain.check_statement(StatementState(statement.state))
    lines = await _lines(session, statement, wanted, pointers)
    left = await queries.creditable_by_line(session, lines)
    domain.check_credits(wanted, left, statement.currency, pointers=pointers or dict.fromkeys(wanted, "/lines"))
    return await _issue(session, statement, lines, wanted, why, now=now)


async def issue_manually(session: AsyncSession, body: bodies.CreditNoteCreate, *, now: datetime) -> CreditNote:
    """As finance says. Raises what `issue` raises, and CreditNotPossible where a line is named twice."""
    statement = await locked(session, body.statement_id)
    wanted: dict[UUID, Decimal] = {}
    pointers: dict[UUID, str] = {}
    for index, line in enumerate(body.lines):
        if line.line_id in wanted:
            fault = Fault(f"/lines/{index}/line_id", "stands there already")
            raise domain.CreditNotPossible(f"line {line.line_id} is named twice", faults=[fault])
        wanted[line.line_id] = line.amount
        pointers[line.line_id] = f"/lines/{index}/amount"
    return await issue(session, statement, wanted, Why(CreditOrigin.MANUAL, body.reason), now=now, pointers=pointers)


async def reverse(session: AsyncSession, note: CreditNote, reason: str, *, now: datetime) -> CreditNote:
    """Take a credit note back, by one of its own with the amounts below zero. Raises CreditNoteNotReversible."""
    statement = await locked(session, note.statement_id)
    reversed_already = await session.scalar(select(CreditNote.id).where(CreditNote.reverses_id == note.id))
    domain.check_reversal(CreditOrigin(note.origin), reversed_already=reversed_already is not None)
    wanted = {line.statement_line_id: line.amount.copy_negate() for line in await note_lines(session, note.id)}
    lines = await _lines(session, statement, wanted, None)
    why = Why(CreditOrigin.REVERSAL, reason, reverses_id=note.id, thread=note.correlation_id)
    reversal = await _issue(session, statement, lines, wanted, why, now=now)
    await late_usage.note_credited(session, [(line.service_period, line.subscription_id) for line in lines])
    return reversal


async def _lines(
    session: AsyncSession,
    statement: Statement,
    wanted: Mapping[UUID, Decimal],
    pointers: Mapping[UUID, str] | None,
) -> list[StatementLine]:
    query = (
        select(StatementLine)
        .where(StatementLine.statement_id == statement.id, StatementLine.id.in_(wanted))
        .order_by(StatementLine.position)
    )
    lines = list(await session.scalars(query))
    strangers = set(wanted) - {line.id for line in lines}
    if strangers:
        faults = [Fault((pointers or {}).get(line, "/lines"), "is no line of the statement") for line in strangers]
        raise NotFound(f"statement {statement.id} has no line {min(strangers)}", faults=faults)
    return lines


async def _issue(
    session: AsyncSession,
    statement: Statement,
    lines: Sequence[StatementLine],
    amounts: Mapping[UUID, Decimal],
    why: Why,
    *,
    now: datetime,
) -> CreditNote:
    calendar = await queries.fiscal_calendar(session)
    period = await queries.earliest_open(session, calendar, calendar.parse(statement.period))
    await require_open(session, period)
    total = exact_total([amounts[line.id] for line in lines])
    note_id, thread = uuid7(), why.thread or current_thread()
    mode = BillingMode(statement.mode or BillingMode.CHARGEBACK)
    credit_lines = [
        CreditNoteLine(
            id=uuid7(),
            credit_note_id=note_id,
            position=position,
            statement_line_id=line.id,
            subscription_id=line.subscription_id,
            offering_id=line.offering_id,
            service_id=line.service_id,
            demand_id=line.demand_id,
            charge=line.charge,
            name=line.name,
            amount=amounts[line.id],
            currency=line.currency,
        )
        for position, line in enumerate(lines, 1)
    ]
    if mode is BillingMode.CHARGEBACK:
        await budget_spending.credit(
            session,
            statement,
            [(line, amounts[line.id]) for line in lines],
            thread=thread,
            credit_note_id=note_id,
        )
    note = CreditNote(
        id=note_id,
        correlation_id=thread,
        # After the budget's lock, as where a statement is issued and credited at once: no two wait for each other.
        number=await next_number(session, CREDIT_NOTE, now=now),
        business_unit_id=statement.business_unit_id,
        statement_id=statement.id,
        origin=why.origin,
        mode=mode,
        period=period.name,
        credits_period=statement.period,
        currency=statement.currency,
        total_amount=Money(total, statement.currency).rounded().amount,
        reason=why.reason,
        issued_by=context.current().actor_id,
        issued_at=now,
        dispute_id=why.dispute_id,
        reverses_id=why.reverses_id,
        basis=why.basis,
    )
    session.add(note)
    session.add_all(credit_lines)
    statement.credited_amount = EXACT.add(statement.credited_amount, total)
    record(session, note, _event(note, credit_lines))
    await session.flush()
    if statement.state in _BOOKED:
        await journals.book_credit_note(session, statement, note, now=now)
    return note


def _event(note: CreditNote, lines: Sequence[CreditNoteLine]) -> CreditNoteIssued:
    return CreditNoteIssued(
        id=note.id,
        number=note.number,
        business_unit_id=note.business_unit_id,
        statement_id=note.statement_id,
        origin=note.origin,
        mode=note.mode,
        period=note.period,
        credits_period=note.credits_period,
        total=MoneyModel.of(note.total),
        dispute_id=note.dispute_id,
        reverses_id=note.reverses_id,
        lines=[CreditNoteLineData.model_validate(line) for line in lines],
    )


async def note_in_sight(session: AsyncSession, note_id: UUID, units: Units) -> CreditNote:
    note = await session.get(CreditNote, note_id)
    if note is None:
        raise NotFound(f"no credit note {note_id}")
    units.require(note.business_unit_id)
    return note


async def note_lines(session: AsyncSession, note_id: UUID) -> list[CreditNoteLine]:
    query = select(CreditNoteLine).where(CreditNoteLine.credit_note_id == note_id).order_by(CreditNoteLine.position)
    return list(await session.scalars(query))


async def read_note(session: AsyncSession, note: CreditNote) -> bodies.CreditNoteRead:
    return bodies.CreditNoteRead(
        **bodies.CreditNoteSummary.model_validate(note).model_dump(),
        lines=[bodies.CreditNoteLineRead.model_validate(line) for line in await note_lines(session, note.id)],
    )
