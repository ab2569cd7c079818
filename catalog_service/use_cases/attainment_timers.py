"""When a period is assessed: a grace after its end, and again soon after anything comes in late.

A period has one row, and while that says `waiting` a timer is set. Whoever brings a measurement holds the row (shared)
until its transaction ends; the timer takes `waiting` back before its job reads. So a measurement is either there when
the job reads, or sets the next timer.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.months import Month, month_named
from catalog_service.tables import AttainmentPeriod
from catalog_service.use_cases.attainment_policy import policy_in_force
from catalog_service.work import jobs, timers
from services.db.upsert import upsert

LATE = timedelta(seconds=60)  # what comes late is gathered for so long before its period is assessed again
ASSESSMENT = "attainment"


async def wake(session: AsyncSession, months: Iterable[Month], *, now: datetime, grace_days: int) -> None:
    """See to it that these periods are assessed. In their order, so that no two transactions wait for each other."""
    for month in sorted(months):
        row = {"period": month.name, "waiting": False, "assessed_at": None}
        await session.execute(upsert(session, AttainmentPeriod).values(row).on_conflict_do_nothing())
        while not await _set_or_held(session, month, now=now, grace_days=grace_days):
            pass


async def _set_or_held(session: AsyncSession, month: Month, *, now: datetime, grace_days: int) -> bool:
    asleep = update(AttainmentPeriod).where(AttainmentPeriod.period == month.name, AttainmentPeriod.waiting.is_(False))
    woken = await session.execute(asleep.values(waiting=True).execution_options(synchronize_session=False))
    if woken.rowcount:  # type: ignore[attr-defined]
        due_at = max(month.end + timedelta(days=grace_days), now + LATE)
        timers.set(session, ASSESSMENT, due_at=due_at, payload={"period": month.name})
        return True
    waiting = select(AttainmentPeriod.waiting).where(AttainmentPeriod.period == month.name)
    return bool(await session.scalar(waiting.with_for_update(read=True)))


@timers.handler(ASSESSMENT)
async def start_assessment(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """The grace may have been made longer meanwhile: then the timer is set again."""
    month = month_named(payload["period"])
    due_at = month.end + timedelta(days=(await policy_in_force(session)).grace_days)
    if now < due_at:
        timers.set(session, ASSESSMENT, due_at=due_at, payload=payload)
        return
    row = update(AttainmentPeriod).where(AttainmentPeriod.period == month.name).values(waiting=False)
    await session.execute(row)
    await jobs.start(session, ASSESSMENT, payload=payload)
