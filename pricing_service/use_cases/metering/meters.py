"""Declaring meters, version by version, and the policy of how late and early usage may come."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from pricing_service.domain import meters as domain
from pricing_service.domain.meters import Aggregation
from pricing_service.domain.usage import REPLACED_TYPE, USAGE_TYPE, VOIDED_TYPE
from pricing_service.schemas.usage import MeterDeclare, UsagePolicyBody
from pricing_service.tables import Meter, UsageEvent, UsagePolicy
from pricing_service.use_cases.metering.rules import MAX_AHEAD_SECONDS, MAX_LATE_DAYS
from services.errors import Fault, Invalid, NotFound
from services.http import check_version

_THE_POLICY = UUID("0192f0c1-7b00-7000-8000-0000000000a1")  # there is one


class EventTypeReserved(Invalid): ...


async def declare(session: AsyncSession, body: MeterDeclare) -> Meter:
    """The meter's next version; the present one where nothing has changed.

    Raises PathNotReadable, ValuePathMissing, AggregationIsFixed, EventTypeReserved.
    """
    if body.event_type in (VOIDED_TYPE, REPLACED_TYPE):
        raise EventTypeReserved("corrections are read by no meter", faults=[Fault("/event_type", "is a correction's")])
    value_path = body.value_path
    if value_path is None and body.event_type == USAGE_TYPE and body.aggregation is not Aggregation.COUNT:
        value_path = "$.quantity"
    if value_path is not None:
        domain.path(value_path, pointer="/value_path")
    for name, text in body.group_by.items():
        domain.path(text, pointer=f"/group_by/{name}")
    before = await newest(session, body.key)
    domain.check_version(body.aggregation, value_path, before=await _aggregated_as(session, body.key, before))
    said = body.model_dump(mode="json") | {"value_path": value_path}
    if before is not None and all(getattr(before, name) == value for name, value in said.items()):
        return before
    meter = Meter(**said, meter_version=1 if before is None else before.meter_version + 1, version=1)
    session.add(meter)
    return meter


async def _aggregated_as(session: AsyncSession, key: str, before: Meter | None) -> Aggregation | None:
    """How the meter has aggregated so far. One that nobody declared sums: what it read may be billed as that."""
    if before is not None:
        return Aggregation(before.aggregation)
    read = select(UsageEvent.meter).where(UsageEvent.meter == key).limit(1)
    return None if await session.scalar(read) is None else Aggregation.SUM


async def newest(session: AsyncSession, key: str) -> Meter | None:
    query = select(Meter).where(Meter.key == key).order_by(Meter.meter_version.desc()).limit(1)
    found: Meter | None = await session.scalar(query)
    return found


async def meter_named(session: AsyncSession, key: str, version: int | None) -> Meter:
    if version is None:
        found = await newest(session, key)
    else:
        found = await session.scalar(select(Meter).where(Meter.key == key, Meter.meter_version == version))
    if found is None:
        raise NotFound(f"no meter {key[:60]!r}" + ("" if version is None else f" version {version}"))
    return found


async def attributes(session: AsyncSession, key: str) -> set[str]:
    """Those that any version of the meter keeps."""
    return {name for kept in await session.scalars(select(Meter.group_by).where(Meter.key == key)) for name in kept}


def newest_versions() -> Select[Any]:
    other = aliased(Meter)
    latest = select(func.max(other.meter_version)).where(other.key == Meter.key).scalar_subquery()
    return select(Meter).where(Meter.meter_version == latest)


async def policy(session: AsyncSession) -> UsagePolicy:
    """The policy as it was set, or the one that holds until then (version 0, not stored)."""
    found: UsagePolicy | None = await session.scalar(select(UsagePolicy))
    return found or UsagePolicy(id=_THE_POLICY, max_late_days=MAX_LATE_DAYS, max_ahead_seconds=MAX_AHEAD_SECONDS)


async def set_policy(session: AsyncSession, body: UsagePolicyBody, *, if_match: frozenset[int] | None) -> UsagePolicy:
    present = await policy(session)
    check_version(present, if_match)
    present.max_late_days = body.max_late_days
    present.max_ahead_seconds = body.max_ahead_seconds
    if present.version == 0:
        present.version = 1
        session.add(present)
    return present
