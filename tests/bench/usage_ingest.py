"""Usage over HTTP on PostgreSQL, against a bare COPY of the same rows and against FastAPI with the raw driver.

    python -m tests.bench.usage_ingest

Both servers are processes of their own (uvicorn, one worker, no access log); the load comes from this process over
kept connections. Reference and ours take turns on tables with the same indexes, and a ratio is that of the medians.
The CPU of a side is that of its server process and of PostgreSQL's backends; of COPY that of this process instead.
"""

import asyncio
import io
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from services.ids import uuid7
from services.local.backends import Postgres, free_port

SUBSCRIPTIONS = 400
BATCH, BATCHES, BATCH_CONNECTIONS = 5_000, 8, 2
LINES = 20_000
SINGLES, SINGLE_CONNECTIONS = 3_000, 32
ROUNDS = 5
COLUMNS = (
    *("source", "event_id", "position", "time", "day", "subscription_id", "meter", "meter_version", "quantity"),
    *("value", "attributes", "counts", "received_at", "arrival"),
)
_TICKS = os.sysconf("SC_CLK_TCK")
_INSERT = """INSERT INTO usage_event (source, event_id, position, time, day, subscription_id, meter, meter_version,
    quantity, counts, received_at, arrival) VALUES ($1, $2, 0, $3, $4, $5, $6, 0, $7, true, $8, 1)
    ON CONFLICT DO NOTHING"""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one round cost: seconds on the wall and of CPU, per row."""

    wall: float
    cpu: float


class Server:
    """A server process on a port, with its CPU time."""

    def __init__(self, kind: str, url: str, folder: Path) -> None:
        self.port = free_port(range(30_000, 32_000))
        self._log = (folder / f"{kind}.log").open("wb")
        arguments = [sys.executable, "-m", "tests.bench.usage_ingest", kind, url, str(folder), str(self.port)]
        self._process = subprocess.Popen(arguments, stdout=self._log, stderr=self._log)

    async def ready(self) -> None:
        for _ in range(600):
            if self._process.poll() is not None:
                raise RuntimeError(f"the server ended: {Path(self._log.name).read_text()[-2000:]}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.1)
                continue
            writer.close()
            return
        raise RuntimeError("the server does not listen")

    def cpu(self) -> float:
        return _cpu_of(self._process.pid)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()


def _cpu_of(pid: int) -> float:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _cpu_below(pid: int) -> float:
    """Of a process's children, those that ended among them."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            total += (int(fields[11]) + int(fields[12])) / _TICKS
    ended = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return total + (int(ended[13]) + int(ended[14])) / _TICKS


def _rows(count: int, subscriptions: Sequence[UUID]) -> list[tuple[Any, ...]]:
    now = datetime.now(UTC)
    made = []
    for _ in range(count):
        at = (now - timedelta(seconds=random.randrange(86_400 * 20))).replace(microsecond=0)
        made.append((str(uuid7()), at, random.choice(subscriptions), f"{random.randrange(1, 10_000) / 100:.2f}"))
    return made


def _event(row: tuple[Any, ...]) -> dict[str, Any]:
    id_, at, subscription, quantity = row
    return {
        "specversion": "1.0",
        "id": id_,
        "source": "/meters/bench",
        "type": "itaas.usage.v1",
        "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "subject": str(subscription),
        "datacontenttype": "application/json",
        "data": {"meter": "vm-hours", "quantity": quantity},
    }


def _copied(rows: Sequence[tuple[Any, ...]]) -> bytes:
    now = datetime.now(UTC)
    return "".join(
        f"/meters/bench\t{id_}\t0\t{at}\t{at.date()}\t{subscription}\tvm-hours\t0\t{quantity}\t\\N\t\\N\tt\t{now}\t{n}\n"
        for n, (id_, at, subscription, quantity) in enumerate(rows)
    ).encode()


def _request(body: bytes, kind: str, token: str) -> bytes:
    head = (
        f"POST /v1/usage HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _post(port: int, requests: Sequence[bytes], connections: int, expected: bytes) -> None:
    """Send all requests over so many kept connections; each answer must hold `expected`."""
    todo = list(reversed(requests))

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while todo:
            writer.write(todo.pop())
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200") or expected not in answer:
                raise RuntimeError(f"{head!r} {answer[:500]!r}")
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))


@contextmanager
def _postgres() -> Iterator[tuple[Postgres, Path]]:
    with tempfile.TemporaryDirectory(prefix="itaas-bench-") as folder:
        server = Postgres.start(Path(folder))
        try:
            yield server, Path(folder)
        finally:
            server.discard()


