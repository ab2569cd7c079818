"""Scorecards over HTTP: saved with their faults named, every service rated as a slow reading of the tables says."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, update

from catalog_service import queries
from catalog_service.domain import scorecard as domain
from catalog_service.domain.attainment import AttainmentState
from catalog_service.domain.dependency import DependencyKind
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import (
    Attainment,
    Capability,
    KnownSubscription,
    Offering,
    Revision,
    Service,
    ServiceCapability,
    ServiceDependency,
    ServiceScore,
    ServiceUnitCost,
    TaxonomyNode,
)
from catalog_service.use_cases.scorecard_evaluation import EVALUATION, next_night
from services import context
from services.db.chassis_tables import Timer
from services.testing import ServiceHarness
from tests.catalog_service.samples import SERVICE, created

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
WORK = context.WorkContext("t", "t", "t")


def check(fact: str, op: str, value: Any) -> dict[str, Any]:
    return {"fact": fact, "op": op, "value": value}


CARD: dict[str, Any] = {
    "key": "production-ready",
    "name": "Ready for production",
    "levels": [
        {"key": "bronze", "name": "Bronze"},
        {"key": "silver", "name": "Silver"},
        {"key": "gold", "name": "Gold"},
    ],
    "rules": [
        {"key": "owner", "level": "bronze", "title": "Owned", "check": check("has_owner", "==", True)},
        {
            "key": "offered",
            "level": "silver",
            "title": "Offered, and available",
            "check": {
                "all": [check("published_offerings", ">", 0), {"not": check("availability_target", "<", "99.5")}]
            },
        },
        {
            "key": "liked",
            "level": "gold",
            "title": "Liked, or not used yet",
            "check": {"any": [check("nps", ">=", "0"), check("active_subscriptions", "==", 0)]},
        },
    ],
    "applies_to": check("state", "in", ["published", "draft"]),
}


async def test_a_card_is_saved_with_its_faults_named_changed_and_dropped(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    bad = CARD | {"rules": [CARD["rules"][0], CARD["rules"][1] | {"check": check("colour", "==", "red")}]}
    refused = await owner.post("/v1/scorecards", json=bad)
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:itaas:problem:scorecard-invalid")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/rules/1/check/fact", "/levels/2"]
    deep: Any = check("nps", ">", "0")
    for _ in range(150):
        deep = {"not": deep}
    refused = await owner.post("/v1/scorecards", json=CARD | {"applies_to": deep})
    assert [fault["message"] for fault in refused.json()["errors"]] == ["is nested more than 8 deep"]
    assert (await consumer.post("/v1/scorecards", json=CARD)).status_code == 403
    card = await created(owner, "/v1/scorecards", CARD)
    assert {name: card[name] for name in CARD if name != "rules"} == {n: CARD[n] for n in CARD if n != "rules"}
    assert (await owner.post("/v1/scorecards", json=CARD)).json()["type"] == "urn:itaas:problem:scorecard-key-taken"
    path = "/v1/scorecards/production-ready"
    read = await owner.get(path)
    assert (read.headers["etag"], read.json()["version"]) == ('"1"', 1)
    assert [each["key"] for each in (await owner.get("/v1/scorecards")).json()["items"]] == ["production-ready"]
    for answer in (await owner.patch(path, json={"name": "x"}), await owner.delete(path)):
        assert answer.status_code == 428
    theirs = catalog.client(["service_owner"], person="somebody-else")
    for answer in (
        await theirs.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'}),
        await theirs.delete(path, headers={"If-Match": '"1"'}),
    ):
        assert answer.json()["type"] == "urn:itaas:problem:not-your-scorecard"
    orphan = {"levels": [*CARD["levels"], {"key": "platinum", "name": "Platinum"}]}
    answer = await owner.patch(path, json=orphan, headers={"If-Match": '"1"'})
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/levels/3"]
    answer = await owner.patch(path, json={"applies_to": None}, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"], answer.json()["applies_to"]) == (200, '"2"', None)
    assert (await owner.patch(path, json={"name": "x"}, headers={"If-Match": '"1"'})).status_code == 412
    for job_id in await catalog.job_ids(EVALUATION):
        await catalog.finished_job(job_id)
    assert (await owner.delete(path, headers={"If-Match": '"2"'})).status_code == 204
    assert (await owner.get(path)).status_code == 404
    assert (await owner.get(f"{path}/results")).status_code == 404
    assert (await consumer.get("/v1/scorecard-facts")).status_code == 403
    listed = (await owner.get("/v1/scorecard-facts")).json()
    assert {"name": "state", "kind": "text"}.items() <= next(each for each in listed if each["name"] == "state").items()


async def test_levels_move_are_told_and_kept(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE | {"owner_id": None})
    await created(owner, "/v1/scorecards", CARD)
    (first,) = await catalog.job_ids(EVALUATION)
    assert (await catalog.finished_job(first)).result == {"services": 1, "changed": 0, "superseded": False}
    path = f"/v1/services/{service['id']}"
    (result,) = (await owner.get(f"{path}/scorecards")).json()["items"]
    assert (result["level"], result["failed"], result["passed"], result["unknown"]) == (None, 2, 1, 0)
    assert result["rules"][0] == {"key": "owner", "outcome": "failed", "facts": {"has_owner": False}}
    assert await catalog.published("itaas.catalog.scorecard.level-changed.v1") == []

    me = (await owner.get("/v1/scorecards/production-ready")).json()["owner_id"]
    owned = await owner.patch(path, json={"owner_id": me}, headers={"If-Match": "*"})
    assert owned.status_code == 200, owned.text
    # The night comes: its timer starts a job, and sets itself for the next one.
    with context.entered(WORK):
        async with catalog.runtime.database.transaction() as session:
            await session.execute(update(Timer).values(due_at=NOW))
    async with asyncio.timeout(10):
        while len(jobs := await catalog.job_ids(EVALUATION)) < 2:
            await asyncio.sleep(0.05)
    assert (await catalog.finished_job(jobs[1])).result == {"services": 1, "changed": 1, "superseded": False}
    async with catalog.runtime.database.reading() as session:
        (due,) = await session.scalars(select(Timer.due_at).where(Timer.kind == "scorecard-nightly"))
    assert (due.hour, due > datetime.now(UTC)) == (2, True)
    (told,) = await catalog.published("itaas.catalog.scorecard.level-changed.v1")
    assert (told.data["service_id"], told.data["from_level"], told.data["to_level"]) == (service["id"], None, "bronze")

    # A stricter card: its change has everything rated anew, by its new version.
    rules = [CARD["rules"][0] | {"check": check("capabilities", ">", 0)}, *CARD["rules"][1:]]
    answer = await owner.patch("/v1/scorecards/production-ready", json={"rules": rules}, headers={"If-Match": "*"})
    await catalog.finished_job((await catalog.job_ids(EVALUATION))[2])
    changes = (await owner.get(f"{path}/scorecards/production-ready/changes")).json()["items"]
    assert [(each["from_level"], each["to_level"], each["scorecard_version"]) for each in changes] == [
        (None, "bronze", 1),
        ("bronze", None, answer.json()["version"]),
    ]
    # Nothing changed: another run tells nothing. A job of an older version of the card does nothing.
    started = await owner.post("/v1/scorecards/production-ready/evaluate")
    assert started.status_code == 202
    assert (await catalog.finished_job(started.json()["id"])).result["changed"] == 0  # type: ignore[index]
    assert len(await catalog.published("itaas.catalog.scorecard.level-changed.v1")) == 2
    assert next_night(NOW) == NOW.replace(day=3, hour=2)
    assert next_night(NOW.replace(hour=2)) == NOW.replace(day=3, hour=2)
    assert next_night(NOW.replace(hour=1, minute=59)) == NOW.replace(hour=2)


async def test_every_service_is_rated_as_a_slow_reading_says(anywhere: ServiceHarness) -> None:
    client = anywhere.client()
    expected = await random_world(anywhere, random.Random(5), services=40)
    async with anywhere.runtime.database.reading() as session:
        rows = await queries.services_after(session, None, most=1000)
        found = await queries.facts_of(session, rows, await queries.taxonomy_above(session), NOW)
    for service_id, facts in expected.items():
        assert {name: found[service_id][name] for name in facts} == facts
    assert set(found) == set(expected)
    # days_since_last_revision moves with the clock, and no rule of the card asks for it.
    await created(client, "/v1/scorecards", CARD)
    (job,) = await anywhere.job_ids(EVALUATION)
    assert (await anywhere.finished_job(job)).result["services"] == 40  # type: ignore[index]
    stand = {
        service_id: domain.stand(CARD["levels"], CARD["rules"], CARD["applies_to"], facts)
        for service_id, facts in expected.items()
    }
    read: dict[UUID, dict[str, Any]] = {}
    cursor: str | None = None
    while cursor is not None or not read:
        params = {"limit": 7} | ({} if cursor is None else {"cursor": cursor})
        page = (await client.get("/v1/scorecards/production-ready/results", params=params)).json()
        read |= {UUID(item["service_id"]): item for item in page["items"]}
        cursor = page["next_cursor"]
    assert set(read) == set(stand)
    for service_id, standing in stand.items():
        item = read[service_id]
        assert (item["applies"], item["level"]) == (standing.applies, standing.level)
        assert item["rules"] == [
            {"key": each.key, "outcome": each.outcome, "facts": each.facts} for each in standing.rules
        ]
    counted = Counter(standing.level for standing in stand.values() if standing.applies)
    assert [(each["level"], each["services"]) for each in page["counts"]] == [
        (level, counted[level]) for level in ("gold", "silver", "bronze", None)
    ]
    assert page["not_applicable"] == sum(not standing.applies for standing in stand.values()) > 0
    for level in ("silver", "bronze", "none"):
        listed = (await client.get(f"/v1/scorecards/production-ready/results?level={level}")).json()["items"]
        wanted = None if level == "none" else level
        assert {UUID(item["service_id"]) for item in listed} == {
            service_id for service_id, each in stand.items() if each.applies and each.level == wanted
        }
    outside = (await client.get("/v1/scorecards/production-ready/results?applies=false&limit=200")).json()["items"]
    assert len(outside) == page["not_applicable"]
    told = await anywhere.published("itaas.catalog.scorecard.level-changed.v1")
    assert {(UUID(each.data["service_id"]), each.data["to_level"]) for each in told} == {
        (service_id, each.level) for service_id, each in stand.items() if each.level is not None
    }


async def random_world(harness: ServiceHarness, rng: random.Random, *, services: int) -> dict[UUID, dict[str, Any]]:
    """Services with random belongings; returns what a scorecard must know of each, read off what was made."""
    expected: dict[UUID, dict[str, Any]] = {}
    with context.entered(WORK):
        async with harness.runtime.database.transaction() as session:
            root = TaxonomyNode(name="Root", description="", parent_id=None)
            leaf = TaxonomyNode(name="Leaf", description="", parent_id=root.id)
            able = [Capability(name=f"C{n}", description="", parent_id=None) for n in range(4)]
            session.add_all([root, *able])
            await session.flush()
            session.add(leaf)
            await session.flush()
            above = {None: set(), root.id: {str(root.id)}, leaf.id: {str(root.id), str(leaf.id)}}
            ids = []
            for number in range(services):
                service = Service(
                    name=f"S{number}",
                    description=rng.choice(["", "  ", "Something."]),
                    unit_of_measure="server",
                    owner_id=rng.choice([None, "p1", "p1"]),
                    support_contact=rng.choice([None, {"name": "Desk", "email": "desk@example.org"}]),
                    taxonomy_node_id=rng.choice([None, root.id, leaf.id]),
                    state=rng.choice([ServiceState.PUBLISHED, ServiceState.PUBLISHED, *ServiceState]),
                )
                session.add(service)
                await session.flush()
                provided = rng.sample(able, rng.randrange(4))
                session.add_all(ServiceCapability(service_id=service.id, capability_id=each.id) for each in provided)
                facts: dict[str, Any] = {
                    "has_owner": service.owner_id is not None,
                    "has_description": service.description == "Something.",
                    "has_support_contact": service.support_contact is not None,
                    "has_taxonomy": service.taxonomy_node_id is not None,
                    "taxonomy": frozenset(above[service.taxonomy_node_id]),
                    "state": str(service.state),
                    "capabilities": len(provided),
                    "capability_ids": frozenset(str(each.id) for each in provided),
                    "requires": 0,
                    "uses": 0,
                    "dependents": 0,
                }
                expected[service.id] = facts | await belongings(session, rng, service)
                for earlier in rng.sample(ids, min(len(ids), rng.randrange(4))):
                    kind = rng.choice(list(DependencyKind))
                    session.add(ServiceDependency(service_id=service.id, on_id=earlier, kind=kind, note=""))
                    expected[service.id][str(kind)] += 1
                    expected[earlier]["dependents"] += 1
                ids.append(service.id)
    return expected


async def belongings(session: Any, rng: random.Random, service: Service) -> dict[str, Any]:
    published: list[list[tuple[str, Decimal]]] = []
    held: Counter[str] = Counter()
    for number in range(rng.randrange(4)):
        promises = [("availability", rng.choice(["99", "99.5", "99.9"]), "percent")] if rng.random() < 0.7 else []
        promises += [("lead_time", rng.choice(["12", "48"]), "hours")] if rng.random() < 0.5 else []
        offering = Offering(
            series_id=uuid4(),
            number=1,
            service_id=service.id,
            name=f"O{number}",
            description="",
            unit_of_measure="server",
            commitments=[{"kind": kind, "target": target, "unit": unit} for kind, target, unit in promises],
            fulfilment=[],
            state=rng.choice(list(OfferingState)),
            everyone=True,
            options=[],
            bundle=[],
        )
        session.add(offering)
        if offering.state is OfferingState.PUBLISHED:
            published.append([(kind, Decimal(target)) for kind, target, _ in promises])
        for _ in range(rng.randrange(3)):
            state = rng.choice(["active", "suspended", "ended"])
            held[state] += 1
            session.add(
                KnownSubscription(
                    id=uuid4(),
                    sequence=1,
                    seen_at=NOW,
                    offering_id=offering.id,
                    business_unit_id=uuid4(),
                    quantity=Decimal(1),
                    state=state,
                )
            )
    facts: dict[str, Any] = {"nps": None, "nps_n": None, "days_since_last_revision": None, "unit_cost_known": False}
    if rng.random() < 0.6:
        score = rng.choice([None, Decimal("-12.5"), Decimal("30")])
        facts |= {"nps": score, "nps_n": 9}
        session.add(
            ServiceScore(
                id=uuid4(),
                sequence=1,
                seen_at=NOW,
                service_id=service.id,
                kind="nps",
                score=score,
                n=9,
                low=None,
                high=None,
                withheld=score is None,
            )
        )
    if rng.random() < 0.5:
        cost = rng.choice([None, Decimal("3.5")])
        facts["unit_cost_known"] = cost is not None
        session.add(
            ServiceUnitCost(
                id=service.id,
                sequence=1,
                seen_at=NOW,
                period="2026-10",
                unit_cost=cost,
                unit_of_measure="server",
                currency="USD",
                allocation_run_id=uuid4(),
            )
        )
    assessed: dict[str, Counter[AttainmentState]] = {}
    for number in range(rng.randrange(4)):
        month, state = rng.choice(["2026-08", "2026-09"]), rng.choice(list(AttainmentState))
        if state is not AttainmentState.NOT_MEASURED:
            assessed.setdefault(month, Counter())[state] += 1
        session.add(
            Attainment(
                offering_id=uuid4(),
                service_id=service.id,
                commitment="availability",
                period=month,
                scope=str(number),
                promised=Decimal(99),
                unit="percent",
                state=state,
                n=1,
                figures={},
                assessment=1,
                assessed_at=NOW,
            )
        )
    facts |= {"commitments_kept": None, "commitments_missed": None}
    if assessed:
        last = assessed[max(assessed)]
        share = Decimal(last[AttainmentState.ATTAINED]) * 100 / last.total()
        facts |= {"commitments_kept": Decimal(f"{share:.9f}"[:-7]), "commitments_missed": last[AttainmentState.MISSED]}
    for number in range(1, rng.randrange(1, 4)):
        days = 100 - number
        facts["days_since_last_revision"] = days
        session.add(
            Revision(
                service_id=service.id,
                number=number,
                state=RevisionState.ARCHIVED,
                summary="",
                changes=[],
                improvement_ids=[],
                demand_ids=[],
                published_at=NOW - timedelta(days=days, hours=3),
            )
        )
    availability = [target for offering in published for kind, target in offering if kind == "availability"]
    lead_times = [target / 24 for offering in published for kind, target in offering if kind == "lead_time"]
    return facts | {
        "published_offerings": len(published),
        "commitments": min(map(len, published)) if published else None,
        "availability_target": min(availability, default=None),
        "lead_time_target": max(lead_times, default=None),
        "rto_target": None,
        "active_subscriptions": held["active"],
        "suspended_subscriptions": held["suspended"],
        "unit_cost_planned": False,
    }
