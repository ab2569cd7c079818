"""Named reads of scorecards."""

from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.scorecard import NO_LEVEL
from catalog_service.tables import Scorecard, ScorecardResult
from services.errors import NotFound


async def the_scorecard(session: AsyncSession, key: str, *, alone: bool = False) -> Scorecard:
    """Raises NotFound. `alone`: nobody else may rate on it or change it until the transaction ends."""
    query = select(Scorecard).where(Scorecard.key == key)
    card: Scorecard | None = await session.scalar(query.with_for_update() if alone else query)
    if card is None:
        raise NotFound(f"no scorecard {key}")
    return card


def results(card_id: UUID, *, level: str | None, applies: bool | None) -> Select[ScorecardResult]:
    """How services stand on a card; those on no level where `level` is NO_LEVEL."""
    query = select(ScorecardResult).where(ScorecardResult.scorecard_id == card_id)
    if level is not None:
        query = query.where(ScorecardResult.level.is_(None) if level == NO_LEVEL else ScorecardResult.level == level)
    if applies is None and level == NO_LEVEL:
        applies = True  # those that it is not for are on no level either, but do not fall short of one
    return query if applies is None else query.where(ScorecardResult.applies == applies)


async def level_counts(session: AsyncSession, card_id: UUID) -> tuple[dict[str | None, int], int]:
    """Services by level, and those that the card is not for."""
    query = (
        select(ScorecardResult.level, ScorecardResult.applies, func.count())
        .where(ScorecardResult.scorecard_id == card_id)
        .group_by(ScorecardResult.level, ScorecardResult.applies)
    )
    counts: dict[str | None, int] = {}
    outside = 0
    for level, applies, count in await session.execute(query):
        if applies:
            counts[level] = count
        else:
            outside += count
    return counts, outside