async def _prepared(url: str) -> list[UUID]:
    """The database of pricing with subscriptions and a plan that prices the meter."""
    from pricing_service.app import definition
    from pricing_service.tables import KnownSubscription, PricePlan
    from services import context
    from services.clock import utc_now
    from services.db import Database
    from services.db.migrations import migrate

    database = Database(url)
    await migrate(database, definition.migrations, definition.metadata, app="pricing")
    subscriptions = [uuid4() for _ in range(SUBSCRIPTIONS)]
    offering, since = uuid4(), datetime(2020, 1, 1, tzinfo=UTC)
    charge = {"key": "burst", "name": "Burst", "recurring": "usage", "meter": "vm-hours", "model": "per_unit"}
    with context.entered(context.WorkContext("bench", "bench", "bench")):
        async with database.transaction() as session:
            plan = {"plan_version": 1, "currency": "USD", "effective_from": since, "existing_subscriptions": "follow"}
            session.add(PricePlan(offering_id=offering, charges=[charge | {"unit_price": "1"}], **plan))
            for id_ in subscriptions:
                known = {"sequence": 1, "seen_at": utc_now(), "quantity": Decimal(1), "state": "active"}
                session.add(
                    KnownSubscription(
                        **known,
                        id=id_,
                        demand_id=None,
                        business_unit_id=uuid4(),
                        offering_id=offering,
                        service_id=uuid4(),
                        activated_at=since,
                        ended_at=None,
                    )
                )
    await database.close()
    return subscriptions


async def _measured(rows: int, cpu: Callable[[], float], work: Callable[[], Awaitable[None]]) -> Spent:
    before, began = cpu(), time.perf_counter()
    await work()
    return Spent((time.perf_counter() - began) / rows, (cpu() - before) / rows)


def _line(name: str, rows: int, reference: str, ours: list[Spent], theirs: list[Spent]) -> dict[str, Any]:
    cpu, cpu_theirs = (statistics.median(each.cpu for each in side) for side in (ours, theirs))
    wall, wall_theirs = (statistics.median(each.wall for each in side) for side in (ours, theirs))
    return {
        "bench": name,
        "rows": rows,
        "cpu_s": cpu * rows,
        "rows_per_cpu_s": 1 / cpu,
        "reference": reference,
        "reference_cpu_s": cpu_theirs * rows,
        "ratio": cpu_theirs / cpu,
        "rows_per_s": 1 / wall,
        "wall_ratio": wall_theirs / wall,
    }


async def _run() -> list[dict[str, Any]]:
    from services.identity import LocalKeys, Role

    with _postgres() as (postgres, folder):
        for name in ("ours", "bare"):
            postgres.create_database(name)
        subscriptions = await _prepared(postgres.url("ours"))
        await _prepared(postgres.url("bare"))
        token = LocalKeys(folder / "keys", create=True).issue(roles=[Role.INTEGRATION])
        ours, raw = Server("ours", postgres.url("ours"), folder), Server("raw", postgres.url("bare"), folder)
        plain = postgres.url("bare").replace("+asyncpg", "")
        copies = [await asyncpg.connect(plain) for _ in range(BATCH_CONNECTIONS)]
        assert postgres._process is not None
        pid = postgres._process.pid

        def with_backends(process: Callable[[], float]) -> Callable[[], float]:
            return lambda: process() + _cpu_below(pid)

        async def copy(texts: list[bytes]) -> None:
            async def one(connection: Any) -> None:
                while texts:
                    await connection.copy_to_table("usage_event", source=io.BytesIO(texts.pop()), columns=COLUMNS)

            await asyncio.gather(*map(one, copies))

        try:
            await ours.ready()
            await raw.ready()
            spent: dict[tuple[str, int, str], tuple[list[Spent], list[Spent]]] = {}
            for round_ in range(ROUNDS + 1):
                some = [_rows(BATCH, subscriptions) for _ in range(BATCHES)]
                bodies = [json.dumps([_event(row) for row in rows]).encode() for rows in some]
                batches = [_request(body, "application/cloudevents-batch+json", token) for body in bodies]
                texts = [_copied(rows) for rows in some]
                many = [_rows(LINES, subscriptions) for _ in range(BATCH_CONNECTIONS)]
                by_line = [
                    _request("\n".join(json.dumps(_event(row)) for row in rows).encode(), "application/x-ndjson", token)
                    for rows in many
                ]
                long_texts = [_copied(rows) for rows in many]
                one = [json.dumps(_event(row)).encode() for row in _rows(SINGLES, subscriptions)]
                singles = [_request(body, "application/cloudevents+json", token) for body in one]
                count, lines = BATCH * BATCHES, LINES * BATCH_CONNECTIONS
                rounds = {
                    ("batches of 5,000 over HTTP", count, "COPY"): (
                        await _measured(count, with_backends(time.process_time), lambda t=texts: copy(t)),
                        await _measured(
                            count,
                            with_backends(ours.cpu),
                            lambda b=batches: _post(ours.port, b, BATCH_CONNECTIONS, b'"accepted":5000'),
                        ),
                    ),
                    ("NDJSON of 20,000 over HTTP", lines, "COPY"): (
                        await _measured(lines, with_backends(time.process_time), lambda t=long_texts: copy(t)),
                        await _measured(
                            lines,
                            with_backends(ours.cpu),
                            lambda b=by_line: _post(ours.port, b, BATCH_CONNECTIONS, b'"accepted":20000'),
                        ),
                    ),
                    ("one event a request", SINGLES, "FastAPI with asyncpg"): (
                        await _measured(
                            SINGLES,
                            with_backends(raw.cpu),
                            lambda s=singles: _post(raw.port, s, SINGLE_CONNECTIONS, b"accepted"),
                        ),
                        await _measured(
                            SINGLES,
                            with_backends(ours.cpu),
                            lambda s=singles: _post(ours.port, s, SINGLE_CONNECTIONS, b'"accepted":1'),
                        ),
                    ),
                }
                if round_:  # the first one warms up
                    for name, (reference, mine) in rounds.items():
                        spent.setdefault(name, ([], []))
                        spent[name][0].append(mine)
                        spent[name][1].append(reference)
            for connection in copies:
                await connection.close()
        finally:
            ours.stop()
            raw.stop()
        return [_line(*name, mine, reference) for name, (mine, reference) in spent.items()]


