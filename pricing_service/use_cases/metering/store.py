"""Usage rows, at the speed of the database: what is there already stays, and is told apart from what is new.

Arrivals are numbered within the INSERT, not before: a cut of them waits for the table's writers (queries.arrivals).

PostgreSQL: a small batch is one INSERT of arrays; a large one is copied straight into the table, and only where some of
it is there already into a temporary table and inserted from there (ADR-0016 has the figures). Both go past the ORM, on
the transaction's own driver connection. SQLite: INSERT of some
hundred rows at a time.
"""

import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.usage import Kind, Reading, Ref, Taken
from pricing_service.tables import UsageCorrection, UsageEvent
from pricing_service.use_cases.metering.lane import whole
from services.db.upsert import upsert
from services.errors import Unavailable

Row = tuple[Taken, int, Reading]  # an event, and the reading of it that is row `position`
_COPIED_FROM = 250  # events; below it the two more round trips of a COPY cost more than they save
_ROWS_A_STATEMENT = 500  # × 15 columns stays below the parameters that SQLite takes
_VOID = Reading("", 0, Decimal(0))  # a void's row measures nothing

_COLUMNS = (
    "source, event_id, position, time, day, subscription_id, meter, meter_version, quantity, value, attributes, "
    "counts, received_at"
)
_COPIED = [*_COLUMNS.split(", "), "arrival"]
_FROM_ARRAYS = f"""
    INSERT INTO usage_event ({_COLUMNS}, arrival)
    SELECT *, nextval('usage_arrival_number_seq')
    FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::date[], $6::uuid[], $7::text[], $8::int[],
        $9::numeric[], $10::text[], $11::jsonb[], $12::bool[], $13::timestamptz[])
    ON CONFLICT DO NOTHING RETURNING source, event_id"""  # noqa: S608  # constants alone
_STAGING = """
    CREATE TEMP TABLE IF NOT EXISTS usage_staging (
        source text, event_id text, position int, time timestamptz, day date, subscription_id uuid, meter text,
        meter_version int, quantity numeric, value text, attributes jsonb, counts bool, received_at timestamptz,
        arrival bigint
    ) ON COMMIT DELETE ROWS"""
_FROM_STAGING = f"""
    INSERT INTO usage_event ({_COLUMNS}, arrival) SELECT {_COLUMNS}, arrival FROM usage_staging
    ON CONFLICT DO NOTHING"""  # noqa: S608  # constants alone
# The number of the arrival is this batch's alone: staged rows without such a row were there before.
_DUPLICATES = """
    SELECT s.source, s.event_id FROM usage_staging s
    WHERE NOT EXISTS (
        SELECT FROM usage_event u
        WHERE u.source = s.source AND u.event_id = s.event_id AND u.position = s.position
            AND u.arrival = s.arrival
    )"""
_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPED = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def takes_lines(session: AsyncSession, count: int) -> bool:
    """Whether so many events would be copied, for which a lane has lines."""
    return count >= _COPIED_FROM and session.get_bind().dialect.name == "postgresql"


async def keep(
    session: AsyncSession, events: Sequence[Taken], lines: Mapping[Ref, str], arrival: Any, *, now: datetime
) -> set[Ref]:
    """Keep the events, each of another (source, id), and return those that were not there yet.

    `lines` are further events in COPY's text format, if `takes_lines`. A correction's replacement does not count
    before `corrections.apply` says so.
    """
    firsts = [(event, 0, event.readings[0] if event.readings else _VOID) for event in events]
    new = await _insert(session, firsts, arrival, now, lines)
    more = [
        (event, position, reading)
        for event in events
        if len(event.readings) > 1 and event.ref in new
        for position, reading in enumerate(event.readings[1:], 1)
    ]
    if more:
        await _insert(session, more, arrival, now, {})
    corrections = [event for event in events if event.original is not None and event.ref in new]
    if corrections:
        await _keep_corrections(session, corrections)
    return new


async def contents(session: AsyncSession, refs: Sequence[Ref]) -> dict[Ref, tuple[Any, ...]]:
    """What is kept of events, in the form of `Taken.content`."""
    found: dict[Ref, tuple[Any, ...]] = {}
    for start in range(0, len(refs), _ROWS_A_STATEMENT):
        some = refs[start : start + _ROWS_A_STATEMENT]
        named = tuple_(UsageCorrection.source, UsageCorrection.event_id).in_(some)
        corrections = {
            Ref(row.source, row.event_id): row for row in await session.scalars(select(UsageCorrection).where(named))
        }
        rows = select(UsageEvent).where(tuple_(UsageEvent.source, UsageEvent.event_id).in_(some))
        readings: dict[Ref, list[UsageEvent]] = {}
        for row in await session.scalars(rows.order_by(UsageEvent.position)):
            readings.setdefault(Ref(row.source, row.event_id), []).append(row)
        for ref, kept in readings.items():
            correction = corrections.get(ref)
            kind = Kind.READING if correction is None else Kind(correction.kind)
            found[ref] = Taken(
                ref,
                kind,
                None if correction is None else Ref(correction.original_source, correction.original_id),
                kept[0].time,
                kept[0].day,
                kept[0].subscription_id,
                () if kind is Kind.VOIDED else tuple(map(_reading, kept)),
            ).content
    return found


def _reading(row: UsageEvent) -> Reading:
    attributes = None if row.attributes is None else tuple(sorted(row.attributes.items()))
    return Reading(row.meter, row.meter_version, row.quantity, row.value, attributes)


