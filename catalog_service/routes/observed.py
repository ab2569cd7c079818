"""What was observed, beside what is promised: shown on offerings."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.queries import attainment as queries
from catalog_service.schemas.attainments import AttainmentRead, LeadTimeRead
from catalog_service.schemas.offerings import OfferingDetail, OfferingItem
from catalog_service.tables import ObservedLeadTime

FEWEST_ORDERS = 5  # of fewer, a percentile says more about one order than about the next


async def show_lead_times(session: AsyncSession, items: Sequence[OfferingItem]) -> None:
    """One read for all of them."""
    known = await queries.observed_lead_times(session, (item.id for item in items))
    for item in items:
        if (row := known.get(item.id)) is not None:
            item.observed_lead_time = lead_time_read(row)


def lead_time_read(row: ObservedLeadTime) -> LeadTimeRead:
    withheld = row.n < FEWEST_ORDERS
    return LeadTimeRead(
        p50_days=None if withheld else row.p50_days,
        p85_days=None if withheld else row.p85_days,
        n=row.n,
        as_of=row.seen_at,
        withheld=withheld,
    )


async def show_attainment(session: AsyncSession, detail: OfferingDetail) -> None:
    """In the order of its commitments."""
    known = (await queries.latest_attainments(session, [detail.id])).get(detail.id, {})
    detail.attainment = [
        AttainmentRead.model_validate(known[promised.kind.value])
        for promised in detail.commitments
        if promised.kind.value in known
    ]
