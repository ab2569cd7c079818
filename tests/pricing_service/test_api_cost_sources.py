"""Cost sources: terms, a ledger by its mapping, what is cleared, and residuals that keep a period open."""

import gzip
from decimal import Decimal
from typing import Any

import httpx
import pytest

from services.testing import ServiceHarness
from tests.pricing_service.samples import CSV, focus_csv, imported, on_both_databases

pytestmark = pytest.mark.anyio

MAPPING = {
    "date": "Buchungstag",
    "account": "Konto",
    "cost_centre": "Kostenstelle",
    "debit": "Soll",
    "credit": "Haben",
    "currency": "Währung",
    "text": "Text",
    "tax_code": "Steuer",
    "tax_amount": "Vorsteuer",
    "columns": {"ProviderName": "Lieferant"},
    "tags": {"project": "Projekt"},
    "decimal_format": "1.234,56",
    "minus_sign": "1-",
    "date_format": "DD.MM.YYYY",
    "delimiter": ";",
}
HEADER = "Buchungstag;Konto;Kostenstelle;Soll;Haben;Währung;Text;Steuer;Vorsteuer;Lieferant;Projekt\n"
PAST = {"BillingPeriodStart": "2026-09-01", "BillingPeriodEnd": "2026-10-01"}
SEPTEMBER = {
    "BillingPeriodStart": "2026-09-01T00:00:00Z",
    "BillingPeriodEnd": "2026-10-01T00:00:00Z",
    "ChargePeriodStart": "2026-09-05T00:00:00Z",
    "ChargePeriodEnd": "2026-09-06T00:00:00Z",
}


