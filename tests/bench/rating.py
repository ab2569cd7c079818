"""Rating a month of usage: the aggregation that the run does, and the run as a whole.

The reference is DuckDB, which does the same aggregation on the same rows in the same run: fed from the same database
by the fastest way found (COPY as CSV from PostgreSQL, column arrays from SQLite), and, for orientation, with the rows
in its memory already. CPU seconds are those of this process and of the database's together.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import duckdb
import pyarrow as pa

from pricing_service import queries
from pricing_service.use_cases.rating import SUBSCRIPTIONS_A_READ
from services.local.backends import Postgres
from tests.bench.organisation import DAYS, FIRST_DAY, PERIOD, Organisation, Size, organisation

LARGEST = 10_000_000
CURVE = (10_000, 100_000, 1_000_000, LARGEST)
_WIDE = "DECIMAL(38,18)"  # exact at every scale that a quantity may have


def run(*, largest: int = LARGEST) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        postgres = Postgres.start(Path(folder) / "stack")
        try:
            for events in (size for size in CURVE if size <= largest):
                rows += asyncio.run(_measured(Path(folder), Size(events), postgres))
                if events <= 1_000_000:
                    rows += asyncio.run(_measured(Path(folder), Size(events), None))
        finally:
            postgres.discard()
    return rows


async def _measured(folder: Path, size: Size, postgres: Postgres | None) -> list[dict[str, Any]]:
    name = "SQLite" if postgres is None else "PostgreSQL"
    place = folder / f"{name}-{size.events}"
    place.mkdir()
    async with organisation(place, size, postgres) as there:
        ours, summed = await _least(there, lambda: _aggregated(there))
        fed, same = await _least(there, lambda: _duckdb_fed(there))
        memory, _ = await _least(there, lambda: _duckdb_in_memory(there), prepare=lambda: _loaded(there))
        assert summed == same, "the two do not agree to the last digit"
        ran, peak = await _rated(there)
    return [
        _row(f"aggregation, {name}", size.events, ours, "DuckDB, same table", fed),
        _row(f"aggregation, {name}", size.events, ours, "DuckDB, rows in memory", memory),
        _row(f"rating run, {name}, {size.subscriptions} lines", size.events, ran, "DuckDB, same table", fed)
        | {"memory_mb": peak},
    ]


def _row(bench: str, rows: int, cpu: float, reference: str, reference_cpu: float) -> dict[str, Any]:
    return {
        "bench": bench,
        "rows": rows,
        "cpu_s": cpu,
        "rows_per_cpu_s": rows / cpu,
        "reference": reference,
        "reference_cpu_s": reference_cpu,
        "ratio": reference_cpu / cpu,
    }


async def _least(
    there: Organisation, work: Callable[[], Awaitable[Any]], *, prepare: Callable[[], Awaitable[Any]] | None = None
) -> tuple[float, Any]:
    """CPU seconds of the better of two, and the result."""
    least, result = float("inf"), None
    for _ in range(2):
        if prepare is not None:
            await prepare()
        before = there.cpu_seconds()
        result = await work()
        least = min(least, max(there.cpu_seconds() - before, 0.01))
    return least, result


async def _aggregated(there: Organisation) -> dict[Any, Any]:
    """As the run does it: so many subscriptions a pass."""
    edges = [FIRST_DAY, FIRST_DAY + timedelta(days=DAYS)]
    found: dict[Any, Any] = {}
    for start in range(0, len(there.subscriptions), SUBSCRIPTIONS_A_READ):
        ids = there.subscriptions[start : start + SUBSCRIPTIONS_A_READ]
        async with there.service.runtime.database.reading() as session:
            sums = await queries.metered_by_stretch(session, ids, edges, there.size.events)
        found |= {id_.hex: quantity for id_, each in sums.items() for quantity in each.values()}
    return found


_QUERY = f"SELECT s, sum(q::{_WIDE}) FROM {{rows}} GROUP BY s"


async def _duckdb_fed(there: Organisation) -> dict[Any, Any]:
    with duckdb.connect() as duck:
        if there.postgres is None:
            duck.register("rows_", _columns(there))
            rows = "rows_"
        else:
            file = Path(there.service.settings.itaas_data_dir) / "rows.csv"
            await _copied(there, file)
            rows = f"read_csv('{file}', header=false, columns={{'s': 'VARCHAR', 'q': 'VARCHAR'}})"
        return {who.replace("-", ""): total for who, total in duck.execute(_QUERY.format(rows=rows)).fetchall()}


async def _copied(there: Organisation, file: Path) -> None:
    assert there.postgres is not None
    connection = await asyncpg.connect(there.postgres.url(there.database).replace("+asyncpg", ""))
    query = "SELECT subscription_id, quantity FROM usage_event WHERE counts AND day >= $1 AND day < $2"
    await connection.copy_from_query(query, FIRST_DAY, FIRST_DAY + timedelta(days=DAYS), output=file, format="csv")
    await connection.close()


def _columns(there: Organisation) -> pa.Table:
    file = there.service.runtime.database.url.removeprefix("sqlite+aiosqlite:///")
    connection = sqlite3.connect(file)
    read = connection.execute(
        "SELECT subscription_id, quantity FROM usage_event WHERE counts AND day >= ? AND day < ?",
        (str(FIRST_DAY), str(FIRST_DAY + timedelta(days=DAYS))),
    )
    batches = []
    while rows := read.fetchmany(50_000):
        who, quantity = zip(*rows, strict=True)
        batches.append(pa.record_batch([pa.array(who), pa.array(quantity)], names=["s", "q"]))
    connection.close()
    return pa.Table.from_batches(batches)


_memory: dict[str, duckdb.DuckDBPyConnection] = {}


async def _loaded(there: Organisation) -> None:
    duck = duckdb.connect()
    file = Path(there.service.settings.itaas_data_dir) / "rows.csv"
    if there.postgres is None:
        duck.register("rows_", _columns(there))
        source = "rows_"
    else:
        await _copied(there, file)
        source = f"read_csv('{file}', header=false, columns={{'s': 'VARCHAR', 'q': 'VARCHAR'}})"
    duck.execute(f"CREATE TABLE t AS SELECT s, q::{_WIDE} AS q FROM {source}")
    _memory["duck"] = duck


async def _duckdb_in_memory(there: Organisation) -> dict[Any, Any]:
    return dict(_memory["duck"].execute(_QUERY.format(rows="t")).fetchall())


async def _rated(there: Organisation) -> tuple[float, float]:
    """CPU seconds of a whole rating run, from the request to the last draft, and by how many MB memory grew for it."""
    status = Path("/proc/self/status")
    async with there.service.client(roles=["finance"]) as finance:
        await finance.get("/v1/statements")  # an app's routes are put together at its first request
        resident = _megabytes(status, "VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = there.cpu_seconds()
        job = (await finance.post("/v1/rating-runs", json={"period": PERIOD})).json()
        while job["state"] in ("queued", "running"):
            await asyncio.sleep(0.25)
            job = (await finance.get(f"/v1/jobs/{job['id']}")).json()
        used = there.cpu_seconds() - before
        assert job["state"] == "succeeded", job
        return used, max(_megabytes(status, "VmHWM") - resident, 0.0)


def _megabytes(status: Path, name: str) -> float:
    return int(status.read_text().split(f"{name}:")[1].split()[0]) / 1024
