"""What a service's or an offering's end would touch: counts against a plain oracle, and who may leave."""

import random
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from catalog_service.domain.dependency import DependencyKind
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import (
    KnownSubscription,
    Offering,
    OfferingMember,
    OfferingRelation,
    Service,
    ServiceDependency,
)
from services import context
from services.clock import utc_now
from services.db.chassis_tables import KnownBusinessUnit
from services.testing import ServiceHarness
from tests.catalog_service.samples import done, published_offering, published_service

pytestmark = pytest.mark.anyio
SERVICE_COLUMNS: dict[str, Any] = {
    "description": "",
    "unit_of_measure": "server",
    "version": 1,
    "state": ServiceState.PUBLISHED,
}


def an_offering(service: Service, name: str, **changes: Any) -> Offering:
    columns: dict[str, Any] = {
        "id": uuid4(),
        "version": 1,
        "description": "",
        "unit_of_measure": "server",
        "commitments": [],
        "fulfilment": [],
        "state": OfferingState.PUBLISHED,
        "everyone": True,
        "options": [],
        "number": 1,
    }
    return Offering(**(columns | {"series_id": uuid4(), "service_id": service.id, "name": name} | changes))


def holds(bundle: Offering, member: Offering) -> OfferingMember:
    return OfferingMember(offering_id=bundle.id, member_id=member.id, position=0, quantity=Decimal(1))


def comes_to(start: int, links: Iterable[tuple[int, int]]) -> set[int]:
    """Whatever depends on `start`, by adding what is next until nothing is."""
    found = {start}
    while further := {a for a, b in links if b in found} - found:
        found |= further
    return found - {start}


async def test_impact_is_what_a_plain_count_says(anywhere: ServiceHarness) -> None:
    rng = random.Random(11)
    with context.entered(context.WorkContext("t", "t", "t")):
        services = [Service(**SERVICE_COLUMNS, id=uuid4(), name=f"S{n}") for n in range(12)]
        offerings = [an_offering(service, f"{service.name}-{k}") for service in services for k in range(2)]
    units = [KnownBusinessUnit(id=uuid4(), sequence=1, seen_at=utc_now(), name=f"Unit {n}") for n in range(4)]
    strangers = [*(unit.id for unit in units), uuid4()]
    subscriptions = [
        KnownSubscription(
            id=uuid4(),
            sequence=1,
            seen_at=utc_now(),
            offering_id=rng.choice(offerings).id,
            business_unit_id=rng.choice(strangers),
            quantity=Decimal(rng.randrange(1, 10**6)) / 1000,
            state=rng.choice(["active", "active", "suspended", "ended"]),
        )
        for _ in range(300)
    ]
    links = {(a, b): rng.choice(list(DependencyKind)) for a in range(12) for b in range(a) if rng.random() < 0.25}
    hard_links = [pair for pair, kind in links.items() if kind is DependencyKind.REQUIRES]
    with context.entered(context.WorkContext("t", "t", "t")):
        async with anywhere.runtime.database.transaction() as session:
            session.add_all(services)
            await session.flush()
            session.add_all([*offerings, *units, *subscriptions])
            session.add_all(
                ServiceDependency(service_id=services[a].id, on_id=services[b].id, kind=kind, note="")
                for (a, b), kind in links.items()
            )
            await session.flush()
            session.add(OfferingRelation(offering_id=offerings[5].id, kind="requires", other_id=offerings[0].id))
            session.add(holds(offerings[7], offerings[1]))
            session.add(holds(offerings[9], offerings[7]))
            session.add(holds(offerings[11], offerings[2]))
    client = anywhere.client()
    for index, service in enumerate(services):
        impact = (await client.get(f"/v1/services/{service.id}/impact")).json()
        reached = dict.fromkeys(comes_to(index, links), False) | dict.fromkeys(comes_to(index, hard_links), True)
        assert {each["name"]: each["hard"] for each in impact["dependents"]} == {
            f"S{a}": hard for a, hard in reached.items()
        }
        assert (impact["dependents_total"], impact["dependents_hard"]) == (len(reached), sum(reached.values()))
        own = {offering.id for offering in offerings if offering.service_id == service.id}
        held = [each for each in subscriptions if each.offering_id in own and each.state != "ended"]
        states = Counter(each.state for each in held)
        assert (impact["active"], impact["suspended"]) == (states["active"], states["suspended"])
        for touched in impact["offerings"]:
            of_it = [each for each in held if str(each.offering_id) == touched["id"]]
            assert Decimal(touched["quantity"]) == sum((each.quantity for each in of_it), Decimal(0))
            by_unit: dict[str, Decimal] = {}
            for each in of_it:
                by_unit[str(each.business_unit_id)] = (
                    by_unit.get(str(each.business_unit_id), Decimal(0)) + each.quantity
                )
            read = {unit["business_unit_id"]: Decimal(unit["quantity"]) for unit in touched["business_units"]}
            assert read == by_unit
        hard_ids = {services[a].id for a, hard in reached.items() if hard}
        theirs = {offering.id for offering in offerings if offering.service_id in hard_ids}
        of_units = Counter(
            (str(each.business_unit_id), each.offering_id in own)
            for each in subscriptions
            if each.state == "active" and each.offering_id in own | theirs
        )
        for unit in impact["business_units"]:
            assert (unit["active"], unit["active_of_dependents"]) == (
                of_units[unit["id"], True],
                of_units[unit["id"], False],
            )
        assert {unit["name"] for unit in impact["business_units"]} <= {"Unit 0", "Unit 1", "Unit 2", "Unit 3", None}
    first = (await client.get(f"/v1/services/{services[0].id}/impact", params={"limit": 0})).json()
    assert first["dependents"] == []
    assert {bundle["name"] for bundle in first["bundles"]} == {offerings[7].name, offerings[9].name}
    assert [(each["offering_name"], each["kind"]) for each in first["relations"]] == [(offerings[5].name, "requires")]
    one = (await client.get(f"/v1/offerings/{offerings[2].id}/impact")).json()
    assert [bundle["name"] for bundle in one["bundles"]] == [offerings[11].name]
    assert one["active"] == sum(
        each.state == "active" and each.offering_id == offerings[2].id for each in subscriptions
    )


