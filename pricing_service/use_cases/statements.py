"""Statements: issued once, and explained line by line down to usage, plan, allocation and ledger rows."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.domain.statement import NEXT, BillingMode, StatementAction, StatementState
from pricing_service.schemas import statements as bodies
from pricing_service.schemas.credits import DisputeRead
from pricing_service.schemas.prices import PartRead
from pricing_service.tables import (
    CreditNote,
    CreditNoteLine,
    Dispute,
    PricePlan,
    ServiceCost,
    Statement,
    StatementLine,
    StatementStep,
)
from pricing_service.use_cases import allocated_rows
from pricing_service.use_cases.line_usage import first_usage
from pricing_service.use_cases.statement_lines import line_of, lines_of, statement_in_sight
from services.http import MoneyModel
from services.identity import Units
from services.money import EXACT, Money, exact_total

SHOWN_USAGE = 100
ZERO = Decimal(0)


async def read_statement(session: AsyncSession, statement: Statement) -> bodies.StatementRead:
    credited = await queries.credited_by_line(session, statement.id)
    disputed = await _disputed(session, statement)
    return bodies.StatementRead(
        **bodies.StatementSummary.model_validate(statement).model_dump(),
        lines=[
            bodies.StatementLineRead.model_validate(line).model_copy(
                update={
                    "credited": credited.get(line.id, ZERO),
                    "disputed": line.id in disputed,
                }
            )
            for line in await lines_of(session, statement.id)
        ],
        life=await life(session, statement.id),
    )


async def life(session: AsyncSession, statement_id: UUID) -> list[bodies.StatementStepRead]:
    steps = select(StatementStep).where(StatementStep.statement_id == statement_id).order_by(StatementStep.number)
    return [bodies.StatementStepRead.model_validate(step) for step in await session.scalars(steps)]


async def _disputed(session: AsyncSession, statement: Statement) -> set[UUID]:
    if statement.state != StatementState.DISPUTED:
        return set()
    lines = select(Dispute.line_id).where(Dispute.statement_id == statement.id, Dispute.state == DisputeState.OPEN)
    return set(await session.scalars(lines))


async def explain_line(session: AsyncSession, statement_id: UUID, line_id: UUID, *, units: Units) -> bodies.Explanation:
    """Everything that stands behind a line's amount."""
    statement = await statement_in_sight(session, statement_id, units)
    line = await line_of(session, statement, line_id)
    disputes = await _disputes(session, line)
    credits = await _credits(session, line)
    credited = exact_total([each.amount for each in credits])
    events, usage = await first_usage(session, line, SHOWN_USAGE)
    cost = await _cost(session, line)
    pools = await _pools(session, cost)
    return bodies.Explanation(
        line_id=line.id,
        amount=MoneyModel.of(Money(line.amount, line.currency)),
        formula=line.formula,
        parts=[PartRead.model_validate(part) for part in line.parts],
        split_start=line.split_start,
        usage_events=events,
        usage=usage,
        usage_href=f"/v1/statements/{statement.id}/lines/{line.id}/usage" if events else None,
        price_plan=await _plan(session, line),
        allocation_run_id=line.allocation_run_id,
        service_cost=None if cost is None else MoneyModel.of(cost.cost),
        unit_cost=None if cost is None else cost.unit_cost,
        pools=pools,
        ledger_rows=sum(pool.cost_rows for pool in pools),
        ledger_total=None
        if cost is None
        else MoneyModel.of(Money(exact_total([pool.amount for pool in pools]), cost.currency)),
        adjusts_period=line.adjusts_period,
        disputes=disputes,
        credits=credits,
        remaining=MoneyModel.of(Money(EXACT.subtract(line.amount, credited), line.currency)),
        can_be_disputed=_claimable(
            statement, line, disputes, (await queries.creditable_by_line(session, [line]))[line.id]
        ),
    )


async def _disputes(session: AsyncSession, line: StatementLine) -> list[DisputeRead]:
    found = await session.scalars(select(Dispute).where(Dispute.line_id == line.id).order_by(Dispute.id))
    return [DisputeRead.model_validate(dispute) for dispute in found]


async def _credits(session: AsyncSession, line: StatementLine) -> list[bodies.CreditNoteLineBehind]:
    query = (
        select(CreditNote, CreditNoteLine.amount)
        .join(CreditNoteLine, CreditNoteLine.credit_note_id == CreditNote.id)
        .where(CreditNoteLine.statement_line_id == line.id)
        .order_by(CreditNote.id)
    )
    return [
        bodies.CreditNoteLineBehind(
            credit_note_id=note.id,
            number=note.number,
            amount=amount,
            origin=CreditOrigin(note.origin),
            period=note.period,
            issued_at=note.issued_at,
        )
        for note, amount in await session.execute(query)
    ]


def _claimable(
    statement: Statement, line: StatementLine, disputes: Sequence[DisputeRead], left: Decimal
) -> MoneyModel | None:
    mode = None if statement.mode is None else BillingMode(statement.mode)
    if mode is None or (StatementState(statement.state), StatementAction.DISPUTE) not in NEXT[mode]:
        return None
    if not left or any(dispute.state is DisputeState.OPEN for dispute in disputes):
        return None
    return MoneyModel.of(Money(left, line.currency))


async def _plan(session: AsyncSession, line: StatementLine) -> bodies.PlanBehind | None:
    if line.price_plan_id is None:
        return None
    plan = await session.get_one(PricePlan, line.price_plan_id)
    return bodies.PlanBehind(
        id=plan.id,
        offering_id=plan.offering_id,
        version=plan.plan_version,
        effective_from=plan.effective_from,
        charge=next((charge for charge in plan.charges if charge["key"] == line.charge), None),
    )


async def _pools(session: AsyncSession, cost: ServiceCost | None) -> list[bodies.PoolBehind]:
    """The pools of the line's allocation run that the service shares."""
    if cost is None:
        return []
    run_id = cost.allocation_run_id
    return [
        bodies.PoolBehind(
            name=name, cost_rows=cost_rows, amount=amount, share=share, href=allocated_rows.href(run_id, name)
        )
        for name, cost_rows, amount, share in await queries.pools_behind(session, run_id, cost.service_id)
    ]


async def _cost(session: AsyncSession, line: StatementLine) -> ServiceCost | None:
    if line.allocation_run_id is None or line.service_id is None:
        return None
    return await queries.service_cost_of(session, line.allocation_run_id, line.service_id)
