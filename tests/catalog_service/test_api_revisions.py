"""Revisions over HTTP: their content, their schedule, what differs between two, and why they were made."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from catalog_service.use_cases.revisions import go_live_at_its_instant
from services import context
from services.clock import utc_now
from services.db.chassis_tables import Timer
from services.testing import ServiceHarness
from tests.catalog_service.samples import (
    REVISION,
    SERVICE,
    created,
    done,
    published_offering,
    published_service,
)

pytestmark = pytest.mark.anyio
PUBLISHED = "itaas.catalog.service.revision-published.v1"


def in_days(days: float) -> str:
    return (utc_now() + timedelta(days=days)).isoformat()


async def scheduled(client: httpx.AsyncClient, path: str, days: float, **body: Any) -> dict[str, Any]:
    revision = await created(client, f"{path}/next", body)
    return await done(client, f"{path}/{revision['number']}/schedule", {"live_at": in_days(days)})


async def states(client: httpx.AsyncClient, path: str) -> list[tuple[int, str]]:
    items = (await client.get(path)).raise_for_status().json()["items"]
    return [(item["number"], item["state"]) for item in items]


async def fire(catalog: ServiceHarness, revision: dict[str, Any], now: datetime) -> None:
    """A timer of the revision fires, as the worker would have it."""
    payload = {"revision_id": revision["id"], "live_at": revision["live_at"].replace("Z", "+00:00"), "by": "p-9"}
    with context.entered(context.WorkContext("thread", "cause", "timer")):
        async with catalog.runtime.database.transaction() as session:
            await go_live_at_its_instant(session, payload, now)


async def test_a_draft_says_what_it_changes_and_puts_it_in_force(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    skill = (await created(owner, "/v1/capabilities", {"name": "Compute"}))["id"]
    nothing = await owner.post(f"{path}/next")
    assert nothing.status_code == 201
    draft = nothing.json()
    assert (draft["number"], draft["state"], draft["based_on"], draft["summary"]) == (2, "draft", 1, "Revision 2")
    assert set(draft["content"].values()) == {None}
    content = {"description": "Ready within a day.", "features": ["Built in advance"], "capability_ids": [skill]}
    changed = await owner.patch(f"{path}/2", json={"content": content}, headers={"If-Match": '"1"'})
    assert changed.json()["content"]["features"] == ["Built in advance"]
    # A correction of the service meanwhile is not undone by what the draft does not speak of.
    address = f"/v1/services/{service['id']}"
    await owner.patch(address, json={"name": "Servers"}, headers={"If-Match": "*"})
    promises = (await owner.get(f"{path}/2")).json()["promises"]
    assert (promises["name"], promises["description"]) == ("Servers", "Ready within a day.")
    assert (await owner.get(address)).json()["description"] == SERVICE["description"]
    taken_back = await owner.patch(
        f"{path}/2", json={"content": {"features": None}}, headers={"If-Match": changed.headers["etag"]}
    )
    assert taken_back.json()["content"]["features"] is None
    await owner.patch(f"{path}/2", json={"content": {"features": ["Fast"]}}, headers={"If-Match": "*"})
    live = await done(owner, f"{path}/2/publish")
    now = (await owner.get(address)).json()
    assert (now["description"], now["features"], now["capability_ids"]) == ("Ready within a day.", ["Fast"], [skill])
    assert live["content"] == {
        "name": "Servers",
        "description": "Ready within a day.",
        "features": ["Fast"],
        "support_contact": service["support_contact"],
        "capability_ids": [skill],
    }
    # What was live keeps what it promised.
    await owner.patch(address, json={"name": "Other"}, headers={"If-Match": "*"})
    assert (await owner.get(f"{path}/2")).json()["promises"]["name"] == "Servers"
    event = (await catalog.published(PUBLISHED))[-1]
    assert (event.data["description"], event.data["active_revision"]) == ("Ready within a day.", 2)
    sequences = [each.sequence for each in await catalog.published() if each.subject == service["id"]]
    assert sequences == sorted(set(sequences))
    unknown = {"summary": "x", "content": {"capability_ids": [str(uuid4())]}}
    refused = await owner.post(path, json=unknown)
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/content/capability_ids/0")
    for bad, pointer in (
        ({"description": 1}, "/content/description"),
        ({"features": [""]}, "/content/features/0"),
        ({"x": 1}, "/content/x"),
    ):
        answer = await owner.post(f"{path}/next", json={"content": bad})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_scheduled_revisions_keep_their_order_and_name_the_one_in_the_way(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    second = await scheduled(owner, path, 2, content={"description": "Two"})
    third = await created(owner, f"{path}/next", {})
    assert (third["based_on"], third["content"]["description"]) == (2, "Two")
    for live_at in (second["live_at"], in_days(1)):
        refused = await owner.post(f"{path}/3/schedule", json={"live_at": live_at})
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:itaas:problem:revision-window-overlaps")
        assert "revision 2 is scheduled for" in refused.json()["detail"]
    for live_at in (in_days(-1), in_days(40_000)):
        past = await owner.post(f"{path}/3/schedule", json={"live_at": live_at})
        assert (past.status_code, past.json()["errors"][0]["pointer"]) == (422, "/live_at")
    for live_at in ("2026-01-01", "9999-12-31T23:59:59-23:59", 5):
        assert (await owner.post(f"{path}/3/schedule", json={"live_at": live_at})).status_code == 422
    overtaking = await owner.post(f"{path}/3/publish")
    assert "revision 2 is scheduled" in overtaking.json()["detail"]
    await done(owner, f"{path}/3/schedule", {"live_at": in_days(3)})
    again = await owner.post(f"{path}/3/schedule", json={"live_at": in_days(4)})
    assert again.json()["type"] == "urn:itaas:problem:revision-transition-refused"
    back = await done(owner, f"{path}/2/unschedule")
    assert (back["state"], back["live_at"]) == ("draft", None)
    assert (await owner.post(f"{path}/2/unschedule")).status_code == 409
    late = await owner.post(f"{path}/2/schedule", json={"live_at": in_days(3.5)})
    assert "revision 3 is scheduled for" in late.json()["detail"]
    assert (await owner.post(f"{path}/next")).json()["type"].endswith(":draft-revision-exists")
    await done(owner, f"{path}/3/publish")
    overtaken = await owner.post(f"{path}/2/publish")
    assert (overtaken.status_code, overtaken.json()["type"]) == (409, "urn:itaas:problem:revision-overtaken")
    assert (await owner.post(f"{path}/next")).json()["number"] == 4


async def test_a_revision_goes_live_by_itself(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await created(owner, "/v1/services", SERVICE)
    path = f"/v1/services/{service['id']}"
    await created(owner, f"{path}/revisions", REVISION | {"content": {"features": ["Four tiers"]}})
    soon = {"live_at": (utc_now() + timedelta(seconds=1)).isoformat()}
    draft = await owner.post(f"{path}/revisions/1/schedule", json=soon)
    assert draft.json()["type"] == "urn:itaas:problem:service-transition-refused"
    await done(owner, f"{path}/evaluate", {"reason": "designed"})
    soon = {"live_at": (utc_now() + timedelta(seconds=1)).isoformat()}
    await done(owner, f"{path}/revisions/1/schedule", soon)
    async with asyncio.timeout(20):
        while (read := (await owner.get(path)).json())["state"] != "published":
            await asyncio.sleep(0.1)
    assert (read["active_revision"], read["features"]) == (1, ["Four tiers"])
    last = (await owner.get(f"{path}/transitions")).json()["items"][-1]
    mine = (await owner.get(f"{path}/transitions")).json()["items"][0]["actor_id"]
    assert (last["to_state"], last["actor_id"]) == ("published", mine)
    (event,) = await catalog.published(PUBLISHED)
    assert event.actor_id == mine
    async with catalog.runtime.database.reading() as session:
        assert (await session.scalars(select(Timer))).all() == []


async def test_a_timer_that_is_late_or_fires_twice_does_it_once_and_in_order(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    second = await scheduled(owner, path, 1, content={"description": "Two"})
    third = await scheduled(owner, path, 2, content={"description": "Three"})
    fourth = await scheduled(owner, path, 9)
    early = utc_now()
    await fire(catalog, second, early)
    assert (2, "scheduled") in await states(owner, path)
    late = early + timedelta(days=3)
    for revision in (third, second, third):  # out of order, and twice
        await fire(catalog, revision, late)
    assert await states(owner, path) == [(1, "archived"), (2, "archived"), (3, "active"), (4, "scheduled")]
    assert (await owner.get(f"/v1/services/{service['id']}")).json()["description"] == "Three"
    told = [event.data["revision"]["number"] for event in await catalog.published(PUBLISHED)]
    assert told == [1, 2, 3]
    # Scheduled anew, the timer of the first schedule finds nothing to do.
    await done(owner, f"{path}/4/unschedule")
    await done(owner, f"{path}/4/schedule", {"live_at": in_days(20)})
    await fire(catalog, fourth, early + timedelta(days=10))
    assert (4, "scheduled") in await states(owner, path)


async def test_announcing_a_retirement_takes_back_what_is_scheduled(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}"
    second = await scheduled(owner, f"{path}/revisions", 1)
    await done(owner, f"{path}/announce-retirement", {"reason": "replaced"})
    assert await states(owner, f"{path}/revisions") == [(1, "active"), (2, "draft")]
    await fire(catalog, second, utc_now() + timedelta(days=2))
    assert await states(owner, f"{path}/revisions") == [(1, "active"), (2, "draft")]
    for action, body in (("schedule", {"live_at": in_days(1)}), ("publish", None)):
        refused = await owner.post(f"{path}/revisions/2/{action}", json=body)
        assert refused.json()["type"] == "urn:itaas:problem:service-transition-refused"


async def test_two_revisions_compared(
    catalog: ServiceHarness, owner: httpx.AsyncClient, consumer: httpx.AsyncClient
) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    kept = await published_offering(owner, service["id"])
    gone = await published_offering(owner, service["id"], external_ids=[], name="Short-lived")
    await created(owner, f"{path}/next", {"summary": "Faster", "content": {"features": ["Fast"]}})
    await done(owner, f"{path}/2/publish")
    await done(owner, f"/v1/offerings/{gone['id']}/retire")
    theme = str(uuid4())
    await created(owner, f"{path}/next", {"theme_ids": [theme], "content": {"features": ["New", "Fast"]}})

    async def difference(old: int, new: int, client: httpx.AsyncClient = owner) -> dict[str, tuple[str, Any, Any]]:
        answer = (await client.get(f"{path}/{old}/diff/{new}")).raise_for_status().json()
        assert (answer["from_number"], answer["to_number"]) == (old, new)
        return {each["pointer"]: (each["op"], each["old"], each["new"]) for each in answer["differences"]}

    first = {
        "/summary": ("changed", REVISION["summary"], "Faster"),
        "/changes/0": ("removed", "Four tiers", None),
        "/content/features/0": ("added", None, "Fast"),
        f"/offerings/{kept['id']}": ("added", None, kept["name"]),
        f"/offerings/{gone['id']}": ("added", None, "Short-lived"),
    }
    assert await difference(1, 2) == first
    assert await difference(2, 3) == {
        "/summary": ("changed", "Faster", "Revision 3"),
        "/content/features/0": ("added", None, "New"),
        "/theme_ids/0": ("added", None, theme),
        f"/offerings/{gone['id']}": ("removed", "Short-lived", None),
    }
    assert await difference(2, 2) == {}
    assert (await difference(2, 1))["/changes/0"] == ("added", None, "Four tiers")
    assert (await difference(1, 2, consumer)).keys() == first.keys()
    assert (await consumer.get(f"{path}/2/diff/3")).status_code == 404
    assert (await owner.get(f"{path}/2/diff/9")).status_code == 404


async def test_a_revision_says_why_it_was_made(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    theme, improvement, demand, unit, unknown = (uuid4() for _ in range(5))
    about = {"service_id": service["id"]}
    await catalog.deliver("itaas.feedback.theme.named.v1", subject=theme, data=about | {"name": "Slow provisioning"})
    planned = about | {"title": "Provision within a day", "state": "planned"}
    await catalog.deliver("itaas.feedback.improvement.planned.v1", subject=improvement, data=planned)
    asked = {"business_unit_id": str(unit), "title": "Servers for the lab", "state": "submitted"}
    await catalog.deliver("itaas.demand.demand.submitted.v1", subject=demand, data=asked, sequence=2)
    older = asked | {"title": "Older"}
    await catalog.deliver("itaas.demand.demand.submitted.v1", subject=demand, data=older, sequence=1)
    reasons = {
        "theme_ids": [str(theme), str(unknown)],
        "improvement_ids": [str(improvement)],
        "demand_ids": [str(demand)],
    }
    await created(owner, f"{path}/next", reasons)
    await done(owner, f"{path}/2/publish")
    rationale = (await owner.get(f"{path}/2")).json()["rationale"]
    assert rationale == {
        "themes": [
            {"id": str(theme), "title": "Slow provisioning", "state": None},
            {"id": str(unknown), "title": None, "state": None},
        ],
        "improvements": [{"id": str(improvement), "title": "Provision within a day", "state": "planned"}],
        "demands": [{"id": str(demand), "title": "Servers for the lab", "state": "submitted"}],
    }
    for units, title in (([unit], "Servers for the lab"), ([uuid4()], None)):
        seen = (await catalog.client(["consumer"], units).get(f"{path}/2")).json()["rationale"]["demands"]
        assert seen[0]["title"] == title
    event = (await catalog.published(PUBLISHED))[-1]
    assert event.data["revision"]["theme_ids"] == reasons["theme_ids"]


async def test_together_they_neither_publish_two_nor_close_a_cycle(anywhere: ServiceHarness) -> None:
    """On both databases: two revisions published at once, and two moves that only together close a cycle."""
    owner = anywhere.client(["service_owner"])
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    await scheduled(owner, path, 5)
    await created(owner, f"{path}/next", {})
    answers = await asyncio.gather(*(owner.post(f"{path}/{number}/publish") for number in (2, 3, 2, 3)))
    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {200, 409}
    found = await states(owner, path)
    assert [state for _, state in found].count("active") == 1
    live = [number for number, state in found if state in ("active", "archived")]
    assert codes.count(200) == len(live) - 1
    assert (await owner.get(f"/v1/services/{service['id']}")).json()["active_revision"] == max(live)
    left, right = [(await created(owner, "/v1/taxonomy-nodes", {"name": name}))["id"] for name in ("Left", "Right")]
    moves = await asyncio.gather(
        owner.post(f"/v1/taxonomy-nodes/{left}/move", json={"parent_id": right}),
        owner.post(f"/v1/taxonomy-nodes/{right}/move", json={"parent_id": left}),
    )
    assert sorted(move.status_code for move in moves) == [200, 409]
    twice = await asyncio.gather(
        *(owner.post("/v1/taxonomy-nodes", json={"name": "Same", "parent_id": left}) for _ in range(3))
    )
    assert sorted(answer.status_code for answer in twice) == [201, 409, 409]
    same = next(answer.json()["id"] for answer in twice if answer.status_code == 201)
    hung, gone = await asyncio.gather(
        owner.post("/v1/services", json=SERVICE | {"external_ids": [], "taxonomy_node_id": same}),
        owner.delete(f"/v1/taxonomy-nodes/{same}", headers={"If-Match": "*"}),
    )
    assert (hung.status_code, gone.status_code) in {(201, 409), (422, 204)}
    found = (await owner.get("/v1/services", params={"taxonomy_node_id": left})).json()["items"]
    assert len(found) == (1 if hung.status_code == 201 else 0)


ACTIONS = ("evaluate", "publish", "cancel", "announce-retirement", "retire")
ALLOWED = {
    ("draft", "evaluate"): "under_evaluation",
    ("draft", "cancel"): "cancelled",
    ("under_evaluation", "publish"): "published",
    ("under_evaluation", "cancel"): "cancelled",
    ("published", "announce-retirement"): "pending_retirement",
    ("pending_retirement", "retire"): "retired",
}
WAY = {
    "draft": [],
    "under_evaluation": ["evaluate"],
    "published": ["evaluate", "publish"],
    "pending_retirement": ["evaluate", "publish", "announce-retirement"],
    "retired": ["evaluate", "publish", "announce-retirement", "retire"],
    "cancelled": ["cancel"],
}


async def test_every_transition_of_a_service_allowed_and_refused(owner: httpx.AsyncClient) -> None:
    async def act(path: str, action: str) -> httpx.Response:
        if action == "publish":
            return await owner.post(f"{path}/revisions/1/publish")
        return await owner.post(f"{path}/{action}", json={"reason": f"because {action}"})

    for state, way in WAY.items():
        refused: list[str] = []
        service = await created(owner, "/v1/services", SERVICE | {"external_ids": []})
        path = f"/v1/services/{service['id']}"
        await created(owner, f"{path}/revisions", REVISION)
        for action in way:
            assert (await act(path, action)).status_code == 200
        for action in sorted(ACTIONS, key=lambda each: (state, each) in ALLOWED):  # the allowed ones at the end
            if (state, action) in ALLOWED:
                continue
            answer = await act(path, action)
            assert answer.status_code == 409, (state, action)
            assert answer.json()["type"].split(":")[-1] in (
                "service-transition-refused",
                "revision-transition-refused",
                "revision-overtaken",
            ), (state, action)
            refused.append(action)
        read = (await owner.get(path)).json()
        assert read["state"] == state
        steps = (await owner.get(f"{path}/transitions")).json()["items"]
        assert len(steps) == len(way) + 1
        assert all(step["actor_id"] and step["at"] and step["reason"] for step in steps)
        for (before, action), after in ALLOWED.items():
            if before == state and action != "cancel":
                assert (await act(path, action)).status_code == 200
                assert (await owner.get(path)).json()["state"] == after


async def test_every_transition_of_a_revision_allowed_and_refused(owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    path = f"/v1/services/{service['id']}/revisions"
    body = {"schedule": {"live_at": in_days(3)}}
    await created(owner, f"{path}/next", {})

    async def all_of(number: int, allowed: set[str]) -> None:
        for action in ("schedule", "unschedule", "publish"):
            if action not in allowed:
                answer = await owner.post(f"{path}/{number}/{action}", json=body.get(action))
                assert (answer.status_code, answer.json()["type"]) == (
                    409,
                    "urn:itaas:problem:revision-transition-refused",
                ), (number, action)

    await all_of(2, {"schedule", "publish"})
    await done(owner, f"{path}/2/schedule", body["schedule"])
    await all_of(2, {"unschedule", "publish"})
    await done(owner, f"{path}/2/unschedule")
    await done(owner, f"{path}/2/schedule", body["schedule"])
    await done(owner, f"{path}/2/publish")  # before its instant
    await all_of(2, set())  # active
    await all_of(1, set())  # archived
    for number in (1, 2):
        frozen = await owner.patch(f"{path}/{number}", json={"summary": "x"}, headers={"If-Match": "*"})
        assert frozen.json()["type"] == "urn:itaas:problem:revision-immutable"
    assert UUID((await owner.get(f"{path}/2")).json()["id"])
