"""Where the real data lies, small FOCUS files made on the spot, and a small world of other services' events."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.ids import uuid7
from services.testing import ServiceHarness
from tests.requirements import require_or_skip

FOCUS_SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "focus" / "focus_sample.csv"
PUBLISHED_RATES = FOCUS_SAMPLE.parents[1] / "rates" / "published_rates.csv"

NEEDED = {
    "BilledCost": "10.00",
    "EffectiveCost": "8.00",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-10-01T00:00:00Z",
    "BillingPeriodEnd": "2026-11-01T00:00:00Z",
    "ChargePeriodStart": "2026-10-05T00:00:00Z",
    "ChargePeriodEnd": "2026-10-06T00:00:00Z",
    "ChargeCategory": "Usage",
    "ServiceName": "Virtual Servers",
    "Tags": "",
}


def real_rates() -> Path:
    """Prices that universities publish; where they are missing the test skips, but never in CI."""
    if not PUBLISHED_RATES.exists():
        require_or_skip(f"{PUBLISHED_RATES.name} is not beside the repository (../shared/data/rates)")
    return PUBLISHED_RATES


def real_focus_sample() -> Path:
    """The real sample; where it is missing the test skips, but never in CI."""
    if not FOCUS_SAMPLE.exists():
        require_or_skip(f"{FOCUS_SAMPLE.name} is not beside the repository (../shared/data/focus)")
    return FOCUS_SAMPLE


def focus_csv(*rows: dict[str, str], columns: dict[str, str] | None = None) -> str:
    """A FOCUS file; each row overrides the needed columns' defaults, `columns` adds or replaces defaults for all."""
    defaults = {**NEEDED, **(columns or {})}
    names = [*defaults, *dict.fromkeys(name for row in rows for name in row if name not in defaults)]
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({**defaults, **row} for row in rows)
    return out.getvalue()


on_both_databases = pytest.mark.parametrize("service", ["sqlite", "postgresql"], indirect=True)
CSV = {"content-type": "text/csv"}


def refusal(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """A problem's status, its name, and the pointers of its faults."""
    problem = answer.json()
    return answer.status_code, problem["type"].rpartition(":")[2], [one["pointer"] for one in problem["errors"]]


async def imported(
    service: ServiceHarness,
    client: httpx.AsyncClient,
    content: bytes | str,
    *,
    source: str = "aws",
    basis: str = "effective",
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Import a file and wait for its job."""
    answer = await client.post(
        f"/v1/cost-imports?source={source}&cost_basis={basis}", content=content, headers=CSV | (headers or {})
    )
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    await service.finished_job(answer.json()["id"])
    job: dict[str, Any] = (await client.get(answer.headers["location"])).json()
    return job


PER_SERVER = {"key": "server", "name": "Server", "recurring": "month", "model": "per_unit", "unit_price": "30"}
PER_HOUR = {
    "key": "burst",
    "name": "Burst compute",
    "recurring": "usage",
    "meter": "vm-hours",
    "model": "graduated",
    "tiers": [{"up_to": "10", "unit_price": "1"}, {"unit_price": "0.333"}],
}


@dataclass
class World:
    """A business unit, a service and an offering of it, as their owners would tell pricing."""

    service: ServiceHarness
    unit: UUID = field(default_factory=uuid7)
    service_id: UUID = field(default_factory=uuid7)
    offering: UUID = field(default_factory=uuid7)

    async def known(self) -> "World":
        await self.service.deliver(
            "itaas.demand.business-unit.created.v1",
            subject=self.unit,
            data={"id": str(self.unit), "name": "Science", "parent_id": None},
            business_unit_id=self.unit,
        )
        await self.service.deliver(
            "itaas.catalog.service.created.v1",
            subject=self.service_id,
            data={"id": str(self.service_id), "name": "Virtual servers", "state": "live", "unit_of_measure": "server"},
        )
        await self.service.deliver(
            "itaas.catalog.offering.published.v1",
            subject=self.offering,
            data={
                "id": str(self.offering),
                "service_id": str(self.service_id),
                "name": "Tier 1",
                "state": "published",
                "unit_of_measure": "server",
            },
        )
        return self

    async def priced(self, client: httpx.AsyncClient, *charges: dict[str, Any], since: str = "2026-01-01") -> str:
        answer = await client.post(
            "/v1/price-plans",
            json={
                "offering_id": str(self.offering),
                "currency": "USD",
                "charges": list(charges),
                "effective_from": f"{since}T00:00:00Z",
                "reason": "a test",
            },
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def propose(self, *, quantity: str | None = "4", sequence: int = 1, **options: Any) -> UUID:
        """A demand is proposed; returns its id."""
        demand = options.pop("demand", None) or uuid7()
        data = {
            "id": str(demand),
            "business_unit_id": str(self.unit),
            "title": "More servers",
            "state": "proposed",
            "offering_id": str(self.offering),
            "quantity": quantity,
        }
        await self.service.deliver(
            "itaas.demand.demand.proposed.v1",
            subject=demand,
            data=data,
            sequence=sequence,
            business_unit_id=self.unit,
            **options,
        )
        return UUID(str(demand))

    async def demand_ended(self, demand: UUID, state: str) -> None:
        await self.service.deliver(
            f"itaas.demand.demand.{state}.v1",
            subject=demand,
            data={"id": str(demand), "business_unit_id": str(self.unit), "state": state},
            sequence=9,
            business_unit_id=self.unit,
        )

    async def subscribed(
        self, since: str, *, quantity: str = "4", until: str | None = None, demand: UUID | None = None
    ) -> UUID:
        """A subscription became active; returns its id."""
        subscription = uuid7()
        await self.service.deliver(
            "itaas.demand.subscription.activated.v1",
            subject=subscription,
            data={
                "id": str(subscription),
                "order_id": str(uuid7()),
                "demand_id": None if demand is None else str(demand),
                "business_unit_id": str(self.unit),
                "offering_id": str(self.offering),
                "service_id": str(self.service_id),
                "quantity": quantity,
                "options": {},
                "state": "active",
                "activated_at": f"{since}T09:00:00Z",
                "ended_at": None if until is None else f"{until}T09:00:00Z",
            },
            business_unit_id=self.unit,
        )
        return subscription

    async def subscription_ended(self, subscription: UUID, *, demand: UUID | None, sequence: int = 2) -> None:
        await self.service.deliver(
            "itaas.demand.subscription.ended.v1",
            subject=subscription,
            data={
                "id": str(subscription),
                "order_id": str(uuid7()),
                "demand_id": None if demand is None else str(demand),
                "business_unit_id": str(self.unit),
                "offering_id": str(self.offering),
                "service_id": str(self.service_id),
                "quantity": "4",
                "options": {},
                "state": "ended",
                "activated_at": "2026-01-01T09:00:00Z",
                "ended_at": "2026-02-01T09:00:00Z",
            },
            sequence=sequence,
            business_unit_id=self.unit,
        )


def usage(subscription: UUID | str, event_id: str, quantity: str = "1", *, day: str = "2026-11-05", **more: Any) -> Any:
    """One usage event."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/meters/test",
        "type": "itaas.usage.v1",
        "time": f"{day}T10:00:00Z",
        "subject": str(subscription),
        "data": {"meter": "vm-hours", "quantity": quantity},
    } | more