def ledger(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


async def declared(client: httpx.AsyncClient, name: str, **body: Any) -> dict[str, Any]:
    answer = await client.put(f"/v1/cost-sources/{name}", json={"cost_basis": "billed", **body})
    assert answer.status_code == 200, answer.text
    read: dict[str, Any] = answer.json()
    return read


async def posted(
    service: ServiceHarness, client: httpx.AsyncClient, content: str | bytes, source: str = "erp"
) -> dict[str, Any]:
    answer = await client.post(f"/v1/ledger-imports?source={source}", content=content, headers=CSV)
    assert answer.status_code == 202, answer.text
    await service.finished_job(answer.json()["id"])
    job: dict[str, Any] = (await client.get(answer.headers["location"])).json()
    return job


async def total(client: httpx.AsyncClient, query: str) -> list[tuple[str, str, int]]:
    view = (await client.get(f"/v1/costs?{query}")).json()
    return [(each["currency"], each["cost"], each["rows"]) for each in view["totals"]]


@on_both_databases
async def test_a_ledger_is_cleared_by_its_detail_and_closes_when_the_residual_is_explained(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    await declared(finance, "aws", accounts=["6540"], cost_basis="effective")
    await declared(
        finance,
        "erp",
        kind="ledger",
        mapping=MAPPING,
        recoverable_tax={"share": "0", "codes": {"V19": "1", "V50": "0.5"}},
    )
    text = ledger(
        "30.09.2026;6540;IT01;1.300,50;;USD;AWS invoice;;;Amazon;",
        "30.09.2026;6540;IT01;;100,00;USD;AWS credit;;;Amazon;",
        "15.09.2026;7000;HR02;119,00;;USD;Licences;V19;19,00;Acme;apollo",
        "15.09.2026;7000;HR02;110,00;;USD;Licences;V50;10,00;Acme;apollo",
        "15.09.2026;7000;HR02;10,00-;;USD;Discount;V00;;Acme;",
    )
    job = await posted(service, finance, gzip.compress(text.encode()))
    assert (job["state"], job["result"]["rows"], job["result"]["rejected"]) == ("succeeded", 5, [])
    assert job["result"]["billed_cost"] == "1419.50"
    await imported(service, finance, focus_csv(*[{**SEPTEMBER, "EffectiveCost": "1000", "BilledCost": "1200.5"}]))

    # Cost is the detail and the rows of undetailed accounts, without the tax that comes back.
    view = (await finance.get("/v1/costs?period=2026-09&group_by=account&group_by=ProviderName")).json()
    shown = {(g["keys"]["account"], g["keys"]["ProviderName"]): g for g in view["items"]}
    acme = shown["7000", "Acme"]
    assert (Decimal(acme["cost"]), Decimal(acme["recoverable_tax"]), Decimal(acme["billed_cost"])) == (195, 24, 219)
    assert shown["6540", None]["cost"] == "1000"
    assert (view["totals"][0]["rows"], Decimal(view["totals"][0]["cost"])) == (4, 1195)
    project = (await finance.get("/v1/costs?period=2026-09&group_by=tag:project&filter=cost_centre=HR02")).json()
    assert [(group["key"], Decimal(group["cost"])) for group in project["items"]] == [("apollo", 205), (None, -10)]
    cleared = (await finance.get("/v1/cost-rows?period=2026-09&cleared=true")).json()["items"]
    assert [(row["cleared_by"], row["cost"], row["account"]) for row in cleared] == [
        ("aws", "1300.50", "6540"),
        ("aws", "-100.00", "6540"),
    ]

    clearing = (await finance.get("/v1/periods/2026-09/clearing")).json()
    (line,) = clearing["items"]
    assert (line["account"], line["sources"], line["currency"]) == ("6540", ["aws"], "USD")
    figures = [Decimal(line[name]) for name in ("ledger", "detail", "detail_billed", "residual", "unexplained")]
    assert figures == [Decimal("1200.50"), 1000, Decimal("1200.5"), Decimal("200.50"), Decimal("200.50")]

    # The period stays open until the residual has its reasons.
    refused = await finance.post("/v1/periods/2026-09/close")
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "/checks/residual-unexplained"
    path = "/v1/periods/2026-09/clearing/6540/explanation"
    for amount in ("200.51", "-1", "0"):
        wrong = await finance.post(path, json={"reason": "?", "amount": amount})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/amount")
    part = await finance.post(path, json={"reason": "prepaid for 2027", "amount": "150", "treatment": "left-out"})
    assert part.status_code == 201, part.text
    rest = await finance.post(path, json={"reason": "support fee", "tags": {"project": "all"}, "cost_centre": "IT01"})
    assert (rest.json()["amount"], rest.json()["treatment"]) == ("50.50", "cost")
    none = await finance.post(path, json={"reason": "again"})
    assert (none.status_code, none.json()["type"]) == (409, "urn:itaas:problem:nothing-to-explain")
    clearing = (await finance.get("/v1/periods/2026-09/clearing")).json()
    assert Decimal(clearing["items"][0]["unexplained"]) == 0
    assert [each["reason"] for each in clearing["explanations"]] == ["prepaid for 2027", "support fee"]
    residual = (await finance.get("/v1/cost-rows?period=2026-09&filter=origin=residual")).json()["items"]
    assert [(row["cost"], row["account"], row["cost_centre"], row["tags"]) for row in residual] == [
        ("50.50", "6540", "IT01", {"project": "all"})
    ]
    assert [Decimal(cost) for _, cost, _ in await total(finance, "period=2026-09")] == [Decimal("1245.50")]
    assert (await finance.post("/v1/periods/2026-09/close")).status_code == 200
    assert (await finance.post(path, json={"reason": "too late"})).json()["type"].endswith("period-closed")

    # A restated ledger of the closed period: the difference is cleared, or counts, in the open one.
    restated = text.replace("1.300,50", "1.310,50").replace("119,00", "129,00")
    job = await posted(service, finance, restated)
    assert [(each["period"], each["booked_in"], each["rows"]) for each in job["result"]["booked"]] == [
        ("2026-09", "2026-10", 2)
    ]
    assert Decimal(job["result"]["booked"][0]["cost"]) == 10
    assert [Decimal(cost) for _, cost, _ in await total(finance, "period=2026-10")] == [10]
    (october,) = (await finance.get("/v1/periods/2026-10/clearing")).json()["items"]
    assert (october["account"], Decimal(october["ledger"]), Decimal(october["residual"])) == ("6540", 10, 10)


async def test_accounts_are_cleared_anew_when_a_source_says_otherwise(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    mapping = {"period": "P", "account": "A", "amount": "V", "decimal_format": "1234.56", "period_format": "YYYYPP"}
    await declared(finance, "erp", kind="ledger", currency="USD", mapping=mapping)
    job = await posted(service, finance, "P,A,V\n202610,1,5\n202610,2,7\n202613,1,1\n2026-10,1,1\n202610,,1\n")
    reasons = [each["reason"] for each in job["result"]["rejected"]]
    assert reasons == [
        "P: '202613' is no period: a year has 12",
        "P: '2026-10' is not written like YYYYPP",
        "A is empty",
    ]
    job = await imported(service, finance, focus_csv({"ServiceName": "a"}, {"ServiceName": "b", "Tags": '{"k": "v"}'}))
    assert await total(finance, "period=2026-10") == [("USD", "28.00", 4)]

    rules = [{"account": "2", "rules": [{"tag": "k", "present": True}]}]
    first = await declared(finance, "aws", accounts=["1", "2"], account_rules=rules)
    assert await total(finance, "period=2026-10") == [("USD", "16.00", 2)]
    lines = (await finance.get("/v1/periods/2026-10/clearing")).json()["items"]
    assert [(line["account"], line["residual"]) for line in lines] == [("1", "-3.00"), ("2", "-1.00")]
    again = await finance.put("/v1/cost-sources/aws", json={"cost_basis": "effective"})
    assert (again.status_code, again.json()["type"]) == (428, "urn:itaas:problem:source-exists")
    stale = await finance.put("/v1/cost-sources/aws", json={"cost_basis": "effective"}, headers={"if-match": '"9"'})
    assert stale.status_code == 412
    etag = (await finance.get("/v1/cost-sources/aws")).headers["etag"]
    changed = await finance.put(
        "/v1/cost-sources/aws", json={"cost_basis": "effective", "accounts": ["2"]}, headers={"if-match": etag}
    )
    assert (changed.status_code, changed.json()["id"]) == (200, first["id"])
    assert await total(finance, "period=2026-10") == [("USD", "21.00", 3)]
    # New rows find the account by the same rules.
    await imported(service, finance, focus_csv({}, {}))
    accounts = (await finance.get("/v1/costs?period=2026-10&group_by=account,origin")).json()["items"]
    assert [(each["keys"], each["cost"]) for each in accounts] == [
        ({"account": "1", "origin": "ledger"}, "5"),
        ({"account": "2", "origin": "focus"}, "16.00"),
    ]


async def test_terms_of_a_source_hold_for_its_imports(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    await imported(service, finance, focus_csv({}), source="implicit", basis="effective")
    implicit = (await finance.get("/v1/cost-sources/implicit")).json()
    assert (implicit["declared"], implicit["cost_basis"], implicit["kind"]) == (False, "effective", "focus")
    await declared(finance, "gcp", cost_basis="effective", currency="USD", recoverable_tax={"share": "0.25"})
    wrong = await finance.post("/v1/cost-imports?source=gcp&cost_basis=billed", content="x", headers=CSV)
    assert (wrong.status_code, wrong.json()["type"]) == (409, "urn:itaas:problem:cost-basis-contradicts")
    tax = {"ChargeCategory": "Tax", "EffectiveCost": "1.01", "BilledCost": "1.01"}
    answer = await finance.post(
        "/v1/cost-imports?source=gcp", content=focus_csv({}, tax, {"BillingCurrency": "EUR"}), headers=CSV
    )
    job = await service.finished_job(answer.json()["id"])
    assert job.result is not None
    assert (job.result["rows"], job.result["rejected_count"], job.result["cost_basis"]) == (2, 1, "effective")
    (group,) = (await finance.get("/v1/costs?period=2026-10&group_by=ChargeCategory&filter=ChargeCategory=Tax")).json()[
        "items"
    ]
    assert (group["cost"], group["recoverable_tax"], group["effective_cost"]) == ("0.7575", "0.2525", "1.01")
    unknown = await finance.post("/v1/ledger-imports?source=nobody", content="x", headers=CSV)
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (409, "source")
    mixed = await finance.post("/v1/ledger-imports?source=gcp", content="x", headers=CSV)
    assert (mixed.status_code, mixed.json()["type"]) == (409, "urn:itaas:problem:wrong-kind-of-source")
    assert (await finance.get("/v1/cost-sources/none")).status_code == 404
    assert [each["name"] for each in (await finance.get("/v1/cost-sources")).json()["items"]] == ["implicit", "gcp"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"accounts": ["1", "1"]}, "twice"),
        ({"kind": "ledger"}, "a ledger needs a mapping"),
        ({"mapping": MAPPING}, "a FOCUS source has no mapping"),
        ({"kind": "ledger", "mapping": MAPPING, "accounts": ["1"]}, "details no accounts"),
        ({"kind": "ledger", "mapping": {**MAPPING, "currency": None}}, "name the currency"),
        ({"kind": "ledger", "mapping": {**MAPPING, "period": "P"}}, "either date or period"),
        ({"kind": "ledger", "mapping": {**MAPPING, "credit": None}}, "debit and credit"),
        ({"kind": "ledger", "mapping": {**MAPPING, "columns": {"Colour": "x"}}}, "is none of"),
        ({"kind": "ledger", "cost_basis": "list", "mapping": MAPPING}, "is billed"),
        ({"recoverable_tax": {"share": "1.1"}}, "at most 1"),
        ({"account_rules": [{"account": "9", "rules": [{"tag": "a", "equals": "b"}]}]}, "none of the accounts"),
        (
            {"accounts": ["9"], "account_rules": [{"account": "9", "rules": [{"column": "Colour", "equals": "b"}]}]},
            "FOCUS",
        ),
        ({"accounts": ["9"], "account_rules": [{"account": "9", "rules": [{"tag": "a"}]}]}, "exactly one of"),
    ],
)
async def test_terms_that_make_no_sense_are_refused_by_field(
    finance: httpx.AsyncClient, body: dict[str, Any], said: str
) -> None:
    answer = await finance.put("/v1/cost-sources/x", json={"cost_basis": "billed", **body})
    assert answer.status_code == 422
    assert said in answer.text


async def test_a_ledger_without_its_columns_or_with_other_numbers_is_refused_by_name(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    mapping = {"date": "D", "account": "A", "amount": "V", "decimal_format": "1,234.56", "tax_accounts": ["15"]}
    await declared(finance, "erp", kind="ledger", currency="EUR", mapping=mapping, recoverable_tax={"share": "1"})
    job = await posted(service, finance, "D,A\n2026-10-01,1\n")
    assert job["problem"]["type"].endswith("ledger-columns-missing")
    assert job["problem"]["errors"] == [{"pointer": "V", "message": "missing"}]
    text = (
        'D,A,V\n2026-10-01,1,"1.234,56"\n2026-10-01,1,$5\n2026-02-30,1,5\n'
        '2026-10-01,15,19.00\n2026-10-01,1,"1,000.10"\n'
    )
    job = await posted(service, finance, text)
    assert [each["reason"] for each in job["result"]["rejected"]] == [
        "V: '1.234,56' is not written like 1,234.56",
        "V: '$5' carries a currency sign",
        "D: '2026-02-30' is no day",
    ]
    (group, tax) = (await finance.get("/v1/costs?period=2026-10&group_by=account")).json()["items"]
    assert (group["key"], group["cost"], tax["cost"], tax["recoverable_tax"]) == ("1", "1000.10", "0.00", "19.00")
    unchanged = await posted(service, finance, text)
    assert unchanged["result"]["unchanged"] is True
    await finance.put(
        "/v1/cost-sources/erp",
        json={"cost_basis": "billed", "kind": "ledger", "currency": "EUR", "mapping": mapping},
        headers={"if-match": "*"},
    )
    anew = await posted(service, finance, text)  # read on other terms, the same file says something else
    assert anew["result"]["unchanged"] is False
    assert await total(finance, "period=2026-10") == [("EUR", "1019.10", 2)]
