"""Offerings over time and among each other: windows, versions, amendments, relations, bundles, answers."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from catalog_service.domain.offering import OfferingState
from catalog_service.tables import Offering
from services import context
from services.clock import utc_now
from services.db.chassis_tables import Timer
from services.testing import ServiceHarness
from tests.catalog_service.samples import (
    EVERYONE,
    FORM,
    OFFERING,
    costed,
    created,
    done,
    priced,
    publishable_offering,
    published_offering,
    published_service,
)

pytestmark = pytest.mark.anyio
NOBODY = str(uuid4())
TIER = {"name": "T", "rank": 1}
PLAIN = OFFERING | {"external_ids": []}


@pytest.fixture
async def service(owner: httpx.AsyncClient) -> dict[str, Any]:
    return await published_service(owner)


async def patched(client: httpx.AsyncClient, offering: dict[str, Any], **body: Any) -> httpx.Response:
    path = f"/v1/offerings/{offering['id']}"
    tag = (await client.get(path)).headers["etag"]
    return await client.patch(path, json=body, headers={"If-Match": tag})


async def drafted_next(client: httpx.AsyncClient, offering: dict[str, Any]) -> dict[str, Any]:
    """A draft of the next version, which has a price plan of its own."""
    draft = await created(client, f"/v1/offerings/{offering['id']}/next", {})
    await priced(client, draft["id"])
    return draft


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:itaas:problem:")


def instant(**later: float) -> str:
    return (datetime.now(UTC) + timedelta(**later)).isoformat()


async def come_to_pass(catalog: ServiceHarness, offering_id: str, **times: datetime) -> None:
    """Move an offering's times into the past, and with them its timers: as waiting would."""
    with context.entered(context.WorkContext("test", "test", "test")):
        async with catalog.runtime.database.transaction() as session:
            await session.execute(update(Offering).where(Offering.id == UUID(offering_id)).values(times))
            await session.execute(update(Timer).values(due_at=utc_now()))


