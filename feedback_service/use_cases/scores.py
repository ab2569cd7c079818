"""Scores of services: a rollup of exact counts, moved in the transaction of each response."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain import scores as domain
from feedback_service.domain.scores import ScoreKind, Tally
from feedback_service.domain.survey import Scored
from feedback_service.events import ScoreUpdated
from feedback_service.tables import ScoreTally, ServiceScores
from services.events import record


@dataclass(frozen=True, slots=True)
class ShownScore:
    """A score with its subject, as it is read."""

    kind: ScoreKind
    subject_id: UUID
    score: float | None
    n: int
    low: float | None
    high: float | None
    withheld: bool
    updated_at: datetime


async def count_scores(
    session: AsyncSession, service_id: UUID, scores: Iterable[Scored], *, correlation_id: str, now: datetime
) -> None:
    """Add `scores` to the service's tallies and tell of each one. Responses to one service queue for its row."""
    scores = list(scores)
    if not scores:
        return
    aggregate = await _locked(session, service_id)
    for scored in scores:
        row = await session.scalar(
            select(ScoreTally).where(ScoreTally.service_id == service_id, ScoreTally.kind == scored.kind)
        )
        if row is None:
            row = ScoreTally(
                service_id=service_id, kind=scored.kind, n=0, total=0, squares=0, favourable=0, unfavourable=0
            )
            session.add(row)
        counted = tally_of(row) + domain.tally(scored.kind, [scored.score], pointer="")
        row.n, row.total, row.squares = counted.n, counted.total, counted.squares
        row.favourable, row.unfavourable = counted.favourable, counted.unfavourable
        row.updated_at = now
        shown = domain.score(scored.kind, counted)
        record(
            session,
            aggregate,
            ScoreUpdated(
                service_id=service_id,
                kind=scored.kind,
                score=shown.score,
                n=shown.n,
                low=shown.low,
                high=shown.high,
                withheld=shown.withheld,
            ),
            thread=correlation_id,  # of the response that moves it, not of the first one
        )


async def _locked(session: AsyncSession, service_id: UUID) -> ServiceScores:
    """The service's row, held until the transaction ends; made on its first response, by whichever comes first."""
    locked = select(ServiceScores).where(ServiceScores.id == service_id).with_for_update()
    locked = locked.execution_options(populate_existing=True)
    aggregate = await session.scalar(locked)
    if aggregate is None:
        try:
            async with session.begin_nested():
                session.add(ServiceScores(id=service_id))
        except IntegrityError:  # another first response was faster; its row is committed by now
            pass
        aggregate = (await session.scalars(locked)).one()
    return aggregate


def tally_of(row: ScoreTally) -> Tally:
    return Tally(row.n, row.total, row.squares, row.favourable, row.unfavourable)


def shown(rows: Sequence[ScoreTally]) -> list[ShownScore]:
    """The scores that `rows` stand for."""
    return [_shown(row, domain.score(ScoreKind(row.kind), tally_of(row))) for row in rows]


def _shown(row: ScoreTally, found: domain.Score) -> ShownScore:
    return ShownScore(
        found.kind, row.service_id, found.score, found.n, found.low, found.high, found.withheld, row.updated_at
    )


async def current_score(session: AsyncSession, service_id: UUID, kind: ScoreKind) -> domain.Score:
    """The service's score as it stands, withheld where there are too few answers or none."""
    row = await session.scalar(select(ScoreTally).where(ScoreTally.service_id == service_id, ScoreTally.kind == kind))
    return domain.score(kind, Tally() if row is None else tally_of(row))
