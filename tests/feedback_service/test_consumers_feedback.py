"""What feedback does when others tell of something."""

import pytest
from sqlalchemy import select

from feedback_service.app import definition
from feedback_service.tables import KnownOffering, KnownService
from services.db.chassis_tables import DeadLetter, Timer
from services.events.replay import rebuild
from services.ids import uuid7
from tests.feedback_service.world import World

pytestmark = pytest.mark.anyio


async def test_an_active_subscription_is_asked_once_per_matching_survey(world: World) -> None:
    other = await world.make_service(uuid7())
    general = await world.survey()
    own = await world.survey(service_id=str(world.service_id), expires_after_days=3)
    await world.survey(service_id=str(other))
    await world.survey(active=False)
    subscription = await world.activate(requested_by="person-1", correlation_id="loop-7")
    found = await world.consumer.get("/v1/invitations", params={"subscription_id": str(subscription)})
    invitations = found.json()["items"]
    assert [one["survey_id"] for one in invitations] == [general["id"], own["id"]]
    assert invitations[0]["service_id"] == str(world.service_id)

    sent = await world.service.published("itaas.feedback.survey.sent.v1")
    assert [event.data["id"] for event in sent] == [one["id"] for one in invitations]
    assert {event.correlation_id for event in sent} == {"loop-7"}
    assert {event.business_unit_id for event in sent} == {str(world.unit)}
    assert "person-1" not in str([event.data for event in sent])
    async with world.service.runtime.database.reading() as session:
        timers = list(await session.scalars(select(Timer).order_by(Timer.due_at)))
    assert [timer.payload["invitation_id"] for timer in timers] == [invitations[1]["id"], invitations[0]["id"]]


async def test_the_same_event_asks_once_and_so_does_the_same_subscription(world: World) -> None:
    await world.survey()
    subscription, event_id = uuid7(), str(uuid7())
    data = {
        "business_unit_id": str(world.unit),
        "offering_id": str(world.offering_id),
        "service_id": str(world.service_id),
    }
    for again in (event_id, event_id, str(uuid7())):
        await world.service.deliver(
            "itaas.demand.subscription.activated.v1", subject=subscription, data=data, event_id=again
        )
    await world.invitation(subscription)  # exactly one
    assert len(await world.service.published("itaas.feedback.survey.sent.v1")) == 1


async def test_a_poisoned_event_is_set_aside_and_the_next_one_is_heard(world: World) -> None:
    await world.survey()
    subject = uuid7()
    await world.service.deliver("itaas.demand.subscription.activated.v1", subject=subject, data={"nonsense": 1})
    await world.invitation(await world.activate())
    async with world.service.runtime.database.reading() as session:
        [letter] = (await session.scalars(select(DeadLetter))).all()
    assert letter.key == str(subject) and "business_unit_id" in letter.reason


async def test_a_revision_ships_what_it_delivers_and_tells_the_contributors(world: World) -> None:
    slow, slower = await world.thread(), await world.thread(world.colleague, text="Even slower")
    twice = await world.thread(text="And again")
    await world.owner.post(f"/v1/threads/{slow['id']}/close")
    themes = [await world.theme(slow, slower), await world.theme(slower, twice)]
    response = await world.owner.post(
        "/v1/improvements",
        json={
            "service_id": str(world.service_id),
            "title": "Provision within a day",
            "theme_ids": [theme["id"] for theme in themes],
            "target": {"measure": "nps"},
        },
        headers={"Correlation-Id": "loop-9"},
    )
    improvement = response.json()
    await world.publish_revision(4, improvement["id"])

    shipped = (await world.consumer.get(f"/v1/improvements/{improvement['id']}")).json()
    assert (shipped["state"], shipped["revision_number"], shipped["contributors"]) == ("shipped", 4, 2)
    assert shipped["shipped_at"] is not None
    for thread, state in ((slow, "closed"), (slower, "open"), (twice, "open")):
        read = await world.owner.get(f"/v1/threads/{thread['id']}")
        notices = [one for one in read.json()["messages"] if one["speaker"] == "system"]
        assert [one["text"] for one in notices] == ["Shipped in revision 4: Provision within a day"]
        assert read.json()["state"] == state and read.json()["replies"] == 0
        assert notices[0]["person_id"] is None and notices[0]["sentiment"] is None
    [event] = await world.service.published("itaas.feedback.improvement.shipped.v1")
    assert event.correlation_id == "loop-9"
    assert (event.data["state"], event.data["revision_number"], event.data["contributors"]) == ("shipped", 4, 2)


async def test_what_a_revision_cannot_ship_is_kept_with_the_reason(world: World) -> None:
    good = await world.improvement()
    other = await world.make_service(uuid7())
    foreign = await world.improvement(service_id=str(other))
    unknown = uuid7()
    await world.publish_revision(2, good["id"], unknown, foreign["id"], good["id"])
    await world.publish_revision(3, good["id"])
    # After a restore its owner tells the same again, under a new event id: nothing follows from it.
    await world.publish_revision(2, good["id"], unknown, sequence=9)

    claims = (await world.owner.get("/v1/shipment-claims")).json()["items"]
    assert {(claim["revision_number"], claim["improvement_id"], claim["outcome"]) for claim in claims} == {
        (2, good["id"], "shipped"),
        (2, str(unknown), "unknown"),
        (2, foreign["id"], "other_service"),
        (3, good["id"], "already_settled"),
    }
    assert len(claims) == 4
    params = {"improvement_id": str(unknown), "outcome": "unknown"}
    assert len((await world.owner.get("/v1/shipment-claims", params=params)).json()["items"]) == 1
    assert (await world.owner.get(f"/v1/improvements/{good['id']}")).json()["revision_number"] == 2
    assert (await world.owner.get(f"/v1/improvements/{foreign['id']}")).json()["state"] == "planned"
    assert len(await world.service.published("itaas.feedback.improvement.shipped.v1")) == 1
    async with world.service.runtime.database.reading() as session:
        assert (await session.scalars(select(DeadLetter))).all() == []


async def test_projections_take_the_higher_sequence_and_can_be_rebuilt(world: World) -> None:
    offering = {"service_id": str(world.service_id), "name": "Newer"}
    published = "itaas.catalog.offering.published.v1"
    await world.service.deliver(published, subject=world.offering_id, data=offering, sequence=5)
    await world.service.deliver(published, subject=world.offering_id, data=offering | {"name": "Older"}, sequence=3)
    await world.publish_revision(7)
    runtime = world.service.runtime
    for _ in range(2):
        async with runtime.database.reading() as session:
            known = await session.get_one(KnownOffering, world.offering_id)
            service = await session.get_one(KnownService, world.service_id)
        assert (known.name, known.sequence, service.sequence) == ("Newer", 5, 8)
        await rebuild(
            runtime.database, definition.all_consumers(), definition.topics_read(), runtime.event_log, lambda _: None
        )
