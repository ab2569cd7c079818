"""What an offering's orders took lately: reckoned in the transaction that fulfils one of them, and told."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from demand_service import queries
from demand_service.domain import lead_time
from demand_service.events import LeadTimeUpdated
from demand_service.tables import LeadTime
from services.db.upsert import upsert
from services.events import record

PERCENTS = (50, 85)


async def update_lead_time(session: AsyncSession, offering_id: UUID, *, thread: str, now: datetime) -> LeadTime:
    """Call it once an order of the offering is fulfilled.

    The row is held before the orders are counted: of two orders that are fulfilled at once the second counts both.
    """
    await session.flush()
    row = await _held(session, offering_id, thread=thread, now=now)
    since = lead_time.since(now)
    n, percentiles = await queries.lead_times_of(session, offering_id, since=since, percents=PERCENTS)
    row.since, row.n, (row.p50_days, row.p85_days) = since, n, percentiles
    record(session, row, LeadTimeUpdated, thread=thread)
    return row


async def _held(session: AsyncSession, offering_id: UUID, *, thread: str, now: datetime) -> LeadTime:
    none_yet = {
        "id": offering_id,
        "version": 0,
        "created_at": now,
        "updated_at": now,
        "correlation_id": thread,
        "p50_days": Decimal(0),
        "p85_days": Decimal(0),
        "n": 0,
        "since": now,
    }
    await session.execute(upsert(session, LeadTime).values(none_yet).on_conflict_do_nothing())
    return await session.get_one(LeadTime, offering_id, populate_existing=True, with_for_update=True)
