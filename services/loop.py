"""The value loop, driven over HTTP as its people would, from knowing the unit to the next revision of the service.

Every figure that is printed is checked on the way: sums against their parts, events against the steps that must
have caused them. `drive_loop` raises LoopFailed at the first thing that is missing or wrong.
"""

import asyncio
import io
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import httpx

from services.identity.principal import Role
from services.ids import uuid7
from services.sample_costs import write_costs

Echo = Callable[[str], None]
Json = dict[str, Any]

UNIT, OFFERING = "research-analytics", "analytics-workspace"
OTHER_UNITS = ("admissions", "library")
QUANTITY = "4"
FORM: Json = {"project": "Faster first results", "data_classification": "internal", "languages": ["python", "sql"]}
PATIENCE_SECONDS = 30

# What must be in the thread at the end, each at least once.
EXPECTED_EVENTS = (
    "itaas.demand.demand.submitted.v1",
    "itaas.demand.demand.qualified.v1",
    "itaas.demand.demand.proposed.v1",
    "itaas.pricing.quote.issued.v1",
    "itaas.demand.demand.approved.v1",
    "itaas.pricing.quote.accepted.v1",
    "itaas.pricing.budget.reserved.v1",
    "itaas.demand.order.opened.v1",
    "itaas.demand.order.fulfilled.v1",
    "itaas.demand.subscription.activated.v1",
    "itaas.feedback.survey.sent.v1",
    "itaas.feedback.response.received.v1",
    "itaas.feedback.score.updated.v1",
    "itaas.feedback.thread.opened.v1",
    "itaas.feedback.thread.replied.v1",
    "itaas.feedback.theme.named.v1",
    "itaas.feedback.improvement.planned.v1",
    "itaas.catalog.service.revision-published.v1",
    "itaas.feedback.improvement.shipped.v1",
    "itaas.pricing.statement.issued.v1",
)


class LoopFailed(Exception):
    """A step, a sum or an event is missing; the message names it."""


class ClientFor(Protocol):
    def __call__(self, role: Role, business_units: Any = (), person: str | None = None) -> httpx.AsyncClient: ...


@dataclass
class Loop:
    """One run: its thread, who acts, and what has come of it so far."""

    client_for: ClientFor
    echo: Echo
    thread: str = field(default_factory=lambda: str(uuid7()))
    found: Json = field(default_factory=dict)

    def tell(self, step: str, words: str) -> None:
        self.echo(f"{step:<9} {words}")

    async def get(self, client: httpx.AsyncClient, path: str, **params: Any) -> Json:
        return await _answer(lambda: client.get(path, params=params))

    async def post(self, client: httpx.AsyncClient, path: str, body: Json | None = None, **options: Any) -> Json:
        headers = {"Idempotency-Key": str(uuid7()), "Correlation-Id": self.thread} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        return await _answer(lambda: client.post(path, headers=headers, **options))

    async def job(self, client: httpx.AsyncClient, service: str, started: Json) -> Json:
        """Wait for a job and return its result."""

        async def look() -> Json | None:
            job = await self.get(client, f"/{service}/v1/jobs/{started['id']}")
            return job if job["state"] in ("succeeded", "failed", "cancelled") else None

        job = await eventually(look, f"job {started['kind']}")
        check(job["state"] == "succeeded", f"job {job['kind']} {job['state']}: {job['problem']}")
        result: Json = job["result"]
        return result


def check(condition: bool, what: str) -> None:
    if not condition:
        raise LoopFailed(what)


