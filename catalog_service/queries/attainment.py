"""Named reads of measurements, and of what came of them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.measurement import Measured
from catalog_service.domain.months import Month
from catalog_service.domain.spans import Span
from catalog_service.tables import Attainment, Measurement, ObservedLeadTime, Offering
from services.identity import Units

_KEYS_A_QUERY = 400
_ROWS_A_READ = 1_000
EVERYBODY = ""  # the scope of what is of no subscription and no business unit alone


def parts(keys: Iterable[Any], size: int = _KEYS_A_QUERY) -> list[list[Any]]:
    """As many at once as a statement may name."""
    every = list(keys)
    return [every[start : start + size] for start in range(0, len(every), size)]


async def measurements_by_ref(
    session: AsyncSession, refs: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], Measurement]:
    key = tuple_(Measurement.source, Measurement.event_id)
    found: dict[tuple[str, str], Measurement] = {}
    for some in parts(sorted(set(refs))):
        for row in await session.scalars(select(Measurement).where(key.in_(some))):
            found[row.source, row.event_id] = row
    return found


async def corrected(session: AsyncSession, refs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which of these some other report names as its original."""
    columns: list[Any] = [Measurement.original_source, Measurement.original_id]
    found: set[tuple[str, str]] = set()
    for some in parts(sorted(set(refs))):
        rows = await session.execute(select(*columns).where(tuple_(*columns).in_(some)))
        found |= {(source, id_) for source, id_ in rows}
    return found


def _counts() -> ColumnElement[bool]:
    """A measurement counts unless it is a void, or another one names it as its original."""
    correction = aliased(Measurement)
    named = select(correction.id).where(
        correction.original_source == Measurement.source, correction.original_id == Measurement.event_id
    )
    return and_(Measurement.commitment.is_not(None), ~named.exists())


def _of(offering_id: Any, service_id: Any) -> ColumnElement[bool]:
    whole = and_(Measurement.service_id == service_id, Measurement.offering_id.is_(None))
    return or_(Measurement.offering_id == offering_id, whole)


def _within(month: Month) -> ColumnElement[bool]:
    return and_(Measurement.ends_at >= month.start, Measurement.starts_at < month.end)


async def counting_measurements(
    session: AsyncSession, offering: Offering, month: Month
) -> list[tuple[UUID | None, UUID | None, Measured]]:
    """What was measured of the offering in the month, or of all of its service's offerings: of whom, and what.

    In parts, between which the process does other work: they can be many thousand.
    """
    query = select(
        Measurement.id,
        Measurement.subscription_id,
        Measurement.business_unit_id,
        Measurement.commitment,
        Measurement.starts_at,
        Measurement.ends_at,
        Measurement.state,
        Measurement.up_seconds,
        Measurement.total_seconds,
        Measurement.value,
        Measurement.planned,
    ).where(_of(offering.id, offering.service_id), _within(month), _counts())
    query = query.order_by(Measurement.id).limit(_ROWS_A_READ)
    found: list[tuple[UUID | None, UUID | None, Measured]] = []
    last: UUID | None = None
    while True:
        part = query if last is None else query.where(Measurement.id > last)
        rows = (await session.execute(part)).all()
        for id_, subscription_id, unit_id, commitment, starts_at, ends_at, *said in rows:
            assert commitment is not None and starts_at is not None and ends_at is not None
            found.append((subscription_id, unit_id, Measured(commitment, Span(starts_at, ends_at), *said)))
            last = id_
        if len(rows) < _ROWS_A_READ:
            return found


async def offerings_to_assess(
    session: AsyncSession, month: Month, *, after: UUID | None, limit: int
) -> Sequence[Offering]:
    """Offerings that were published, and of which the month knows anything: a measurement or an attainment."""
    measured = select(Measurement.id).where(_of(Offering.id, Offering.service_id), _within(month)).exists()
    assessed = select(Attainment.id).where(Attainment.offering_id == Offering.id, Attainment.period == month.name)
    query = select(Offering).where(Offering.published_at.is_not(None), or_(measured, assessed.exists()))
    if after is not None:
        query = query.where(Offering.id > after)
    return (await session.scalars(query.order_by(Offering.id).limit(limit))).unique().all()


async def attainments_of(
    session: AsyncSession, offering_id: UUID, periods: Collection[str], units: Units | None = None
) -> Sequence[Attainment]:
    """With `units`, of what concerns one unit or subscription alone only what is of these."""
    query = select(Attainment).where(Attainment.offering_id == offering_id, Attainment.period.in_(periods))
    if units is not None and units.visible is not None:
        query = query.where(or_(Attainment.scope == EVERYBODY, Attainment.business_unit_id.in_(units.visible)))
    return (await session.scalars(query.order_by(Attainment.period, Attainment.commitment, Attainment.scope))).all()


async def latest_attainments(session: AsyncSession, offering_ids: Iterable[UUID]) -> dict[UUID, dict[str, Attainment]]:
    """Of each commitment of each offering the newest period in which it was measured, for everybody."""
    known = and_(Attainment.scope == EVERYBODY, Attainment.state != AttainmentState.NOT_MEASURED)
    found: dict[UUID, dict[str, Attainment]] = {}
    for some in parts(set(offering_ids)):
        newest = (
            select(Attainment.offering_id, Attainment.commitment, func.max(Attainment.period).label("period"))
            .where(Attainment.offering_id.in_(some), known)
            .group_by(Attainment.offering_id, Attainment.commitment)
            .subquery()
        )
        same = and_(
            Attainment.offering_id == newest.c.offering_id,
            Attainment.commitment == newest.c.commitment,
            Attainment.period == newest.c.period,
            Attainment.scope == EVERYBODY,
        )
        for row in await session.scalars(select(Attainment).join(newest, same)):
            found.setdefault(row.offering_id, {})[row.commitment.value] = row
    return found


async def observed_lead_times(session: AsyncSession, offering_ids: Iterable[UUID]) -> dict[UUID, ObservedLeadTime]:
    query = select(ObservedLeadTime).where(ObservedLeadTime.id.in_(set(offering_ids)))
    return {row.id: row for row in await session.scalars(query)}


def attainments(
    *,
    period: str | None,
    service_id: UUID | None,
    offering_id: UUID | None,
    state: AttainmentState | None,
) -> Select[Any]:
    query = select(Attainment)
    for column, wanted in (
        (Attainment.period, period),
        (Attainment.service_id, service_id),
        (Attainment.offering_id, offering_id),
        (Attainment.state, state),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    return query


def measurements(
    *, offering_id: UUID | None, service_id: UUID | None, since: datetime | None, until: datetime | None
) -> Select[Any]:
    """Those of [since, until) that name the offering, or the service."""
    query = select(Measurement)
    if offering_id is not None:
        query = query.where(Measurement.offering_id == offering_id)
    if service_id is not None:
        query = query.where(Measurement.service_id == service_id)
    if since is not None:
        query = query.where(Measurement.ends_at >= since)
    if until is not None:
        query = query.where(Measurement.starts_at < until)
    return query
