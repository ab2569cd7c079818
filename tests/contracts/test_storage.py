"""One contract, two databases: SQLite and PostgreSQL must behave the same."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services import (
    audit,  # noqa: F401  # hooks itself into every session
    context,
)
from services.db import Aggregate, Database, ExactDecimal, JsonDocument, UtcInstant, exact_sum, new_metadata, touch
from services.db.chassis_tables import AuditRecord, ChassisBase
from services.db.database import AlreadyThere
from services.errors import StaleWrite

pytestmark = pytest.mark.anyio


class Base(DeclarativeBase):
    metadata = new_metadata()


class Account(Aggregate, Base):
    __tablename__ = "account"
    name: Mapped[str] = mapped_column(unique=True)
    balance: Mapped[Decimal] = mapped_column(ExactDecimal)
    notes: Mapped[dict[str, Any]] = mapped_column(JsonDocument, default=dict)


class Line(Base):
    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[Decimal | None] = mapped_column(ExactDecimal)
    at: Mapped[datetime | None] = mapped_column(UtcInstant)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    made = Database(database_url)
    async with made.writer.begin() as connection:
        await connection.run_sync(ChassisBase.metadata.create_all)
        await connection.run_sync(Base.metadata.create_all)
    with context.entered(context.WorkContext("thread", "cause", "request", actor_id="person")):
        yield made
    await made.close()


async def test_decimals_keep_every_digit(database: Database) -> None:
    values = ["890123.45", "0.00000000001", "-12345678901234567890.123456789", "1.50", "0", "1E+3"]
    async with database.transaction() as session:
        session.add_all(Line(id=n, amount=Decimal(value)) for n, value in enumerate(values))
    async with database.reading() as session:
        back = list(await session.scalars(select(Line.amount).order_by(Line.id)))
    assert back == [Decimal(value) for value in values]
    assert all(type(value) is Decimal for value in back)


async def test_decimals_are_ordered_and_compared_by_value(database: Database) -> None:
    async with database.transaction() as session:
        session.add_all(Line(id=n, amount=Decimal(v)) for n, v in enumerate(["9.5", "10", "-3", "0.5", "-20"]))
    async with database.reading() as session:
        ordered = list(await session.scalars(select(Line.amount).order_by(Line.amount)))
        above = list(await session.scalars(select(Line.amount).where(Line.amount > Decimal("9")).order_by(Line.amount)))
    assert ordered == [Decimal(v) for v in ["-20", "-3", "0.5", "9.5", "10"]]
    assert above == [Decimal("9.5"), Decimal("10")]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=11, min_value=-(10**9), max_value=10**9)))
def test_sums_are_exact(tmp_path_factory: pytest.TempPathFactory, amounts: list[Decimal]) -> None:
    async def add_up() -> Decimal | None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('sum')}/sum.db")
        async with database.writer.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with database.transaction() as session:
            session.add_all(Line(id=n, amount=amount) for n, amount in enumerate(amounts))
        async with database.reading() as session:
            total = await session.scalar(select(exact_sum(Line.amount)))
        await database.close()
        return total

    assert asyncio.run(add_up()) == (sum(amounts, Decimal(0)) if amounts else None)


async def test_sums_are_exact_on_both(database: Database) -> None:
    amounts = [Decimal("0.1")] * 10 + [Decimal("123456789012.00000000001"), None]
    async with database.transaction() as session:
        session.add_all(Line(id=n, amount=amount) for n, amount in enumerate(amounts))
    async with database.reading() as session:
        assert await session.scalar(select(exact_sum(Line.amount))) == Decimal("123456789013.00000000001")
        assert await session.scalar(select(exact_sum(Line.amount)).where(Line.id < 0)) is None


async def test_what_is_no_finite_decimal_is_refused(database: Database) -> None:
    for wrong in (Decimal("NaN"), Decimal("Infinity"), 1.5):
        with pytest.raises(Exception, match=r"finite|expected Decimal"):
            async with database.transaction() as session:
                session.add(Line(id=1, amount=wrong))


async def test_instants_are_utc_and_sort_by_time(database: Database) -> None:
    moment = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    later = datetime(2026, 3, 29, 0, 0, tzinfo=UTC)
    async with database.transaction() as session:
        session.add_all([Line(id=1, at=later), Line(id=2, at=moment)])
    async with database.reading() as session:
        back = list(await session.scalars(select(Line.at).order_by(Line.at)))
    assert back == [moment, later]
    assert all(instant is not None and instant.tzinfo is UTC for instant in back)
    ancient = datetime(7, 1, 1, tzinfo=UTC)
    async with database.transaction() as session:
        session.add(Line(id=4, at=ancient))
    async with database.reading() as session:
        assert list(await session.scalars(select(Line.at).order_by(Line.at).limit(1))) == [ancient]
    with pytest.raises(Exception, match="no time zone"):
        async with database.transaction() as session:
            session.add(Line(id=3, at=datetime(2026, 1, 1)))  # naive on purpose


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            session.add(Account(name="a", balance=Decimal(1)))
            await session.flush()
            raise RuntimeError
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Account)) == 0


async def test_one_reading_sees_one_state(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Line(id=1, amount=Decimal(1)))
    async with database.reading() as reading:
        before = await reading.scalar(select(func.count()).select_from(Line))
        async with database.transaction() as session:
            session.add(Line(id=2, amount=Decimal(1)))
        assert await reading.scalar(select(func.count()).select_from(Line)) == before == 1


async def test_a_reading_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match=r"read-only|readonly"):
        async with database.reading() as session:
            await session.execute(insert(Line).values(id=1))
            await session.commit()


async def test_the_second_of_two_writers_is_refused(database: Database) -> None:
    async with database.transaction() as session:
        account = Account(name="a", balance=Decimal(1))
        session.add(account)
    async with database.reading() as session:
        seen = await session.get(Account, account.id)
        assert seen is not None
    async with database.transaction() as session:
        first = await session.get(Account, account.id)
        assert first is not None
        first.balance = Decimal(2)
        touch(first)
    with pytest.raises(StaleWrite):
        async with database.transaction() as session:
            stale = await session.merge(seen, load=False)
            stale.balance = Decimal(3)
            touch(stale)
    async with database.reading() as session:
        kept = await session.get(Account, account.id)
        assert kept is not None and kept.balance == Decimal(2) and kept.version == 1


async def test_concurrent_writers_lose_no_update(database: Database) -> None:
    async with database.transaction() as session:
        account = Account(name="a", balance=Decimal(0))
        session.add(account)

    async def add_one() -> None:
        while True:
            try:
                async with database.transaction() as session:
                    mine = await session.get(Account, account.id)
                    assert mine is not None
                    await asyncio.sleep(0)
                    mine.balance += 1
                    touch(mine)
                return
            except StaleWrite:
                await asyncio.sleep(0.001)

    await asyncio.gather(*(add_one() for _ in range(8)))
    async with database.reading() as session:
        kept = await session.get(Account, account.id)
        assert kept is not None and kept.balance == 8


async def test_every_change_raises_the_version(database: Database) -> None:
    async with database.transaction() as session:
        account = Account(name="a", balance=Decimal(1))
        session.add(account)
    versions = []
    for balance in (5, 6, 6):
        async with database.transaction() as session:
            mine = await session.get(Account, account.id)
            assert mine is not None
            mine.balance = Decimal(balance)
        versions.append(mine.version)
    assert versions == [1, 2, 2]
    async with database.transaction() as session:
        mine = await session.get(Account, account.id)
        assert mine is not None
        mine.balance = Decimal(7)
        await session.scalar(select(func.count()).select_from(Account))  # flushes early
        touch(mine)
    assert mine.version == 4


async def test_a_taken_value_is_a_conflict(database: Database) -> None:
    async with database.transaction() as session:
        session.add(Account(name="a", balance=Decimal(1)))
    with pytest.raises(AlreadyThere):
        async with database.transaction() as session:
            session.add(Account(name="a", balance=Decimal(1)))


async def test_every_mutation_leaves_an_audit_record(database: Database) -> None:
    async with database.transaction() as session:
        account = Account(name="a", balance=Decimal("1.50"))
        session.add(account)
    async with database.transaction() as session:
        mine = await session.get(Account, account.id)
        assert mine is not None
        mine.balance = Decimal("2.50")
        touch(mine)
    async with database.transaction() as session:
        mine = await session.get(Account, account.id)
        await session.delete(mine)
    async with database.reading() as session:
        records = list(await session.scalars(select(AuditRecord).order_by(AuditRecord.id)))
    assert [record.action for record in records] == ["created", "changed", "deleted"]
    created, changed, deleted = records
    assert created.before is None and created.after is not None and created.after["balance"] == "1.50"
    assert changed.before == {"balance": "1.50", "version": 0} and changed.after == {"balance": "2.50", "version": 1}
    assert deleted.before is not None and deleted.before["name"] == "a" and deleted.after is None
    assert {record.actor_id for record in records} == {"person"}
    assert {record.aggregate_id for record in records} == {str(account.id)}


async def test_a_claim_is_held_until_the_transaction_ends(database: Database) -> None:
    async with database.transaction() as one:
        assert await database.claim(one, "key")
        async with database.transaction() as two:
            assert not await database.claim(two, "key")
            assert await database.claim(two, "other key")
    async with database.transaction() as three:
        assert await database.claim(three, "key")


async def test_many_writers_all_get_their_turn(database: Database) -> None:
    async def write(number: int) -> None:
        async with database.transaction() as session:
            session.add(Line(id=number, amount=Decimal(number)))

    await asyncio.gather(*(write(number) for number in range(100)))
    async with database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Line)) == 100


async def test_whoever_wants_to_know_is_told_after_the_commit_only(database: Database) -> None:
    told: list[int] = []
    database.on_commit.append(lambda: told.append(1))
    with pytest.raises(RuntimeError):
        async with database.transaction() as session:
            await session.execute(delete(Line))
            raise RuntimeError
    assert told == []
    async with database.transaction() as session:
        await session.execute(delete(Line))
    assert told == [1]
