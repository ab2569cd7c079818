"""Cost views: any dimension and tag, several at once, filters, series, pages, and the rows behind them."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import focus_csv, imported, on_both_databases

pytestmark = pytest.mark.anyio
NOVEMBER = {"BillingPeriodStart": "2026-11-01", "BillingPeriodEnd": "2026-12-01"}


async def everything(client: httpx.AsyncClient, path: str, limit: int) -> list[dict[str, Any]]:
    """All pages, each asked for with the cursor of the one before."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = (await client.get(f"{path}&limit={limit}{cursor}")).json()
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = f"&cursor={page['next_cursor']}"


@on_both_databases
async def test_costs_by_any_dimension_tag_and_filter_in_pages(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    rows = [
        {
            "EffectiveCost": f"{n}.000000000001",
            "ServiceName": f"s{n % 3}",
            "RegionId": "" if n % 2 else "eu-1",
            "AvailabilityZone": "a" if n % 5 == 0 else "b",
            "x_Team": "",
            "Tags": '{"env,ironment":"prod","Ä \'k":"v"}'
            if n % 4 == 0
            else '{"env,ironment":""}'
            if n % 4 == 1
            else "",
            "ConsumedQuantity": f"{n}.5",
            **(NOVEMBER if n >= 20 else {}),
        }
        for n in range(30)
    ]
    await imported(service, finance, focus_csv(*rows, {"EffectiveCost": "1", "x_Team": "blue", **NOVEMBER}))
    both = "/v1/costs?from=2026-10&to=2026-11"
    whole = (await finance.get(f"{both}&group_by=Source")).json()
    assert [(group["period"], group["key"], group["rows"]) for group in whole["items"]] == [
        ("2026-10", "aws", 20),
        ("2026-11", "aws", 11),
    ]
    assert whole["totals"][0]["cost"] == "436.000000000030"
    assert (whole["from"], whole["to"], whole["period"]) == ("2026-10", "2026-11", None)

    for group_by in (
        "ServiceName",
        "ServiceName,RegionId,AvailabilityZone",
        "tag:env,ironment",
        "tag:Ä 'k",
        "x_Team",
        "ResourceId",
        "account,origin,cost_centre,ChargeDescription,SkuPriceId",
    ):
        path = f"{both}&group_by={group_by}"
        pages = await everything(finance, path, 3)
        assert pages == (await finance.get(f"{path}&limit=1000")).json()["items"]
        assert len({(page["period"], *page["keys"].values()) for page in pages}) == len(pages)
        assert sum(Decimal(page["cost"]) for page in pages) == Decimal("436.000000000030")
        assert sum(page["rows"] for page in pages) == 31
    two = (await finance.get(f"{both}&group_by=ServiceName&group_by=tag:env,ironment&limit=1000")).json()
    assert two["dimensions"] == ["ServiceName", "tag:env,ironment"]
    assert {item["keys"]["tag:env,ironment"] for item in two["items"]} == {"prod", "", None}

    filtered = (await finance.get(f"{both}&filter=ServiceName=s0&filter=ServiceName=s1&filter=RegionId=")).json()
    wanted = [n for n in range(30) if n % 3 < 2 and n % 2]
    assert filtered["totals"][0]["rows"] == len(wanted)
    assert {item["key"] for item in filtered["items"]} == {"s0", "s1"}
    zone = (await finance.get(f"{both}&filter=AvailabilityZone=a&filter=tag:env,ironment=prod")).json()
    assert zone["totals"][0]["rows"] == len([n for n in range(30) if n % 5 == 0 and n % 4 == 0])

    rows_path = "/v1/cost-rows?from=2026-10&to=2026-11&filter=ServiceName=s1"
    found = await everything(finance, rows_path, 4)
    assert [row["line"] for row in found] == [n + 2 for n in range(30) if n % 3 == 1]
    assert (found[0]["consumed_quantity"], found[0]["other"], found[1]["tags"]) == (
        "1.5",
        {"AvailabilityZone": "b"},
        {"env,ironment": "prod", "Ä 'k": "v"},
    )
    assert {row["source"] for row in found} == {"aws"}


@on_both_databases
async def test_pools_take_rows_by_one_of_several_values_by_prefix_and_by_presence(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    await imported(
        service,
        finance,
        focus_csv(
            {"ServiceName": "EC2", "EffectiveCost": "1"},
            {"ServiceName": "ec2", "EffectiveCost": "2"},
            {"ServiceName": "S%3", "EffectiveCost": "4"},
            {"ServiceName": "RDS", "EffectiveCost": "8", "Tags": '{"team": "x"}'},
            {"ServiceName": "RDS", "EffectiveCost": "16", "SkuPriceId": "p-1"},
            {"ServiceName": "Other", "EffectiveCost": "32"},
        ),
    )
    pools: list[list[dict[str, Any]]] = [
        [{"column": "ServiceName", "prefix": "EC"}],
        [{"column": "ServiceName", "prefix": "S%"}],
        [
            {"column": "ServiceName", "in": ["RDS", "ec2"]},
            {"tag": "team", "present": False},
            {"column": "SkuPriceId", "present": False},
        ],
        [{"tag": "team", "present": True}],
        [{"column": "SkuPriceId", "equals": "p-1"}, {"column": "origin", "equals": "focus"}],
    ]
    for number, rules in enumerate(pools):
        answer = await finance.post(
            "/v1/cost-pools",
            json={"name": f"p{number}", "rules": rules, "driver": {"kind": "fixed", "shares": []}},
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["rules"] == rules
    run = (await finance.post("/v1/allocation-runs", json={"period": "2026-10", "method": "direct"})).json()
    detail = (await finance.get(f"/v1/allocation-runs/{run['id']}")).json()
    assert [(pool["name"], Decimal(pool["amount"])) for pool in detail["pools"]][:5] == [
        ("p0", 1),
        ("p1", 4),
        ("p2", 2),
        ("p3", 8),
        ("p4", 16),
    ]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("", "period"),
        ("period=2026-10&from=2026-10&to=2026-11", "period"),
        ("from=2026-11&to=2026-10", "to"),
        ("from=2026-10", "period"),
        ("period=2026-10&filter=ServiceName", "filter"),
        ("period=2026-10&filter=Colour=red", "filter"),
        ("period=2026-10&group_by=x_a-b", "group_by"),
        ("period=2026-10&cursor=!", "cursor"),
        ("period=2026-10&cursor=WyIyMDI2LTEwIl0", "cursor"),
        ("period=2026-10&group_by=A,B,C,D,E,F,G,H,I", "group_by"),
    ],
)
async def test_questions_that_make_no_sense_are_refused_by_name(
    finance: httpx.AsyncClient, query: str, pointer: str
) -> None:
    answer = await finance.get(f"/v1/costs?{query}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    if "group_by" not in query:
        rows = await finance.get(f"/v1/cost-rows?{query}")
        assert (rows.status_code, rows.json()["errors"][0]["pointer"]) == (422, pointer), rows.text
