"""A small organisation for the tests of feedback: a unit, a service with an offering, and clients of some people."""

from typing import Any
from uuid import UUID

import httpx

from services.ids import uuid7
from services.testing import ServiceHarness

JSON = dict[str, Any]
QUESTIONS: list[JSON] = [
    {"id": "recommend", "kind": "nps", "text": "How likely are you to recommend it?", "required": True},
    {"id": "ease", "kind": "ces", "text": "It was easy to get."},
    {"id": "why", "kind": "text", "text": "What is the main reason for your score?"},
]


class World:
    def __init__(self, service: ServiceHarness) -> None:
        self.service = service
        self.unit, self.other_unit = uuid7(), uuid7()
        self.service_id, self.offering_id = uuid7(), uuid7()
        self.consumer = service.client(["consumer"], [self.unit], person="alma")
        self.colleague = service.client(["consumer"], [self.unit], person="bert")
        self.stranger = service.client(["consumer"], [self.other_unit], person="carl")
        self.owner = service.client(["service_owner"], person="dora")
        self.admin = service.client(["admin"], person="emil")

    async def settle(self) -> None:
        """Tell feedback of the units, the service and the offering."""
        for unit in (self.unit, self.other_unit):
            await self.service.deliver(
                "itaas.demand.business-unit.created.v1", subject=unit, data={"id": str(unit), "name": "A unit"}
            )
        await self.make_service(self.service_id)
        await self.service.deliver(
            "itaas.catalog.offering.published.v1",
            subject=self.offering_id,
            data={"id": str(self.offering_id), "service_id": str(self.service_id), "name": "Small", "state": "active"},
        )

    async def make_service(self, service_id: UUID, *, owner_id: str | None = None) -> UUID:
        data = {"id": str(service_id), "name": "Virtual server", "owner_id": owner_id, "state": "live"}
        await self.service.deliver("itaas.catalog.service.created.v1", subject=service_id, data=data)
        return service_id

    async def survey(self, **changes: Any) -> JSON:
        body = {"name": "How did it go?", "trigger": "subscription.activated", "questions": QUESTIONS} | changes
        return created(await self.owner.post("/v1/surveys", json=body))

    async def activate(self, *, requested_by: str | None = None, correlation_id: str | None = None) -> UUID:
        """A subscription of the unit becomes active; returns its id."""
        subscription = uuid7()
        data = {
            "id": str(subscription),
            "business_unit_id": str(self.unit),
            "offering_id": str(self.offering_id),
            "service_id": str(self.service_id),
            "quantity": "1",
            "state": "active",
            "requested_by": requested_by,
        }
        await self.service.deliver(
            "itaas.demand.subscription.activated.v1",
            subject=subscription,
            data=data,
            business_unit_id=self.unit,
            correlation_id=correlation_id,
        )
        return subscription

    async def invitation(self, subscription: UUID) -> JSON:
        found = await self.consumer.get("/v1/invitations", params={"subscription_id": str(subscription)})
        [invitation] = found.json()["items"]
        return dict(invitation)

    async def respond(self, score: int) -> JSON:
        """Somebody is asked and answers `score` to the NPS question."""
        invitation = await self.invitation(await self.activate())
        answers = {"answers": [{"question_id": "recommend", "score": score}]}
        return created(await self.consumer.post(f"/v1/invitations/{invitation['id']}/responses", json=answers))

    async def thread(self, client: httpx.AsyncClient | None = None, **changes: Any) -> JSON:
        body = {
            "subject_type": "offering",
            "subject_id": str(self.offering_id),
            "business_unit_id": str(self.unit),
            "text": "Provisioning was terribly slow.",
        } | changes
        return created(await (client or self.consumer).post("/v1/threads", json=body))

    async def theme(self, *threads: JSON) -> JSON:
        body = {"service_id": str(self.service_id), "name": "Slow", "thread_ids": [thread["id"] for thread in threads]}
        return created(await self.owner.post("/v1/themes", json=body))

    async def improvement(self, *themes: JSON, **changes: Any) -> JSON:
        body = {
            "service_id": str(self.service_id),
            "title": "Provision within a day",
            "theme_ids": [theme["id"] for theme in themes],
            "target": {"measure": "nps"},
        } | changes
        return created(await self.owner.post("/v1/improvements", json=body))

    async def publish_revision(
        self, number: int, *improvement_ids: str | UUID, sequence: int = 0, correlation_id: str | None = None
    ) -> None:
        revision = {
            "number": number,
            "summary": "Faster",
            "changes": ["Faster"],
            "improvement_ids": [str(one) for one in improvement_ids],
            "demand_ids": [],
            "published_at": "2026-11-24T12:00:00Z",
        }
        data = {"id": str(self.service_id), "name": "Virtual server", "owner_id": None, "revision": revision}
        await self.service.deliver(
            "itaas.catalog.service.revision-published.v1",
            subject=self.service_id,
            data=data,
            sequence=sequence or number + 1,
            correlation_id=correlation_id,
        )


def created(response: httpx.Response) -> JSON:
    assert response.status_code == 201, response.text
    return dict(response.json())


def refused(response: httpx.Response, status: int, name: str, *pointers: str) -> JSON:
    """Assert that it is the problem `name`, naming exactly `pointers`; returns its body."""
    assert response.status_code == status, response.text
    problem = dict(response.json())
    assert problem["type"] == f"urn:itaas:problem:{name}", problem
    assert [fault["pointer"] for fault in problem["errors"]] == list(pointers), problem
    return problem
