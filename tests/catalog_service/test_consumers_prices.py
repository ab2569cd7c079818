"""What the catalogue keeps of pricing's prices and planned unit costs."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from catalog_service import queries
from services.testing import ServiceHarness

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 15, tzinfo=UTC)


def plan(offering: UUID, version: int, price: str, **changes: Any) -> dict[str, Any]:
    return {
        "offering_id": str(offering),
        "price_plan_id": str(uuid4()),
        "plan_version": version,
        "currency": "USD",
        "effective_from": "2026-11-01T00:00:00Z",
        "charges": [{"key": "server", "name": "S", "recurring": "year", "model": "per_unit", "unit_price": price}],
    } | changes


async def test_the_closest_price_in_force_is_found(catalog: ServiceHarness) -> None:
    small, big, unpriced = uuid4(), uuid4(), uuid4()
    top, faculty = uuid4(), uuid4()
    for unit, parent in ((top, None), (faculty, top)):
        told = {"name": "U", "parent_id": parent and str(parent)}
        await catalog.deliver("itaas.demand.business-unit.created.v1", subject=unit, data=told)
    changed = "itaas.pricing.price.changed.v1"
    first = plan(small, 1, "270")
    # An older version stays in force for those whom a newer one is not for, whichever comes first.
    await catalog.deliver(changed, subject=small, sequence=2, data=plan(small, 2, "240", audience=[str(faculty)]))
    await catalog.deliver(changed, subject=small, sequence=1, data=first)
    await catalog.deliver(changed, subject=small, sequence=1, data=first | {"currency": "EUR"})
    await catalog.deliver(changed, subject=big, data=plan(big, 1, "900", effective_from="2026-12-01T00:00:00Z"))
    async with catalog.runtime.database.reading() as session:
        path = await queries.unit_path(session, faculty)
        assert path == [top, faculty]

        async def found(units: list[UUID], now: datetime = NOW) -> dict[UUID, tuple[str, str]]:
            prices = await queries.prices_of(session, [small, big, unpriced], units, now)
            return {id_: (row.charges[0]["unit_price"], row.currency) for id_, row in prices.items()}

        assert await found(path) == {small: ("240", "USD")}
        assert await found([top]) == {small: ("270", "USD")}
        assert await found([], datetime(2026, 12, 1, tzinfo=UTC)) == {small: ("270", "USD"), big: ("900", "USD")}


async def test_an_announced_price_is_to_come_until_it_counts_or_is_withdrawn(catalog: ServiceHarness) -> None:
    offering = uuid4()

    async def tell(what: str, change: UUID, sequence: int, effective_from: datetime) -> None:
        told = plan(offering, 1, "290", price_change_id=str(change), state=what, notice="Licences cost more.")
        told |= {"audience": [], "effective_from": effective_from.isoformat()}
        await catalog.deliver(f"itaas.pricing.price.{what}.v1", subject=offering, data=told, sequence=sequence)

    kept, withdrawn = uuid4(), uuid4()
    await tell("announced", kept, 2, NOW + timedelta(days=30))
    await tell("announced", withdrawn, 3, NOW + timedelta(days=20))
    async with catalog.runtime.database.reading() as session:
        assert [row.id for row in (await queries.prices_to_come(session, [offering], NOW))[offering]] == [
            withdrawn,
            kept,
        ]
    await tell("withdrawn", withdrawn, 4, NOW + timedelta(days=20))
    async with catalog.runtime.database.reading() as session:
        assert [row.id for row in (await queries.prices_to_come(session, [offering], NOW))[offering]] == [kept]
        assert await queries.prices_to_come(session, [offering], NOW + timedelta(days=30)) == {}


async def test_the_planned_unit_cost_is_that_of_the_period_at_hand(catalog: ServiceHarness) -> None:
    service, november = uuid4(), uuid4()

    async def planned(subject: UUID, month: int, rate: str, sequence: int = 1) -> None:
        told = {
            "service_id": str(service),
            "period": f"2026-{month}",
            "starts_at": f"2026-{month}-01T00:00:00Z",
            "ends_at": f"2026-{month + 1}-01T00:00:00Z",
            "fiscal_year": None,
            "planned_rate": rate,
            "unit_of_measure": "server",
            "currency": "USD",
        }
        event = "itaas.pricing.unit-cost.planned.v1"
        await catalog.deliver(event, subject=subject, data=told, sequence=sequence)

    async def rate(now: datetime) -> Decimal | None:
        async with catalog.runtime.database.reading() as session:
            found = await queries.planned_unit_cost(session, service, now)
        return found and found.planned_rate

    assert await rate(NOW) is None
    await planned(november, 11, "22.5", sequence=2)
    await planned(november, 11, "21", sequence=1)
    await planned(uuid4(), 10, "20")
    assert await rate(NOW) == Decimal("22.5")
    assert await rate(datetime(2026, 10, 31, tzinfo=UTC)) == 20
    assert await rate(datetime(2026, 9, 1, tzinfo=UTC)) == 20
    assert await rate(datetime(2027, 1, 1, tzinfo=UTC)) == Decimal("22.5")
