"""A small organisation around the real demand app: who is in it, and what the other services tell."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from demand_service.app import definition
from services.clock import utc_now
from services.events.envelope import Envelope, to_message
from services.ids import uuid7
from services.testing import ServiceHarness

THREAD = "01930000-0000-7000-8000-00000000abcd"
FORM_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["purpose"],
    "additionalProperties": False,
    "properties": {
        "purpose": {"type": "string", "minLength": 3},
        "disks": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "from": {"type": "string", "format": "date"},
    },
}
FORM = {"purpose": "shared analyses"}
TEMPLATE = [
    {"key": "size", "name": "Check capacity", "depends_on": [], "role": "server-operations"},
    {"key": "build", "name": "Build the server", "depends_on": ["size"], "role": "server-operations"},
]
AUTOMATIC = {
    "name": "Small and within budget",
    "rules": [
        {
            "name": "within budget",
            "outcome": "approved",
            "budget_states": ["enough"],
            "amount_at_most": {"USD": "5000"},
        }
    ],
}


class World:
    """`university` with `science` below it; the consumer and the leader belong to science."""

    def __init__(self, service: ServiceHarness) -> None:
        self.service = service
        self.admin = self.as_(["admin"])

    async def settle_in(self) -> None:
        self.university = await self.add_unit("University")
        self.science = await self.add_unit("Science", parent_id=self.university)
        self.consumer = self.as_(["consumer"], self.science, person="connie")
        self.leader = self.as_(["demand_leader"], self.science, person="leo")
        self.approver = self.as_(["approver"], person="anna")
        self.owner = self.as_(["service_owner"], person="otto")
        self.finance = self.as_(["finance"], person="fred")
        self.offering = await self.publish_offering()

    def as_(self, roles: list[str], *units: UUID, person: str | None = None) -> httpx.AsyncClient:
        return self.service.client(roles, units, person, headers={"Correlation-Id": THREAD})

    async def add_unit(self, name: str, **more: Any) -> UUID:
        body = {"name": name} | {key: str(value) for key, value in more.items()}
        return UUID(done(await self.admin.post("/v1/business-units", json=body), 201)["id"])

    async def publish_offering(
        self,
        offering_id: UUID | None = None,
        *,
        state: str = "published",
        event: str | None = None,
        sequence: int = 1,
        **changes: Any,
    ) -> UUID:
        offering_id = offering_id or uuid7()
        data = {
            "id": str(offering_id),
            "service_id": str(UUID(int=9)),
            "service_name": "Virtual servers",
            "name": "Tier 1",
            "request_form": FORM_SCHEMA,
            "fulfilment": TEMPLATE,
            "state": state,
            "a field of the future": 1,
        }
        await self.service.deliver(
            f"itaas.catalog.offering.{event or state}.v1", subject=offering_id, data=data | changes, sequence=sequence
        )
        return offering_id

    async def put_policy(self, key: str = "small", **changes: Any) -> dict[str, Any]:
        return done(await self.finance.put(f"/v1/approval-policies/{key}", json=AUTOMATIC | changes), 200, 201)

    async def draft(self, kind: str = "enhancement", **more: Any) -> dict[str, Any]:
        body = {"business_unit_id": str(self.science), "title": "A shared analytics server", "kind": kind} | more
        return done(await self.consumer.post("/v1/demands", json=body), 201)

    async def draft_request(self, **more: Any) -> dict[str, Any]:
        order = {"offering_id": str(self.offering), "quantity": "4", "form": FORM}
        return await self.draft("request", **order | more)

    async def qualified(self) -> str:
        demand_id = (await self.draft())["id"]
        await self.step(self.consumer, demand_id, "submit")
        await self.step(self.leader, demand_id, "screen")
        await self.step(self.leader, demand_id, "qualify", note="worth it")
        return str(demand_id)

    async def proposed(self, **terms: Any) -> str:
        demand_id = await self.qualified()
        await self.propose(demand_id, **terms)
        return demand_id

    async def propose(self, demand_id: str, **terms: Any) -> dict[str, Any]:
        body = {"offering_id": str(self.offering), "quantity": "4", "form": FORM} | terms
        return done(await self.leader.post(f"/v1/demands/{demand_id}/propose", json=body))

    async def step(self, client: httpx.AsyncClient, demand_id: str, step: str, **body: Any) -> dict[str, Any]:
        return done(await client.post(f"/v1/demands/{demand_id}/{step}", json=body or None))

    async def demand(self, demand_id: str) -> dict[str, Any]:
        return done(await self.consumer.get(f"/v1/demands/{demand_id}"))

    async def quote(
        self,
        fact: str,
        demand_id: str | None,
        *,
        quote_id: UUID | None = None,
        sequence: int = 1,
        annual: str = "1080.00",
        quantity: str = "4",
        budget: str = "enough",
        event_id: str | None = None,
        caused_by: str | None = None,
        wait: bool = True,
    ) -> UUID:
        """Have pricing tell what became of a quote; `caused_by` is the id of the event that led to it."""
        quote_id = quote_id or uuid7()
        envelope = Envelope(
            id=event_id or str(uuid7()),
            source="/itaas/pricing",
            type=f"itaas.pricing.quote.{fact}.v1",
            subject=str(quote_id),
            time=utc_now(),
            correlation_id=THREAD,
            causation_id=caused_by,
            sequence=sequence,
            business_unit_id=str(self.science),
            actor_id=None,
            traceparent=None,
            partition_key=str(quote_id),
            data={
                "id": str(quote_id),
                "number": "Q-1",
                "demand_id": demand_id,
                "business_unit_id": str(self.science),
                "offering_id": str(self.offering),
                "state": fact,
                "quantity": quantity,
                "currency": "USD",
                "lines": [],
                "total": {"amount": "90.00", "currency": "USD"},
                "annual_total": {"amount": annual, "currency": "USD"},
                "budget": {"state": budget, "available": None},
                "valid_until": "2027-01-01T00:00:00Z",
            },
        )
        await self.service.runtime.event_log.append([to_message(envelope, "itaas.pricing")])
        if wait:
            await self.service.consumed("itaas.pricing")
        return quote_id

    async def ordered(self) -> tuple[str, dict[str, Any]]:
        """An approved and accepted demand, and its order."""
        await self.put_policy()
        demand_id = await self.proposed()
        quote_id = await self.quote("issued", demand_id)
        await self.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
        return demand_id, await self.order_of(demand_id)

    async def order_of(self, demand_id: str) -> dict[str, Any]:
        [order] = await self.orders_of(demand_id)
        return order

    async def orders_of(self, demand_id: str) -> list[dict[str, Any]]:
        return list(done(await self.consumer.get("/v1/orders", params={"demand_id": demand_id}))["items"])

    async def proposals_told(self, demand_id: str) -> list[str]:
        """The ids of the events that told the demand's proposals."""
        told = await self.service.published("itaas.demand.demand.proposed.v1")
        return [event.id for event in told if event.subject == demand_id]

    async def fulfil(self, order: dict[str, Any]) -> dict[str, Any]:
        for task in order["tasks"]:
            order = done(await self.owner.post(f"/v1/orders/{order['id']}/tasks/{task['id']}/complete"))
        return order

    async def told(self) -> list[str]:
        """The types of what demand published of demands, orders and subscriptions, shortened."""
        names = [
            event.type.removeprefix("itaas.demand.").removesuffix(".v1") for event in await self.service.published()
        ]
        return [name for name in names if not name.startswith("business-unit")]

    async def dead_letters(self) -> list[str]:
        from sqlalchemy import select

        from services.db.chassis_tables import DeadLetter

        async with self.service.runtime.database.reading() as session:
            return list(await session.scalars(select(DeadLetter.reason)))


@asynccontextmanager
async def opened_world(folder: Path) -> AsyncIterator[World]:
    async with ServiceHarness(definition, folder) as service:
        world = World(service)
        await world.settle_in()
        yield world


def done(response: httpx.Response, *statuses: int) -> dict[str, Any]:
    assert response.status_code in (statuses or (200,)), response.text
    return dict(response.json())


def refused(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """The problem, checked to be the refusal of that name (kebab case)."""
    assert response.status_code == status, response.text
    problem = dict(response.json())
    assert problem["type"] == f"urn:itaas:problem:{name}", problem
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    return [fault["pointer"] for fault in problem["errors"]]
