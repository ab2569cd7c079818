"""The launcher against the real servers: what is written outlives a restart and a crash, and nothing outlives us."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from services.local import backends as local_stack
from services.local.backends import Backends, Kafka, Postgres, Server, StackError, local_backends
from tests.requirements import require_or_skip

REPOSITORY = Path(__file__).resolve().parents[2]

OTHER_SESSION = """
import sys, time
from pathlib import Path
from services.local.backends import local_backends

with local_backends(Path(sys.argv[1]), databases=["catalog"]) as backends:
    print(backends.postgres.folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def stack() -> None:
    if lacking := local_stack.missing():
        require_or_skip("; ".join(lacking))


@pytest.fixture(scope="module")
def backends(stack: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    with local_backends(tmp_path_factory.mktemp("stack"), databases=["catalog", "demand"]) as running:
        yield running
        running.postgres.discard()


def produce_then_read_all(kafka: Kafka, value: bytes) -> list[bytes]:
    from kafka import KafkaConsumer, KafkaProducer

    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap)
    producer.send("itaas.test", value)
    producer.close()
    # In a group, so that the offsets topic is made and found again as well.
    consumer = KafkaConsumer(
        "itaas.test",
        bootstrap_servers=kafka.bootstrap,
        group_id="reader",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=15_000,
    )
    values: list[bytes] = []
    for record in consumer:
        values.append(record.value)
        if record.value == value:
            break
    consumer.close()
    return values


def test_kafka_keeps_records_over_a_restart_and_a_crash(backends: Backends) -> None:
    from kafka import KafkaAdminClient

    kafka = backends.kafka
    bootstrap = kafka.bootstrap
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({"itaas.test": {"num_partitions": 1}})
    admin.close()

    assert produce_then_read_all(kafka, b"first") == [b"first"]
    kafka.restart()
    assert produce_then_read_all(kafka, b"after restart") == [b"first", b"after restart"]
    kafka.kill()
    assert not kafka.running
    kafka.restart()
    assert produce_then_read_all(kafka, b"after crash") == [b"first", b"after restart", b"after crash"]
    assert kafka.bootstrap == bootstrap


def test_kafka_makes_no_topic_by_accident(backends: Backends) -> None:
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    producer = KafkaProducer(bootstrap_servers=backends.kafka.bootstrap, max_block_ms=500)
    with pytest.raises(KafkaError):
        producer.send("itaas.mistyped", b"lost")
    producer.close()


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(url)
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


async def answer(url: str, query: str) -> object:
    async with transaction(url) as connection:
        return await connection.scalar(text(query))


def test_postgres_keeps_rows_over_a_restart_and_a_crash(backends: Backends) -> None:
    postgres = backends.postgres
    url = postgres.url("demand")

    async def add(word: str) -> list[str]:
        async with transaction(url) as connection:
            await connection.execute(text("CREATE TABLE IF NOT EXISTS said (word text)"))
            await connection.execute(text("INSERT INTO said VALUES (:word)"), {"word": word})
            return list(await connection.scalars(text("SELECT word FROM said")))

    async def crash_under_a_running_query() -> None:
        query = asyncio.create_task(answer(url, "SELECT pg_sleep(60)"))
        await asyncio.sleep(0.3)
        postgres.kill()
        with pytest.raises(DBAPIError):
            await query

    assert asyncio.run(add("first")) == ["first"]
    postgres.restart()
    assert asyncio.run(add("after restart")) == ["first", "after restart"]
    asyncio.run(crash_under_a_running_query())
    postgres.restart()
    assert asyncio.run(add("after crash")) == ["first", "after restart", "after crash"]
    assert postgres.url("demand") == url


def test_postgres_asks_for_its_password(backends: Backends) -> None:
    password = backends.postgres.folder / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    guessed = backends.postgres.url("catalog").replace(password.read_text(), "guess")
    with pytest.raises(Exception, match="password authentication failed"):
        asyncio.run(answer(guessed, "SELECT 1"))


def test_a_database_is_created_once(backends: Backends) -> None:
    for _ in range(2):
        backends.postgres.create_database("it's odd")
    assert asyncio.run(answer(backends.postgres.url("it%27s%20odd"), "SHOW server_encoding")) == "UTF8"


@pytest.mark.parametrize("kind", [Kafka, Postgres])
def test_a_taken_port_is_refused_by_name(stack: None, kind: type[Server], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"port {port} on 127.0.0.1 is taken"):
            kind.start(tmp_path, port=port)


def test_a_folder_in_use_is_refused(backends: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stack, "LOCK_SECONDS", 0.2)
    with pytest.raises(StackError, match="in use by another process"):
        Kafka.start(backends.kafka.home.parent)
    assert backends.kafka.running


@pytest.fixture(scope="module")
def other_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("other")


@pytest.mark.parametrize("ending", ["crash", "ctrl-c"])
def test_nothing_outlives_the_session_that_started_it(stack: None, ending: str, other_data_dir: Path) -> None:
    command = [sys.executable, "-c", OTHER_SESSION, str(other_data_dir)]
    session = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert session.stdout is not None
    folder = session.stdout.readline().strip()
    assert folder, "the session did not start; its error is above"
    cluster = Path(folder, "cluster")
    if ending == "crash":
        session.kill()
    else:
        os.killpg(session.pid, signal.SIGINT)
    session.communicate(timeout=60)

    # A server holds its lock for as long as any process of it lives.
    for name in ("kafka", "postgres"):
        with local_stack.locked(other_data_dir / name / "lock", 20, f"{name} is still there"):
            pass
    assert not (cluster / "postmaster.pid").exists()
    assert (other_data_dir / "kafka" / "data" / ".kafka_cleanshutdown").exists()
    if ending == "ctrl-c":
        shutil.rmtree(cluster.parent)


def test_missing_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    java, maven = Kafka.missing()
    assert java.startswith("Java 17 or newer: ")
    assert maven.startswith("Maven, which resolves Kafka's jars: ")
