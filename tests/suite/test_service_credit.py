"""From an outage to money: the catalogue finds a commitment missed, pricing gives back, over one event log."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog_service.app import definition as catalog_definition
from catalog_service.domain.months import month_of
from pricing_service.app import definition as pricing_definition
from services.clock import utc_now
from services.ids import uuid7
from services.runtime import opened_event_log
from services.settings import load_settings
from services.testing import ServiceHarness
from tests.catalog_service.samples import published_offering, published_service

pytestmark = pytest.mark.anyio
LAST = month_of(utc_now()).after(-1)
PROMISE = {"kind": "availability", "target": "99.5", "unit": "percent"}


async def answered(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_an_outage_that_was_measured_becomes_a_service_credit(tmp_path: Path) -> None:
    async with (
        opened_event_log(load_settings(itaas_data_dir=tmp_path)) as log,
        ServiceHarness(catalog_definition, tmp_path, event_log=log) as catalog,
        ServiceHarness(pricing_definition, tmp_path, event_log=log) as pricing,
    ):
        owner, finance = catalog.client(["service_owner"]), pricing.client(["finance"])
        since = LAST.after(-2).start.isoformat()
        service = await published_service(owner)
        offering = await published_offering(owner, service["id"], commitments=[PROMISE], valid_from=since)
        await catalog.published()
        await pricing.consumed("itaas.catalog")
        unit, subscription = uuid7(), uuid7()
        name = {"id": str(unit), "name": "Science", "parent_id": None}
        await pricing.deliver("itaas.demand.business-unit.created.v1", subject=unit, data=name, business_unit_id=unit)
        held = {
            "id": str(subscription),
            "order_id": str(uuid7()),
            "demand_id": None,
            "business_unit_id": str(unit),
            "offering_id": offering["id"],
            "service_id": service["id"],
            "quantity": "4",
            "options": {},
            "state": "active",
            "activated_at": since,
            "ended_at": None,
        }
        activated = "itaas.demand.subscription.activated.v1"
        await pricing.deliver(activated, subject=subscription, data=held, business_unit_id=unit)
        charge = {"key": "server", "name": "Server", "recurring": "month", "model": "per_unit", "unit_price": "30"}
        plan = {"offering_id": offering["id"], "currency": "USD", "charges": [charge], "effective_from": since}
        await answered(await finance.post("/v1/price-plans", json=plan | {"reason": "a test"}), 201)
        rule = {
            "offering_id": offering["id"],
            "commitment": "availability",
            "effective_from": LAST.after(-2).name,
            "bands": [
                {"shortfall_from": "0", "credit_percent": "10"},
                {"shortfall_from": "0.5", "credit_percent": "25"},
            ],
            "cap_percent": "30",
        }
        await answered(await finance.put("/v1/service-credit-rules", json=rule), 201)
        run = await answered(await finance.post("/v1/rating-runs", json={"period": LAST.name}), 202)
        assert (await pricing.finished_job(run["id"])).state == "succeeded"
        (draft,) = (await answered(await finance.get(f"/v1/statements?period={LAST.name}&state=draft")))["items"]
        statement = await answered(await finance.post(f"/v1/statements/{draft['id']}/issue"))
        assert statement["total"]["amount"] == "120.00"

        outage = {
            "source": "/probe",
            "id": "1",
            "offering_id": offering["id"],
            "commitment": "availability",
            "starts_at": LAST.start.isoformat(),
            "ends_at": (LAST.start + timedelta(hours=10)).isoformat(),
            "state": "down",
        }
        await answered(await catalog.client(["integration"]).post("/v1/measurements", json=outage), 201)
        for _ in range(2):  # assessed twice, credited once
            job = await answered(await owner.post("/v1/attainments/assess", json={"period": LAST.name}), 202)
            assert (await catalog.finished_job(job["id"])).state == "succeeded"
        (missed,) = await catalog.published("itaas.catalog.commitment.missed.v1")
        await pricing.consumed("itaas.catalog")
        for credit in await pricing.job_ids("service-credits"):
            assert (await pricing.finished_job(credit)).state == "succeeded"

        (note,) = (await answered(await finance.get("/v1/credit-notes")))["items"]
        assert (note["origin"], note["statement_id"]) == ("service_credit", statement["id"])
        assert note["total"]["amount"] == "30.00"  # a shortfall of 0.84 % and more, so 25 % of 120.00
        why = await answered(await finance.get(f"/v1/credit-notes/{note['id']}/explanation"))
        assert Decimal(why["basis"]["promised"]) == Decimal("99.5")
        assert why["basis"]["attained"] == missed.data["attained"]
        assert missed.data["promised"] == "99.5"
