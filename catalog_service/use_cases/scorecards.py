"""Scorecards: make, change and drop one. Each change has all services rated anew, and so has every night."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import scorecard as domain
from catalog_service.domain.scorecard import NotYourScorecard
from catalog_service.schemas import ScorecardChange, ScorecardCreate
from catalog_service.tables import Scorecard, ScorecardLevelChange, ScorecardResult
from catalog_service.use_cases.scorecard_evaluation import NIGHTLY, next_night, start_evaluation
from catalog_service.work import timers
from services.db import touch
from services.errors import Conflict, Fault
from services.http import check_version
from services.identity import Principal, Role


class ScorecardKeyTaken(Conflict): ...


async def create_scorecard(
    session: AsyncSession, body: ScorecardCreate, *, principal: Principal, now: datetime
) -> Scorecard:
    """Raises ScorecardInvalid with every fault, ScorecardKeyTaken."""
    values = body.model_dump(mode="json")
    domain.check(values["levels"], values["rules"], values["applies_to"])
    if await session.scalar(select(Scorecard.id).where(Scorecard.key == body.key)) is not None:
        raise ScorecardKeyTaken(f"there is a scorecard {body.key}", faults=[Fault("/key", "is taken")])
    card = Scorecard(**values, owner_id=principal.person_id)
    touch(card)
    session.add(card)
    await session.flush()
    timers.set(session, NIGHTLY, due_at=next_night(now), payload={"scorecard_id": str(card.id)})
    await start_evaluation(session, card)
    return card


async def change_scorecard(
    session: AsyncSession, key: str, body: ScorecardChange, *, principal: Principal, if_match: frozenset[int] | None
) -> Scorecard:
    card = await queries.the_scorecard(session, key)
    require_scorecard(card, principal)
    check_version(card, if_match)
    changes: dict[str, Any] = {
        name: value
        for name, value in body.model_dump(mode="json", exclude_unset=True).items()
        if getattr(card, name) != value
    }
    merged = {name: changes.get(name, getattr(card, name)) for name in ("levels", "rules", "applies_to")}
    domain.check(**merged)
    for name, value in changes.items():
        setattr(card, name, value)
    if changes:
        touch(card)
        await session.flush()
        await start_evaluation(session, card)
    return card


async def drop_scorecard(
    session: AsyncSession, key: str, *, principal: Principal, if_match: frozenset[int] | None
) -> None:
    """With its results and their history; what it was stays in the audit record."""
    card = await queries.the_scorecard(session, key, alone=True)
    require_scorecard(card, principal)
    check_version(card, if_match)
    for table in (ScorecardResult, ScorecardLevelChange):
        await session.execute(delete(table).where(table.scorecard_id == card.id))
    await session.delete(card)


def require_scorecard(card: Scorecard, principal: Principal) -> None:
    """Raises NotYourScorecard unless `principal` made it or is an admin."""
    if card.owner_id not in (None, principal.person_id) and not principal.has(Role.ADMIN):
        raise NotYourScorecard(f"the scorecard {card.key} was made by somebody else")
