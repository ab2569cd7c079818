"""What else is assessed of a demand: cash flows, stakeholders, RAID, and its business case."""

import asyncio
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain import cash_flow, raid
from demand_service.domain.stakeholder import require_named
from demand_service.schemas.assessment import (
    BusinessCasePut,
    CashFlowPreview,
    RaidCreate,
    StakeholderCreate,
    StakeholderPatch,
)
from demand_service.tables import BusinessCase, CashFlowTable, Demand, RaidItem, Stakeholder
from demand_service.use_cases.scores import require_condition, require_open, rescore
from demand_service.use_cases.steps import Asked, DemandNotFound, demand_to_change
from services.db import touch
from services.errors import Fault, Invalid, NotFound
from services.http import check_version, plain
from services.identity import Units
from services.money import exponent


class CashFlowsNotFound(NotFound): ...


class BusinessCaseNotFound(NotFound): ...


class StakeholderNotFound(NotFound): ...


class RaidItemNotFound(NotFound): ...


class RaidStepUnknown(Invalid): ...


async def demand_in_sight(session: AsyncSession, demand_id: UUID, units: Units) -> Demand:
    """Raises DemandNotFound, or BusinessUnitOutOfScope."""
    demand = await session.get(Demand, demand_id)
    if demand is None:
        raise DemandNotFound(f"there is no demand {demand_id}")
    units.require(demand.business_unit_id)
    return demand


def _unversioned(asked: Asked) -> Asked:
    """If-Match names the part's version, not the demand's."""
    return Asked(asked.person_id, asked.units, None, asked.now)


async def worth_of(body: CashFlowPreview) -> cash_flow.Worth:
    """In a thread: counting the roots of sixty flows takes a third of a second."""
    return await asyncio.to_thread(
        cash_flow.worth, body.flows, rate=body.rate, periods=body.period, places=exponent(body.currency)
    )


async def put_cash_flows(
    session: AsyncSession,
    demand_id: UUID,
    body: CashFlowPreview,
    worth: cash_flow.Worth,
    *,
    asked: Asked,
    conditional: bool,
) -> tuple[CashFlowTable, bool]:
    demand = await demand_to_change(session, demand_id, _unversioned(asked))
    require_open(demand)
    query = select(CashFlowTable).where(CashFlowTable.demand_id == demand_id)
    row = (await session.scalars(query)).one_or_none()
    new = row is None
    if row is None:
        row = CashFlowTable(demand_id=demand_id, business_unit_id=demand.business_unit_id)
        session.add(row)
    else:
        require_condition(row, asked, conditional)
    row.currency, row.period, row.rate = body.currency, body.period, body.rate
    row.flows, row.worth = [plain(flow) for flow in body.flows], _as_json(worth)
    row.kept_at, row.kept_by = asked.now, asked.person_id
    touch(row)
    return row, new


def _as_json(worth: cash_flow.Worth) -> dict[str, Any]:
    names = ("npv", "rate_per_period", "irr", "irr_per_year", "payback", "discounted_payback")
    figures = {name: getattr(worth, name) for name in names}
    shown = {name: None if figure is None else plain(figure) for name, figure in figures.items()}
    return shown | {"returns": worth.returns.value, "roots": [plain(root) for root in worth.roots]}


async def put_business_case(
    session: AsyncSession, demand_id: UUID, body: BusinessCasePut, *, asked: Asked, conditional: bool
) -> tuple[BusinessCase, bool]:
    """Scores that derive from it are made anew with it."""
    demand = await demand_to_change(session, demand_id, _unversioned(asked))
    require_open(demand)
    row = (await session.scalars(select(BusinessCase).where(BusinessCase.demand_id == demand_id))).one_or_none()
    new = row is None
    if row is None:
        row = BusinessCase(demand_id=demand_id, business_unit_id=demand.business_unit_id)
        session.add(row)
    else:
        require_condition(row, asked, conditional)
    row.nature, row.value, row.cost, row.currency = body.nature, body.value, body.cost, body.currency
    row.days = {skill: plain(days) for skill, days in sorted(body.days.items())}
    row.kept_by = asked.person_id
    touch(row)
    await session.flush()
    await rescore(session, demand, cause="business case", now=asked.now)
    return row, new


async def add_stakeholder(
    session: AsyncSession, demand_id: UUID, body: StakeholderCreate, *, asked: Asked
) -> Stakeholder:
    demand = await demand_to_change(session, demand_id, _unversioned(asked))
    require_named(body.person_id, body.role)
    row = Stakeholder(demand_id=demand_id, business_unit_id=demand.business_unit_id, **dict(body))
    session.add(row)
    touch(row)
    return row


async def change_stakeholder(
    session: AsyncSession, demand_id: UUID, stakeholder_id: UUID, body: StakeholderPatch, *, asked: Asked
) -> Stakeholder:
    await demand_to_change(session, demand_id, _unversioned(asked))
    row = await session.get(Stakeholder, stakeholder_id)
    if row is None or row.demand_id != demand_id:
        raise StakeholderNotFound(f"demand {demand_id} has no stakeholder {stakeholder_id}")
    check_version(row, asked.if_match)
    for name in body.model_fields_set:
        if getattr(body, name) is not None:
            setattr(row, name, getattr(body, name))
    touch(row)
    return row


async def raise_raid(session: AsyncSession, demand_id: UUID, body: RaidCreate, *, asked: Asked) -> RaidItem:
    demand = await demand_to_change(session, demand_id, _unversioned(asked))
    raid.require_ratings(body.kind, likelihood=body.likelihood, impact=body.impact)
    row = RaidItem(
        **dict(body) | {"owner": body.owner or asked.person_id},
        demand_id=demand_id,
        business_unit_id=demand.business_unit_id,
        state=raid.RaidState.OPEN,
        outcome=None,
        raised_by=asked.person_id,
        moved_at=asked.now,
        moved_by=asked.person_id,
    )
    session.add(row)
    touch(row)
    return row


async def move_raid(
    session: AsyncSession, demand_id: UUID, raid_id: UUID, step: str, *, outcome: str | None, asked: Asked
) -> RaidItem:
    await demand_to_change(session, demand_id, _unversioned(asked))
    row = await session.get(RaidItem, raid_id, with_for_update=True)
    if row is None or row.demand_id != demand_id:
        raise RaidItemNotFound(f"demand {demand_id} has no entry {raid_id}")
    check_version(row, asked.if_match)
    if step not in list(raid.RaidStep):
        known = ", ".join(raid.RaidStep)
        raise RaidStepUnknown("there is no such step", faults=[Fault("/step", f"must be one of {known}")])
    row.state = raid.advance(row.kind, row.state, raid.RaidStep(step), outcome=outcome)
    row.outcome = outcome or row.outcome
    row.moved_at, row.moved_by = asked.now, asked.person_id
    touch(row)
    return row


async def counts(session: AsyncSession, demand_id: UUID) -> dict[str, int]:
    """How much is kept of a demand: RAID entries that are unfinished by kind, stakeholders."""
    query = select(RaidItem.kind, func.count()).where(
        RaidItem.demand_id == demand_id, RaidItem.state.in_(raid.UNFINISHED)
    )
    rows = (await session.execute(query.group_by(RaidItem.kind))).all()
    found = {f"open_{kind.value}s": 0 for kind in raid.RaidKind} | {f"open_{kind.value}s": n for kind, n in rows}
    people = select(func.count()).select_from(Stakeholder).where(Stakeholder.demand_id == demand_id)
    return found | {"stakeholders": await session.scalar(people) or 0}
