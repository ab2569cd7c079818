"""Disputes: a business unit contests a line where it stands; what finance upholds is credited at once."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import credit as domain
from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.domain.statement import StatementAction
from pricing_service.events import DisputeOpened, DisputeResolved
from pricing_service.tables import Dispute
from pricing_service.use_cases import credit_notes
from pricing_service.use_cases.credit_notes import Why
from pricing_service.use_cases.statement_life import mode_of, take
from pricing_service.use_cases.statement_lines import line_of, locked, statement_in_sight
from services import context
from services.errors import NotFound
from services.events import record
from services.http import check_version
from services.identity import Units
from services.money import Money


async def open_dispute(
    session: AsyncSession,
    statement_id: UUID,
    line_id: UUID,
    *,
    claimed: Money,
    reason: str,
    units: Units,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Dispute:
    """Contest a line of an issued chargeback; its statement is disputed from now on.

    Raises StatementNotDisputable, LineAlreadyDisputed, ClaimNotPossible.
    """
    await statement_in_sight(session, statement_id, units)
    statement = await locked(session, statement_id)
    check_version(statement, if_match)
    line = await line_of(session, statement, line_id)
    await take(session, statement, StatementAction.DISPUTE, mode=mode_of(statement), now=now)
    domain.check_claim(
        claimed.amount,
        claimed.currency,
        line.currency,
        left=(await queries.creditable_by_line(session, [line]))[line.id],
        disputed=await _open_disputes(session, statement_id, line_id=line_id),
    )
    dispute = Dispute(
        business_unit_id=statement.business_unit_id,
        statement_id=statement.id,
        line_id=line.id,
        period=statement.period,
        subscription_id=line.subscription_id,
        offering_id=line.offering_id,
        service_id=line.service_id,
        charge=line.charge,
        state=DisputeState.OPEN,
        currency=line.currency,
        line_amount=line.amount,
        claimed_amount=claimed.amount,
        reason=reason,
        opened_by=context.current().actor_id,
        opened_at=now,
    )
    session.add(dispute)
    record(session, dispute, DisputeOpened)
    return dispute


async def resolve_dispute(
    session: AsyncSession,
    dispute_id: UUID,
    outcome: Literal["rejected", "upheld"],
    *,
    amount: Money | None,
    reason: str,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Dispute:
    """Reject it, or uphold it in full or in part, which issues the credit note.

    With its last open dispute the statement is issued again. Raises DisputeNotOpen, AwardNotPossible.
    """
    found = await session.get(Dispute, dispute_id)
    if found is None:
        raise NotFound(f"no dispute {dispute_id}")
    statement = await locked(session, found.statement_id)
    dispute = await session.get_one(Dispute, dispute_id, populate_existing=True, with_for_update=True)
    check_version(dispute, if_match)
    state = DisputeState(outcome)
    awarded = domain.resolve(
        DisputeState(dispute.state),
        state,
        claimed=dispute.claimed_amount,
        amount=None if amount is None else amount.amount,
        award_currency=dispute.currency if amount is None else amount.currency,
        currency=dispute.currency,
    )
    dispute.state = state
    dispute.awarded_amount = awarded
    dispute.resolution = reason
    dispute.resolved_by = context.current().actor_id
    dispute.resolved_at = now
    if awarded:
        why = Why(CreditOrigin.DISPUTE, reason, dispute_id=dispute.id, thread=dispute.correlation_id)
        wanted = {dispute.line_id: awarded}
        note = await credit_notes.issue(session, statement, wanted, why, now=now, pointers={dispute.line_id: "/amount"})
        dispute.credit_note_id = note.id
    record(session, dispute, DisputeResolved)
    await session.flush()
    if not await _open_disputes(session, statement.id):
        await take(session, statement, StatementAction.RESOLVE, mode=mode_of(statement), now=now)
    return dispute


async def _open_disputes(session: AsyncSession, statement_id: UUID, *, line_id: UUID | None = None) -> bool:
    query = select(Dispute.id).where(Dispute.statement_id == statement_id, Dispute.state == DisputeState.OPEN)
    if line_id is not None:
        query = query.where(Dispute.line_id == line_id)
    return await session.scalar(query.limit(1)) is not None


async def dispute_in_sight(session: AsyncSession, dispute_id: UUID, units: Units) -> Dispute:
    dispute = await session.get(Dispute, dispute_id)
    if dispute is None:
        raise NotFound(f"no dispute {dispute_id}")
    units.require(dispute.business_unit_id)
    return dispute
