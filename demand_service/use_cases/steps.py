"""One step of a demand through the funnel: decided by the table, kept in the history, told as an event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import events
from demand_service.domain.funnel import Step, advance
from demand_service.tables import Demand, DemandTransition
from services.db import touch
from services.errors import NotFound
from services.events import EventData, record
from services.http import check_version
from services.identity import Units
from services.ids import uuid7

# Steps that are not here are nobody else's business; the demand's version moves all the same.
EVENT_OF: Mapping[Step, type[EventData]] = {
    Step.SUBMIT: events.DemandSubmitted,
    Step.QUALIFY: events.DemandQualified,
    Step.PROPOSE: events.DemandProposed,
    Step.APPROVE: events.DemandApproved,
    Step.REJECT: events.DemandRejected,
    Step.WITHDRAW: events.DemandWithdrawn,
    Step.CANCEL: events.DemandCancelled,
    Step.FULFIL: events.DemandFulfilled,
}


class DemandNotFound(NotFound): ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for a change, which business units are in their sight, on what version they ask it, and when."""

    person_id: str
    units: Units
    if_match: frozenset[int] | None
    now: datetime


async def demand_to_change(session: AsyncSession, demand_id: UUID, asked: Asked) -> Demand:
    """The demand, held against other changes until the transaction ends.

    Raises DemandNotFound, BusinessUnitOutOfScope or VersionIsStale.
    """
    demand = await session.get(Demand, demand_id, with_for_update=True)
    if demand is None:
        raise DemandNotFound(f"there is no demand {demand_id}")
    asked.units.require(demand.business_unit_id)
    check_version(demand, asked.if_match)
    return demand


def take(
    session: AsyncSession,
    demand: Demand,
    step: Step,
    *,
    person_id: str | None,
    reason: str | None,
    now: datetime,
    tell: bool = True,
) -> None:
    """Take `step`; set what else changes before, since the event shows the demand as it is now.

    `tell=False` is for a step back that others would mistake for a new one. Raises StepNotAllowed.
    """
    before = demand.state
    standing = advance(demand.standing, step)
    demand.state, demand.left_state = standing.state, standing.left
    session.add(
        DemandTransition(
            # Before the event gets its own, so that what the event causes is seen to come after this step.
            id=uuid7(),
            demand_id=demand.id,
            step=step,
            from_state=before,
            to_state=demand.state,
            at=now,
            person_id=person_id,
            reason=reason,
        )
    )
    if tell and step in EVENT_OF:
        record(session, demand, EVENT_OF[step])
    else:
        touch(demand)
