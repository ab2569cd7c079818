"""What a meter measured, window by window, and single usage events: reads for people and apps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, case, exists, func, or_, select, tuple_, type_coerce
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.meters import Aggregation
from pricing_service.domain.periods import Period
from pricing_service.tables import KnownSubscription, UsageCorrection, UsageEvent
from services.db import exact_sum
from services.errors import Fault, Invalid, TooLarge

MOST_WINDOWS, MOST_GROUPS = 10_000, 10_000


class WindowsTooMany(TooLarge): ...


class WindowWrong(Invalid): ...


class Window(StrEnum):
    HOUR = "hour"
    DAY = "day"
    PERIOD = "period"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which usage: half-open in time; `visible` None sees every business unit."""

    meter: str
    start: datetime
    end: datetime
    window: Window
    group_by: Sequence[str]
    visible: frozenset[UUID] | None
    business_unit_id: UUID | None
    subscription_id: UUID | None


@dataclass(frozen=True, slots=True)
class MeteredRow:
    window_start: datetime
    window_end: datetime
    period: str | None
    group: dict[str, str | None]
    quantity: Decimal
    events: int


async def metered_windows(
    session: AsyncSession, asked: Asked, aggregation: Aggregation, calendar: FiscalCalendar
) -> list[MeteredRow]:
    """Exact per window and group, in the order of time. Raises WindowWrong, WindowsTooMany."""
    if asked.end <= asked.start:
        raise WindowWrong("the window is empty", faults=[Fault("to", "must lie after from")])
    periods = _periods(asked, calendar)
    bucket = _bucket(session, asked, periods).label("bucket")
    groups = [
        UsageEvent.attributes[name].as_string().label(f"group_{place}") for place, name in enumerate(asked.group_by)
    ]
    conditions = [
        UsageEvent.meter == asked.meter,
        UsageEvent.counts,
        UsageEvent.time >= asked.start,
        UsageEvent.time < asked.end,
        UsageEvent.day >= _day(asked.start, calendar),  # so that the index over days serves
        UsageEvent.day <= _day(asked.end, calendar),
        UsageEvent.subscription_id.in_(_subscriptions(asked)),
    ]
    keys: list[Any] = [bucket, *groups]
    match aggregation:
        case Aggregation.LATEST:
            newest = (UsageEvent.time.desc(), UsageEvent.event_id.desc(), UsageEvent.source.desc())
            ranked = select(
                *keys,
                UsageEvent.quantity.label("quantity"),
                func.count().over(partition_by=keys).label("events"),
                func.row_number().over(partition_by=keys, order_by=newest).label("place"),
            )
            inner = ranked.where(*conditions).subquery()
            names = [inner.c[key.name] for key in keys]
            query = select(*names, inner.c.quantity, inner.c.events).where(inner.c.place == 1).order_by(*names)
        case _:
            query = (
                select(*keys, _quantity(aggregation), func.count()).where(*conditions).group_by(*keys).order_by(*keys)
            )
    rows = list(await session.execute(query.limit(MOST_GROUPS + 1)))
    if len(rows) > MOST_GROUPS:
        raise WindowsTooMany(f"more than {MOST_GROUPS} windows and groups; ask for less time, or coarser")
    return [
        MeteredRow(
            *_bounds(row[0], asked.window, periods, calendar),
            dict(zip(asked.group_by, row[1:-2], strict=True)),
            Decimal(row[-2]),
            row[-1],
        )
        for row in rows
    ]


def _quantity(aggregation: Aggregation) -> ColumnElement[Any]:
    match aggregation:
        case Aggregation.UNIQUE_COUNT:
            return func.count(UsageEvent.value.distinct())
        case Aggregation.MAX:
            return func.max(UsageEvent.quantity)
        case _:
            return exact_sum(UsageEvent.quantity)


def _subscriptions(asked: Asked) -> Any:
    query = select(KnownSubscription.id)
    if asked.visible is not None:
        query = query.where(KnownSubscription.business_unit_id.in_(asked.visible))
    if asked.business_unit_id is not None:
        query = query.where(KnownSubscription.business_unit_id == asked.business_unit_id)
    if asked.subscription_id is not None:
        query = query.where(KnownSubscription.id == asked.subscription_id)
    return query


