"""The tree of business units, kept by every app: whose data a caller may see needs it on each request.

Demand owns the units and hands over its own table; the others keep `KnownBusinessUnit`, a projection of demand's
events. A unit whose parent has not arrived yet simply has nobody above it until it does.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.db.chassis_tables import KnownBusinessUnit
from services.events.handlers import Consumers, Delivery, project
from services.events.registry import EventSeen

consumers = Consumers()


class BusinessUnitSeen(EventSeen):
    name: str
    parent_id: UUID | None = None


@consumers.projection("itaas.demand.business-unit.*", KnownBusinessUnit)
async def know_business_unit(session: AsyncSession, event: Delivery[BusinessUnitSeen], now: datetime) -> None:
    await project(session, KnownBusinessUnit, event, {"name": event.data.name, "parent_id": event.data.parent_id})


async def with_descendants(session: AsyncSession, table: Any, roots: frozenset[UUID]) -> frozenset[UUID]:
    """`roots` and every unit below them, in one recursive query over `table` (columns id, parent_id)."""
    if not roots:
        return frozenset()
    below = select(table.id).where(table.id.in_(roots)).cte("below", recursive=True)
    below = below.union(select(table.id).join(below, table.parent_id == below.c.id))  # UNION also ends at a cycle
    return roots | frozenset((await session.scalars(select(below.c.id))).all())
