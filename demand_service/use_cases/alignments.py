"""Leaders are aligned with business units, in days; whom an alignment lets act is asked in `queries.alignments`."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from demand_service.domain.alignment import require_free, require_span
from demand_service.events import AlignmentChanged
from demand_service.schemas import AlignmentCreate, AlignmentPatch
from demand_service.tables import Alignment, BusinessUnit
from services.errors import Fault, Invalid, NotFound
from services.events import record
from services.http import check_version
from services.identity import Units


class AlignmentNotFound(NotFound): ...


class BusinessUnitUnknown(Invalid): ...


async def alignment(session: AsyncSession, alignment_id: UUID, *, units: Units) -> Alignment:
    found = await session.get(Alignment, alignment_id)
    if found is None:
        raise AlignmentNotFound(f"there is no alignment {alignment_id}")
    units.require(found.business_unit_id)
    return found


async def align(session: AsyncSession, body: AlignmentCreate, *, units: Units, now: datetime) -> Alignment:
    await require_business_unit(session, body.business_unit_id, units=units)
    starts_on = body.starts_on or now.date()
    made = Alignment(
        person_id=body.person_id, business_unit_id=body.business_unit_id, starts_on=starts_on, ends_on=body.ends_on
    )
    await _require_free(session, made, starts_on, body.ends_on)
    session.add(made)
    record(session, made, AlignmentChanged)
    return made


async def change_end(
    session: AsyncSession,
    alignment_id: UUID,
    body: AlignmentPatch,
    *,
    units: Units,
    if_match: frozenset[int] | None,
) -> Alignment:
    found = await alignment(session, alignment_id, units=units)
    check_version(found, if_match)
    await _require_free(session, found, found.starts_on, body.ends_on)
    found.ends_on = body.ends_on
    record(session, found, AlignmentChanged)
    return found


async def require_business_unit(session: AsyncSession, business_unit_id: UUID, *, units: Units) -> None:
    """Raises BusinessUnitUnknown for one that a body names and that does not exist, or BusinessUnitOutOfScope."""
    units.require(business_unit_id)
    if await session.get(BusinessUnit, business_unit_id) is None:
        raise BusinessUnitUnknown(
            f"there is no business unit {business_unit_id}", faults=[Fault("/business_unit_id", "does not exist")]
        )


async def _require_free(session: AsyncSession, made: Alignment, starts_on: date, ends_on: date | None) -> None:
    require_span(starts_on, ends_on)
    if session.get_bind().dialect.name == "postgresql":  # of two at once the second sees the first
        key = f"alignment {made.person_id} {made.business_unit_id}"
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
    query = select(Alignment).where(
        Alignment.person_id == made.person_id,
        Alignment.business_unit_id == made.business_unit_id,
        Alignment.id != made.id,
    )
    require_free(starts_on, ends_on, [(row.starts_on, row.ends_on) for row in await session.scalars(query)])