def run() -> list[dict[str, Any]]:
    """The figures in the columns of `tests.bench`; the issue asks for ratios of no less than a half."""
    return asyncio.run(_run())


def _serve_ours(url: str, folder: Path, port: int) -> None:
    """Pricing on PostgreSQL, with the embedded log instead of Kafka: usage publishes nothing."""
    import uvicorn

    from pricing_service.app import definition
    from services import logs
    from services.application import create_app
    from services.collector import settle
    from services.events.embedded_log import EmbeddedLog
    from services.runtime import all_topics
    from services.settings import APPS, load_settings

    logs.configure("warning", "json")
    urls = {f"{app}_database_url": url for app in APPS}
    settings = load_settings(itaas_data_dir=folder, kafka_bootstrap_servers="not-used:9092", **urls)

    async def serve() -> None:
        log = EmbeddedLog(f"sqlite+aiosqlite:///{folder}/events.db")
        await log.open()
        await log.create_topics(all_topics())
        app = create_app(definition, settings=settings, event_log=log)
        server = uvicorn.Server(uvicorn.Config(app, port=port, access_log=False, log_level="error"))
        asyncio.get_running_loop().call_later(2, settle)  # as a process does that serves nothing but this app
        await server.serve()
        await log.close()

    import uvloop

    uvloop.run(serve())


def _serve_raw(url: str, port: int) -> None:
    """What one would write by hand: FastAPI, a Pydantic body, one INSERT on a pool of asyncpg."""
    from contextlib import asynccontextmanager

    import uvicorn
    from fastapi import FastAPI, Request
    from pydantic import BaseModel

    class Data(BaseModel):
        meter: str
        quantity: Decimal

    class Event(BaseModel):
        id: str
        source: str
        type: str
        time: datetime
        subject: UUID
        data: Data

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> Any:
        async with asyncpg.create_pool(url.replace("+asyncpg", ""), min_size=10, max_size=10) as pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/v1/usage")
    async def report(request: Request) -> dict[str, str]:
        event = Event.model_validate_json(await request.body())
        at = event.time.astimezone(UTC)
        values = (event.source, event.id, at, at.date(), event.subject, event.data.meter, event.data.quantity)
        done = await request.app.state.pool.execute(_INSERT, *values, datetime.now(UTC))
        return {"outcome": "accepted" if done.endswith("1") else "duplicate"}

    uvicorn.run(app, port=port, access_log=False, log_level="error")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        if sys.argv[1] == "ours":
            _serve_ours(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
        else:
            _serve_raw(sys.argv[2], int(sys.argv[4]))
    else:
        for line in run():
            print(line)
