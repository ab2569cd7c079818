"""Why a statement, a credit note, a dispute or a journal line is what it is: parts that add up to its amount."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import journal as ledger
from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.domain.journal import Purpose, Side
from pricing_service.schemas import credits as bodies
from pricing_service.schemas.credits import ExplainedPart
from pricing_service.schemas.journals import JournalLineExplanation
from pricing_service.schemas.statements import StatementExplanation
from pricing_service.tables import (
    CreditNote,
    CreditNoteLine,
    Dispute,
    Journal,
    JournalLine,
    Statement,
    StatementLine,
)
from pricing_service.use_cases.journals import read_accounts
from pricing_service.use_cases.statements import life
from services.http import MoneyModel
from services.money import EXACT, Money


async def explain_statement(session: AsyncSession, statement: Statement) -> StatementExplanation:
    parts = [
        ExplainedPart(
            text=name if adjusted is None else f"{name}, adjusting {adjusted}",
            amount=amount,
            service_id=service_id,
            charge=charge,
            lines=count,
        )
        for service_id, charge, adjusted, amount, count, name in await queries.charges_of(session, statement)
    ]
    notes = await session.scalars(
        select(CreditNote).where(CreditNote.statement_id == statement.id).order_by(CreditNote.id)
    )
    return StatementExplanation(
        statement_id=statement.id,
        amount=MoneyModel.of(statement.total),
        parts=parts,
        credits=[
            ExplainedPart(
                text=f"{note.number} ({note.origin})", amount=note.total_amount.copy_negate(), credit_note_id=note.id
            )
            for note in notes
        ],
        owed=None if statement.owed is None else MoneyModel.of(statement.owed),
        journal_ids=await _journals(session, Journal.statement_id == statement.id),
        life=await life(session, statement.id),
    )


async def explain_credit_note(session: AsyncSession, note: CreditNote) -> bodies.CreditNoteExplanation:
    statement = await session.get_one(Statement, note.statement_id)
    lines = await session.scalars(
        select(CreditNoteLine).where(CreditNoteLine.credit_note_id == note.id).order_by(CreditNoteLine.position)
    )
    return bodies.CreditNoteExplanation(
        credit_note_id=note.id,
        number=note.number,
        amount=MoneyModel.of(note.total),
        parts=[
            ExplainedPart(
                text=f"of {line.name}",
                amount=line.amount,
                statement_id=note.statement_id,
                line_id=line.statement_line_id,
                service_id=line.service_id,
                charge=line.charge,
            )
            for line in lines
        ],
        origin=CreditOrigin(note.origin),
        reason=note.reason,
        basis=note.basis,
        dispute_id=note.dispute_id,
        reverses_id=note.reverses_id,
        reversed_by_id=await session.scalar(select(CreditNote.id).where(CreditNote.reverses_id == note.id)),
        journal_ids=await _journals(session, Journal.credit_note_id == note.id),
        statement_owed=None if statement.owed is None else MoneyModel.of(statement.owed),
    )


def explain_dispute(dispute: Dispute) -> bodies.DisputeExplanation:
    if dispute.awarded_amount is None:
        parts = [ExplainedPart(text="not decided yet", amount=dispute.claimed_amount)]
    else:
        refused = EXACT.subtract(dispute.claimed_amount, dispute.awarded_amount)
        parts = [
            ExplainedPart(text="credited", amount=dispute.awarded_amount, credit_note_id=dispute.credit_note_id),
            ExplainedPart(text="not credited", amount=refused),
        ]
    return bodies.DisputeExplanation(
        dispute_id=dispute.id,
        amount=MoneyModel.of(dispute.claimed),
        parts=[part.model_copy(update={"line_id": dispute.line_id, "charge": dispute.charge}) for part in parts],
        state=DisputeState(dispute.state),
        line_amount=dispute.line_amount,
        line_explanation=f"/v1/statements/{dispute.statement_id}/lines/{dispute.line_id}/explanation",
        reason=dispute.reason,
        resolution=dispute.resolution,
        credit_note_id=dispute.credit_note_id,
    )


async def explain_journal_line(session: AsyncSession, journal: Journal, line: JournalLine) -> JournalLineExplanation:
    """In the direction of its side: a journal of a credit note turns what the note says around."""
    purpose, side = Purpose(line.purpose), Side(line.side)
    # A debit of what a statement charges is positive; on the other side of the same purpose the sign turns.
    turned = side is not ledger.NORMAL_SIDE[purpose]
    if purpose in (Purpose.CHARGE, Purpose.RECOVERY):
        parts = await _sources(session, journal, line.service_id)
        formula = "the service's lines"
    elif purpose in (Purpose.RECEIVABLE, Purpose.PAYABLE):
        parts = [
            *await _net_parts(session, journal),
            *([ExplainedPart(text="tax", amount=journal.tax_amount)] if journal.tax_amount else []),
        ]
        formula = f"{journal.net_amount:f} net + {journal.tax_amount:f} tax"
    else:
        parts, formula = _tax_parts(journal)
    if turned:
        parts = [part.model_copy(update={"amount": part.amount.copy_negate()}) for part in parts]
    return JournalLineExplanation(
        journal_id=journal.id,
        line_id=line.id,
        amount=MoneyModel.of(Money(line.amount, line.currency)),
        side=side,
        purpose=purpose,
        formula=formula,
        parts=parts,
        sources=journal.accounts["sources"],
    )


async def _sources(session: AsyncSession, journal: Journal, service_id: UUID | None) -> list[ExplainedPart]:
    """The lines of the statement, or of the credit note (below zero), that a service has in the journal."""
    if journal.credit_note_id is None:
        lines = await session.scalars(
            select(StatementLine)
            .where(StatementLine.statement_id == journal.statement_id, StatementLine.service_id == service_id)
            .order_by(StatementLine.position)
        )
        return [
            ExplainedPart(
                text=line.name,
                amount=line.amount,
                statement_id=journal.statement_id,
                line_id=line.id,
                service_id=service_id,
                charge=line.charge,
            )
            for line in lines
        ]
    credits = await session.scalars(
        select(CreditNoteLine)
        .where(CreditNoteLine.credit_note_id == journal.credit_note_id, CreditNoteLine.service_id == service_id)
        .order_by(CreditNoteLine.position)
    )
    return [
        ExplainedPart(
            text=f"credit of {credit.name}",
            amount=credit.amount.copy_negate(),
            statement_id=journal.statement_id,
            line_id=credit.statement_line_id,
            credit_note_id=journal.credit_note_id,
            service_id=service_id,
            charge=credit.charge,
        )
        for credit in credits
    ]


async def _net_parts(session: AsyncSession, journal: Journal) -> list[ExplainedPart]:
    if journal.credit_note_id is None:
        net = await queries.net_by_service(session, journal.statement_id)
    else:
        net = await queries.credit_net_by_service(session, journal.credit_note_id)
    return [ExplainedPart(text="net of the service", amount=amount, service_id=key) for key, amount in net.items()]


def _tax_parts(journal: Journal) -> tuple[list[ExplainedPart], str]:
    """The exact tax, and what rounding adds: over all that is credited by then, so that parts of it lose nothing."""
    between = read_accounts(journal.accounts).intercompany
    assert between is not None
    assert between.tax is not None
    rate = between.tax.rate
    exact = ledger.exact_tax(journal.net_amount, rate)
    formula = f"{journal.net_amount:f} × {rate:f} % = {exact:f} ≈ {journal.tax_amount:f} {journal.currency}"
    if journal.taxed_before:
        formula += f", rounded together with the {journal.taxed_before:f} that was credited before"
    rounding = EXACT.subtract(journal.tax_amount, exact)
    parts = [ExplainedPart(text=f"{journal.net_amount:f} × {rate:f} %", amount=exact)]
    if rounding:
        parts.append(ExplainedPart(text="rounding", amount=rounding))
    return parts, formula


async def _journals(session: AsyncSession, condition: object) -> list[UUID]:
    return list(await session.scalars(select(Journal.id).where(condition).order_by(Journal.id)))  # type: ignore[arg-type]
