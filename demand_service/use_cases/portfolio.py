"""The portfolio: open demands with a business case, summed up, and the best set of them under limits.

Up to `AT_ONCE` candidates are answered in the request, in a thread; more of them become a job.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.portfolio import Best, Candidate, Limits, require_known
from demand_service.portfolio_solver import best_set
from demand_service.schemas.assessment import OptimisationCreate
from demand_service.tables import BusinessCase, Demand
from demand_service.use_cases.scores import OPEN
from demand_service.work import jobs
from services.db import exact_sum
from services.db.chassis_tables import Job
from services.errors import TooLarge
from services.http import plain
from services.identity import Units
from services.work import JobRun

AT_ONCE = 200
MOST = 10_000


class TooManyCandidates(TooLarge): ...


def candidates(units: Units, *, business_unit_id: UUID | None) -> Select[Any]:
    """Business cases of the open demands in sight."""
    query = select(BusinessCase).join(Demand, Demand.id == BusinessCase.demand_id).where(Demand.state.in_(OPEN))
    if units.visible is not None:
        query = query.where(BusinessCase.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(BusinessCase.business_unit_id == business_unit_id)
    return query


async def totals(session: AsyncSession, units: Units, *, business_unit_id: UUID | None) -> list[dict[str, Any]]:
    """By nature and currency, exactly."""
    cases = candidates(units, business_unit_id=business_unit_id)
    query = cases.with_only_columns(
        BusinessCase.nature,
        BusinessCase.currency,
        func.count().label("candidates"),
        exact_sum(BusinessCase.value).label("value"),
        exact_sum(BusinessCase.cost).label("cost"),
    )
    query = query.group_by(BusinessCase.nature, BusinessCase.currency)
    rows = await session.execute(query.order_by(BusinessCase.nature, BusinessCase.currency))
    return [dict(row) for row in rows.mappings()]


@dataclass(frozen=True, slots=True)
class Asked:
    """What an optimisation is asked on: its body, and the candidates as they were read."""

    body: OptimisationCreate
    candidates: list[Candidate]


async def asked_for(session: AsyncSession, body: OptimisationCreate, *, units: Units) -> Asked:
    """Raises CandidateUnknown and TooManyCandidates."""
    query = candidates(units, business_unit_id=body.business_unit_id).where(BusinessCase.currency == body.currency)
    rows = (await session.scalars(query.order_by(BusinessCase.demand_id).limit(MOST + 1))).all()
    if len(rows) > MOST:
        raise TooManyCandidates(f"more than {MOST} candidates: narrow them to a business unit")
    found = [_candidate(row) for row in rows]
    require_known(found, _limits(body))
    return Asked(body, found)


async def solved_at_once(asked: Asked) -> dict[str, Any] | None:
    """The best set, or None where that is a job's work. Raises NoSetFits and NumbersTooFarApart."""
    if len(asked.candidates) > AT_ONCE:
        return None
    body = asked.body
    best = await asyncio.to_thread(best_set, asked.candidates, _limits(body), seconds=body.seconds)
    return _shown(best, body, len(asked.candidates))


async def start_optimisation(session: AsyncSession, asked: Asked) -> Job:
    payload = {"asked": asked.body.model_dump(mode="json"), "candidates": [each.id for each in asked.candidates]}
    return await jobs.start(session, "portfolio-optimisation", payload=payload)


@jobs.handler("portfolio-optimisation")
async def run_optimisation(run: JobRun) -> dict[str, Any]:
    """On the business cases as they are when it runs; candidates are those that its caller saw."""
    body = OptimisationCreate.model_validate(run.payload["asked"])
    ids = [UUID(each) for each in run.payload["candidates"]]
    rows: list[BusinessCase] = []
    async with run.reading() as session:
        for start in range(0, len(ids), 500):
            query = select(BusinessCase).where(BusinessCase.demand_id.in_(ids[start : start + 500]))
            rows += (await session.scalars(query)).all()
    found = [_candidate(row) for row in rows if row.currency == body.currency]
    best = await asyncio.to_thread(best_set, found, _limits(body), seconds=body.seconds)
    return _shown(best, body, len(found))


def _candidate(row: BusinessCase) -> Candidate:
    return Candidate(str(row.demand_id), row.value, row.cost, {skill: Decimal(n) for skill, n in row.days.items()})


def _limits(body: OptimisationCreate) -> Limits:
    return Limits(
        budget=body.budget,
        capacity=body.capacity,
        must=frozenset(map(str, body.must_have)),
        exclusions=_pairs(body.exclusions),
        needs=_pairs(body.dependencies),
    )


def _pairs(pairs: Sequence[Sequence[UUID]]) -> tuple[tuple[str, str], ...]:
    return tuple((str(a), str(b)) for a, b in pairs)


def _shown(best: Best, body: OptimisationCreate, considered: int) -> dict[str, Any]:
    return {
        "currency": body.currency,
        "considered": considered,
        "chosen": list(best.chosen),
        "value": plain(best.value),
        "cost": plain(best.cost),
        "proven_optimal": best.proven_optimal,
        "bound": plain(best.bound),
        "just_missed": [
            {
                "demand_id": miss.id,
                "value": plain(miss.value),
                "lacks": {name: plain(lack) for name, lack in miss.lacks.items()},
                "barred_by": list(miss.barred_by),
            }
            for miss in best.misses
        ],
        "limits": [
            {
                "name": shadow.name,
                "limit": plain(shadow.limit),
                "used": plain(shadow.used),
                "left": plain(shadow.left),
                "worth_per_unit": plain(shadow.worth_per_unit),
            }
            for shadow in best.shadows
        ],
    }
