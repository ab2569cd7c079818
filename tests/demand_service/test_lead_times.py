"""Observed lead times: the nearest rank against an oracle, and what is told when an order is fulfilled."""

from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from demand_service.app import definition
from demand_service.domain.funnel import DemandKind, DemandState
from demand_service.domain.lead_time import rank
from demand_service.domain.order import OrderState
from demand_service.tables import BusinessUnit, Demand, FulfilmentOrder
from demand_service.use_cases.lead_times import update_lead_time
from services import context
from services.clock import utc_now
from services.db import Database
from services.db.migrations import migrate
from services.ids import uuid7
from tests.demand_service.world import World

pytestmark = pytest.mark.anyio
UPDATED = "itaas.demand.lead-time.updated.v1"


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 100))
def test_the_nearest_rank_is_the_smallest_value_that_enough_do_not_exceed(values: list[int], percent: int) -> None:
    enough = [
        value
        for value in values
        if Fraction(sum(1 for other in values if other <= value), len(values)) >= Fraction(percent, 100)
    ]
    assert sorted(values)[rank(percent, len(values)) - 1] == min(enough)


async def test_a_fulfilled_order_updates_its_offerings_lead_time(world: World) -> None:
    for turn in (1, 2):
        _, order = await world.ordered()
        done = await world.fulfil(order)
        told = await world.service.published(UPDATED)
        assert [event.subject for event in told] == [str(world.offering)] * turn
        assert [event.sequence for event in told] == list(range(1, turn + 1))
        assert (told[-1].data["offering_id"], told[-1].data["n"]) == (str(world.offering), turn)
    assert told[-1].data["p85_days"] >= told[-1].data["p50_days"]
    assert told[0].data["p50_days"] == told[0].data["p85_days"]
    async with world.service.runtime.database.transaction() as session:  # all of it more than a year ago
        year = utc_now() - timedelta(days=366)
        await session.execute(update(FulfilmentOrder).values(fulfilled_at=year))
    _, order = await world.ordered()
    done = await world.fulfil(order)
    last = (await world.service.published(UPDATED))[-1]
    assert (last.data["n"], last.data["p50_days"]) == (1, done["lead_time_days"])


async def test_percentiles_are_the_same_on_both_databases(database_url: str) -> None:
    database = Database(database_url)
    await migrate(database, definition.migrations, definition.metadata, app="demand")
    offering, now = uuid7(), utc_now()
    days = [Decimal(each) for each in ("10", "9.5", "0.000001", "2.5", "2.500000", "100.25", "3")]
    with context.entered(context.WorkContext("thread", "cause", "request", actor_id="person")):
        async with database.transaction() as session:
            unit = BusinessUnit(name="Science", parent_id=None, cost_centre=None, headcount=None)
            session.add(unit)
            await session.flush()
            for each in days:
                demand, order = _order(unit.id, offering, each, now)
                session.add(demand)
                await session.flush()
                session.add(order)
            row = await update_lead_time(session, offering, thread="thread", now=now)
            assert (row.n, row.p50_days, row.p85_days, row.version) == (7, Decimal(3), Decimal(10), 1)
        async with database.transaction() as session:
            other = await update_lead_time(session, offering, thread="thread", now=now + timedelta(days=200))
            assert (other.n, other.version) == (7, 2)
    await database.close()


def _order(unit: UUID, offering: UUID, days: Decimal, now: datetime) -> tuple[Demand, FulfilmentOrder]:
    demand = Demand(
        business_unit_id=unit,
        title="A server",
        description="",
        kind=DemandKind.REQUEST,
        requested_by="person",
        state=DemandState.FULFILLED,
        options={},
        form={},
    )
    return demand, FulfilmentOrder(
        demand_id=demand.id,
        business_unit_id=unit,
        offering_id=offering,
        service_id=uuid7(),
        quantity=Decimal(1),
        options={},
        requested_by="person",
        state=OrderState.FULFILLED,
        opened_at=now - timedelta(days=101),
        fulfilled_at=now - timedelta(days=1),
        lead_time_days=days,
        tasks=[],
    )
