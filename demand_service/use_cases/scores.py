"""Scores of a demand: kept with their inputs, who and when; made anew where a fact that they derive from changes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain import scoring
from demand_service.domain.funnel import DemandState
from demand_service.domain.scoring import derived
from demand_service.tables import BusinessCase, Demand, DemandScore, DemandScoreEntry, Goal, KnownBalance
from demand_service.use_cases.steps import Asked, demand_to_change
from services.db import Aggregate, touch
from services.errors import Conflict, Fault, NotFound
from services.http import check_version
from services.http.etags import IfMatchMissing

# A demand that is decided is ranked no longer: its scores stay as they were when it was.
OPEN = (
    DemandState.DRAFT,
    DemandState.SUBMITTED,
    DemandState.SCREENING,
    DemandState.QUALIFIED,
    DemandState.PROPOSED,
    DemandState.NEEDS_INFORMATION,
    DemandState.DEFERRED,
)


class ScoreNotFound(NotFound): ...


class DemandIsDecided(Conflict): ...


async def put_score(
    session: AsyncSession, demand_id: UUID, method: str, inputs: dict[str, Any], *, asked: Asked, conditional: bool
) -> tuple[DemandScore, bool]:
    """Keep a score; True if it is the first by this method.

    Raises MethodUnknown, what the method says of its inputs, SourceMissing, DemandIsDecided, VersionIsStale.
    """
    demand = await demand_to_change(session, demand_id, Asked(asked.person_id, asked.units, None, asked.now))
    require_open(demand)
    facts = await facts_of(session, demand, asked.now)
    worked = scoring.score(method, derived.resolve(inputs, facts), at="method")
    row = await score_of(session, demand_id, method)
    new = row is None
    if row is None:
        row = DemandScore(demand_id=demand_id, business_unit_id=demand.business_unit_id, method=method)
        session.add(row)
    else:
        require_condition(row, asked, conditional)
    row.inputs, row.derived = inputs, derived.has_derived(inputs)
    _stand(session, row, worked, person_id=asked.person_id, cause="a person", now=asked.now)
    return row, new


def require_condition(row: Aggregate, asked: Asked, conditional: bool) -> None:
    """What a PUT would replace is named by its version. Raises VersionIsStale, or IfMatchMissing."""
    check_version(row, asked.if_match)
    if not conditional:
        raise IfMatchMissing(
            "it is there already: send If-Match with its ETag to replace it", faults=[Fault("If-Match", "is missing")]
        )


def require_open(demand: Demand) -> None:
    if demand.state not in OPEN:
        raise DemandIsDecided(f"the demand is {demand.state}: what it was assessed by stays as it is")


async def score_of(session: AsyncSession, demand_id: UUID, method: str) -> DemandScore | None:
    query = select(DemandScore).where(DemandScore.demand_id == demand_id, DemandScore.method == method)
    return (await session.scalars(query)).one_or_none()


async def facts_of(session: AsyncSession, demand: Demand, now: datetime) -> derived.Facts:
    goal = None if demand.goal_id is None else await session.get(Goal, demand.goal_id)
    case = (await session.scalars(select(BusinessCase).where(BusinessCase.demand_id == demand.id))).one_or_none()
    balance = None
    if case is not None:
        query = select(KnownBalance).where(
            KnownBalance.business_unit_id == demand.business_unit_id,
            KnownBalance.currency == case.currency,
            KnownBalance.scope == "all",
        )
        newest = query.order_by(KnownBalance.fiscal_year.desc(), KnownBalance.id.desc()).limit(1)
        balance = (await session.scalars(newest)).one_or_none()
    return derived.Facts(
        today=now.date(),
        goal_due=None if goal is None else goal.due,
        goal_baseline=None if goal is None else goal.baseline,
        goal_target=None if goal is None else goal.target,
        cost=None if case is None else case.cost,
        available=None if balance is None else balance.available,
    )


async def rescore_unit(session: AsyncSession, business_unit_id: UUID, *, cause: str, now: datetime) -> None:
    """Make anew what is open and derives from the unit's goals or its budget; demands below it serve its goals too."""
    goals = select(Goal.id).where(Goal.business_unit_id == business_unit_id)
    query = select(Demand).where(
        Demand.id.in_(select(DemandScore.demand_id).where(DemandScore.derived)),
        Demand.state.in_(OPEN),
        (Demand.business_unit_id == business_unit_id) | Demand.goal_id.in_(goals),
    )
    for demand in (await session.scalars(query.order_by(Demand.id))).all():
        await rescore(session, demand, cause=cause, now=now)


async def rescore(session: AsyncSession, demand: Demand, *, cause: str, now: datetime) -> None:
    """What comes out the same leaves no entry; what has lost its source stays as it is."""
    facts = await facts_of(session, demand, now)
    query = select(DemandScore).where(DemandScore.demand_id == demand.id, DemandScore.derived)
    for row in (await session.scalars(query.order_by(DemandScore.method))).all():
        try:
            worked = scoring.score(row.method, derived.resolve(row.inputs, facts))
        except derived.SourceMissing:
            continue
        if dict(worked.terms) != row.terms:
            _stand(session, row, worked, person_id=None, cause=cause, now=now)


def _stand(
    session: AsyncSession, row: DemandScore, worked: scoring.Score, *, person_id: str | None, cause: str, now: datetime
) -> None:
    row.score, row.terms = worked.rounded, dict(worked.terms)
    row.scored_at, row.scored_by, row.cause = now, person_id, cause
    touch(row)
    session.add(
        DemandScoreEntry(
            score_id=row.id,
            inputs=row.inputs,
            terms=row.terms,
            score=row.score,
            at=now,
            person_id=person_id,
            cause=cause,
        )
    )
