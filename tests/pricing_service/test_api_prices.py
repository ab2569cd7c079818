"""Price plans in versions, and the price calculator held to its contract."""

from typing import Any

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import PER_HOUR, PER_SERVER, World

pytestmark = pytest.mark.anyio

FALLING = [
    {"up_to": "5", "unit_price": "7", "flat_fee": "0"},
    {"up_to": "10", "unit_price": "6.5"},
    {"up_to": None, "unit_price": "6"},
]


async def preview(client: httpx.AsyncClient, charge: dict[str, Any], quantity: str) -> httpx.Response:
    return await client.post("/v1/price-previews", json={"charge": charge, "currency": "USD", "quantity": quantity})


async def test_the_calculator_as_the_contract_says(service: ServiceHarness) -> None:
    async with service.client(roles=["consumer"]) as client:
        answer = await preview(client, {"model": "graduated", "tiers": FALLING}, "6")
        assert answer.status_code == 200
        assert answer.json()["total"] == {"amount": "41.50", "currency": "USD"}
        (line,) = answer.json()["lines"]
        assert line["formula"] == "5 × 7 + 1 × 6.5 = 41.5 USD"
        assert [(part["label"], part["amount"]) for part in line["parts"]] == [
            ("up to 5", "35"),
            ("above 5 up to 10", "6.5"),
        ]


@pytest.mark.parametrize(
    ("charge", "quantity", "total", "lines"),
    [
        ({"model": "volume", "tiers": FALLING}, "25", "150.00", 1),
        ({"model": "flat", "amount": "9.99"}, "0", "9.99", 1),
        ({"model": "per_unit", "unit_price": "1.33333"}, "10", "13.33", 1),
        ({"model": "package", "package_size": "15", "package_price": "10"}, "16", "20.00", 1),
        ({"model": "percentage", "rate": "2.5"}, "1000", "25.00", 1),
        ({"model": "cost_plus", "unit_cost": "12.5", "markup": "20"}, "4", "60.00", 1),
        ({"model": "stairstep", "tiers": [{"up_to": "10", "flat_fee": "50"}, {"flat_fee": "80"}]}, "11", "80.00", 1),
        ({"model": "per_unit", "unit_price": "5", "minimum": "100"}, "10", "100.00", 2),
        ({"model": "per_unit", "unit_price": "5", "maximum": "40"}, "10", "40.00", 1),
    ],
)
async def test_all_models(
    finance: httpx.AsyncClient, charge: dict[str, Any], quantity: str, total: str, lines: int
) -> None:
    answer = (await preview(finance, charge, quantity)).json()
    assert (answer["total"]["amount"], len(answer["lines"])) == (total, lines)


@pytest.mark.parametrize(
    ("charge", "quantity", "kind", "pointer"),
    [
        ({"model": "graduated", "tiers": [{"up_to": "5"}]}, "1", "tier-gap", "/charge/tiers/0/up_to"),
        ({"model": "volume", "tiers": []}, "1", "tier-gap", "/charge/tiers"),
        ({"model": "volume", "tiers": [{}, {}]}, "1", "tier-overlap", "/charge/tiers/0/up_to"),
        ({"model": "per_unit", "unit_price": "-1"}, "1", "negative-price", "/charge/unit_price"),
        ({"model": "per_unit", "unit_price": 1}, "1", "request-not-valid", "/charge/unit_price"),
        ({"model": "per_unit", "unit_price": "NaN"}, "1", "request-not-valid", "/charge/unit_price"),
        ({"model": "per_unit", "unit_price": "1" * 19}, "1", "request-not-valid", "/charge/unit_price"),
        ({"model": "per_unit", "unit_price": "1", "colour": "x"}, "1", "request-not-valid", "/charge/colour"),
        ({"model": "barter"}, "1", "request-not-valid", "/charge"),
        ({"model": "flat", "amount": "1"}, "-1", "request-not-valid", "/quantity"),
        (
            {"model": "flat", "amount": "1", "minimum": "3", "maximum": "2"},
            "1",
            "minimum-above-maximum",
            "/charge/minimum",
        ),
    ],
)
async def test_wrong_charges_are_refused_by_name_and_field(
    finance: httpx.AsyncClient, charge: dict[str, Any], quantity: str, kind: str, pointer: str
) -> None:
    answer = await preview(finance, charge, quantity)
    assert answer.status_code == 422
    assert answer.json()["type"] == f"urn:itaas:problem:{kind}"
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_the_largest_numbers_that_the_api_admits_are_exact(finance: httpx.AsyncClient) -> None:
    most = "9" * 18 + "." + "9" * 18
    charge = {"model": "cost_plus", "unit_cost": most, "markup": most, "minimum": most}
    assert (await preview(finance, charge, most)).status_code == 200
    tiers = [{"up_to": most, "unit_price": most, "flat_fee": most}, {"unit_price": most}]
    assert (await preview(finance, {"model": "graduated", "tiers": tiers}, most)).status_code == 200