async def eventually(look: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `look` finds once events have done their work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise LoopFailed(f"{what} did not come within {PATIENCE_SECONDS} s")


async def _answer(send: Callable[[], Awaitable[httpx.Response]]) -> Json:
    """Send until there is an answer: the suite may restart meanwhile, and the Idempotency-Key makes that safe."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            response = await send()
            if not _may_pass_later(response) or time.monotonic() > deadline:
                break
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.2)
    if response.is_error:
        raise LoopFailed(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    document: Json = response.json()
    return document


def _may_pass_later(response: httpx.Response) -> bool:
    return response.status_code in (502, 503, 504) or (
        response.status_code == httpx.codes.CONFLICT and response.json().get("type", "").endswith("still-in-flight")
    )


async def drive_loop(client_for: ClientFor, echo: Echo) -> None:
    """Drive one value loop. Raises LoopFailed."""
    loop = Loop(client_for, echo)
    echo(f"thread    {loop.thread}")
    steps = (_know, _cost, _ask, _price, _approve, _deliver, _others_ask, _charge, _listen, _improve, _read_back)
    for step in steps:
        await step(loop)


async def _one(loop: Loop, client: httpx.AsyncClient, path: str, key: str) -> Json:
    found = (await loop.get(client, path, external_id=f"sample:{key}"))["items"]
    check(len(found) == 1, f"{path} has no sample:{key}; run `itaas sample load`")
    item: Json = found[0]
    return item


async def _know(loop: Loop) -> None:
    leader = loop.client_for(Role.ADMIN)
    unit = await _one(loop, leader, "/demand/v1/business-units", UNIT)
    offering = await _one(loop, leader, "/catalog/v1/offerings", OFFERING)
    loop.found |= {"unit": unit, "offering": offering, "goal": unit["goals"][0], "unit_id": UUID(unit["id"])}
    goal = loop.found["goal"]
    loop.tell("know", f"{unit['name']}: goal '{goal['name']}', {goal['metric']} {goal['baseline']} -> {goal['target']}")
    loop.tell("offer", f"{offering['name']}, {len(offering['commitments'])} commitments")


async def _cost(loop: Loop) -> None:
    finance = loop.client_for(Role.FINANCE)
    last_month = datetime.now(UTC).replace(day=1) - timedelta(days=1)
    period = f"{last_month:%Y-%m}"
    file = io.StringIO(newline="")
    written = write_costs(period, file)
    started = await loop.post(
        finance,
        "/pricing/v1/cost-imports",
        params={"source": "sample", "cost_basis": "effective"},
        content=file.getvalue().encode(),
        headers={"Content-Type": "text/csv"},
    )
    imported = await loop.job(finance, "pricing", started)
    check(imported["rows"] == written.rows, f"{imported['rows']} of {written.rows} cost rows were imported")
    for basis, exact in (("billed_cost", written.billed), ("effective_cost", written.effective)):
        check(Decimal(imported[basis]) == exact, f"{basis} is {imported[basis]}, but the file sums to {exact}")
    again = ", unchanged since the last import" if imported["unchanged"] else ""
    loop.tell(
        "cost",
        f"{period}: {imported['rows']} FOCUS rows, effective {imported['effective_cost']} {imported['currency']}, "
        f"billed {imported['billed_cost']}, {imported['rejected_count']} rejected{again}",
    )
    allocation = await loop.post(finance, "/pricing/v1/allocation-runs", {"period": period, "method": "direct"})
    shares = sum((Decimal(service["cost"]["amount"]) for service in allocation["services"]), Decimal(0))
    unallocated = sum((Decimal(part["amount"]) for part in allocation["unallocated"]), Decimal(0))
    total = Decimal(allocation["total"]["amount"])
    check(shares + unallocated == total, f"shares {shares} + unallocated {unallocated} are not {total}")
    check(total == written.effective, f"allocated {total} of {written.effective}")
    service_id = loop.found["offering"]["service_id"]
    mine = [service for service in allocation["services"] if service["service_id"] == service_id]
    check(len(mine) == 1, "the allocation gives the offering's service no cost")
    unit_cost = mine[0]
    loop.tell(
        "allocate",
        f"{len(allocation['services'])} services share {shares}, {unallocated} unallocated; unit cost "
        f"{Decimal(unit_cost['unit_cost']):f} per {unit_cost['unit']} (from {unit_cost['cost_rows']} ledger rows)",
    )
    loop.found |= {"period": period, "allocation": allocation}


async def _ask(loop: Loop) -> None:
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


async def _price(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")
    quote = await _quote(loop, consumer, loop.found["demand"]["id"])
    loop.tell(
        "price", f"quote {quote['number']}: {_money(quote['total'])} a month, {_money(quote['annual_total'])} a year"
    )
    for line in quote["lines"]:
        loop.tell("", f"  {line['charge']}: {line['formula']}")
    loop.found["quote"] = quote


async def _quote(loop: Loop, consumer: httpx.AsyncClient, demand_id: str) -> Json:
    """The quote that pricing issues by itself; its lines add up to its total."""

    async def issued() -> Json | None:
        quotes = (await loop.get(consumer, "/pricing/v1/quotes", demand_id=demand_id))["items"]
        return quotes[0] if quotes else None

    quote: Json = await eventually(issued, "the quote")
    lines = sum((Decimal(line["amount"]) for line in quote["lines"]), Decimal(0))
    check(lines == Decimal(quote["total"]["amount"]), f"quote lines {lines} are not {quote['total']}")
    return quote


async def _approve(loop: Loop) -> None:
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
        f"  quote accepted; of {budget['amount']} {budget['currency']} {budget['reserved']} reserved, "
        f"{budget['available']} left",
    )


async def _deliver(loop: Loop) -> None:
    order, subscription = await _fulfilled(loop, loop.found["demand"]["id"])
    tasks = ", ".join(task["key"] for task in order["tasks"])
    loop.tell("deliver", f"order {order['id']} fulfilled ({tasks}) in {order['lead_time_days']} days")
    loop.tell("", f"  subscription {subscription['id']} active, quantity {subscription['quantity']}")
    loop.found["subscription"] = subscription


async def _fulfilled(loop: Loop, demand_id: str) -> tuple[Json, Json]:
    """Complete the tasks of the demand's order as its owner would; the order, and the subscription it leads to."""
    owner = loop.client_for(Role.SERVICE_OWNER, [], "loop-owner")

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


async def _others_ask(loop: Loop) -> None:
    """Two more units order the offering as it stands: a plain request needs no qualification."""
    loop.found["others"] = []
    for key in OTHER_UNITS:
        unit = await _one(loop, loop.client_for(Role.ADMIN), "/demand/v1/business-units", key)
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
        quote = await _quote(loop, consumer, demand["id"])
        await loop.post(consumer, f"/pricing/v1/quotes/{quote['id']}/accept")
        _, subscription = await _fulfilled(loop, demand["id"])
        loop.found["others"].append((unit, consumer, subscription))
    names = " and ".join(unit["name"] for unit, _, _ in loop.found["others"])
    loop.tell("", f"  {names} request the same, one each; fulfilled")


async def _charge(loop: Loop) -> None:
    integration, finance = loop.client_for(Role.INTEGRATION), loop.client_for(Role.FINANCE)
    subscription = loop.found["subscription"]
    now = datetime.now(UTC)
    usage = [
        {
            "specversion": "1.0",
            "id": str(uuid7()),
            "source": "/meters/loop",
            "type": "itaas.usage.v1",
            "time": now.isoformat().replace("+00:00", "Z"),
            "subject": subscription["id"],
            "datacontenttype": "application/json",
            "data": {"meter": "vm-hours", "quantity": quantity},
        }
        for quantity in ("12.5", "30", "7.25")
    ]
    usage.append(usage[0])  # a producer that repeats itself must not be charged for

    async def taken() -> list[Json] | None:
        answer = await loop.post(
            integration,
            "/pricing/v1/usage",
            content=json.dumps(usage).encode(),
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        items: list[Json] = answer["items"]
        # Pricing may not have seen the subscription yet: it says so, and the same events may be sent again.
        return None if any(item["outcome"] == "rejected" for item in items) else items

    items = await eventually(taken, "the usage's acceptance")
    outcomes = [item["outcome"] for item in items]
    check(outcomes.count("accepted") <= 3 and "duplicate" in outcomes, f"usage outcomes are {outcomes}")
    loop.tell("usage", f"49.75 vm-hours in 3 events accepted, {outcomes.count('duplicate')} duplicate put aside")
    period = f"{now:%Y-%m}"
    rated = await loop.job(finance, "pricing", await loop.post(finance, "/pricing/v1/rating-runs", {"period": period}))
    check(rated["statements"] >= 1, f"the rating run made no statement: {rated}")
    drafts = (
        await loop.get(finance, "/pricing/v1/statements", business_unit_id=loop.found["unit"]["id"], period=period)
    )["items"]
    draft = [statement for statement in drafts if statement["state"] == "draft"]
    check(len(draft) == 1, f"there is not one draft statement: {drafts}")
    statement = await loop.post(finance, f"/pricing/v1/statements/{draft[0]['id']}/issue")
    lines = statement["lines"]
    total = sum((Decimal(line["amount"]) for line in lines), Decimal(0))
    check(total == Decimal(statement["total"]["amount"]), f"statement lines {total} are not {statement['total']}")
    mine = [line for line in lines if line["subscription_id"] == subscription["id"]]
    check(len(mine) == 2, f"the subscription has not two lines: {mine}")
    ledger_rows, usage_events = 0, 0
    for line in mine:
        why = await loop.get(finance, f"/pricing/v1/statements/{statement['id']}/lines/{line['id']}/explanation")
        parts = sum((Decimal(part["amount"]) for part in why["parts"]), Decimal(0))
        check(
            parts == Decimal(why["amount"]["amount"]),
            f"the explanation's parts {parts} do not make {why['amount']}",
        )
        loop.tell("", f"  {line['charge']}: {why['formula']}")
        ledger_rows, usage_events = max(ledger_rows, why["ledger_rows"]), usage_events + why["usage_events"]
    check(ledger_rows > 0, "no ledger rows stand behind the statement")
    check(usage_events == 3, f"{usage_events} usage events stand behind the statement instead of 3")
    loop.tell(
        "charge",
        f"statement {period} no. {statement['sequence']} for {loop.found['unit']['name']}: "
        f"{_money(statement['total'])} in {len(lines)} lines; "
        f"{ledger_rows} ledger rows and {usage_events} usage events stand behind ours",
    )


async def _listen(loop: Loop) -> None:
    consumer = loop.client_for(Role.CONSUMER, [loop.found["unit_id"]], "loop-requester")
    owner = loop.client_for(Role.SERVICE_OWNER, [], "loop-owner")
    offering, unit = loop.found["offering"], loop.found["unit"]

    scores = (await loop.get(consumer, "/feedback/v1/scores", service_id=offering["service_id"], kind="nps"))["items"]
    answered = scores[0]["n"] if scores else 0
    await _survey(loop, unit, consumer, loop.found["subscription"], 6, "Great tool, but burst machines start slowly.")
    for other, (somebody, client, subscription) in enumerate(loop.found["others"]):
        await _survey(loop, somebody, client, subscription, 9 + other, "Just what we needed.")
    loop.tell("survey", "3 sent by themselves and answered: 6, 9 and 10 of 10")
    scores = (await loop.get(consumer, "/feedback/v1/scores", service_id=offering["service_id"], kind="nps"))["items"]
    score = scores[0]
    check(score["n"] == answered + 3, f"the score does not count each of 3 answers once: {score}, before {answered}")
    check(score["low"] <= score["score"] <= score["high"], f"the score is outside its interval: {score}")
    interval = f"{score['low']:.1f} to {score['high']:.1f}"
    loop.tell("score", f"nps {score['score']:.1f} (n = {score['n']}, 95 % interval {interval})")
    thread = await loop.post(
        consumer,
        "/feedback/v1/threads",
        {
            "subject_type": "offering",
            "subject_id": offering["id"],
            "business_unit_id": unit["id"],
            "rating": 2,
            "text": "The burst machines are terribly slow to start. Analysts are frustrated.",
        },
    )
    await loop.post(owner, f"/feedback/v1/threads/{thread['id']}/replies", {"text": "Warm machines are on the way."})
    feeling = thread["sentiment"]
    loop.tell("listen", f"comment rated 2, sentiment {feeling['label']} {feeling['score']}; the owner has replied")
    loop.found |= {"thread_id": thread["id"], "score": score}


async def _survey(
    loop: Loop, unit: Json, client: httpx.AsyncClient, subscription: Json, score: int, words: str
) -> None:
    """Answer the survey that the subscription brought with it."""

    async def invited() -> Json | None:
        query = {"business_unit_id": unit["id"], "subscription_id": subscription["id"]}
        invitations = (await loop.get(client, "/feedback/v1/invitations", **query))["items"]
        return invitations[0] if invitations else None

    invitation = await eventually(invited, "the survey")
    answers: list[Json] = []
    for question in invitation["questions"]:
        if question["kind"] == "nps":
            answers.append({"question_id": question["id"], "score": score})
        elif question["kind"] == "text":
            answers.append({"question_id": question["id"], "text": words})
    await loop.post(client, f"/feedback/v1/invitations/{invitation['id']}/responses", {"answers": answers})


async def _improve(loop: Loop) -> None:
    owner = loop.client_for(Role.SERVICE_OWNER, [], "loop-owner")
    service_id = loop.found["offering"]["service_id"]
    theme = await loop.post(
        owner,
        "/feedback/v1/themes",
        {"service_id": service_id, "name": "Slow start of burst machines", "thread_ids": [loop.found["thread_id"]]},
    )
    loop.tell("theme", f"{theme['name']}: {theme['n']} thread, mean sentiment {theme['sentiment']}")
    improvement = await loop.post(
        owner,
        "/feedback/v1/improvements",
        {
            "service_id": service_id,
            "title": "Keep warm machines ready",
            "theme_ids": [theme["id"]],
            "demand_ids": [loop.found["demand"]["id"]],
            "target": {"measure": "nps"},
        },
    )
    baseline = improvement["baseline"]
    loop.tell(
        "improve",
        f"{improvement['title']}: {improvement['state']}, baseline nps {baseline['score']:.1f} (n = {baseline['n']})",
    )
    revision = await loop.post(
        owner,
        f"/catalog/v1/services/{service_id}/revisions",
        {
            "summary": "Warm burst machines",
            "changes": ["Two burst machines are kept warm in working hours"],
            "improvement_ids": [improvement["id"]],
            "demand_ids": [loop.found["demand"]["id"]],
        },
    )
    published = await loop.post(owner, f"/catalog/v1/services/{service_id}/revisions/{revision['number']}/publish")
    check(published["state"] == "active", f"the revision is {published['state']}")

    async def shipped() -> Json | None:
        current = await loop.get(owner, f"/feedback/v1/improvements/{improvement['id']}")
        return current if current["state"] == "shipped" else None

    done = await eventually(shipped, "the improvement's shipping")
    check(done["revision_number"] == revision["number"], f"shipped in revision {done['revision_number']}")
    loop.tell(
        "revision", f"no. {revision['number']} is live; improvement shipped, {done['contributors']} contributor told"
    )


async def _read_back(loop: Loop) -> None:
    admin = loop.client_for(Role.ADMIN)

    async def complete() -> list[Json] | None:
        events: list[Json] = (await loop.get(admin, f"/events/v1/trace/{loop.thread}"))["events"]
        return events if {event["type"] for event in events} >= set(EXPECTED_EVENTS) else None

    try:
        events = await eventually(complete, "the thread's last event")
    except LoopFailed as error:
        seen = {event["type"] for event in (await loop.get(admin, f"/events/v1/trace/{loop.thread}"))["events"]}
        missing = [event for event in EXPECTED_EVENTS if event not in seen]
        raise LoopFailed(f"events are missing from the thread: {', '.join(missing)}") from error
    ids = [event["id"] for event in events]
    check(len(ids) == len(set(ids)), "an event is in the thread twice")
    loop.echo(f"\nthe thread, read back from {len(events)} events:")
    for event in events:
        when = event["time"][11:23]
        loop.echo(f"  {when}  {'  ' * min(event['depth'], 6)}{event['type'].removeprefix('itaas.')}")


def _money(money: Json) -> str:
    return f"{money['amount']} {money['currency']}"
