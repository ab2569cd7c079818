"""A process that dies in the middle of a job: another one goes on from its checkpoint, and nothing counts twice."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from pricing_service.app import definition
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.testing import ServiceHarness
from tests.pricing_service.samples import CSV, PER_SERVER, World, focus_csv

pytestmark = pytest.mark.anyio


async def reached(service: ServiceHarness, job_id: str, done: int) -> None:
    async with asyncio.timeout(30):
        while True:
            async with service.runtime.database.reading() as session:
                job = await session.get_one(Job, UUID(job_id))
            if job.done >= done:
                assert job.state == "running"
                return
            await asyncio.sleep(0.005)


async def released(service: ServiceHarness, job_id: str) -> None:
    """As if the dead process's lease had run out."""
    async with service.runtime.database.transaction() as session:
        await session.execute(update(Job).where(Job.id == UUID(job_id)).values(lease_until=utc_now()))


async def test_an_import_goes_on_where_it_was(tmp_path: Path) -> None:
    rows = [{"EffectiveCost": f"0.{n:05}"} for n in range(15_000)] + [{"BilledCost": "x"}] * 10
    async with ServiceHarness(definition, tmp_path) as first, first.client(roles=["finance"]) as client:
        started = await client.post(
            "/v1/cost-imports?source=aws&cost_basis=effective", content=focus_csv(*rows), headers=CSV
        )
        job_id = started.json()["id"]
        await reached(first, job_id, 2_000)
        assert (await client.get("/v1/costs?period=2026-10")).json()["totals"] == []
    async with ServiceHarness(definition, tmp_path) as second, second.client(roles=["finance"]) as client:
        await released(second, job_id)
        job = await second.finished_job(job_id)
        assert job.result is not None
        assert (job.state, job.fence, job.result["unchanged"]) == ("succeeded", 2, False)
        assert (job.result["rows"], job.result["rejected_count"]) == (15_000, 10)
        assert job.result["effective_cost"] == "1124.92500"  # Σ n/100000 for n < 15,000
        (total,) = (await client.get("/v1/costs?period=2026-10")).json()["totals"]
        assert (total["rows"], total["cost"]) == (15_000, "1124.92500")


async def test_a_rating_run_goes_on_with_the_next_business_unit(tmp_path: Path) -> None:
    async with ServiceHarness(definition, tmp_path) as first, first.client(roles=["finance"]) as client:
        world = await World(first).known()
        await world.priced(client, PER_SERVER)
        for number in range(60):
            world.unit = UUID(int=number + 1)
            await world.subscribed("2026-01-01")
        job_id = (await client.post("/v1/rating-runs", json={"period": "2026-11"})).json()["id"]
        await reached(first, job_id, 3)
    async with ServiceHarness(definition, tmp_path) as second, second.client(roles=["finance"]) as client:
        await released(second, job_id)
        job = await second.finished_job(job_id)
        assert job.result is not None
        assert (job.state, job.result["statements"]) == ("succeeded", 60)
        assert job.result["total"] == {"amount": "7200.00", "currency": "USD"}
        assert await statements(client) == {UUID(int=number + 1): "120.00" for number in range(60)}


async def statements(client: httpx.AsyncClient) -> dict[UUID, str]:
    items = (await client.get("/v1/statements?period=2026-11&limit=200")).json()["items"]
    assert len(items) == len({item["business_unit_id"] for item in items})
    return {UUID(item["business_unit_id"]): item["total"]["amount"] for item in items}
