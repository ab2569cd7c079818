"""A large organisation for the benches: units, subscriptions, plans of four tiers and a month of usage.

Rows go straight into the tables, of either database: what is measured begins where they lie.
"""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert

from pricing_service.app import definition
from pricing_service.tables import KnownSubscription, PricePlan, UsageArrival
from services import context
from services.db import Database
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.local.backends import Postgres
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness

PERIOD, FIRST_DAY, DAYS = "2026-10", date(2026, 10, 1), 31
METER = "vm-hours"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    events: int
    subscriptions: int = 1_000
    units: int = 200
    plans: int = 200


@dataclass
class Organisation:
    service: ServiceHarness
    size: Size
    postgres: Postgres | None
    database: str
    subscriptions: list[UUID]

    def cpu_seconds(self) -> float:
        """What this process and the database's have used so far."""
        times = os.times()
        return times.user + times.system + (0.0 if self.postgres is None else _cpu_of_tree(_postmaster(self.postgres)))


def events(size: Size, subscriptions: list[UUID]) -> Iterator[tuple[Any, ...]]:
    """source, id, time, day, subscription, quantity: six decimals, in the order of time, from a fixed seed."""
    pick = random.Random(20261001)
    for number in range(size.events):
        day = FIRST_DAY + timedelta(days=number * DAYS // size.events)
        at = datetime(day.year, day.month, day.day, number % 24, number % 60, tzinfo=UTC)
        quantity = Decimal(pick.randrange(1, 10**10)).scaleb(-6)
        yield "/meters/bench", f"{number:012}", at, day, subscriptions[pick.randrange(len(subscriptions))], quantity


@asynccontextmanager
async def organisation(folder: Path, size: Size, postgres: Postgres | None = None) -> AsyncIterator[Organisation]:
    """The pricing app, running, with the rows in its database."""
    if postgres is None:
        async with ServiceHarness(definition, folder) as service:
            yield await _filled(service, size, None, "")
        return
    name = f"bench_{size.events}_{size.subscriptions}"
    postgres.create_database(name)
    database = Database(postgres.url(name))
    await migrate(database, definition.migrations, definition.metadata, app="pricing")
    await database.close()
    urls = {f"{app}_database_url": postgres.url(name) for app in APPS}
    settings = load_settings(itaas_data_dir=folder, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{folder}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, folder, settings=settings, event_log=log) as service:
        yield await _filled(service, size, postgres, name)
    await log.close()


async def _filled(service: ServiceHarness, size: Size, postgres: Postgres | None, name: str) -> Organisation:
    units = [UUID(int=1_000_000 + number) for number in range(size.units)]
    offerings = [UUID(int=2_000_000 + number) for number in range(size.plans)]
    subscriptions = [UUID(int=(3_000_000 + number) << 64 | number) for number in range(size.subscriptions)]
    async with service.runtime.database.transaction() as session:
        with context.entered(context.WorkContext("bench", "bench", "bench")):
            session.add_all([_plan(number, offering) for number, offering in enumerate(offerings)])
            await session.flush()
        rows = [
            {
                "id": id_,
                "sequence": 1,
                "seen_at": BEGUN,
                "business_unit_id": units[number % size.units],
                "offering_id": offerings[number * 7 % size.plans],
                "service_id": UUID(int=4_000_000),
                "demand_id": None,
                "quantity": Decimal(1),
                "state": "active",
                "activated_at": BEGUN,
                "ended_at": None,
            }
            for number, id_ in enumerate(subscriptions)
        ]
        for start in range(0, len(rows), 1_000):
            await session.execute(insert(KnownSubscription), rows[start : start + 1_000])
        await session.execute(insert(UsageArrival).values(number=size.events))
    if postgres is None:
        _into_sqlite(service, size, subscriptions)
    else:
        await _into_postgresql(postgres, name, size, subscriptions)
    return Organisation(service, size, postgres, name, subscriptions)


def _plan(number: int, offering: UUID) -> PricePlan:
    tiers = [
        {"up_to": str(10 * (number + 1)), "unit_price": "0.0873", "flat_fee": "0"},
        {"up_to": str(1_000 * (number + 1)), "unit_price": f"0.0{number + 17}", "flat_fee": "1.5"},
        {"up_to": str(100_000 * (number + 1)), "unit_price": "0.01234567", "flat_fee": "0"},
        {"up_to": None, "unit_price": "0.009", "flat_fee": "0"},
    ]
    charge = {"key": "hours", "name": "Hours", "recurring": "usage", "meter": METER, "model": "graduated"}
    return PricePlan(
        version=1,
        offering_id=offering,
        plan_version=1,
        currency="USD",
        effective_from=BEGUN,
        charges=[charge | {"tiers": tiers}],
        discounts=[],
        minimum=None,
        maximum=None,
        audience=[],
        existing_subscriptions="follow",
    )


def _into_sqlite(service: ServiceHarness, size: Size, subscriptions: list[UUID]) -> None:
    file = service.runtime.database.url.removeprefix("sqlite+aiosqlite:///")
    columns = (
        "source, event_id, position, time, day, subscription_id, meter, meter_version, quantity, counts, received_at,"
        " arrival"
    )
    connection = sqlite3.connect(file)
    connection.create_collation("DECIMAL", lambda a, b: (a > b) - (a < b))  # no index sorts by it
    connection.executemany(
        f"INSERT INTO usage_event ({columns}) VALUES (?, ?, 0, ?, ?, ?, '{METER}', 0, ?, 1, ?, ?)",
        (
            (source, id_, f"{at:%FT%T.%fZ}", str(day), who.hex, f"{quantity:f}", f"{at:%FT%T.%fZ}", int(id_) + 1)
            for source, id_, at, day, who, quantity in events(size, subscriptions)
        ),
    )
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


async def _into_postgresql(postgres: Postgres, name: str, size: Size, subscriptions: list[UUID]) -> None:
    connection = await asyncpg.connect(postgres.url(name).replace("+asyncpg", ""))
    columns = (
        "source event_id position time day subscription_id meter meter_version quantity counts received_at arrival"
    )
    await connection.copy_records_to_table(
        "usage_event",
        columns=columns.split(),
        records=(
            (source, id_, 0, at, day, who, METER, 0, quantity, True, at, int(id_) + 1)
            for source, id_, at, day, who, quantity in events(size, subscriptions)
        ),
    )
    await connection.execute("SELECT setval('usage_arrival_number_seq', $1)", size.events)
    await connection.execute("VACUUM ANALYZE usage_event")
    await connection.close()


def _postmaster(postgres: Postgres) -> int:
    return int((postgres.folder / "cluster" / "postmaster.pid").read_text().split()[0])


def _cpu_of_tree(pid: int) -> float:
    """Of a process, of its children, and of those that have ended."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, rest = stat.read_text().rsplit(") ", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        fields = rest.split()
        own = int(stat.parent.name) == pid
        if own or int(fields[1]) == pid:
            ticks += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if own else 0)
    return ticks / os.sysconf("SC_CLK_TCK")
