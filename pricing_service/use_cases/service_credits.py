"""Service credits: a missed commitment gives back of the period's recurring charges, by the offering's rule.

    the catalogue tells of a miss ─► kept ─► a job credits the period's issued statements, one a chunk
    a statement is issued ─────────────────► credited at once for what its period missed so far

So it does not matter which comes first. A subscription is credited once per commitment and statement.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import credit, service_credit
from pricing_service.domain.credit import CreditOrigin
from pricing_service.domain.periods import Period
from pricing_service.domain.service_credit import Band
from pricing_service.domain.statement import StatementState
from pricing_service.tables import (
    CommitmentMiss,
    ServiceCredit,
    ServiceCreditRule,
    Statement,
    StatementLine,
)
from pricing_service.use_cases import credit_notes
from pricing_service.use_cases.credit_notes import Why
from pricing_service.use_cases.statement_lines import lines_of, locked
from pricing_service.work import jobs
from services import context
from services.clock import utc_now
from services.errors import Invalid, StaleWrite
from services.http import plain
from services.ids import uuid7
from services.money import exact_total
from services.work import JobRun

ZERO = Decimal(0)
_ATTEMPTS = 3


class MissOfNothing(Invalid): ...


async def keep_miss(
    session: AsyncSession,
    *,
    service_id: UUID | None,
    offering_id: UUID | None,
    business_unit_id: UUID | None,
    subscription_ids: Sequence[UUID] | None,
    commitment: str,
    period_name: str,
    promised: Decimal,
    attained: Decimal,
    now: datetime,
) -> None:
    """Keep what was missed, once, and start crediting it. Raises MissOfNothing, PeriodUnreadable."""
    if service_id is None and offering_id is None:
        raise MissOfNothing("the event names neither a service nor an offering")
    period = (await queries.fiscal_calendar(session)).parse(period_name)
    ids = None if subscription_ids is None else sorted(map(str, subscription_ids))
    whose = (service_id, offering_id, business_unit_id, None if ids is None else ",".join(ids))
    fact = "|".join([commitment, period.name, *(str(part or "") for part in whose)])
    if await session.scalar(select(CommitmentMiss.id).where(CommitmentMiss.fact == fact)) is not None:
        return
    miss = CommitmentMiss(
        id=uuid7(),
        fact=fact,
        service_id=service_id,
        offering_id=offering_id,
        business_unit_id=business_unit_id,
        subscription_ids=ids,
        commitment=commitment,
        period=period.name,
        promised=promised,
        attained=attained,
        seen_at=now,
        correlation_id=context.current().correlation_id,
    )
    session.add(miss)
    await jobs.start(session, "service-credits", payload={"miss_id": str(miss.id)})


@jobs.handler("service-credits")
async def credit_miss(run: JobRun) -> dict[str, Any]:
    """The job: every issued statement of the period that a miss touches, one a chunk."""
    so_far: dict[str, Any] = run.checkpoint or {"last": None, "credit_notes": 0}
    while True:
        async with run.reading() as session:
            miss = await session.get_one(CommitmentMiss, UUID(run.payload["miss_id"]))
            after = None if so_far["last"] is None else UUID(so_far["last"])
            statement_id = await _next_touched(session, miss, after)
        if statement_id is None:
            return {"period": miss.period, "credit_notes": so_far["credit_notes"]}
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                async with run.chunk() as session:
                    made = await _credit_statement(session, statement_id, miss)
                    so_far = {"last": str(statement_id), "credit_notes": so_far["credit_notes"] + made}
                    run.advance(done=so_far["credit_notes"], checkpoint=so_far)
                break
            except StaleWrite:
                if attempt == _ATTEMPTS:
                    raise


async def _next_touched(session: AsyncSession, miss: CommitmentMiss, after: UUID | None) -> UUID | None:
    touched = select(StatementLine.statement_id).where(_touches(miss))
    query = select(Statement.id).where(Statement.state != StatementState.DRAFT, Statement.id.in_(touched))
    if after is not None:
        query = query.where(Statement.id > after)
    if miss.business_unit_id is not None:
        query = query.where(Statement.business_unit_id == miss.business_unit_id)
    found: UUID | None = await session.scalar(query.order_by(Statement.id).limit(1))
    return found


def _touches(miss: CommitmentMiss) -> Any:
    conditions = [StatementLine.service_period == miss.period]
    if miss.offering_id is not None:
        conditions.append(StatementLine.offering_id == miss.offering_id)
    else:
        conditions.append(StatementLine.service_id == miss.service_id)
    if miss.subscription_ids is not None:
        conditions.append(StatementLine.subscription_id.in_([UUID(each) for each in miss.subscription_ids]))
    return and_(*conditions)


async def _credit_statement(session: AsyncSession, statement_id: UUID, miss: CommitmentMiss) -> int:
    statement = await locked(session, statement_id)
    return await _credit(session, statement, await lines_of(session, statement_id), miss, now=utc_now())


async def credit_issued(
    session: AsyncSession, statement: Statement, lines: Sequence[StatementLine], *, now: datetime
) -> None:
    """What the periods that a statement bills have missed by now, when it is issued."""
    periods = {line.service_period for line in lines}
    unit = statement.business_unit_id
    whose = or_(CommitmentMiss.business_unit_id.is_(None), CommitmentMiss.business_unit_id == unit)
    misses = await session.scalars(
        select(CommitmentMiss).where(CommitmentMiss.period.in_(periods), whose).order_by(CommitmentMiss.id)
    )
    for miss in list(misses):
        await _credit(session, statement, lines, miss, now=now)


async def _credit(
    session: AsyncSession,
    statement: Statement,
    lines: Sequence[StatementLine],
    miss: CommitmentMiss,
    *,
    now: datetime,
) -> int:
    """Credit notes for the miss, one per subscription of the statement that it touches and has no credit yet."""
    period = (await queries.fiscal_calendar(session)).parse(miss.period)
    by_subscription: dict[UUID, list[StatementLine]] = {}
    for line in lines:
        if _is_touched(line, miss):
            by_subscription.setdefault(line.subscription_id, []).append(line)
    made = 0
    for subscription_id, recurring in by_subscription.items():
        key = (statement.id, subscription_id, miss.commitment, period.name)
        if await session.get(ServiceCredit, key) is not None:
            continue
        note_id, amount = await _credit_subscription(session, statement, recurring, period, miss, now=now)
        session.add(
            ServiceCredit(
                statement_id=statement.id,
                subscription_id=subscription_id,
                commitment=miss.commitment,
                period=period.name,
                miss_id=miss.id,
                credit_note_id=note_id,
                amount=amount,
            )
        )
        await session.flush()
        made += note_id is not None
    return made


def _is_touched(line: StatementLine, miss: CommitmentMiss) -> bool:
    """Recurring charges for the period itself, on whichever statement they stand."""
    return (
        service_credit.is_recurring(line.recurring)
        and line.service_period == miss.period
        and (line.offering_id == miss.offering_id if miss.offering_id else line.service_id == miss.service_id)
        and (miss.subscription_ids is None or str(line.subscription_id) in miss.subscription_ids)
    )


async def _credit_subscription(
    session: AsyncSession,
    statement: Statement,
    recurring: Sequence[StatementLine],
    period: Period,
    miss: CommitmentMiss,
    *,
    now: datetime,
) -> tuple[UUID | None, Decimal]:
    rule = await queries.dated_in_force(
        session,
        ServiceCreditRule,
        period,
        ServiceCreditRule.offering_id == recurring[0].offering_id,
        ServiceCreditRule.commitment == miss.commitment,
    )
    if rule is None:
        return None, ZERO
    reckoned = service_credit.reckon(
        bands_of(rule.bands),
        rule.cap_percent,
        promised=miss.promised,
        attained=miss.attained,
        recurring=exact_total([line.amount for line in recurring]),
        credited=await queries.service_credited(session, statement.id, recurring[0].subscription_id, period.name),
        currency=statement.currency,
    )
    left = await queries.creditable_by_line(session, recurring)
    wanted = credit.spread(reckoned.amount, left, statement.currency)
    if not wanted:
        return None, ZERO
    basis = {
        "commitment": miss.commitment,
        "promised": plain(miss.promised),
        "attained": plain(miss.attained),
        "shortfall": plain(reckoned.shortfall),
        "credit_percent": plain(reckoned.percent),
        "formula": reckoned.formula,
        "rule_id": str(rule.id),
        "miss_id": str(miss.id),
    }
    reason = f"{miss.commitment} of {period}: promised {miss.promised:f}, attained {miss.attained:f}"
    why = Why(CreditOrigin.SERVICE_CREDIT, reason, basis=basis, thread=miss.correlation_id)
    note = await credit_notes.issue(session, statement, wanted, why, now=now)
    return note.id, note.total_amount


def bands_of(documents: Sequence[Mapping[str, str]]) -> list[Band]:
    return [Band(Decimal(each["shortfall_from"]), Decimal(each["credit_percent"])) for each in documents]