def _row(event: Taken, position: int, reading: Reading, now: datetime) -> tuple[Any, ...]:
    return (
        event.ref.source,
        event.ref.id,
        position,
        event.time,
        event.day,
        event.subscription_id,
        reading.meter,
        reading.version,
        reading.quantity,
        reading.value,
        reading.attributes,
        event.kind is Kind.READING,
        now,
    )


async def _insert(
    session: AsyncSession, rows: Sequence[Row], arrival: Any, now: datetime, lines: Mapping[Ref, str]
) -> set[Ref]:
    if not rows and not lines:
        return set()
    if session.get_bind().dialect.name != "postgresql":
        return await _insert_on_sqlite(session, rows, arrival, now)
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    async with _outages():
        if not lines and len(rows) < _COPIED_FROM:
            columns: list[Any] = [list(column) for column in zip(*(_row(*row, now) for row in rows), strict=True)]
            columns[10] = [_json(attributes) for attributes in columns[10]]
            return {Ref(*pair) for pair in await driver.fetch(_FROM_ARRAYS, *columns)}
        text = await _numbered(driver, [*lines.values(), *map(_line, rows)], now)
        new = {*lines, *(event.ref for event, _, _ in rows)}
        if not await _copied(driver, text):
            new -= await _copied_where_new(driver, text, len(rows) + len(lines))
        return new


async def keep_lines(session: AsyncSession, lines: Sequence[str], *, now: datetime) -> bool:
    """Keep new events in COPY's text format; False, and none is kept, if one of them is there already."""
    connection = await (await session.connection()).get_raw_connection()
    driver: Any = connection.driver_connection
    async with _outages():
        return await _copied(driver, await _numbered(driver, lines, now))


async def _numbered(driver: Any, lines: Sequence[str], now: datetime) -> bytes:
    # The number only once the table's writers count us among them: see queries.arrivals.
    await driver.execute("LOCK TABLE usage_event IN ROW EXCLUSIVE MODE")
    number = await driver.fetchval("SELECT nextval('usage_arrival_number_seq')")
    return whole(lines, arrival=number, now=now).encode()


async def _copied(driver: Any, text: bytes) -> bool:
    try:
        async with driver.transaction():  # a savepoint
            await driver.copy_to_table("usage_event", source=io.BytesIO(text), columns=_COPIED)
    except _unique_violation():
        return False
    return True


async def _copied_where_new(driver: Any, text: bytes, count: int) -> set[Ref]:
    """Insert the copied rows that are not there yet, and return what names the others."""
    await driver.execute(_STAGING)
    await driver.execute("TRUNCATE usage_staging")
    await driver.copy_to_table("usage_staging", source=io.BytesIO(text), columns=_COPIED)
    inserted = int((await driver.execute(_FROM_STAGING)).split()[-1])
    return set() if inserted == count else {Ref(*pair) for pair in await driver.fetch(_DUPLICATES)}


def _line(row: Row) -> str:
    """A row up to `counts`, in COPY's text format."""
    event, position, reading = row
    counts = "t" if event.kind is Kind.READING else "f"
    return (
        f"{_escaped(event.ref.source)}\t{_escaped(event.ref.id)}\t{position}\t{event.time.isoformat()}\t{event.day}\t"
        f"{event.subscription_id}\t{_escaped(reading.meter)}\t{reading.version}\t{reading.quantity}\t"
        f"{_escaped(reading.value)}\t{_escaped(_json(reading.attributes))}\t{counts}"
    )


def _escaped(text: str | None) -> str:
    if text is None:
        return "\\N"
    return _SPECIAL.sub(lambda found: _ESCAPED[found[0]], text) if _SPECIAL.search(text) else text


def _json(attributes: tuple[tuple[str, str], ...] | None) -> str | None:
    return None if attributes is None else json.dumps(dict(attributes), ensure_ascii=False)


async def _insert_on_sqlite(session: AsyncSession, rows: Sequence[Row], arrival: Any, now: datetime) -> set[Ref]:
    new: set[Ref] = set()
    names = _COLUMNS.split(", ")
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        some = rows[start : start + _ROWS_A_STATEMENT]
        values = [dict(zip(names, _row(*row, now), strict=True)) for row in some]
        for each in values:
            each["attributes"] = None if each["attributes"] is None else dict(each["attributes"])
            each["arrival"] = arrival
        insert = upsert(session, UsageEvent).values(values).on_conflict_do_nothing()
        inserted = await session.execute(insert.returning(UsageEvent.source, UsageEvent.event_id))
        new.update(Ref(source, event_id) for source, event_id in inserted)
    return new


async def _keep_corrections(session: AsyncSession, events: Sequence[Taken]) -> None:
    for start in range(0, len(events), _ROWS_A_STATEMENT):
        values = [
            {
                "source": event.ref.source,
                "event_id": event.ref.id,
                "kind": event.kind.value,
                "original_source": event.original.source,
                "original_id": event.original.id,
                "waits": True,
            }
            for event in events[start : start + _ROWS_A_STATEMENT]
            if event.original is not None
        ]
        await session.execute(upsert(session, UsageCorrection).values(values))


def _unique_violation() -> type[Exception]:
    import asyncpg  # type: ignore[import-untyped]

    violation: type[Exception] = asyncpg.UniqueViolationError
    return violation


@asynccontextmanager
async def _outages() -> AsyncIterator[None]:
    """The driver's own errors are not wrapped by SQLAlchemy: those that pass are told apart here."""
    import asyncpg  # late, since embedded it is not needed

    try:
        yield
    except (
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.TransactionRollbackError,
        asyncpg.InsufficientResourcesError,
        asyncpg.OperatorInterventionError,
    ) as error:
        raise Unavailable("the database cannot do this now; try again shortly") from error