async def state_becomes(client: httpx.AsyncClient, offering_id: str, state: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            read: dict[str, Any] = (await client.get(f"/v1/offerings/{offering_id}")).json()
            if read["state"] == state:
                return read
            await asyncio.sleep(0.02)


async def test_a_scheduled_version_takes_over_at_its_instant_and_ends_at_its_end(
    catalog: ServiceHarness, owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    first = await published_offering(owner, service["id"], audience={"roles": ["approver"]})
    draft = await drafted_next(owner, first)
    assert (draft["number"], draft["series_id"], draft["state"]) == (2, first["id"], "draft")
    copied = set(first) - {"id", "state", "number", "external_ids", "published_at", "created_at", "updated_at"}
    assert {name: draft[name] for name in copied} == {name: first[name] for name in copied}
    again = await owner.post(f"/v1/offerings/{first['id']}/next", json={})
    assert problem(again) == (409, "open-version-exists")
    assert "version 2 is still draft" in again.json()["detail"]

    opens, ends = instant(days=1), instant(days=2)
    assert (await patched(owner, draft, name="Second", valid_from=opens, valid_until=ends)).status_code == 200
    scheduled = await done(owner, f"/v1/offerings/{draft['id']}/publish")
    assert (scheduled["state"], scheduled["published_at"]) == ("scheduled", None)
    assert problem(await patched(owner, draft, name="x")) == (409, "offering-immutable")
    assert (await done(owner, f"/v1/offerings/{draft['id']}/unschedule"))["state"] == "draft"
    assert problem(await owner.post(f"/v1/offerings/{draft['id']}/unschedule")) == (409, "offering-transition-refused")
    await done(owner, f"/v1/offerings/{draft['id']}/publish")
    (first_event,) = await catalog.published("itaas.catalog.offering.published.v1")  # nobody is told before its time
    assert first_event.actor_id

    await come_to_pass(catalog, draft["id"], valid_from=utc_now())
    second = await state_becomes(owner, draft["id"], "published")
    assert second["external_ids"] == OFFERING["external_ids"]
    before = (await owner.get(f"/v1/offerings/{first['id']}")).json()
    assert (before["state"], before["external_ids"]) == ("retired", [])
    assert before["retired_at"] == second["published_at"]
    versions = (await owner.get(f"/v1/offerings/{first['id']}/versions")).json()["items"]
    assert [(each["number"], each["state"]) for each in versions] == [(1, "retired"), (2, "published")]

    await come_to_pass(catalog, draft["id"], valid_until=utc_now())
    await state_becomes(owner, draft["id"], "retired")
    told = [
        (event.type.split(".")[3], event.data["number"])
        for event in await catalog.published()
        if "offering" in event.type
    ]
    assert told == [("published", 1), ("retired", 1), ("published", 2), ("retired", 2)]
    _, live = await catalog.published("itaas.catalog.offering.published.v1")
    assert live.actor_id == first_event.actor_id  # who scheduled it is who took it live


async def test_windows_of_a_series_do_not_meet(
    catalog: ServiceHarness, owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    ends = instant(days=10)
    first = await published_offering(owner, service["id"], valid_until=ends)
    second = await drafted_next(owner, first)
    refused = await owner.post(f"/v1/offerings/{second['id']}/publish")
    assert problem(refused) == (409, "windows-overlap")
    assert "version 1 'Virtual server, tier 1' is valid from" in refused.json()["detail"]
    await patched(owner, second, valid_from=ends)
    assert (await done(owner, f"/v1/offerings/{second['id']}/publish"))["state"] == "scheduled"
    assert problem(await patched(owner, first, valid_until=instant(days=11))) == (409, "windows-overlap")
    assert problem(await patched(owner, first, valid_until=instant(days=-1))) == (409, "window-over")
    # Without an end it yields to the version that follows.
    assert (await patched(owner, first, valid_until=None)).status_code == 200
    bad = await owner.post(
        "/v1/offerings", json=PLAIN | {"service_id": service["id"], "valid_from": ends, "valid_until": ends}
    )
    assert problem(bad) == (422, "window-empty")
    for absurd in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2027-01-01T00:00:00", "soon"):
        body = PLAIN | {"service_id": service["id"], "valid_from": absurd}
        response = await owner.post("/v1/offerings", json=body)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/valid_from")
    # What can no longer be offered when its time comes is a draft again.
    await done(owner, f"/v1/services/{service['id']}/announce-retirement", {"reason": "replaced"})
    await come_to_pass(catalog, second["id"], valid_from=utc_now())
    await state_becomes(owner, second["id"], "draft")


async def test_what_surrounds_a_published_offering_changes_with_an_event(
    catalog: ServiceHarness, owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    unit = str(uuid4())
    offering = await published_offering(owner, service["id"], audience={"everyone": True})
    other = await published_offering(owner, service["id"], name="Other", external_ids=[])
    relations = [{"kind": "excludes", "other_id": other["id"]}]
    audience = {"business_unit_ids": [unit], "roles": ["consumer", "approver"]}
    ends = "2199-01-01T00:00:00Z"
    changed = await patched(owner, offering, audience=audience, relations=relations, valid_until=ends)
    assert changed.status_code == 200, changed.text
    assert changed.json()["audience"] == {
        "everyone": False,
        "business_unit_ids": [unit],
        "roles": ["approver", "consumer"],
    }
    # The same once more changes nothing, nor does a field that is as it was.
    same = await patched(owner, offering, audience=audience, relations=relations, name=offering["name"])
    assert same.headers["etag"] == changed.headers["etag"]
    smaller = await patched(owner, offering, audience={"roles": ["approver"]})
    assert smaller.json()["audience"]["business_unit_ids"] == []
    events = await catalog.published("itaas.catalog.offering.changed.v1")
    assert [event.data["audience"]["business_unit_ids"] for event in events] == [[unit], []]
    assert events[0].data["relations"] == relations
    assert events[0].data["request_form"] == FORM
    frozen = await patched(owner, offering, tier=None, audience={"everyone": True})
    assert problem(frozen) == (409, "offering-immutable")
    assert [fault["pointer"] for fault in frozen.json()["errors"]] == ["/tier"]
    assert problem(await patched(owner, offering, audience=None)) == (422, "audience-needed")
    await patched(owner, other, audience={"business_unit_ids": [str(uuid4())]})
    approver = catalog.client(["consumer", "approver"])
    stranger = catalog.client(["consumer"], [UUID(unit)])
    await patched(owner, offering, audience={"everyone": True})
    seen = (await stranger.get(f"/v1/offerings/{offering['id']}")).json()
    assert (seen["relations"], seen["related"]) == ([], [])  # not even that there is something else
    assert (await approver.get(f"/v1/offerings/{offering['id']}")).json()["relations"] == relations
    (there,) = (await owner.get(f"/v1/offerings/{other['id']}")).json()["related"]
    assert (there["direction"], there["kind"], there["other_id"]) == ("from", "excludes", offering["id"])


BAD_PARTS: list[tuple[dict[str, Any], str]] = [
    ({"audience": {}}, "/audience"),
    ({"audience": {"everyone": True, "roles": ["consumer"]}}, "/audience"),
    ({"audience": {"roles": ["cook"]}}, "/audience/roles/0"),
    ({"audience": {"business_unit_ids": ["x"]}}, "/audience/business_unit_ids/0"),
    ({"audience": {"roles": ["consumer", "consumer"]}}, "/audience"),
    ({"taxonomy_node_id": str(uuid4())}, "/taxonomy_node_id"),
    (
        {"tier": {"name": "T", "rank": 1, "attributes": [{"key": "a", "name": "A", "value": 2.5}]}},
        "/tier/attributes/0/value",
    ),
    (
        {
            "tier": {
                "name": "T",
                "rank": 1,
                "attributes": [{"key": "a", "name": "A", "value": "fast", "unit": "GB"}],
            }
        },
        "/tier/attributes/0/unit",
    ),
    ({"options": [{"key": "a", "name": "A", "kind": "choice"}]}, "/options/0/choices"),
    (
        {"options": [{"key": "a", "name": "A", "kind": "add_on", "offering_id": str(uuid4())}]},
        "/options/0/offering_id",
    ),
    ({"options": [{"key": "a", "name": "A", "kind": "quantity", "minimum": 1}]}, "/options/0/minimum"),
    ({"bundle": [{"offering_id": str(uuid4())}]}, "/bundle/0/offering_id"),
    ({"bundle": [{"offering_id": str(uuid4()), "quantity": "0"}]}, "/bundle/0/quantity"),
    ({"relations": [{"kind": "requires", "other_id": str(uuid4())}]}, "/relations/0/other_id"),
    ({"relations": [{"kind": "likes", "other_id": str(uuid4())}]}, "/relations/0/kind"),
]


async def test_a_bad_part_names_its_field(owner: httpx.AsyncClient, service: dict[str, Any]) -> None:
    for change, pointer in BAD_PARTS:
        response = await owner.post("/v1/offerings", json=PLAIN | {"service_id": service["id"]} | change)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["pointer"] == pointer


async def test_relations_have_no_cycle_and_do_not_contradict_each_other(
    owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    a, b, c = [
        await created(owner, "/v1/offerings", {"service_id": service["id"], "name": name}) for name in ("A", "B", "C")
    ]

    def line(kind: str, other: dict[str, Any]) -> dict[str, str]:
        return {"kind": kind, "other_id": other["id"]}

    assert (await patched(owner, a, relations=[line("requires", b)])).status_code == 200
    assert (await patched(owner, b, relations=[line("requires", c), line("upgrades_to", a)])).status_code == 200
    for kind in ("requires", "upgrades_to"):
        other = a if kind == "requires" else b
        target = c if kind == "requires" else a
        cycle = await patched(owner, target, relations=[line(kind, other)])
        assert problem(cycle) == (409, "relation-cycle")
        path = "C -> A -> B -> C" if kind == "requires" else "A -> B -> A"
        assert path in cycle.json()["detail"]
    both = await patched(owner, a, relations=[line("requires", b), line("excludes", c)])
    assert problem(both) == (409, "relation-contradiction")
    assert "'C' cannot be both required and excluded" in both.json()["detail"]
    # Nor by way of who requires it: A requires B, which requires C; and A excludes D.
    d = await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "D"})
    assert (await patched(owner, a, relations=[line("requires", b), line("excludes", d)])).status_code == 200
    for there, said in ((b, [line("requires", d)]), (c, [line("requires", d)]), (c, [line("excludes", a)])):
        refused = await patched(owner, there, relations=said)
        assert problem(refused) == (409, "relation-contradiction")
        assert "'A' requires 'D'" in refused.text or "'A' requires 'C'" in refused.text
    assert (await patched(owner, d, relations=[line("requires", c)])).status_code == 200
    itself = await patched(owner, a, relations=[line("requires", a)])
    assert problem(itself) == (422, "relation-invalid")


async def test_a_bundle_holds_what_is_on_offer(
    catalog: ServiceHarness, owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    part = await publishable_offering(owner, service["id"], name="Part", external_ids=[])
    ends = instant(days=30)
    held = [{"offering_id": part["id"], "quantity": "2.50"}]
    bundle = await publishable_offering(owner, service["id"], name="Bundle", bundle=held, external_ids=[])
    assert bundle["bundle"] == held
    held = [{"offering_id": bundle["id"]}]
    above = await publishable_offering(owner, service["id"], name="Above", bundle=held, external_ids=[])
    cycle = await patched(owner, part, bundle=[{"offering_id": above["id"]}])
    assert problem(cycle) == (409, "bundle-cycle")
    assert "Part -> Above -> Bundle -> Part" in cycle.json()["detail"]
    early = await owner.post(f"/v1/offerings/{bundle['id']}/publish")
    assert problem(early) == (409, "bundle-not-ready")
    assert early.json()["errors"] == [
        {"pointer": "/bundle/0/offering_id", "message": "no version of 'Part' is published"}
    ]
    await patched(owner, part, valid_until=ends)
    await done(owner, f"/v1/offerings/{part['id']}/publish")
    assert "before the bundle does" in (await owner.post(f"/v1/offerings/{bundle['id']}/publish")).text
    await patched(owner, part, valid_until=None)
    await done(owner, f"/v1/offerings/{bundle['id']}/publish")
    await done(owner, f"/v1/offerings/{above['id']}/publish")
    # A version that takes over takes its place in the bundle.
    second = await drafted_next(owner, part)
    await patched(owner, second, valid_until=ends)
    short = await owner.post(f"/v1/offerings/{second['id']}/publish")
    assert problem(short) == (409, "offering-in-bundles")  # it would end before the bundle
    await patched(owner, second, valid_until=None)
    await done(owner, f"/v1/offerings/{second['id']}/publish")
    for refused in (
        await owner.post(f"/v1/offerings/{second['id']}/retire"),
        await patched(owner, second, valid_until=ends),
    ):
        assert problem(refused) == (409, "offering-in-bundles")
        assert "'Bundle'" in refused.json()["detail"]
    await done(owner, f"/v1/offerings/{second['id']}/retire?force=true")
    for each in (bundle, above):
        assert (await owner.get(f"/v1/offerings/{each['id']}")).json()["state"] == "retired"
    retired = [event.data["name"] for event in await catalog.published("itaas.catalog.offering.retired.v1")]
    assert retired == ["Part", "Part", "Bundle", "Above"]


async def test_a_bundle_waits_for_no_version_that_ends_before_it(
    owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    part = await published_offering(owner, service["id"])
    second = await drafted_next(owner, part)
    await patched(owner, second, valid_from=instant(days=1), valid_until=instant(days=2))
    await done(owner, f"/v1/offerings/{second['id']}/publish")
    held = [{"offering_id": part["id"]}]
    bundle = await publishable_offering(owner, service["id"], name="Bundle", bundle=held, external_ids=[])
    assert problem(await owner.post(f"/v1/offerings/{bundle['id']}/publish")) == (409, "bundle-not-ready")
    # A version that comes after a pause has the name of the one before it as well.
    await done(owner, f"/v1/offerings/{part['id']}/retire")
    await done(owner, f"/v1/offerings/{second['id']}/unschedule")
    await patched(owner, second, valid_from=None, valid_until=None)
    live = await done(owner, f"/v1/offerings/{second['id']}/publish")
    assert live["external_ids"] == OFFERING["external_ids"]
    assert (await owner.get(f"/v1/offerings/{part['id']}")).json()["external_ids"] == []


async def test_offerings_of_a_service_are_comparable(owner: httpx.AsyncClient, service: dict[str, Any]) -> None:
    def with_ram(value: str, unit: str) -> dict[str, Any]:
        attribute = {"key": "ram", "name": "Memory", "value": value, "unit": unit, "better": "higher"}
        return {"tier": {"name": value, "rank": 1, "attributes": [attribute]}, "external_ids": []}

    await published_offering(owner, service["id"], **with_ram("16", "GB"))
    other = await publishable_offering(owner, service["id"], **with_ram("4096", "MB"))
    refused = await owner.post(f"/v1/offerings/{other['id']}/publish")
    assert problem(refused) == (409, "tier-disagrees")
    assert refused.json()["errors"] == [
        {"pointer": "/tier/attributes/0/unit", "message": "'ram' is in GB in 'Virtual server, tier 1', not in MB"}
    ]


async def test_whoever_does_not_own_the_service_changes_nothing_of_it(
    catalog: ServiceHarness, owner: httpx.AsyncClient
) -> None:
    theirs = await published_service(catalog.client(["admin"]), owner_id="somebody-else", external_ids=[])
    admin = catalog.client(["admin"])
    offering = await created(admin, "/v1/offerings", PLAIN | {"service_id": theirs["id"]})
    path = f"/v1/offerings/{offering['id']}"
    for response in (
        await owner.post("/v1/offerings", json=PLAIN | {"service_id": theirs["id"]}),
        await patched(owner, offering, name="x"),
        await owner.post(f"{path}/publish"),
        await owner.post(f"{path}/next"),
        await owner.post(f"{path}/unschedule"),
        await owner.post(f"{path}/retire"),
    ):
        assert problem(response) == (403, "not-your-service")


async def test_an_offering_is_brought_about_by_its_external_id(
    catalog: ServiceHarness, owner: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    path = "/v1/offerings/by-external-id/cmdb/OFF/42"
    body = PLAIN | {"service_id": service["id"], "audience": EVERYONE}
    made = await owner.put(path, json=body)
    assert (made.status_code, made.json()["external_ids"]) == (201, [{"system": "cmdb", "id": "OFF/42"}])
    same = await owner.put(path, json=body)
    assert (same.status_code, same.headers["etag"]) == (200, made.headers["etag"])
    changed = await owner.put(path, json={"service_id": service["id"], "name": "Renamed"})
    assert (changed.json()["name"], changed.json()["description"]) == ("Renamed", PLAIN["description"])
    await priced(owner, made.json()["id"])
    await costed(owner, service["id"])
    await done(owner, f"/v1/offerings/{made.json()['id']}/publish")
    assert problem(await owner.put(path, json=body)) == (409, "offering-immutable")
    named = {"service_id": service["id"], "name": "Renamed", "external_ids": [{"system": "erp", "id": "7"}]}
    assert len((await owner.put(path, json=named)).json()["external_ids"]) == 2
    (event,) = await catalog.published("itaas.catalog.offering.changed.v1")
    assert len(event.data["external_ids"]) == 2
    taken = await owner.post("/v1/offerings", json=body | {"external_ids": [{"system": "erp", "id": "7"}]})
    assert problem(taken) == (409, "external-id-taken")
    assert f"Renamed ({made.json()['id']})" in taken.json()["detail"]
    other = await published_service(owner, external_ids=[])
    elsewhere = await owner.put(path, json=named | {"service_id": other["id"]})
    assert problem(elsewhere) == (409, "offering-of-another-service")


async def test_answers_are_validated_for_whoever_may_ask(
    owner: httpx.AsyncClient, consumer: httpx.AsyncClient, service: dict[str, Any]
) -> None:
    options = [{"key": "size", "name": "Size", "kind": "choice", "choices": ["s", "l"], "required": True}]
    offering = await published_offering(owner, service["id"], options=options, audience={"everyone": True})
    path = f"/v1/offerings/{offering['id']}/request-form/validations"
    good = {"form": {"purpose": "a test"}, "options": {"size": "s"}, "quantity": "2"}
    assert (await done(consumer, path, good)) == {"valid": True, "errors": []}
    bad = await done(consumer, path, {"form": {"colour": "red"}, "options": {"size": "xl"}, "quantity": "0"})
    assert (bad["valid"], sorted(fault["pointer"] for fault in bad["errors"])) == (
        False,
        ["/form/colour", "/form/purpose", "/options/size", "/quantity"],
    )
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    assert (await done(consumer, path, {"form": deep}))["valid"] is False
    await patched(owner, offering, audience={"roles": ["approver"]})
    assert (await consumer.post(path, json=good)).status_code == 404
    empty = await created(owner, "/v1/offerings", {"service_id": service["id"], "name": "Nothing yet"})
    none = await owner.post(f"/v1/offerings/{empty['id']}/request-form/validations", json=good)
    assert problem(none) == (409, "request-form-missing")


async def test_answers_that_are_too_much_are_refused_at_once(owner: httpx.AsyncClient, service: dict[str, Any]) -> None:
    """The same takes 86 seconds and all memory where every fault is listed (services.forms)."""
    form = {
        "type": "object",
        "properties": {"a": {"items": {"allOf": [{"$ref": "#/$defs/word"}] * 2_000}}},
        "$defs": {"word": {"pattern": r"^(\w+\s)*z"}},
    }
    offering = await published_offering(owner, service["id"], request_form=form)
    path = f"/v1/offerings/{offering['id']}/request-form/validations"
    began = time.perf_counter()
    some = await done(owner, path, {"form": {"a": ["word " * 10] * 200}})
    assert [fault["pointer"] for fault in some["errors"]] == ["/form/a/0"]
    assert problem(await owner.post(path, json={"form": {"a": ["word " * 10] * 1_000}})) == (413, "form-too-heavy")
    assert time.perf_counter() - began < 5


async def test_two_at_once_close_no_cycle_and_open_one_version(anywhere: ServiceHarness) -> None:
    owner = anywhere.client(["service_owner"])
    service = await created(owner, "/v1/services", {"name": "S", "unit_of_measure": "server"})
    for _ in range(3):
        one, other = [
            await created(owner, "/v1/offerings", {"service_id": service["id"], "name": name}) for name in ("A", "B")
        ]

        async def require(own: dict[str, Any], needed: dict[str, Any]) -> httpx.Response:
            relations = [{"kind": "requires", "other_id": needed["id"]}]
            return await owner.patch(
                f"/v1/offerings/{own['id']}", json={"relations": relations}, headers={"If-Match": "*"}
            )

        answers = await asyncio.gather(require(one, other), require(other, one))
        assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
        (refused,) = (answer for answer in answers if answer.status_code == 409)
        assert problem(refused) == (409, "relation-cycle")
    async with anywhere.runtime.database.transaction() as session:
        with context.entered(context.WorkContext("test", "test", "test")):
            offering = await session.get_one(Offering, UUID(one["id"]))
            offering.state = OfferingState.PUBLISHED
            await session.flush()
    drafted = await asyncio.gather(*(owner.post(f"/v1/offerings/{one['id']}/next") for _ in range(4)))
    assert sorted(answer.status_code for answer in drafted) == [201, 409, 409, 409]


async def test_a_member_leaves_or_its_bundle_comes_but_not_both(anywhere: ServiceHarness) -> None:
    owner = anywhere.client(["service_owner"])
    service = await published_service(owner)
    for _ in range(3):
        part = await published_offering(owner, service["id"], external_ids=[])
        held = [{"offering_id": part["id"]}]
        bundle = await publishable_offering(owner, service["id"], name="Bundle", bundle=held, external_ids=[])
        answers = await asyncio.gather(
            owner.post(f"/v1/offerings/{bundle['id']}/publish"), owner.post(f"/v1/offerings/{part['id']}/retire")
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
