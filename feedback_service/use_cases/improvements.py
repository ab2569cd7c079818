"""Themes and improvements: what threads have in common, what is promised about it, and that it was delivered."""

from collections.abc import Sequence
from datetime import datetime
from statistics import fmean
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from feedback_service.domain import improvement as domain
from feedback_service.domain.improvement import ClaimOutcome, ImprovementState
from feedback_service.domain.scores import ScoreKind
from feedback_service.events import ImprovementPlanned, ImprovementShipped, ThemeNamed
from feedback_service.tables import (
    Improvement,
    ImprovementTheme,
    ShipmentClaim,
    Theme,
    ThemeThread,
    Thread,
)
from feedback_service.use_cases.references import require_own_service
from feedback_service.use_cases.scores import current_score
from feedback_service.use_cases.threads import add_notice
from services.errors import Fault, Invalid, NotFound
from services.events import record
from services.identity import Principal


class ThreadsNotGroupable(Invalid): ...


class ThemesNotOfThisService(Invalid): ...


async def name_theme(
    session: AsyncSession, service_id: UUID, name: str, thread_ids: Sequence[UUID], *, principal: Principal
) -> Theme:
    """Group threads of one service under a name, with how many they are and how they feel on average."""
    await require_own_service(session, service_id, principal)
    found = {thread.id: thread for thread in await session.scalars(select(Thread).where(Thread.id.in_(thread_ids)))}
    owners = {thread_id: thread.service_id for thread_id, thread in found.items()}
    if faults := _faults("thread", thread_ids, owners, service_id):
        raise ThreadsNotGroupable("a theme groups threads of one service, each once", faults=faults)
    theme = Theme(
        service_id=service_id,
        name=name,
        n=len(thread_ids),
        sentiment=fmean(found[thread_id].sentiment_score for thread_id in thread_ids),
        threads=[ThemeThread(thread_id=thread_id) for thread_id in sorted(thread_ids)],
    )
    session.add(theme)
    record(session, theme, ThemeNamed)
    return theme


async def plan_improvement(
    session: AsyncSession,
    service_id: UUID,
    title: str,
    *,
    theme_ids: Sequence[UUID],
    demand_ids: Sequence[UUID],
    measure: ScoreKind,
    principal: Principal,
) -> Improvement:
    """Promise an improvement; its baseline is the measure's score as it stands, or none while that is withheld."""
    await require_own_service(session, service_id, principal)
    themes = await session.scalars(select(Theme).where(Theme.id.in_(theme_ids)))
    owners = {theme.id: theme.service_id for theme in themes}
    if faults := _faults("theme", theme_ids, owners, service_id):
        raise ThemesNotOfThisService("an improvement takes up themes of its service, each once", faults=faults)
    now_at = await current_score(session, service_id, measure)
    improvement = Improvement(
        service_id=service_id,
        title=title,
        state=ImprovementState.PLANNED,
        target={"measure": measure},
        baseline=None
        if now_at.withheld
        else {"score": now_at.score, "n": now_at.n, "low": now_at.low, "high": now_at.high},
        demand_ids=[str(demand_id) for demand_id in demand_ids],
        contributors=0,
        themes=[ImprovementTheme(theme_id=theme_id) for theme_id in sorted(theme_ids)],
    )
    session.add(improvement)
    record(session, improvement, ImprovementPlanned)
    return improvement


def _faults(kind: str, ids: Sequence[UUID], owners: dict[UUID, UUID], service_id: UUID) -> list[Fault]:
    faults: list[Fault] = []
    seen: set[UUID] = set()
    for index, one in enumerate(ids):
        pointer = f"/{kind}_ids/{index}"
        if one not in owners:
            faults.append(Fault(pointer, f"there is no {kind} {one}"))
        elif owners[one] != service_id:
            faults.append(Fault(pointer, f"{kind} {one} is about another service"))
        elif one in seen:
            faults.append(Fault(pointer, f"{kind} {one} is there twice"))
        seen.add(one)
    return faults


async def get_theme(session: AsyncSession, theme_id: UUID) -> Theme:
    theme = await session.get(Theme, theme_id)
    if theme is None:
        raise NotFound(f"there is no theme {theme_id}")
    return theme


async def get_improvement(session: AsyncSession, improvement_id: UUID) -> Improvement:
    improvement = await session.get(Improvement, improvement_id)
    if improvement is None:
        raise NotFound(f"there is no improvement {improvement_id}")
    return improvement


async def take_up_revision(
    session: AsyncSession, service_id: UUID, revision_number: int, improvement_ids: Sequence[UUID], *, now: datetime
) -> None:
    """Ship what a published revision delivers, and keep what became of each id that it names (see the domain).

    The same revision told twice (its owner publishes its state again after a restore) claims nothing anew.
    """
    told = select(ShipmentClaim.improvement_id).where(
        ShipmentClaim.service_id == service_id, ShipmentClaim.revision_number == revision_number
    )
    told_already = set(await session.scalars(told))
    for improvement_id in sorted(set(improvement_ids)):
        if improvement_id in told_already:
            continue
        improvement = await session.get(Improvement, improvement_id, with_for_update=True)
        outcome = domain.claim(
            None if improvement is None else ImprovementState(improvement.state),
            service_id=None if improvement is None else improvement.service_id,
            claimed_by=service_id,
        )
        session.add(
            ShipmentClaim(
                service_id=service_id,
                revision_number=revision_number,
                improvement_id=improvement_id,
                outcome=outcome,
                claimed_at=now,
            )
        )
        if improvement is not None and outcome is ClaimOutcome.SHIPPED:
            await _ship(session, improvement, revision_number, now=now)


async def _ship(session: AsyncSession, improvement: Improvement, revision_number: int, *, now: datetime) -> None:
    threads = await _threads_behind(session, improvement)
    improvement.state = domain.move(ImprovementState(improvement.state), ImprovementState.SHIPPED)
    improvement.revision_number = revision_number
    improvement.shipped_at = now
    improvement.contributors = len({thread.author_id for thread in threads})
    record(session, improvement, ImprovementShipped)
    for thread in threads:
        add_notice(thread, f"Shipped in revision {revision_number}: {improvement.title}", now=now)


async def _threads_behind(session: AsyncSession, improvement: Improvement) -> Sequence[Thread]:
    """The threads in the improvement's themes, each once, in a fixed order (so that two shipments never deadlock)."""
    behind = (
        select(ThemeThread.thread_id)
        .join(ImprovementTheme, ImprovementTheme.theme_id == ThemeThread.theme_id)
        .where(ImprovementTheme.improvement_id == improvement.id)
    )
    return (
        await session.scalars(select(Thread).where(Thread.id.in_(behind)).order_by(Thread.id).with_for_update())
    ).all()
