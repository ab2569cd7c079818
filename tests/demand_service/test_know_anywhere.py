"""The unit tree and imports over each of the two databases: moves at once, and what waits for its day."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from demand_service.app import definition
from demand_service.tables import PlannedChange, UnitPlacement
from services.clock import utc_now
from services.db import Database
from services.db.migrations import migrate
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.demand_service.test_api_know import ring_all
from tests.demand_service.test_unit_imports import imported
from tests.demand_service.world import World, done

pytestmark = pytest.mark.anyio


@pytest.fixture
async def anywhere(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    if database_url.startswith("sqlite"):
        async with ServiceHarness(definition, tmp_path) as service:
            yield World(service)
        return
    from services.events.embedded_log import EmbeddedLog

    database = Database(database_url)
    await migrate(database, definition.migrations, definition.metadata, app="demand")
    await database.close()
    urls = {f"{app}_database_url": database_url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as service:
        yield World(service)
    await log.close()


async def test_two_moves_at_once_close_no_circle(anywhere: World) -> None:
    world = anywhere
    for _ in range(3):
        one, other = await world.add_unit("One"), await world.add_unit("Other")
        answers = await asyncio.gather(
            *(
                world.admin.post(f"/v1/business-units/{unit}/move", json={"parent_id": str(to), "reason": "at once"})
                for unit, to in [(one, other), (other, one)]
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        parents = [done(await world.admin.get(f"/v1/business-units/{unit}"))["parent_id"] for unit in (one, other)]
        assert parents.count(None) == 1


async def test_what_waits_for_its_day_is_made_then_or_says_why_not(anywhere: World) -> None:
    world, today = anywhere, utc_now().date()
    later = str(today + timedelta(days=30))
    done_job = await imported(world, "record,id,name,parent\nunit,a,Nature,\nunit,b,Biology,a\nunit,c,Arts,")
    assert done_job.state == "succeeded", done_job.problem
    body = f"record,id,name,unit,ends_on,effective_on\nunit,b,Life,,,{later}\nperson,p,,b,2199-01-01,{later}"
    assert (await imported(world, body)).result["counts"]["plan"] == 2
    turned = await imported(world, "record,id,parent\nunit,b,c\nunit,a,b")  # a branch that turns over
    assert turned.state == "succeeded", turned.problem

    [nature] = done(await world.admin.get("/v1/business-units", params={"external_id": "hr:a"}))["items"]
    [biology] = done(await world.admin.get("/v1/business-units", params={"external_id": "hr:b"}))["items"]
    assert nature["parent_id"] == biology["id"]
    arts = biology["parent_id"]
    path = f"/v1/business-units/{arts}"
    planned = {"parent_id": str(await world.add_unit("Elsewhere")), "effective_on": later, "reason": "planned"}
    done(await world.admin.post(f"{path}/move", json=planned))
    done(
        await world.admin.post(
            f"/v1/business-units/{planned['parent_id']}/move",
            json=planned | {"parent_id": nature["id"], "effective_on": str(today)},
        )
    )  # now the planned move would close a circle
    async with world.service.runtime.database.transaction() as session:  # as if the day had come
        await session.execute(update(UnitPlacement).where(UnitPlacement.state == "planned").values(effective_on=today))
        await session.execute(update(PlannedChange).values(effective_on=today))
    await ring_all(world, "unit-move")
    await ring_all(world, "planned-unit-change")
    last = (await world.admin.get(f"{path}/history")).json()[-1]
    assert last["state"] == "refused" and "Arts → Elsewhere → Nature → Biology → Arts" in last["refusal"]
    assert done(await world.admin.get(f"/v1/business-units/{biology['id']}"))["name"] == "Life"
    [person] = done(await world.admin.get("/v1/people"))["items"]
    assert (person["business_unit_id"], person["ends_on"]) == (biology["id"], "2199-01-01")
    async with world.service.runtime.database.reading() as session:
        assert (await session.scalars(select(PlannedChange))).all() == []
