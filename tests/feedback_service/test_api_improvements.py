"""Themes and improvements over HTTP."""

from math import isclose

import pytest

from services.ids import uuid7
from tests.feedback_service.world import JSON, World, refused

pytestmark = pytest.mark.anyio


async def test_a_theme_counts_its_threads_and_their_mood(world: World) -> None:
    threads = [await world.thread(text="Terribly slow"), await world.thread(text="Great and fast")]
    theme = await world.theme(*threads)
    assert theme["n"] == 2
    moods = [thread["sentiment"]["score"] for thread in threads]
    assert isclose(theme["sentiment"], sum(moods) / 2)
    assert (await world.consumer.get(f"/v1/themes/{theme['id']}")).json() == theme
    listed = await world.consumer.get("/v1/themes", params={"service_id": str(world.service_id)})
    assert listed.json()["items"] == [theme]
    [event] = await world.service.published("itaas.feedback.theme.named.v1")
    assert event.data["thread_ids"] == theme["thread_ids"] and event.data["n"] == 2


async def test_bad_themes_name_their_threads(world: World) -> None:
    thread = await world.thread()
    other = await world.make_service(uuid7())
    elsewhere = await world.thread(subject_type="service", subject_id=str(other))
    missing = str(uuid7())
    good = {"service_id": str(world.service_id), "name": "Slow", "thread_ids": [thread["id"]]}
    mixed = good | {"thread_ids": [thread["id"], missing, elsewhere["id"], thread["id"]]}
    problem = refused(
        await world.owner.post("/v1/themes", json=mixed),
        422,
        "threads-not-groupable",
        "/thread_ids/1",
        "/thread_ids/2",
        "/thread_ids/3",
    )
    assert [fault["message"].split()[-1] for fault in problem["errors"]] == [missing, "service", "twice"]
    post = world.owner.post
    refused(await post("/v1/themes", json=good | {"thread_ids": []}), 422, "request-not-valid", "/thread_ids")
    unknown = good | {"service_id": str(uuid7())}
    refused(await post("/v1/themes", json=unknown), 422, "unknown-service", "/service_id")
    refused(await world.consumer.post("/v1/themes", json=good), 403, "role-not-allowed")


async def test_a_service_with_an_owner_is_left_to_them(world: World) -> None:
    said = await world.thread(world.owner)  # to learn the opaque id of this person
    mine = await world.make_service(uuid7(), owner_id=said["author_id"])
    theirs = await world.make_service(uuid7(), owner_id="somebody-else")
    for service, status in ((mine, 201), (theirs, 403)):
        remark = await world.thread(subject_type="service", subject_id=str(service))
        reply = await world.owner.post(f"/v1/threads/{remark['id']}/replies", json={"text": "Hello"})
        theme = {"service_id": str(service), "name": "Slow", "thread_ids": [remark["id"]]}
        improvement = {"service_id": str(service), "title": "Fast", "theme_ids": [], "target": {"measure": "ces"}}
        themes = await world.owner.post("/v1/themes", json=theme)
        improvements = await world.owner.post("/v1/improvements", json=improvement)
        assert [answer.status_code for answer in (reply, themes, improvements)] == [status] * 3
        if status == 403:
            refused(reply, 403, "not-in-this-thread")
            refused(themes, 403, "not-your-service", "/service_id")
            refused(improvements, 403, "not-your-service", "/service_id")
            assert (await world.admin.post("/v1/themes", json=theme)).status_code == 201


async def test_an_improvement_starts_from_the_score_as_it_stands(world: World) -> None:
    await world.survey()
    theme = await world.theme(await world.thread())
    before = await world.improvement(theme)
    assert before["state"] == "planned" and before["baseline"] is None and before["contributors"] == 0
    for score in (1, 5, 9):
        await world.respond(score)
    demand = str(uuid7())
    improvement = await world.improvement(theme, demand_ids=[demand])
    assert isclose(improvement["baseline"]["score"], -100 / 3) and improvement["baseline"]["n"] == 3
    assert improvement["baseline"]["low"] < -100 / 3 < improvement["baseline"]["high"]
    assert improvement["demand_ids"] == [demand] and improvement["theme_ids"] == [theme["id"]]
    read = await world.consumer.get(f"/v1/improvements/{improvement['id']}")
    assert read.json() == improvement and read.headers["etag"] == '"1"'
    listed = await world.consumer.get("/v1/improvements", params={"state": "planned"})
    assert listed.json()["items"] == [before, improvement]
    event = (await world.service.published("itaas.feedback.improvement.planned.v1"))[-1]
    assert event.data["baseline"]["n"] == 3 and event.data["target"] == {"measure": "nps"}
    assert event.data["revision_number"] is None and event.data["state"] == "planned"


async def test_bad_improvements_name_their_faults(world: World) -> None:
    theme = await world.theme(await world.thread())
    other = await world.make_service(uuid7())
    good = {
        "service_id": str(world.service_id),
        "title": "Faster",
        "theme_ids": [theme["id"]],
        "target": {"measure": "nps"},
    }
    bad: list[tuple[JSON, str, list[str]]] = [
        ({"theme_ids": [str(uuid7())]}, "themes-not-of-this-service", ["/theme_ids/0"]),
        ({"service_id": str(other)}, "themes-not-of-this-service", ["/theme_ids/0"]),
        ({"service_id": str(uuid7())}, "unknown-service", ["/service_id"]),
        ({"target": {"measure": "joy"}}, "request-not-valid", ["/target/measure"]),
        ({"target": {"measure": "nps", "value": 9}}, "request-not-valid", ["/target/value"]),
        ({"title": ""}, "request-not-valid", ["/title"]),
        ({"theme_ids": ["x"]}, "request-not-valid", ["/theme_ids/0"]),
    ]
    for changes, name, pointers in bad:
        refused(await world.owner.post("/v1/improvements", json=good | changes), 422, name, *pointers)
    refused(await world.consumer.post("/v1/improvements", json=good), 403, "role-not-allowed")
    refused(await world.owner.get(f"/v1/improvements/{uuid7()}"), 404, "not-found")
