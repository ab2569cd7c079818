"""What events are held against, read anew for each transaction where it may change, remembered where it cannot.

Meters and price plans are only ever added to. So a plan's priced meters are remembered and looked up again where one
is missing, and the meters for as long as there are as many of them as before. Subscriptions may end: they are read
in each transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import Uuid, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.calendar import UTC_ZONE, FiscalCalendar
from pricing_service.domain.meters import Aggregation, Meter, path
from pricing_service.domain.usage import USAGE_TYPE, Rules, Subscription, subscription_id
from pricing_service.tables import (
    FiscalCalendarRow,
    KnownSubscription,
    PeriodState,
    PricePlan,
    UsagePolicy,
)
from pricing_service.tables import Meter as MeterRow

MAX_LATE_DAYS, MAX_AHEAD_SECONDS = 366, 300  # until somebody sets the policy
_KEYS_A_QUERY = 500
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class _Known:
    """What is remembered of one database, and the stamp of what it was read from."""

    stamp: tuple[Any, ...] = ()
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    closed_through: str | None = None
    meters: dict[str, Meter] = field(default_factory=dict)
    by_type: dict[str, list[Meter]] = field(default_factory=dict)
    max_late: timedelta = timedelta(days=MAX_LATE_DAYS)
    max_ahead: timedelta = timedelta(seconds=MAX_AHEAD_SECONDS)
    priced: dict[UUID, frozenset[str]] = field(default_factory=dict)  # by offering
    adjusted: dict[date, str | None] = field(default_factory=dict)


_known: WeakKeyDictionary[Any, _Known] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Held:
    """The rules of a batch, which periods are closed, and whether a correction waits for its original."""

    rules: Rules
    known: _Known

    def closed_period(self, day: date) -> str | None:
        """The name of the closed period that the day falls into."""
        if self.known.closed_through is None:
            return None
        if day not in self.known.adjusted:
            name = self.known.calendar.of_day(day).name
            self.known.adjusted[day] = name if name <= self.known.closed_through else None
        return self.known.adjusted[day]


_STAMP = select(
    select(func.count()).select_from(MeterRow).scalar_subquery(),
    select(func.max(FiscalCalendarRow.version)).scalar_subquery(),
    select(func.max(UsagePolicy.version)).scalar_subquery(),
    select(func.count()).select_from(PeriodState).scalar_subquery(),
    select(func.sum(PeriodState.version)).scalar_subquery(),  # integers
)


async def load(session: AsyncSession, named: Collection[tuple[str, str | None]], *, now: datetime) -> Held:
    """The rules for events that name these (subject, meter), as written; None where the type says the meter."""
    stamp = tuple((await session.execute(_STAMP)).one())
    known = _known.get(session.get_bind())
    if known is None or stamp != known.stamp:
        known = _known[session.get_bind()] = await _read(session, stamp, {} if known is None else known.priced)
    rules = Rules(
        oldest=max(now - known.max_late, EARLIEST),
        newest=min(now + known.max_ahead, LATEST),
        subscriptions=await _subscriptions(session, known, named),
        meters=known.meters,
        by_type=known.by_type,
        zone=known.calendar.zone,
    )
    return Held(rules, known)


async def _read(session: AsyncSession, stamp: tuple[Any, ...], priced: dict[UUID, frozenset[str]]) -> _Known:
    rows = await session.scalars(select(MeterRow).order_by(MeterRow.key, MeterRow.meter_version))
    meters = {row.key: meter_of(row) for row in rows}
    by_type: dict[str, list[Meter]] = {}
    for meter in meters.values():
        if meter.event_type != USAGE_TYPE:
            by_type.setdefault(meter.event_type, []).append(meter)
    policy: UsagePolicy | None = await session.scalar(select(UsagePolicy))
    return _Known(
        stamp=stamp,
        calendar=await queries.fiscal_calendar(session),
        closed_through=await queries.closed_through(session),
        meters=meters,
        by_type=by_type,
        max_late=timedelta(days=policy.max_late_days if policy else MAX_LATE_DAYS),
        max_ahead=timedelta(seconds=policy.max_ahead_seconds if policy else MAX_AHEAD_SECONDS),
        priced=priced,
    )


def meter_of(row: MeterRow) -> Meter:
    return Meter(
        key=row.key,
        version=row.meter_version,
        event_type=row.event_type,
        aggregation=Aggregation(row.aggregation),
        value=None if row.value_path is None else path(row.value_path),
        group_by={name: path(text) for name, text in row.group_by.items()},
        allows_negative=row.allows_negative,
    )


async def _subscriptions(
    session: AsyncSession, known: _Known, named: Collection[tuple[str, str | None]]
) -> dict[str, Subscription | None]:
    ids = {subject: id_ for subject in {each[0] for each in named} if (id_ := subscription_id(subject)) is not None}
    wanted = list(set(ids.values()))
    query = select(
        KnownSubscription.id,
        KnownSubscription.offering_id,
        KnownSubscription.activated_at,
        KnownSubscription.ended_at,
    )
    rows: dict[UUID, tuple[UUID, datetime, datetime | None]] = {}
    if session.get_bind().dialect.name == "postgresql":  # one parameter: IN would be compiled anew each time
        of = KnownSubscription.id == any_(literal(wanted, ARRAY(Uuid)))
        rows = {row[0]: row[1:] for row in await session.execute(query.where(of))}
    else:
        for start in range(0, len(wanted), _KEYS_A_QUERY):
            of = KnownSubscription.id.in_(wanted[start : start + _KEYS_A_QUERY])
            rows |= {row[0]: row[1:] for row in await session.execute(query.where(of))}
    by_subject = {subject: rows.get(id_) for subject, id_ in ids.items()}
    missing = {
        row[0]
        for subject, meter in named
        if meter is not None
        and meter not in known.meters
        and (row := by_subject.get(subject)) is not None
        and meter not in known.priced.get(row[0], ())
    }
    await _look_up_priced(session, known, missing)
    zone, nothing = known.calendar.zone, frozenset[str]()
    found: dict[str, Subscription | None] = {}
    for subject, row in by_subject.items():
        if row is None:
            found[subject] = None
            continue
        offering_id, activated, ended = row
        first_day = activated.date() if zone is UTC_ZONE else activated.astimezone(zone).date()
        found[subject] = Subscription(ids[subject], first_day, ended, known.priced.get(offering_id, nothing))
    return found


async def _look_up_priced(session: AsyncSession, known: _Known, offerings: set[UUID]) -> None:
    ordered = sorted(offerings)
    for start in range(0, len(ordered), _KEYS_A_QUERY):
        priced: dict[UUID, set[str]] = {}
        plans = select(PricePlan.offering_id, PricePlan.charges).where(
            PricePlan.offering_id.in_(ordered[start : start + _KEYS_A_QUERY])
        )
        for offering, charges in await session.execute(plans):
            priced.setdefault(offering, set()).update(charge["meter"] for charge in charges if charge.get("meter"))
        known.priced.update({offering: frozenset(meters) for offering, meters in priced.items()})
