"""Statements: issued once, and explained line by line down to usage, plan, allocation and ledger rows."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import statement as domain
from pricing_service.domain.statement import StatementState
from pricing_service.events import StatementIssued, StatementLineData
from pricing_service.schemas import statements as bodies
from pricing_service.schemas.prices import PartRead
from pricing_service.tables import (
    AllocationPool,
    AllocationShare,
    PricePlan,
    ServiceCost,
    Statement,
    StatementLine,
    UsageEvent,
)
from pricing_service.use_cases import budgets
from services.errors import NotFound
from services.events import record
from services.http import MoneyModel, check_version
from services.identity import Units
from services.money import Money, exact_total

SHOWN_USAGE = 100


async def issue_statement(
    session: AsyncSession, statement_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Statement:
    """Issue a draft; its amounts become actual in the unit's budget. Raises StatementNotIssuable."""
    statement = await session.get(Statement, statement_id)
    if statement is None:
        raise NotFound(f"no statement {statement_id}")
    check_version(statement, if_match)
    state = domain.issue(StatementState(statement.state))
    lines = await lines_of(session, statement_id)
    await budgets.spend(session, statement, lines)
    statement.state = state
    statement.issued_at = now
    event = StatementIssued(
        id=statement.id,
        business_unit_id=statement.business_unit_id,
        period=statement.period,
        sequence=statement.sequence,
        state=statement.state,
        total=MoneyModel.of(statement.total),
        lines=[StatementLineData.model_validate(line) for line in lines],
    )
    record(session, statement, event)
    return statement


async def statement_in_sight(session: AsyncSession, statement_id: UUID, units: Units) -> Statement:
    statement = await session.get(Statement, statement_id)
    if statement is None:
        raise NotFound(f"no statement {statement_id}")
    units.require(statement.business_unit_id)
    return statement


async def lines_of(session: AsyncSession, statement_id: UUID) -> list[StatementLine]:
    query = select(StatementLine).where(StatementLine.statement_id == statement_id).order_by(StatementLine.position)
    return list(await session.scalars(query))


async def read_statement(session: AsyncSession, statement: Statement) -> bodies.StatementRead:
    return bodies.StatementRead(
        **bodies.StatementSummary.model_validate(statement).model_dump(),
        lines=[bodies.StatementLineRead.model_validate(line) for line in await lines_of(session, statement.id)],
    )


async def explain_line(session: AsyncSession, statement_id: UUID, line_id: UUID, *, units: Units) -> bodies.Explanation:
    """Everything that stands behind a line's amount."""
    statement = await statement_in_sight(session, statement_id, units)
    line = await session.get(StatementLine, line_id)
    if line is None or line.statement_id != statement.id:
        raise NotFound(f"statement {statement_id} has no line {line_id}")
    events, usage = await _usage(session, line)
    cost = await _service_cost(session, line)
    pools = await _pools(session, line)
    return bodies.Explanation(
        line_id=line.id,
        amount=MoneyModel.of(Money(line.amount, line.currency)),
        formula=line.formula,
        parts=[PartRead.model_validate(part) for part in line.parts],
        split_start=line.split_start,
        usage_events=events,
        usage=usage,
        price_plan=await _plan(session, line),
        allocation_run_id=line.allocation_run_id,
        service_cost=None if cost is None else MoneyModel.of(cost.cost),
        unit_cost=None if cost is None else cost.unit_cost,
        pools=pools,
        ledger_rows=sum(pool.cost_rows for pool in pools),
        ledger_total=None
        if cost is None
        else MoneyModel.of(Money(exact_total([pool.amount for pool in pools]), cost.currency)),
    )


async def _usage(session: AsyncSession, line: StatementLine) -> tuple[int, list[bodies.UsageBehind]]:
    if line.usage_from is None or line.usage_until is None:
        return 0, []
    after, upto = -1 if line.usage_after is None else line.usage_after, line.usage_upto or 0
    came = and_(UsageEvent.arrival > after, queries.counted_at(upto))
    withdrawn = and_(UsageEvent.arrival <= after, queries.counted_at(after), ~queries.counted_at(upto))
    behind = (
        or_(came, withdrawn),
        UsageEvent.subscription_id == line.subscription_id,
        UsageEvent.meter == line.meter,
        *queries.in_days(line.usage_from, line.usage_until),
    )
    count = await session.scalar(select(func.count()).select_from(UsageEvent).where(*behind)) or 0
    order = (UsageEvent.time, UsageEvent.source, UsageEvent.event_id)
    shown = await session.scalars(select(UsageEvent).where(*behind).order_by(*order).limit(SHOWN_USAGE))
    usage = [
        bodies.UsageBehind(
            id=event.event_id,
            source=event.source,
            time=event.time,
            meter=event.meter,
            quantity=event.quantity,
            withdrawn=event.arrival <= after,
        )
        for event in shown
    ]
    return count, usage


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


async def _service_cost(session: AsyncSession, line: StatementLine) -> ServiceCost | None:
    cost: ServiceCost | None = await session.scalar(
        select(ServiceCost).where(
            ServiceCost.allocation_run_id == line.allocation_run_id, ServiceCost.service_id == line.service_id
        )
    )
    return cost


async def _pools(session: AsyncSession, line: StatementLine) -> list[bodies.PoolBehind]:
    """The pools of the line's allocation run that the service shares."""
    query = (
        select(AllocationPool, AllocationShare.amount)
        .join(
            AllocationShare,
            (AllocationShare.run_id == AllocationPool.run_id) & (AllocationShare.pool == AllocationPool.name),
        )
        .where(AllocationPool.run_id == line.allocation_run_id, AllocationShare.service_id == line.service_id)
        .order_by(AllocationPool.position)
    )
    return [
        bodies.PoolBehind(name=pool.name, cost_rows=pool.cost_rows, amount=pool.amount, share=share)
        for pool, share in await session.execute(query)
    ]
