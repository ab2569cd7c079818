"""Orders and subscriptions over HTTP: tasks in their order, fulfilment, cancelling, the end."""

from decimal import Decimal
from uuid import UUID

import pytest

from tests.demand_service.world import THREAD, World, done, refused

pytestmark = pytest.mark.anyio


async def test_the_tasks_of_the_template_are_worked_off_in_their_order(world: World) -> None:
    demand_id, order = await world.ordered()
    assert [(task["key"], task["state"]) for task in order["tasks"]] == [("size", "ready"), ("build", "waiting")]
    size, build = (f"/v1/orders/{order['id']}/tasks/{task['id']}/complete" for task in order["tasks"])
    problem = refused(await world.owner.post(build), 409, "task-not-ready")
    assert "depends on size" in problem["detail"]
    refused(await world.consumer.post(size), 403, "role-not-allowed")
    half = done(await world.owner.post(size, headers={"If-Match": '"1"'}))
    assert (half["state"], half["version"]) == ("open", 2)
    assert [task["state"] for task in half["tasks"]] == ["done", "ready"]
    assert half["tasks"][0]["completed_by"] is not None
    refused(await world.owner.post(size), 409, "task-already-done")
    fulfilled = done(await world.owner.post(build))
    assert fulfilled["state"] == "fulfilled" and Decimal(fulfilled["lead_time_days"]) >= 0
    refused(await world.owner.post(build), 409, "order-not-open")
    assert (await world.demand(demand_id))["state"] == "fulfilled"
    assert done(await world.consumer.get(f"/v1/orders/{order['id']}"))["state"] == "fulfilled"


async def test_a_fulfilled_order_becomes_a_subscription_of_the_same_thread(world: World) -> None:
    demand_id, order = await world.ordered()
    other = world.as_(["service_owner"], person="otto")
    other.headers["Correlation-Id"] = "another-thread"
    for task in order["tasks"]:
        done(await other.post(f"/v1/orders/{order['id']}/tasks/{task['id']}/complete"))
    held = done(await world.consumer.get("/v1/subscriptions", params={"demand_id": demand_id}))["items"]
    assert [(one["state"], one["quantity"], one["order_id"]) for one in held] == [("active", "4", order["id"])]
    by_unit = done(await world.consumer.get("/v1/subscriptions", params={"business_unit_id": str(world.science)}))
    assert by_unit["items"] == held
    assert await world.told() == [
        "demand.submitted",
        "demand.qualified",
        "demand.proposed",
        "demand.approved",
        "order.opened",
        "order.fulfilled",
        "lead-time.updated",
        "subscription.activated",
        "demand.fulfilled",
    ]
    told = await world.service.published()
    assert {event.correlation_id for event in told} == {THREAD}
    activated = next(event for event in told if event.type.endswith("subscription.activated.v1"))
    assert activated.data["service_id"] == str(UUID(int=9)) and activated.business_unit_id == str(world.science)
    fulfilled = next(event for event in told if event.type.endswith("order.fulfilled.v1"))
    assert [task["state"] for task in fulfilled.data["tasks"]] == ["done", "done"]
    assert (await world.step(world.leader, demand_id, "close"))["state"] == "closed"


async def test_a_subscription_ends_once(world: World) -> None:
    demand_id, order = await world.ordered()
    await world.fulfil(order)
    held = done(await world.consumer.get("/v1/subscriptions", params={"demand_id": demand_id}))["items"][0]
    path = f"/v1/subscriptions/{held['id']}"
    ended = done(await world.consumer.post(f"{path}/end"))
    assert ended["state"] == "ended" and ended["ended_at"] is not None
    assert (
        "is ended" in refused(await world.consumer.post(f"{path}/end"), 409, "subscription-step-not-allowed")["detail"]
    )
    assert done(await world.consumer.get(path))["state"] == "ended"
    assert (await world.told())[-1] == "subscription.ended"


async def test_cancelling_the_demand_cancels_its_order(world: World) -> None:
    demand_id, order = await world.ordered()
    done(await world.owner.post(f"/v1/orders/{order['id']}/tasks/{order['tasks'][0]['id']}/complete"))
    await world.step(world.consumer, demand_id, "cancel", reason="the project was stopped")
    cancelled = await world.order_of(demand_id)
    assert cancelled["state"] == "cancelled"
    assert [task["state"] for task in cancelled["tasks"]] == ["done", "cancelled"]
    assert set((await world.told())[-2:]) == {"demand.cancelled", "order.cancelled"}
    late = await world.owner.post(f"/v1/orders/{order['id']}/tasks/{order['tasks'][1]['id']}/complete")
    assert "the order is cancelled" in refused(late, 409, "order-not-open")["detail"]
    assert done(await world.consumer.get("/v1/subscriptions"))["items"] == []


async def test_cancelling_the_order_cancels_its_demand(world: World) -> None:
    demand_id, order = await world.ordered()
    path = f"/v1/orders/{order['id']}/cancel"
    assert done(await world.owner.post(path, json={"reason": "not to be had"}))["state"] == "cancelled"
    demand = await world.demand(demand_id)
    assert (demand["state"], demand["history"][-1]["reason"]) == ("cancelled", "not to be had")
    refused(await world.owner.post(path, json={"reason": "again"}), 409, "order-not-open")


async def test_an_approved_demand_is_cancelled_before_it_has_an_order(world: World) -> None:
    await world.put_policy()
    demand_id = await world.proposed()
    quote_id = await world.quote("issued", demand_id)
    await world.step(world.consumer, demand_id, "cancel", reason="changed our minds")
    await world.quote("accepted", demand_id, quote_id=quote_id, sequence=2)
    assert (await world.demand(demand_id))["state"] == "cancelled"
    assert done(await world.consumer.get("/v1/orders", params={"demand_id": demand_id}))["items"] == []


async def test_an_offering_without_a_template_is_delivered_by_one_task(world: World) -> None:
    await world.publish_offering(world.offering, sequence=2, fulfilment=[])
    _, order = await world.ordered()
    assert [(task["key"], task["name"]) for task in order["tasks"]] == [("deliver", "Deliver")]
    assert (await world.fulfil(order))["state"] == "fulfilled"


async def test_what_is_not_there_or_not_theirs_is_refused(world: World) -> None:
    demand_id, order = await world.ordered()
    nothing = UUID(int=5)
    refused(await world.owner.get(f"/v1/orders/{nothing}"), 404, "order-not-found")
    refused(await world.owner.post(f"/v1/orders/{order['id']}/tasks/{nothing}/complete"), 404, "task-not-found")
    refused(await world.owner.get(f"/v1/subscriptions/{nothing}"), 404, "subscription-not-found")
    library = await world.add_unit("Library")
    stranger = world.as_(["consumer"], library, person="sam")
    refused(await stranger.get(f"/v1/orders/{order['id']}"), 403, "business-unit-out-of-scope")
    assert done(await stranger.get("/v1/orders", params={"demand_id": demand_id}))["items"] == []
