"""Numbers of documents: without a gap, since a number is taken in the transaction of its document."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain import credit
from pricing_service.tables import DocumentCounter
from services.db.upsert import upsert

CREDIT_NOTE, JOURNAL = "CN", "JE"


async def next_number(session: AsyncSession, series: str, *, now: datetime) -> str:
    """Such as CN-2026-000001; the next to ask waits until this transaction ends."""
    insert = upsert(session, DocumentCounter).values(series=series, year=now.year, last=1)
    count = await session.scalar(
        insert.on_conflict_do_update(
            index_elements=[DocumentCounter.series, DocumentCounter.year], set_={"last": DocumentCounter.last + 1}
        ).returning(DocumentCounter.last)
    )
    assert count is not None
    return credit.number(series, now.year, count)
