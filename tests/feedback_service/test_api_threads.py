"""Threads over HTTP: remarks, replies, sentiment, and what is refused."""

import pytest
from sqlalchemy import select

from services.db.chassis_tables import AuditRecord
from services.ids import uuid7
from tests.feedback_service.world import JSON, World, created, refused

pytestmark = pytest.mark.anyio


async def test_a_conversation(world: World) -> None:
    thread = await world.thread(rating=2)
    assert thread["state"] == "open" and thread["replies"] == 0 and thread["rating"] == 2
    assert thread["service_id"] == str(world.service_id)
    assert thread["sentiment"]["label"] == "negative"
    assert [one["aspect"] for one in thread["sentiment"]["aspects"]] == ["speed"]
    url = f"/v1/threads/{thread['id']}"

    answered = created(
        await world.owner.post(f"{url}/replies", json={"text": "Sorry! It is great news that you told us."})
    )
    assert answered["state"] == "answered" and answered["replies"] == 1
    back = created(await world.consumer.post(f"{url}/replies", json={"text": "Thanks"}))
    assert back["state"] == "open" and back["replies"] == 2
    read = await world.colleague.get(url)
    assert [(one["number"], one["speaker"]) for one in read.json()["messages"]] == [
        (1, "author"),
        (2, "owner"),
        (3, "author"),
    ]
    assert all(one["sentiment"]["model"].startswith("vader-") for one in read.json()["messages"])
    assert read.headers["etag"] == '"3"'

    closed = await world.consumer.post(f"{url}/close", headers={"If-Match": '"3"'})
    assert closed.status_code == 200 and closed.json()["state"] == "closed"
    refused(await world.owner.post(f"{url}/replies", json={"text": "Wait"}), 409, "thread-closed")
    refused(await world.owner.post(f"{url}/close"), 409, "thread-closed")

    types = [event.type.split(".")[-2] for event in await world.service.published()]
    assert types == ["opened", "replied", "replied", "closed"]


async def test_events_and_audit_hold_no_free_text(world: World) -> None:
    thread = await world.thread(text="Zanzibar is slow")
    await world.owner.post(f"/v1/threads/{thread['id']}/replies", json={"text": "Zanzibar again"})
    opened, replied = await world.service.published()
    assert "Zanzibar" not in str(opened) + str(replied)
    assert opened.business_unit_id == str(world.unit)
    assert replied.data["sentiment"] == {"label": "neutral", "score": 0.0} and replied.data["replies"] == 1
    async with world.service.runtime.database.reading() as session:
        trail = list(await session.scalars(select(AuditRecord)))
    assert [record.action for record in trail if record.aggregate == "Thread"] == ["created", "changed"]
    assert all("Zanzibar" not in str((record.before, record.after)) for record in trail)


async def test_script_is_text(world: World) -> None:
    text = "<script>alert('x')</script> \U0001f600 <b>"
    thread = await world.thread(text=text)
    read = await world.owner.get(f"/v1/threads/{thread['id']}")
    assert read.json()["messages"][0]["text"] == text
    assert read.headers["content-type"] == "application/json"


async def test_bad_threads_name_their_faults(world: World) -> None:
    good = {
        "subject_type": "offering",
        "subject_id": str(world.offering_id),
        "business_unit_id": str(world.unit),
        "text": "Hm",
    }
    bad: list[tuple[JSON, int, str, list[str]]] = [
        ({"text": "x" * 10_001}, 413, "text-too-long", ["/text"]),
        ({"text": "x" * 1_000_000}, 413, "text-too-long", ["/text"]),
        ({"text": "x" * 3_000_000}, 413, "body-too-large", []),
        ({"text": " \n"}, 422, "text-not-acceptable", ["/text"]),
        ({"text": "a\x00b"}, 422, "text-not-storable", ["/text"]),
        ({"text": None}, 422, "request-not-valid", ["/text"]),
        ({"rating": 6}, 422, "request-not-valid", ["/rating"]),
        ({"rating": "5"}, 422, "request-not-valid", ["/rating"]),
        ({"subject_type": "moon"}, 422, "request-not-valid", ["/subject_type"]),
        ({"subject_id": str(uuid7())}, 422, "unknown-subject", ["/subject_id"]),
        ({"subject_type": "service"}, 422, "unknown-subject", ["/subject_id"]),
        ({"business_unit_id": str(world.other_unit)}, 403, "business-unit-out-of-scope", ["/business_unit_id"]),
        ({"author_id": "me"}, 422, "request-not-valid", ["/author_id"]),
    ]
    for changes, status, name, pointers in bad:
        refused(await world.consumer.post("/v1/threads", json=good | changes), status, name, *pointers)
    lone = b'{"subject_type":"offering","subject_id":"%s","business_unit_id":"%s","text":"\\ud800"}' % (
        str(world.offering_id).encode(),
        str(world.unit).encode(),
    )
    answer = await world.consumer.post("/v1/threads", content=lone, headers={"Content-Type": "application/json"})
    refused(answer, 422, "text-not-storable", "/text")
    nowhere = good | {"business_unit_id": str(uuid7())}
    refused(await world.owner.post("/v1/threads", json=nowhere), 422, "unknown-business-unit", "/business_unit_id")
    assert (await world.owner.get("/v1/threads")).json()["items"] == []


async def test_who_may_speak(world: World) -> None:
    thread = await world.thread()
    url = f"/v1/threads/{thread['id']}"
    refused(await world.colleague.post(f"{url}/replies", json={"text": "Me too"}), 403, "not-in-this-thread")
    refused(await world.stranger.get(url), 403, "business-unit-out-of-scope", "thread_id")
    refused(
        await world.stranger.post(f"{url}/replies", json={"text": "Hi"}), 403, "business-unit-out-of-scope", "thread_id"
    )
    refused(await world.owner.post(f"/v1/threads/{uuid7()}/replies", json={"text": "Hi"}), 404, "not-found")
    refused(await world.owner.post(f"{url}/replies", json={"text": "x" * 10_001}), 413, "text-too-long", "/text")
    stale = await world.owner.post(f"{url}/replies", json={"text": "Hi"}, headers={"If-Match": '"7"'})
    refused(stale, 412, "version-is-stale")


async def test_lists_show_what_is_in_sight_page_by_page(world: World) -> None:
    mine = [await world.thread(text=f"number {number}") for number in range(3)]
    theirs = await world.thread(world.stranger, business_unit_id=str(world.other_unit))
    await world.owner.post(f"/v1/threads/{mine[0]['id']}/replies", json={"text": "Hi"})

    async def ids(client: object, **params: object) -> list[str]:
        found = await client.get("/v1/threads", params=params)  # type: ignore[attr-defined]
        return [thread["id"] for thread in found.json()["items"]]

    everything = [thread["id"] for thread in mine] + [theirs["id"]]
    assert await ids(world.owner, service_id=str(world.service_id)) == everything
    assert await ids(world.consumer) == everything[:3]
    assert await ids(world.colleague, mine=True) == []
    assert await ids(world.consumer, state="answered") == everything[:1]
    assert await ids(world.consumer, subject_id=str(uuid7())) == []
    first = await world.consumer.get("/v1/threads", params={"limit": 2})
    assert [thread["id"] for thread in first.json()["items"]] == everything[:2]
    assert await ids(world.consumer, limit=2, cursor=first.json()["next_cursor"]) == everything[2:3]
