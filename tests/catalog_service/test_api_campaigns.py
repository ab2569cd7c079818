"""Campaigns over HTTP, on both databases: aimed, started by themselves, seen, and measured from events."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select

from catalog_service.app import definition
from catalog_service.domain.campaign import CampaignState
from catalog_service.tables import Campaign, CampaignView
from catalog_service.use_cases import campaigns as use_cases
from services import context
from services.db import Database
from services.db.migrations import migrate
from services.events.embedded_log import EmbeddedLog
from services.events.replay import rebuild
from services.runtime import all_topics
from services.settings import APPS, load_settings
from services.testing import ServiceHarness
from tests.catalog_service.samples import created, done, published_offering, published_service
from tests.conftest import new_postgresql

pytestmark = pytest.mark.anyio

UNIVERSITY, SCIENCE, PHYSICS, LIBRARY = (UUID(int=number) for number in range(1, 5))
GOAL = {
    "id": str(uuid4()),
    "name": "Faster first results",
    "metric": "days to first analysis",
    "baseline": "12",
    "target": "3",
    "due": "2100-03-31",
}
EVENT = "itaas.catalog.campaign."


@pytest.fixture(params=["sqlite", "postgresql"])
async def both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ServiceHarness]:
    """The catalogue over each of the two databases."""
    if request.param == "sqlite":
        async with ServiceHarness(definition, tmp_path) as service:
            yield service
        return
    url = new_postgresql(request)
    database = Database(url)
    await migrate(database, definition.migrations, definition.metadata, app="catalog")
    await database.close()
    urls = {f"{app}_database_url": url for app in APPS}
    settings = load_settings(itaas_data_dir=tmp_path, kafka_bootstrap_servers="not-used:9092", **urls)
    log = EmbeddedLog(f"sqlite+aiosqlite:///{tmp_path}/events.db")
    await log.open()
    await log.create_topics(all_topics())
    async with ServiceHarness(definition, tmp_path, settings=settings, event_log=log) as service:
        yield service
    await log.close()


def stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def now() -> datetime:
    return datetime.now(UTC)


async def units(service: ServiceHarness) -> None:
    """university ─┬─ science (a goal, enrols students) ─── physics; ─── library"""
    tree: list[tuple[UUID, str, UUID | None, dict[str, Any]]] = [
        (UNIVERSITY, "University", None, {}),
        (SCIENCE, "Science", UNIVERSITY, {"goals": [GOAL], "processes": [{"capabilities": ["Enrol students"]}]}),
        (PHYSICS, "Physics", SCIENCE, {"capabilities": "not a list"}),
        (LIBRARY, "Library", UNIVERSITY, {}),
    ]
    for unit_id, name, parent, more in tree:
        data = {"id": str(unit_id), "name": name, "parent_id": parent and str(parent), "goals": []} | more
        await service.deliver("itaas.demand.business-unit.created.v1", subject=unit_id, data=data, wait=False)
    await service.consumed("itaas.demand")


async def offered(owner: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    service = await published_service(owner, external_ids=[])
    changes = {"external_ids": [], "audience": {"everyone": True}} | changes
    return await published_offering(owner, service["id"], **changes)


def body(*offering_ids: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": "Servers for the autumn term",
        "offering_ids": list(offering_ids),
        "message": {"title": "A server within a day", "text": "Before the term.", "call_to_action": "Ask for it"},
        "channels": ["portal", "desk", "email"],
        "starts_at": stamp(now() - timedelta(seconds=1)),
        "ends_at": stamp(now() + timedelta(days=20)),
        "audience": {"everyone": True},
    } | changes


async def started(service: ServiceHarness, owner: httpx.AsyncClient, campaign: dict[str, Any]) -> str:
    path = f"/v1/campaigns/{campaign['id']}"
    await done(owner, f"{path}/schedule", {"reason": "the term begins"})
    async with asyncio.timeout(10):
        while (await owner.get(path)).json()["state"] != "running":
            await asyncio.sleep(0.02)
    return path


async def demand(service: ServiceHarness, offering: str, unit: UUID, what: str = "submitted", **more: Any) -> UUID:
    subject = more.pop("subject", None) or uuid4()
    data = {"business_unit_id": str(unit), "offering_id": offering, "state": what}
    await service.deliver(f"itaas.demand.demand.{what}.v1", subject=subject, data=data, **more)
    return subject


async def subscription(service: ServiceHarness, offering: str, unit: UUID, demand_id: UUID | None = None) -> None:
    data = {
        "offering_id": offering,
        "business_unit_id": str(unit),
        "quantity": "1",
        "state": "active",
        "demand_id": demand_id and str(demand_id),
        "activated_at": stamp(now()),
    }
    await service.deliver("itaas.demand.subscription.activated.v1", subject=uuid4(), data=data)


async def test_a_campaign_from_its_draft_to_its_results(both: ServiceHarness) -> None:
    owner, admin = both.client(["service_owner"]), both.client(["admin"])
    science, library = both.client(["consumer"], [SCIENCE]), both.client(["consumer"], [LIBRARY])
    await units(both)
    offering = await offered(owner)
    other = await offered(owner, name="For approvers", audience={"roles": ["approver"]})
    capability = await _capability(both)
    await subscription(both, offering["id"], LIBRARY)
    audience = {
        "match": "any",
        "business_unit_ids": [str(LIBRARY)],
        "capability_ids": [capability],
        "goals": [{"words": "FIRST analysis"}],
    }
    response = await owner.post("/v1/campaigns", json=body(offering["id"], audience=audience, attribution_days=7))
    assert response.status_code == 201, response.text
    campaign = response.json()
    path = f"/v1/campaigns/{campaign['id']}"
    assert (response.headers["location"], campaign["state"]) == (path, "draft")
    preview = (await both.client(["demand_leader"], [UNIVERSITY]).get(f"{path}/audience")).json()
    assert (await owner.get(f"{path}/audience")).json() == preview
    elsewhere = (await both.client(["demand_leader"], [PHYSICS]).get(f"{path}/audience")).json()
    assert elsewhere == preview | {"business_units": [], "left_out_business_units": []}
    assert (preview["frozen"], preview["addressed"]) == (False, 1)
    assert preview["left_out"] == {"not_entitled": 0, "subscribed": 1}
    assert [(unit["name"], unit["why"]) for unit in preview["left_out_business_units"]] == [("Library", "subscribed")]
    reasons = [reason["text"] for reason in preview["business_units"][0]["reasons"]]
    assert reasons == [
        "uses the capability Enrol students",
        "goal 'Faster first results' (days to first analysis from 12 to 3, due 2100-03-31) is unmet",
    ]
    wider = {"offering_ids": [offering["id"], other["id"]], "leave_out_subscribers": False, "channels": ["portal"] * 2}
    changed = await owner.patch(path, json=wider | {"channels": ["portal", "desk", "email"]}, headers={"If-Match": "*"})
    assert changed.json()["offering_ids"] == [offering["id"], other["id"]], changed.text
    assert (await science.get("/v1/campaigns/mine")).json()["items"] == []
    await started(both, owner, campaign)
    frozen = (await owner.get(f"{path}/audience")).json()
    assert (frozen["frozen"], [unit["name"] for unit in frozen["business_units"]]) == (True, ["Library", "Science"])
    # Why a business unit fits tells its goals: a leader reads that of their own units alone.
    of_library = (await both.client(["demand_leader"], [LIBRARY]).get(f"{path}/audience")).json()
    assert (of_library["addressed"], [unit["name"] for unit in of_library["business_units"]]) == (2, ["Library"])
    fixed = await owner.patch(path, json={"name": "x"}, headers={"If-Match": "*"})
    assert (fixed.status_code, fixed.json()["type"]) == (409, "urn:itaas:problem:campaign-fixed")
    (told,) = await both.published(EVENT + "started.v1")
    assert told.data["business_unit_ids"] == [str(SCIENCE), str(LIBRARY)]
    assert [brought["name"] for brought in told.data["offerings"]] == [offering["name"], "For approvers"]

    # Who is addressed sees it, with what they may ask for; who stands above does too, who stands beside does not.
    (mine,) = (await science.get("/v1/campaigns/mine")).json()["items"]
    assert [one["name"] for one in mine["offerings"]] == [offering["name"]]
    assert [(one["name"], len(one["reasons"])) for one in mine["business_units"]] == [("Science", 2)]
    for roles, at, count in (
        (["consumer"], UNIVERSITY, 2),
        (["demand_leader"], SCIENCE, 1),
        (["consumer"], PHYSICS, 0),
        (["admin"], None, 0),
    ):
        items = (await both.client(roles, [at] if at else []).get("/v1/campaigns/mine")).json()["items"]
        assert sum(len(item["business_units"]) for item in items) == count, roles
    assert (await owner.get("/v1/campaigns/mine")).status_code == 403

    # Seen by one person many times at once, and by a second one: two views, one business unit.
    seen = {"business_unit_id": str(SCIENCE)}
    answers = await asyncio.gather(*(science.post(f"{path}/views", json=seen) for _ in range(5)))
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(200, answers[0].json()["id"])}
    colleague = both.client(["consumer"], [SCIENCE], person="colleague")
    await done(colleague, f"{path}/views", seen)
    assert len(await both.published(EVENT + "seen.v1")) == 2
    mailer = both.client(["integration"])
    mailed = {"business_unit_id": str(LIBRARY), "channel": "email", "person_id": "p-9"}
    await done(mailer, f"{path}/views", mailed | {"seen_at": stamp(now())})
    await _views_that_are_refused(both, path, science)

    # Demands: one taken back, one that becomes a subscription; a subscription may arrive before its demand.
    await demand(both, offering["id"], SCIENCE, "rejected", sequence=2)
    won = uuid4()
    await subscription(both, offering["id"], SCIENCE, won)
    await demand(both, offering["id"], SCIENCE, subject=won)
    await demand(both, offering["id"], PHYSICS)  # not addressed
    results = (await owner.get(f"{path}/results")).json()
    counts = {
        "addressed": 2, "seen": 2, "demanded": 1, "subscribed": 1,
        "unseen_demanded": 0, "unseen_subscribed": 0, "taken_back": 1,
    }  # fmt: skip
    assert {name: results[name] for name in counts} == counts
    assert results["demand_conversion"] == {
        "count": 1, "of": 2, "rate": "0.500000", "low": "0.094531", "high": "0.905469"
    }  # fmt: skip
    (today,) = (await owner.get(f"{path}/results/days")).json()["items"]
    assert (today["seen"], today["demanded"], today["subscribed"]) == (2, 1, 1)
    first = (await owner.get(f"{path}/results/business-units", params={"limit": 1})).json()
    assert [(item["name"], item["taken_back"]) for item in first["items"]] == [("Science", 1)]
    assert first["items"][0]["demanded_at"] and first["next_cursor"]

    # Filling the projections anew counts nothing twice.
    runtime = both.runtime
    handlers = definition.all_consumers()
    await rebuild(runtime.database, handlers, definition.topics_read(), runtime.event_log, lambda _: None)
    again = (await owner.get(f"{path}/results")).json()
    assert again | {"as_of": 0} == results | {"as_of": 0}

    # Paused, resumed, its end moved, ended by hand: each with who and why.
    await done(owner, f"{path}/pause", {"reason": "too many at once"})
    assert (await science.get("/v1/campaigns/mine")).json()["items"] == []
    await done(owner, f"{path}/resume", {"reason": "caught up"})
    assert len((await science.get("/v1/campaigns/mine")).json()["items"]) == 1
    later = stamp(now() + timedelta(days=30))
    await done(owner, f"{path}/move-end", {"ends_at": later, "reason": "it goes well"})
    early = await owner.post(f"{path}/move-end", json={"ends_at": "2020-01-01T00:00:00Z", "reason": "x"})
    assert (early.status_code, early.json()["errors"][0]["pointer"]) == (422, "/ends_at")
    ended = await done(owner, f"{path}/end", {"reason": "everybody knows"})
    results = (await admin.get(f"{path}/results")).json()
    until = datetime.fromisoformat(ended["ended_at"]) + timedelta(days=7)
    assert datetime.fromisoformat(results["counted_until"]) == until
    assert (await owner.post(f"{path}/resume", json={"reason": "x"})).status_code == 409
    await done(library, f"{path}/views", {"business_unit_id": str(LIBRARY)})  # within the attribution window
    states = [event.data["state"] for event in await both.published(EVENT + "changed.v1")]
    assert states == ["paused", "running", "running"]
    assert [event.data["state"] for event in await both.published(EVENT + "ended.v1")] == ["ended"]
    steps = (await owner.get(f"{path}/transitions")).json()["items"]
    assert [step["to_state"] for step in steps] == [
        "draft", "scheduled", "running", "paused", "running", "running", "ended"
    ]  # fmt: skip
    assert steps[2]["actor_id"] is None
    assert steps[5]["reason"].endswith("it goes well")


async def _views_that_are_refused(service: ServiceHarness, path: str, science: httpx.AsyncClient) -> None:
    leader, mailer = service.client(["demand_leader"], [SCIENCE]), service.client(["integration"])
    marketer = service.client(["service_owner", "consumer"], [LIBRARY])
    unit = {"business_unit_id": str(SCIENCE)}
    for client, more, status, problem in (
        (science, {"business_unit_id": str(LIBRARY)}, 403, "business-unit-out-of-scope"),
        (marketer, {}, 403, "business-unit-out-of-scope"),  # who reads about all units is not of all units
        (science, {"business_unit_id": str(PHYSICS)}, 409, "business-unit-not-addressed"),
        (science, {"channel": "radio"}, 422, "channel-not-used"),
        (science, {"person_id": "p-1"}, 403, "not-the-units-view"),
        (leader, {}, 403, "not-the-units-view"),
        (mailer, {"seen_at": "2020-01-01T00:00:00Z"}, 409, "view-out-of-time"),
        (mailer, {"seen_at": "2100-01-01T00:00:00Z"}, 409, "view-out-of-time"),
        (mailer, {"seen_at": "0001-01-01T00:00:00+14:00"}, 422, "validation"),
    ):
        refused = await client.post(f"{path}/views", json=unit | more)
        assert refused.status_code == status, (more, refused.text)
        assert problem == "validation" or refused.json()["type"] == f"urn:itaas:problem:{problem}"
    assert (await science.post(f"/v1/campaigns/{uuid4()}/views", json=unit)).status_code == 404
    await done(leader, f"{path}/views", unit | {"channel": "desk"})


async def _capability(service: ServiceHarness) -> str:
    from catalog_service.tables import Capability

    with context.entered(context.WorkContext("thread", "cause", "request")):
        async with service.runtime.database.transaction() as session:
            capability = Capability(name="Enrol students", description="", parent_id=None, external_ids=[])
            session.add(capability)
    return str(capability.id)


async def test_what_is_wrong_with_a_campaign_is_named(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    await units(catalog)
    offering = await offered(owner)
    draft = await created(owner, "/v1/offerings", {"service_id": offering["service_id"], "name": "Draft"})
    message = body()["message"]
    far = {"starts_at": "2199-01-01T00:00:00Z", "ends_at": "2199-01-02T00:00:00Z"}
    for change, status, pointer in (
        ({"name": "a\0b"}, 422, "/name"),
        ({"name": "x" * 201}, 422, "/name"),
        ({"message": message | {"title": "x" * 121}}, 422, "/message/title"),
        ({"message": message | {"text": "x" * 2001}}, 422, "/message/text"),
        ({"message": message | {"call_to_action": " "}}, 422, "/message/call_to_action"),
        ({"channels": []}, 422, "/channels"),
        ({"channels": ["Fax!"]}, 422, "/channels/0"),
        ({"offering_ids": []}, 422, "/offering_ids"),
        ({"offering_ids": [str(uuid4()) for _ in range(21)]}, 422, "/offering_ids"),
        ({"offering_ids": [offering["id"], str(UUID(int=9))]}, 422, "/offering_ids/1"),
        ({"offering_ids": [offering["id"], draft["id"]]}, 409, "/offering_ids/1"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 422, "/ends_at"),
        ({"starts_at": "0001-01-01T00:00:00+14:00"}, 422, "/starts_at"),
        ({"ends_at": "9999-12-31T23:59:59-14:00"}, 422, "/ends_at"),
        ({"ends_at": "2026-12-01T00:00:00"}, 422, "/ends_at"),
        (far, 422, "/starts_at"),
        ({"audience": {}}, 422, "/audience"),
        ({"audience": {"roles": ["consumer"]}}, 422, "/audience"),
        ({"audience": {"capability_ids": [str(UUID(int=9))]}}, 422, "/audience/capability_ids/0"),
        ({"audience": {"goals": [{"words": "\0"}]}}, 422, "/audience/goals/0/words"),
        ({"audience": {"goals": [{"due_within_days": 10**30}]}}, 422, "/audience/goals/0/due_within_days"),
        ({"attribution_days": 366}, 422, "/attribution_days"),
        ({"colour": "red"}, 422, "/colour"),
    ):
        refused = await owner.post("/v1/campaigns", json=body(offering["id"]) | change)
        assert refused.status_code == status, (change, refused.text)
        assert refused.json()["errors"][0]["pointer"] == pointer, (change, refused.text)
    assert (await owner.get("/v1/campaigns")).json()["items"] == []
    nobody = await created(owner, "/v1/campaigns", body(offering["id"], audience={"business_unit_ids": [str(uuid4())]}))
    refused = await owner.post(f"/v1/campaigns/{nobody['id']}/schedule", json={"reason": "go"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:campaign-not-ready")
    assert refused.json()["errors"] == [{"pointer": "/audience", "message": "no business unit fits it"}]
    assert (await owner.get(f"/v1/campaigns/{nobody['id']}")).json()["state"] == "draft"
    # Whom a line fitted that is gone, nobody fits: the others do not get more for it.
    capability = await _capability(catalog)
    audience = {"business_unit_ids": [str(UNIVERSITY)], "capability_ids": [capability]}
    path = (await owner.post("/v1/campaigns", json=body(offering["id"], audience=audience))).headers["location"]
    assert [unit["name"] for unit in (await owner.get(f"{path}/audience")).json()["business_units"]] == ["Science"]
    gone = await owner.delete(f"/v1/capabilities/{capability}", headers={"If-Match": "*"})
    assert gone.status_code == 204, gone.text
    assert (await owner.get(f"{path}/audience")).json()["addressed"] == 0
    assert (await owner.get(f"/v1/campaigns/{uuid4()}/results")).status_code == 404


async def test_a_campaign_is_for_the_owners_of_its_services(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    await units(catalog)
    offering = await offered(owner)
    named = body(offering["id"], external_ids=[{"system": "crm", "id": "c-1"}])
    campaign = await created(owner, "/v1/campaigns", named)
    assert (await owner.post("/v1/campaigns", json=named)).json()["type"] == "urn:itaas:problem:campaign-id-taken"
    for wanted, count in (({"external_id": "crm:c-1"}, 1), ({"offering_id": str(uuid4())}, 0), ({"state": "draft"}, 1)):
        assert len((await owner.get("/v1/campaigns", params=wanted)).json()["items"]) == count
    service = f"/v1/services/{offering['service_id']}"
    given = await catalog.client().patch(service, json={"owner_id": "p-other"}, headers={"If-Match": "*"})
    assert given.status_code == 200, given.text
    path = f"/v1/campaigns/{campaign['id']}"
    reason = {"reason": "x"}
    for refused in (
        await owner.post("/v1/campaigns", json=body(offering["id"])),
        await owner.patch(path, json={"name": "x"}, headers={"If-Match": "*"}),
        *[await owner.post(f"{path}/{step}", json=reason) for step in ("schedule", "cancel", "pause", "end")],
        await owner.get(f"{path}/results/business-units"),
    ):
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:itaas:problem:not-your-service")
    assert (await owner.get(f"{path}/results")).status_code == 200
    consumer = catalog.client(["consumer"], [SCIENCE])
    for answer in (await consumer.get(path), await consumer.get(f"{path}/results")):
        assert answer.status_code == 403
    unseen = await consumer.post(f"{path}/views", json={"business_unit_id": str(SCIENCE)})
    assert unseen.json()["type"] == "urn:itaas:problem:campaign-not-started"
    await done(catalog.client(), f"{path}/cancel", {"reason": "not mine any more"})


async def test_timers_start_and_end_it_once_however_late(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    await units(catalog)
    offering = await offered(owner)
    soon = {"starts_at": stamp(now() + timedelta(days=1)), "ends_at": stamp(now() + timedelta(days=2))}
    campaigns = [await created(owner, "/v1/campaigns", body(offering["id"]) | soon) for _ in range(3)]
    for campaign in campaigns:
        await done(owner, f"/v1/campaigns/{campaign['id']}/schedule", {"reason": "planned"})
    path = f"/v1/campaigns/{campaigns[0]['id']}"
    resumed = await owner.post(f"{path}/resume", json={"reason": "now"})
    assert (resumed.status_code, "starts by itself" in resumed.json()["detail"]) == (409, True)

    async def fire(timer: Any, place: int, at: datetime) -> Campaign:
        with context.entered(context.WorkContext("thread", "cause", "request")):
            async with catalog.runtime.database.transaction() as session:
                await timer(session, {"campaign_id": campaigns[place]["id"]}, at)
            async with catalog.runtime.database.reading() as session:
                return await session.get_one(Campaign, UUID(campaigns[place]["id"]))

    start, end = use_cases.start_due, use_cases.end_due
    assert (await fire(start, 0, now())).state is CampaignState.SCHEDULED  # put off: not due
    running = await fire(start, 0, now() + timedelta(days=1.5))
    assert running.state is CampaignState.RUNNING
    assert (await fire(start, 0, now() + timedelta(days=1.6))).version == running.version
    assert (await fire(end, 0, now() + timedelta(days=1.7))).version == running.version
    ended = await fire(end, 0, now() + timedelta(days=9))
    assert (ended.state, ended.ended_at) == (CampaignState.ENDED, ended.ends_at)
    assert (await fire(end, 0, now() + timedelta(days=10))).version == ended.version
    # Later than its whole window; or with nothing left that can be asked for.
    assert (await fire(start, 1, now() + timedelta(days=3))).state is CampaignState.CANCELLED
    await done(owner, f"/v1/offerings/{offering['id']}/retire")
    assert (await fire(start, 2, now() + timedelta(days=1.5))).state is CampaignState.CANCELLED
    steps = (await owner.get(f"/v1/campaigns/{campaigns[2]['id']}/transitions")).json()["items"]
    assert "is retired" in steps[-1]["reason"]
    assert len(await catalog.published(EVENT + "started.v1")) == 1
    async with catalog.runtime.database.reading() as session:
        assert await session.scalar(select(func.count()).select_from(CampaignView)) == 0
