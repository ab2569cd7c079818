"""What runs out is removed, once an hour: idempotent answers after their day. (The embedded log drops
old usage when it is opened.)

The inbox stays: topics are kept for ever, so an event may be delivered again however old it is.
"""

import asyncio

import structlog
from sqlalchemy import delete

from services.clock import utc_now
from services.db.chassis_tables import IdempotencyRecord
from services.db.database import Database, is_outage

log = structlog.get_logger("itaas.housekeeping")

EVERY_SECONDS = 3600


async def remove_expired(database: Database) -> int:
    """Delete the idempotent answers that are no longer kept; returns how many."""
    async with database.transaction() as session:
        gone = await session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.expires_at <= utc_now()))
        return int(gone.rowcount)  # type: ignore[attr-defined]  # a CursorResult, as of every DELETE


async def keep_house(app: str, database: Database) -> None:
    """Run until cancelled."""
    while True:
        try:
            await remove_expired(database)
        except Exception as error:
            # Nothing is lost by a missed round; the next one comes in an hour.
            tell = log.warning if is_outage(error) else log.exception
            tell("housekeeping failed", app=app, error=str(error))
        await asyncio.sleep(EVERY_SECONDS)