def _day(moment: datetime, calendar: FiscalCalendar) -> date:
    return moment.astimezone(calendar.zone).date()


def _periods(asked: Asked, calendar: FiscalCalendar) -> list[Period]:
    """Of the window PERIOD all periods that are touched."""
    length = {Window.HOUR: timedelta(hours=1), Window.DAY: timedelta(days=1), Window.PERIOD: timedelta(days=27)}
    if (asked.end - asked.start) / length[asked.window] > (500 if asked.window is Window.PERIOD else MOST_WINDOWS):
        raise WindowsTooMany(f"too many windows of a {asked.window}; ask for less time")
    if asked.window is not Window.PERIOD:
        return []
    periods = [calendar.of(asked.start)]
    while periods[-1].end < asked.end:
        periods.append(calendar.next(periods[-1]))
    return periods


def _bucket(session: AsyncSession, asked: Asked, periods: Sequence[Period]) -> ColumnElement[Any]:
    match asked.window:
        case Window.DAY:
            return type_coerce(UsageEvent.day, UsageEvent.day.type)
        case Window.PERIOD:
            ends = [(UsageEvent.day < period.end_day, place) for place, period in enumerate(periods)]
            return case(*ends, else_=len(periods) - 1)
        case _ if session.get_bind().dialect.name == "postgresql":
            return func.date_trunc("hour", UsageEvent.time, "UTC")
        case _:
            return func.substr(type_coerce(UsageEvent.time, String), 1, 13)


def _bounds(
    bucket: Any, window: Window, periods: Sequence[Period], calendar: FiscalCalendar
) -> tuple[datetime, datetime, str | None]:
    match window:
        case Window.PERIOD:
            period = periods[bucket]
            return period.start, period.end, period.name
        case Window.DAY:
            days = (bucket, bucket + timedelta(days=1))
            start, end = (datetime.combine(day, time(), calendar.zone).astimezone(UTC) for day in days)
            return start, end, None
        case _:
            hour = (
                datetime.fromisoformat(f"{bucket}:00:00+00:00") if isinstance(bucket, str) else bucket.astimezone(UTC)
            )
            return hour, hour + timedelta(hours=1), None


async def usage_events(
    session: AsyncSession, conditions: Sequence[ColumnElement[bool]], after: tuple[str, str] | None, limit: int
) -> list[UsageEvent]:
    """At most `limit` + 1 events (their first rows) in the order of source and id."""
    key = tuple_(UsageEvent.source, UsageEvent.event_id)
    query = select(UsageEvent).where(UsageEvent.position == 0, *conditions)
    if after is not None:
        query = query.where(key > after)
    return list(await session.scalars(query.order_by(UsageEvent.source, UsageEvent.event_id).limit(limit + 1)))


def read_by(meter: str) -> ColumnElement[bool]:
    """Events of which this meter is one that reads them."""
    other = aliased(UsageEvent)
    same = (other.source == UsageEvent.source, other.event_id == UsageEvent.event_id)
    return exists().where(*same, other.meter == meter)


async def readings_of(session: AsyncSession, named: Sequence[tuple[str, str]]) -> list[UsageEvent]:
    key = tuple_(UsageEvent.source, UsageEvent.event_id)
    return list(await session.scalars(select(UsageEvent).where(key.in_(named)).order_by(UsageEvent.position)))


async def corrections_around(session: AsyncSession, named: Sequence[tuple[str, str]]) -> list[UsageCorrection]:
    """The corrections that these events are, and those that name them as their original."""
    key = tuple_(UsageCorrection.source, UsageCorrection.event_id)
    original = tuple_(UsageCorrection.original_source, UsageCorrection.original_id)
    return list(await session.scalars(select(UsageCorrection).where(or_(key.in_(named), original.in_(named)))))


def in_sight(visible: frozenset[UUID] | None, business_unit_id: UUID | None) -> ColumnElement[bool]:
    """Usage of subscriptions of these business units."""
    query = select(KnownSubscription.id)
    if visible is not None:
        query = query.where(KnownSubscription.business_unit_id.in_(visible))
    if business_unit_id is not None:
        query = query.where(KnownSubscription.business_unit_id == business_unit_id)
    return and_(UsageEvent.subscription_id.in_(query))