async def test_plans_come_in_versions_and_tell_of_them(
    service: ServiceHarness, finance: httpx.AsyncClient, world: World
) -> None:
    first = await world.priced(finance, PER_SERVER)
    second = await world.priced(finance, PER_SERVER | {"unit_price": "33"}, PER_HOUR, since="2026-12-01")
    plans = (await finance.get(f"/v1/price-plans?offering_id={world.offering}")).json()["items"]
    assert [(plan["id"], plan["plan_version"]) for plan in plans] == [(first, 1), (second, 2)]
    assert plans[1]["charges"][1]["tiers"][1] == {"unit_price": "0.333", "flat_fee": "0"}
    events = await service.published("itaas.pricing.price.changed.v1")
    assert [(event.subject, event.sequence, event.data["plan_version"]) for event in events] == [
        (str(world.offering), 1, 1),
        (str(world.offering), 2, 2),
    ]


async def test_wrong_plans_are_refused(finance: httpx.AsyncClient, world: World) -> None:
    good = {"offering_id": str(world.offering), "currency": "USD", "charges": [PER_SERVER]}
    for change, pointer in (
        ({"charges": []}, "/charges"),
        ({"charges": [PER_SERVER, PER_SERVER]}, "/charges/1/key"),
        ({"charges": [PER_HOUR | {"meter": None}]}, "/charges/0/meter"),
        ({"charges": [PER_SERVER | {"meter": "x"}]}, "/charges/0/meter"),
        ({"charges": [PER_HOUR | {"tiers": [{"up_to": "1"}]}]}, "/charges/0/tiers/0/up_to"),
        ({"charges": [PER_SERVER | {"recurring": "weekly"}]}, "/charges/0/recurring"),
        ({"currency": "usd"}, "/currency"),
        ({"effective_from": "2026-01-01T00:00:00"}, "/effective_from"),
        ({"effective_from": "0001-01-01T00:00:00+14:00"}, "/effective_from"),
        ({"offering_id": "x"}, "/offering_id"),
    ):
        answer = await finance.post("/v1/price-plans", json=good | change)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert (await finance.post("/v1/price-plans", json=good)).status_code == 201
    other = await finance.post("/v1/price-plans", json=good | {"currency": "EUR"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:itaas:problem:plan-currency-fixed")


async def test_pointers_lead_through_the_body_that_was_sent(finance: httpx.AsyncClient, world: World) -> None:
    tiers = [{"up_to": "x", "unit_price": "1"}, {"unit_price": "1"}]
    for charge, at in (
        ({"model": "cost_plus", "unit_cost": "1"}, ["/markup"]),
        ({"model": "cost_plus", "unit_cost": "1", "markup": "10", "cost_plus": 1}, ["/cost_plus"]),
        ({"model": "flat", "amount": "1e3", "a/b": 1}, ["/amount", "/a~1b"]),
        ({"model": "graduated", "tiers": tiers}, ["/tiers/0/up_to"]),
        ({"model": "none_such"}, [""]),
        ({}, [""]),
        ("text", [""]),
    ):
        refused = await preview(finance, charge, "1")  # type: ignore[arg-type]
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/charge{each}" for each in at], charge
        named = {"key": "p", "name": "P", "recurring": "month"} | charge if isinstance(charge, dict) else charge
        plan = {"offering_id": str(world.offering), "currency": "USD", "effective_from": "2026-01-01T00:00:00Z"}
        refused = await finance.post("/v1/price-plans", json=plan | {"charges": [PER_SERVER, named]})
        assert refused.status_code == 422
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/charges/1{each}" for each in at], charge
