"""From what a business unit wants to the subscription that it holds."""

from decimal import Decimal
from uuid import UUID

import httpx

from services.identity.principal import Role
from services.loop.run import Json, Loop, check, eventually, money, one

UNIT, OFFERING = "research-analytics", "analytics-workspace"
OTHER_UNITS = ("admissions", "library")
QUANTITY = "4"
FORM: Json = {"project": "Faster first results", "data_classification": "internal", "languages": ["python", "sql"]}


async def know(loop: Loop) -> None:
    leader = loop.client_for(Role.ADMIN)
    unit = await one(loop, leader, "/demand/v1/business-units", UNIT)
    offering = await one(loop, leader, "/catalog/v1/offerings", OFFERING)
    loop.found |= {"unit": unit, "offering": offering, "goal": unit["goals"][0], "unit_id": UUID(unit["id"])}
    goal = loop.found["goal"]
    loop.tell("know", f"{unit['name']}: goal '{goal['name']}', {goal['metric']} {goal['baseline']} -> {goal['target']}")
    loop.tell("offer", f"{offering['name']}, {len(offering['commitments'])} commitments")


async def ask(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")
    leader = loop.client_for(Role.DEMAND_LEADER, [loop.found["unit_id"]], "loop-leader")
    demand = await loop.post(
        consumer,
        "/demand/v1/demands",
        {
            "business_unit_id": loop.found["unit"]["id"],
            "title": "Workspaces for four more analysts",
            "description": "Analysts wait for shared machines; the first result of a question takes twelve days.",
            "kind": "enhancement",
            "goal_id": loop.found["goal"]["id"],
        },
    )
    path = f"/demand/v1/demands/{demand['id']}"
    await loop.post(consumer, f"{path}/submit")
    loop.tell("ask", f"demand {demand['id']}: {demand['title']} (submitted)")
    await loop.post(leader, f"{path}/screen")
    await loop.post(leader, f"{path}/qualify", {"note": "Fits the goal; a standard offering covers it"})
    chosen = {"offering_id": loop.found["offering"]["id"], "quantity": QUANTITY, "options": {}, "form": FORM}
    proposed = await loop.post(leader, f"{path}/propose", chosen)
    check(proposed["state"] == "proposed", f"the demand is {proposed['state']}, not proposed")
    loop.tell("counsel", f"screened, qualified and proposed: {QUANTITY} x {loop.found['offering']['name']}")
    loop.found |= {"demand": demand, "demand_path": path}


async def price(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")
    quote = await issued_quote(loop, consumer, loop.found["demand"]["id"])
    loop.tell(
        "price", f"quote {quote['number']}: {money(quote['total'])} a month, {money(quote['annual_total'])} a year"
    )
    for line in quote["lines"]:
        loop.tell("", f"  {line['charge']}: {line['formula']}")
    loop.found["quote"] = quote


async def issued_quote(loop: Loop, consumer: httpx.AsyncClient, demand_id: str) -> Json:
    """The quote that pricing issues by itself; its lines add up to its total."""

    async def issued() -> Json | None:
        quotes = (await loop.get(consumer, "/pricing/v1/quotes", demand_id=demand_id))["items"]
        return quotes[0] if quotes else None

    quote: Json = await eventually(issued, "the quote")
    lines = sum((Decimal(line["amount"]) for line in quote["lines"]), Decimal(0))
    check(lines == Decimal(quote["total"]["amount"]), f"quote lines {lines} are not {quote['total']}")
    return quote


async def approve(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")

    async def decided() -> Json | None:
        demand = await loop.get(consumer, loop.found["demand_path"])
        return demand if demand["decision"] else None

    demand = await eventually(decided, "the policy's decision")
    decision = demand["decision"]
    loop.tell("approve", f"{decision['outcome']} by {decision['policy']}: {decision['reason']}")
    if demand["state"] == "proposed":
        approver = loop.client_for(Role.APPROVER, [], "loop-approver")
        demand = await loop.post(approver, f"{loop.found['demand_path']}/approve", {"reason": "within the plan"})
        loop.tell("", "  approved by a person")
    accepted = await loop.post(consumer, f"/pricing/v1/quotes/{loop.found['quote']['id']}/accept")
    check(accepted["state"] == "accepted", f"the quote is {accepted['state']}")
    finance = loop.client_for(Role.FINANCE)
    held = (await loop.get(finance, "/pricing/v1/budgets", business_unit_id=loop.found["unit"]["id"]))["items"]
    budget = next(budget for budget in held if str(budget["fiscal_year"]) == accepted["created_at"][:4])
    left = Decimal(budget["amount"]) - Decimal(budget["reserved"]) - Decimal(budget["actual"])
    check(Decimal(budget["available"]) == left, f"the budget's parts do not make its available: {budget}")
    check(Decimal(budget["reserved"]) > 0, "nothing is reserved in the budget")
    loop.tell(
        "",
        f"  quote accepted; of {budget['amount']} {budget['currency']} {budget['actual']} spent, "
        f"{budget['reserved']} reserved, {budget['available']} left",
    )


async def deliver(loop: Loop) -> None:
    order, subscription = await fulfilled(loop, loop.found["demand"]["id"])
    tasks = ", ".join(task["key"] for task in order["tasks"])
    loop.tell("deliver", f"order {order['id']} fulfilled ({tasks}) in {Decimal(order['lead_time_days']) * 86400:.2f} s")
    loop.tell("", f"  subscription {subscription['id']} active, quantity {subscription['quantity']}")
    loop.found["subscription"] = subscription


async def fulfilled(loop: Loop, demand_id: str) -> tuple[Json, Json]:
    """Complete the tasks of the demand's order as its owner would; the order, and the subscription it leads to."""
    owner = loop.owner()

    async def opened() -> Json | None:
        orders = (await loop.get(owner, "/demand/v1/orders", demand_id=demand_id))["items"]
        return orders[0] if orders else None

    order = await eventually(opened, "the order")
    done: set[str] = set()
    while len(done) < len(order["tasks"]):
        ready = [t for t in order["tasks"] if t["key"] not in done and set(t["depends_on"]) <= done]
        check(bool(ready), "the order's tasks wait for each other")
        for task in ready:
            await loop.post(owner, f"/demand/v1/orders/{order['id']}/tasks/{task['id']}/complete")
            done.add(task["key"])
    order = await loop.get(owner, f"/demand/v1/orders/{order['id']}")
    check(order["state"] == "fulfilled", f"the order is {order['state']} with all tasks done")
    held = (await loop.get(owner, "/demand/v1/subscriptions", demand_id=demand_id))["items"]
    check(len(held) == 1 and held[0]["state"] == "active", f"there is no active subscription: {held}")
    return order, held[0]


async def others_ask(loop: Loop) -> None:
    """Two more units order the offering as it stands: a plain request needs no qualification."""
    loop.found["others"] = []
    for key in OTHER_UNITS:
        unit = await one(loop, loop.client_for(Role.ADMIN), "/demand/v1/business-units", key)
        consumer = loop.client_for(Role.CONSUMER, [UUID(unit["id"])], f"loop-{key}")
        demand = await loop.post(
            consumer,
            "/demand/v1/demands",
            {
                "business_unit_id": unit["id"],
                "title": "A workspace for us, too",
                "description": "As it stands in the catalogue.",
                "kind": "request",
                "offering_id": loop.found["offering"]["id"],
                "quantity": "1",
                "form": FORM,
            },
        )
        await loop.post(consumer, f"/demand/v1/demands/{demand['id']}/submit")
        quote = await issued_quote(loop, consumer, demand["id"])
        await loop.post(consumer, f"/pricing/v1/quotes/{quote['id']}/accept")
        _, subscription = await fulfilled(loop, demand["id"])
        loop.found["others"].append((unit, consumer, subscription))
    names = " and ".join(unit["name"] for unit, _, _ in loop.found["others"])
    loop.tell("", f"  {names} request the same, one each; fulfilled")
