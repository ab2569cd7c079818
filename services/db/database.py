"""The database of one app: sessions that read, and transactions that write.

    reading()      a snapshot: several reads in it see the same state, on both databases
    transaction()  the one place in the suite that commits; what was recorded in it is there entirely, or not at all

On SQLite there is exactly one writer connection (BEGIN IMMEDIATE), for which transactions queue, and readers of
their own; with 32 writers SQLite spends its time on lock time-outs instead (FINDINGS: 500 against 6,000 commits/s).
"""

import errno
import hashlib
import socket
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic_core import to_json
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.util import await_only

from services.db.types import ExactSumAggregate, compare_decimals
from services.errors import Conflict, StaleWrite, Unavailable

# A transaction queued for longer than this is refused with 503 rather than kept waiting.
WRITER_WAIT_SECONDS = 15
# More open transactions than this are refused at once: the queue would only grow.
MAX_OPEN_TRANSACTIONS = 1_000

_SQLITE_OUTAGES = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL")
_EXHAUSTED = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENETUNREACH, errno.EHOSTUNREACH}
)
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
_CLAIMS = "itaas_claims"


class AlreadyThere(Conflict):
    """A unique value is taken; raised where two writers raced past the use case's own check."""


class Database:
    """Engines and sessions of one database URL (`postgresql+asyncpg://…` or `sqlite+aiosqlite:///file`)."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._open = 0
        self._claimed: set[int] = set()
        self.on_commit: list[Callable[[], None]] = []  # woken after each commit: the relay, timers
        if self.is_sqlite:
            self._writer = _sqlite_engine(url, connections=1, begin=WRITE, wait=WRITER_WAIT_SECONDS)
            self._reader = _sqlite_engine(url, connections=4, begin=READ, wait=WRITER_WAIT_SECONDS)
        else:
            self._writer = _postgresql_engine(url, pool_size)
            # A pool of its own: a request reads while its transaction is open, and would else wait for itself.
            self._reader = _postgresql_engine(url, pool_size).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        self._write_sessions = async_sessionmaker(self._writer, expire_on_commit=False)
        self._read_sessions = async_sessionmaker(self._reader, expire_on_commit=False, autoflush=False)

    @property
    def writer(self) -> AsyncEngine:
        """The engine underneath, for migrations and for advisory locks that outlive a transaction."""
        return self._writer

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with _refusals(), self._read_sessions() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose work is committed on leaving the block, or rolled back if it raises.

        Raises StaleWrite if an aggregate was changed by someone else meanwhile, AlreadyThere on a taken unique
        value, Unavailable if the database or its queue cannot be had.
        """
        if self._open >= MAX_OPEN_TRANSACTIONS:
            raise Unavailable("too many writes are waiting; try again shortly")
        self._open += 1
        session = self._write_sessions()
        try:
            async with _refusals(), session:
                yield session
                await session.commit()
        finally:
            self._open -= 1
            self._claimed -= session.info.pop(_CLAIMS, set())
        for wake in self.on_commit:
            wake()

    async def claim(self, session: AsyncSession, key: str, *, held_by: AsyncSession | None = None) -> bool:
        """Take `key` until this transaction ends; False if another open one has it (`held_by` does not count)."""
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], signed=True)
        if self.is_sqlite:
            mine = session.info.setdefault(_CLAIMS, set())
            if number in self._claimed:
                return number in mine or (held_by is not None and number in held_by.info.get(_CLAIMS, ()))
            self._claimed.add(number)
            mine.add(number)
            return True
        return bool(await session.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": number}))

    async def ping(self) -> None:
        async with self.reading() as session:
            await session.execute(text("SELECT 1"))

    async def close(self) -> None:
        await self._writer.dispose()
        await self._reader.dispose()


def is_outage(error: BaseException) -> bool:
    """Whether the same work may succeed later without anyone changing it: a dependency is away, slow or full."""
    if isinstance(error, DBAPIError):
        if isinstance(error.orig, sqlite3.Error):  # its OperationalError also stands for plain mistakes
            return getattr(error.orig, "sqlite_errorname", "").startswith(_SQLITE_OUTAGES)
        return (
            error.connection_invalidated
            or isinstance(error, OperationalError | InterfaceError)
            or getattr(error.orig, "sqlstate", None) in {"40001", "40P01", "53300", "57P01", "57P03", "53100"}
        )
    if isinstance(error, Unavailable | PoolTimeout | ConnectionError | TimeoutError | socket.gaierror):
        return True
    # Of the other errors of the operating system only exhaustion: a file that is missing stays missing.
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


@asynccontextmanager
async def _refusals() -> AsyncIterator[None]:
    try:
        yield
    except StaleDataError as error:
        raise StaleWrite("somebody else changed it at the same time; read it again and retry") from error
    except IntegrityError as error:
        state = getattr(error.orig, "sqlstate", None)
        if state == "23505" or "UNIQUE constraint failed" in str(error.orig):
            raise AlreadyThere("a value that must be unique is already taken") from error
        raise
    except PoolTimeout as error:
        raise Unavailable("the database has no free connection; try again shortly") from error
    except (OperationalError, InterfaceError) as error:
        if is_outage(error):
            raise Unavailable("the database cannot be reached; try again shortly") from error
        raise
    except DBAPIError as error:
        if is_outage(error):
            raise Unavailable("the database cannot do this now; try again shortly") from error
        raise
    except ConnectionError as error:
        raise Unavailable("the database cannot be reached; try again shortly") from error


def _json_text(value: Any) -> str:
    return to_json(value).decode()


def _postgresql_engine(url: str, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=WRITER_WAIT_SECONDS,
        pool_pre_ping=True,  # a restarted database costs a reconnection, not a failed request
        json_serializer=_json_text,
        connect_args={"server_settings": {"jit": "off"}, "timeout": 10},
    )


def _sqlite_engine(url: str, *, connections: int, begin: str, wait: float) -> AsyncEngine:
    engine = create_async_engine(
        url, pool_size=connections, max_overflow=0, pool_timeout=wait, json_serializer=_json_text
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # The driver's own transaction control would begin too late (not at the first read) and not IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        if begin == READ:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()
        driver = connection.driver_connection

        def register() -> None:
            driver._conn.create_aggregate("exact_sum", 1, ExactSumAggregate)
            driver._conn.create_collation("DECIMAL", compare_decimals)

        await_only(driver._execute(register))

    @event.listens_for(engine.sync_engine, "begin")
    def begin_explicitly(connection: Any) -> None:
        if connection.connection.driver_connection.in_transaction:
            # A COMMIT that failed (a full disk, say) leaves its transaction open, and SQLAlchemy believes it ended.
            connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql(begin)

    return engine
