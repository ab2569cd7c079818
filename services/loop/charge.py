"""From the ledger to the statement: what it cost, what was used, what is owed, and why."""

import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from services.identity.principal import Role
from services.ids import uuid7
from services.loop.run import Json, Loop, check, eventually, money
from services.sample.costs import write_costs


async def cost(loop: Loop) -> None:
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


async def charge(loop: Loop) -> None:
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
        f"{money(statement['total'])} in {len(lines)} lines; "
        f"{ledger_rows} ledger rows and {usage_events} usage events stand behind ours",
    )