async def test_a_service_leaves_only_when_nobody_holds_or_requires_it(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}"
    needing = await published_service(owner, name="Web hosting", external_ids=[])
    offering = await published_offering(owner, service["id"])
    unit, subject = uuid4(), uuid4()
    await catalog.deliver("itaas.demand.business-unit.created.v1", subject=unit, data={"name": "Library"})
    sequence = 0

    async def subscription(fact: str, state: str, quantity: str = "4") -> dict[str, Any]:
        nonlocal sequence
        sequence += 1
        data = {
            "offering_id": offering["id"],
            "business_unit_id": str(unit),
            "quantity": quantity,
            "state": state,
        }
        event = f"itaas.demand.subscription.{fact}.v1"
        await catalog.deliver(event, subject=subject, data=data, sequence=sequence, business_unit_id=unit)
        impact = (await owner.get(f"{path}/impact")).json()
        (touched,) = impact["offerings"]
        read: dict[str, Any] = touched
        assert (impact["active"], impact["suspended"]) == (read["active"], read["suspended"])
        return read

    assert (await subscription("activated", "active"))["active"] == 1
    assert (await subscription("changed", "active", "6.5"))["quantity"] == "6.5"
    assert (await subscription("suspended", "suspended"))["suspended"] == 1
    assert (await subscription("resumed", "active"))["active"] == 1
    held = await subscription("suspended", "suspended")
    assert [(each["business_unit_name"], each["suspended"]) for each in held["business_units"]] == [("Library", 1)]
    assert (await consumer.get(f"{path}/impact")).status_code == 403
    assert (await owner.get(f"/v1/services/{uuid4()}/impact")).status_code == 404
    assert (await owner.get(f"/v1/offerings/{uuid4()}/impact")).status_code == 404

    needs = f"/v1/services/{needing['id']}/dependencies"
    body = {"dependencies": [{"on_id": service["id"], "kind": "requires"}]}
    assert (await owner.put(needs, json=body, headers={"If-Match": "*"})).status_code == 200
    unaware = await owner.post(f"{path}/announce-retirement", json={"reason": "replaced"})
    assert (unaware.status_code, unaware.json()["type"]) == (409, "urn:itaas:problem:impact-not-acknowledged")
    assert [fault["pointer"] for fault in unaware.json()["errors"]] == [
        f"/offerings/{offering['id']}",
        f"/services/{needing['id']}",
    ]
    await done(owner, f"{path}/announce-retirement", {"reason": "replaced", "acknowledge_impact": True})
    await done(owner, f"/v1/offerings/{offering['id']}/retire")
    kept = await owner.post(f"{path}/retire", json={"reason": "now"})
    assert (kept.status_code, kept.json()["type"]) == (409, "urn:itaas:problem:service-still-needed")
    assert "1 subscription of Virtual server, tier 1; 1 service requires it: Web hosting" in kept.json()["detail"]
    assert (await owner.get(f"{path}/impact")).json()["may_retire"] is False

    await catalog.deliver(
        "itaas.demand.subscription.ended.v1",
        subject=subject,
        data={"offering_id": offering["id"], "business_unit_id": str(unit), "quantity": "4", "state": "ended"},
        sequence=sequence + 1,
        business_unit_id=unit,
    )
    soft = {"dependencies": [{"on_id": service["id"], "kind": "uses"}]}
    assert (await owner.put(needs, json=soft, headers={"If-Match": "*"})).status_code == 200
    impact = (await owner.get(f"{path}/impact")).json()
    assert (impact["may_retire"], impact["offerings"], impact["dependents_hard"]) == (True, [], 0)
    assert (await done(owner, f"{path}/retire", {"reason": "now"}))["state"] == "retired"
