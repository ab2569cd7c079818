"""The order in which usage arrived, by which a statement says what it has billed.

Every event has the number of its arrival. A rating run cuts at one number: what arrived by then is in its statements,
what comes later is not, and no event has to be written to for that (ADR-0018). PostgreSQL hands numbers out before
commit, so a cut waits for the writers of usage that are at work: then everything up to it is there, and nothing that
comes later has a number as low.
"""

from typing import Any

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.tables import UsageArrival

_SEQUENCE = "usage_arrival_number_seq"


async def next_arrival(session: AsyncSession) -> Any:
    """The `arrival` of usage that is written in this transaction: a number, or on PostgreSQL the expression for one."""
    if session.get_bind().dialect.name == "postgresql":
        return func.nextval(_SEQUENCE)
    number = await session.scalar(insert(UsageArrival).values({}).returning(UsageArrival.number))
    await session.execute(delete(UsageArrival).where(UsageArrival.number < number))
    return number


async def cut_arrivals(session: AsyncSession) -> int:
    """The latest arrival, once all writers of usage who are at work have ended; until this transaction ends too,
    others wait. A later transaction sees all that arrived by then."""
    if session.get_bind().dialect.name == "postgresql":
        await session.execute(text("LOCK TABLE usage_event IN SHARE MODE"))
        called = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {_SEQUENCE}"  # noqa: S608  # a constant
        return int(await session.scalar(text(called)) or 0)
    return await session.scalar(select(func.max(UsageArrival.number))) or 0
