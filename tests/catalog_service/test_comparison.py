"""Comparison: what is best of a row, who sees cost and price, and what cannot be compared."""

from decimal import Decimal
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import update

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.comparison import ComparisonInvalid, Promise, Value, best_promises, best_values, check_ids
from catalog_service.domain.tier import Better
from catalog_service.tables import Offering
from services.ids import uuid7
from services.testing import ServiceHarness
from tests.catalog_service.samples import priced, published_offering, published_service

HIGHER, LOWER = Better.HIGHER, Better.LOWER


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([Value("16", "GB", HIGHER), Value("9", "GB", HIGHER), Value("32.0", "GB", HIGHER)], [2]),
        ([Value("16", "ms", LOWER), None, Value("9", "ms", LOWER)], [2]),
        ([Value("8", None, HIGHER), Value("8.0", None, HIGHER), Value("4", None, HIGHER)], [0, 1]),
        ([Value("8", None, HIGHER), Value("8.0", None, HIGHER)], []),  # all alike
        ([Value("8", None, HIGHER), None], []),  # nothing to compare with
        ([Value("8", "GB", HIGHER), Value("4", "TB", HIGHER)], []),  # another unit
        ([Value("8", "GB", HIGHER), Value("4", "GB", LOWER)], []),  # another opinion
        ([Value("8", "GB", HIGHER), Value("4", "GB", None)], []),
        ([Value(True, None, HIGHER), Value(False, None, HIGHER)], [0]),
        ([Value(True, None, LOWER), Value(False, None, LOWER)], [1]),
        ([Value("ssd", None, None), Value("sas", None, None)], []),
        ([None, None], []),
    ],
)
def test_the_best_of_an_attribute(values: list[Value | None], best: list[int]) -> None:
    assert best_values(values) == best


@pytest.mark.parametrize(
    ("kind", "promises", "best"),
    [
        (CommitmentKind.AVAILABILITY, [("99.5", "percent"), ("99.95", "percent")], [1]),
        (CommitmentKind.LEAD_TIME, [("5", "days"), ("100", "hours"), ("6", "days")], [1]),
        (CommitmentKind.RTO, [("60", "minutes"), ("1", "hours"), ("2", "hours")], [0, 1]),
        (CommitmentKind.RPO, [("0", "minutes"), None], []),
        (CommitmentKind.SUPPORT_HOURS, [("40", "hours_per_week"), ("168", "hours_per_week")], [1]),
    ],
)
def test_the_best_promise(kind: CommitmentKind, promises: list[tuple[str, str] | None], best: list[int]) -> None:
    assert best_promises(kind, [None if one is None else Promise(Decimal(one[0]), one[1]) for one in promises]) == best


@pytest.mark.parametrize(
    ("ids", "pointers"),
    [
        ([], ["offering_id"]),
        ([1], ["offering_id"]),
        ([1, 2, 3, 4, 5, 6, 7], ["offering_id.6"]),
        ([1, 2, 1, 2], ["offering_id.2", "offering_id.3"]),
    ],
)
def test_what_cannot_be_compared(ids: list[int], pointers: list[str]) -> None:
    with pytest.raises(ComparisonInvalid) as refused:
        check_ids(ids)
    assert [fault.pointer for fault in refused.value.faults] == pointers


@pytest.mark.anyio
async def test_offerings_side_by_side(catalog: ServiceHarness, owner: httpx.AsyncClient) -> None:
    service = await published_service(owner)
    attribute = {"key": "ram", "name": "Memory", "unit": "GB", "better": "higher"}
    availability = {"kind": "availability", "unit": "percent"}
    small, large = [
        await published_offering(
            owner,
            service["id"],
            name=name,
            external_ids=[],
            tier={"name": name, "rank": rank, "attributes": [attribute | {"value": ram}]},
            commitments=[availability | {"target": target}],
        )
        for name, rank, ram, target in [("Small", 1, "8", "99.5"), ("Large", 2, "32", "99.9")]
    ]
    science, arts = uuid7(), uuid7()
    charge = {"key": "flat", "name": "Server", "recurring": "monthly", "model": "flat", "unit_price": "41.50"}
    await priced(owner, small["id"], plan_version=101, charges=[charge])
    own = [charge | {"unit_price": "30"}]
    await priced(owner, small["id"], plan_version=102, charges=own, audience=[str(science)])
    await catalog.deliver(
        "itaas.demand.lead-time.updated.v1",
        subject=UUID(small["id"]),
        data={"offering_id": small["id"], "p50_days": "2.5", "p85_days": "4", "n": 12, "since": "2026-10-01T00:00:00Z"},
    )
    params = {"offering_id": [small["id"], large["id"]]}
    mine = (await catalog.client(["consumer"], [science]).get("/v1/comparisons", params=params)).json()
    assert [column["name"] for column in mine["offerings"]] == ["Small", "Large"]
    assert mine["business_unit_id"] == str(science)
    assert mine["attributes"] == [
        {
            "key": "ram",
            "name": "Memory",
            "better": "higher",
            "values": [{"value": "8", "unit": "GB"}, {"value": "32", "unit": "GB"}],
            "best": [1],
        }
    ]
    assert [(row["kind"], row["better"], row["best"]) for row in mine["commitments"]] == [
        ("availability", "higher", [1])
    ]
    first, second = mine["offerings"]
    assert first["price"]["charges"][0]["unit_price"] == "30"
    assert (first["observed_lead_time"]["p85_days"], second["observed_lead_time"]) == ("4", None)
    assert first["unit_cost"] is None
    detail = (await catalog.client(["consumer"], [arts]).get(f"/v1/offerings/{small['id']}")).json()
    assert (detail["price"]["charges"][0]["unit_price"], detail["unit_cost"]) == ("41.50", None)

    theirs = (await owner.get("/v1/comparisons", params=params | {"business_unit_id": str(arts)})).json()
    assert theirs["offerings"][0]["price"]["charges"][0]["unit_price"] == "41.50"
    assert theirs["offerings"][0]["unit_cost"]["planned"] is not None
    assert (await owner.get(f"/v1/offerings/{small['id']}")).json()["unit_cost"]["currency"] == "USD"

    async with catalog.runtime.database.transaction() as session:
        await session.execute(update(Offering).where(Offering.id == UUID(large["id"])).values(everyone=False))
    for ids, status, pointers in [
        ([small["id"], large["id"]], 404, ["offering_id.1"]),
        ([str(uuid4()), small["id"]], 404, ["offering_id.0"]),
        ([small["id"], small["id"]], 422, ["offering_id.1"]),
        ([small["id"]], 422, ["offering_id"]),
        ([], 422, ["offering_id"]),
        ([small["id"], "x"], 422, ["offering_id.1"]),
    ]:
        refused = await catalog.client(["consumer"]).get("/v1/comparisons", params={"offering_id": ids})
        assert refused.status_code == status, refused.text
        assert [fault["pointer"] for fault in refused.json()["errors"]] == pointers
