"""Cost imports through the API: exact totals, faults, the same file again, a restatement, and cost views."""

import asyncio
import gzip
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, select, update

from pricing_service.tables import CostRow
from pricing_service.use_cases import cost_imports
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.testing import ServiceHarness
from tests.pricing_service.samples import CSV, focus_csv, imported, on_both_databases, real_focus_sample

pytestmark = pytest.mark.anyio

DEFECT_PAUSE = timedelta(seconds=10)  # a job waits less after a defect, and has a longer lease while it runs


@on_both_databases
async def test_the_real_sample_adds_up_exactly(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    job = await imported(service, finance, real_focus_sample().read_bytes(), source="sample")
    assert job["state"] == "succeeded"
    result = job["result"]
    assert (result["rows"], result["rejected_count"], result["unchanged"]) == (1000, 0, False)
    assert (result["billed_cost"], result["effective_cost"], result["currency"]) == (
        "20.52022672899",
        "14.97651418586",
        "USD",
    )
    assert job["progress"] == {"done": 1000, "total": 1000}
    assert result["periods"] == ["2024-09", "2024-10"]

    view = (await finance.get("/v1/costs?period=2024-09&group_by=tag:business_unit&limit=1000")).json()
    october = (await finance.get("/v1/costs?period=2024-10")).json()
    billed = [Decimal(total["billed_cost"]) for total in [*view["totals"], *october["totals"]]]
    assert sum(billed) == Decimal("20.52022672899")
    assert sum(Decimal(group["billed_cost"]) for group in view["items"]) == billed[0]
    assert sum(group["rows"] for group in view["items"]) == 999
    assert {"PeoriaData", "TempeAI", None} <= {group["key"] for group in view["items"]}


async def test_gzip_and_plain_are_the_same_file(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    text = focus_csv({}, {"EffectiveCost": "0.1"}).encode()
    first = await imported(service, finance, gzip.compress(text), headers={"content-encoding": "gzip"})
    assert (first["result"]["rows"], first["result"]["effective_cost"]) == (2, "8.10")
    magic = await imported(service, finance, gzip.compress(text, mtime=1))
    plain = await imported(service, finance, text)
    for again in (magic, plain):
        assert again["result"]["unchanged"] is True
        assert again["result"]["import_id"] == first["result"]["import_id"]
    imports = (await finance.get("/v1/cost-imports")).json()["items"]
    assert [(one["state"], one["rows"]) for one in imports] == [("ready", 2)]


async def test_bad_rows_are_rejected_with_line_and_reason_and_good_rows_kept(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    text = focus_csv({}, {"BilledCost": "$10,000.00 "}, {}, {"BillingCurrency": "EUR"}, {"Tags": "{"})
    job = await imported(service, finance, text + "too,short\n")
    assert job["state"] == "succeeded"
    assert job["result"]["rows"] == 2
    assert job["result"]["rejected_count"] == 4
    assert job["result"]["rejected"][0] == {
        "line": 3,
        "reason": "BilledCost: '$10,000.00 ' carries a currency sign",
    }
    assert [row["line"] for row in job["result"]["rejected"]] == [3, 5, 6, 7]
    detail = (await finance.get(f"/v1/cost-imports/{job['result']['import_id']}")).json()
    assert detail["rejected"] == job["result"]["rejected"]


async def test_the_first_thousand_faults_are_kept_and_all_are_counted(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    job = await imported(service, finance, focus_csv({}, *[{"BilledCost": "x"}] * 2500, {}))
    assert (job["result"]["rows"], job["result"]["rejected_count"]) == (2, 2500)
    assert len(job["result"]["rejected"]) == 1000


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"ServiceName,BilledCost\nx,1\n", "focus-columns-missing"),
        (b"BilledCost,BilledCost\n", "focus-header-unreadable"),
        (focus_csv({"BilledCost": "x"}).encode(), "no-readable-rows"),
        (b"\x1f\x8b" + b"not gzip at all", "gzip-unreadable"),
        (gzip.compress(focus_csv({}).encode())[:-9], "gzip-unreadable"),
        (focus_csv({}).encode() + b"x" * 2_000_000, "line-too-long"),
    ],
)
async def test_a_file_that_cannot_be_read_fails_its_job_by_name(
    service: ServiceHarness, finance: httpx.AsyncClient, content: bytes, problem: str
) -> None:
    job = await imported(service, finance, content)
    assert job["state"] == "failed"
    assert job["problem"]["type"] == f"urn:itaas:problem:{problem}"
    assert (await finance.get("/v1/costs?period=2026-10")).json()["totals"] == []


@on_both_databases
async def test_a_later_file_supersedes_the_period_and_only_that(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    november = {"BillingPeriodStart": "2026-11-01", "BillingPeriodEnd": "2026-12-01"}
    old = focus_csv({}, {}, november)
    await imported(service, finance, old)
    await imported(service, finance, focus_csv({"EffectiveCost": "1"}), source="azure")
    await imported(service, finance, focus_csv({"EffectiveCost": "2.5"}))

    async def cost(period: str) -> tuple[str, int]:
        (total,) = (await finance.get(f"/v1/costs?period={period}&group_by=Source")).json()["totals"]
        return total["cost"], total["rows"]

    assert await cost("2026-10") == ("3.5", 2)
    assert await cost("2026-11") == ("8.00", 1)
    again = await imported(service, finance, old)  # a restatement back: not "unchanged", it no longer counts in full
    assert again["result"]["unchanged"] is False
    assert await cost("2026-10") == ("17.00", 3)


async def test_the_cost_basis_decides_which_column_is_the_cost(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    text = focus_csv({"ListCost": "30", "ContractedCost": "20"})
    for basis, cost in (("billed", "10.00"), ("effective", "8.00"), ("contracted", "20"), ("list", "30")):
        await imported(service, finance, text, basis=basis)
        view = (await finance.get("/v1/costs?period=2026-10")).json()
        assert view["items"][0]["cost"] == cost
        assert view["items"][0]["rows"] == 1


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("source=aws&cost_basis=market", "cost_basis"),
        ("cost_basis=billed", "source"),
        ("source=a/b&cost_basis=billed", "source"),
    ],
)
async def test_wrong_parameters_are_named(finance: httpx.AsyncClient, query: str, pointer: str) -> None:
    answer = await finance.post(f"/v1/cost-imports?{query}", content=b"x", headers=CSV)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_other_refusals_of_imports_and_views(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    path = "/v1/cost-imports?source=aws&cost_basis=billed"
    assert (await finance.post(path, headers=CSV)).json()["type"].endswith("upload-empty")
    brotli = await finance.post(path, content=b"x", headers=CSV | {"content-encoding": "br"})
    assert (brotli.status_code, brotli.json()["errors"][0]["pointer"]) == (422, "Content-Encoding")
    for query, pointer in (
        ("period=2026-13", "period"),
        ("period=2026-10&group_by=Colour", "group_by"),
        ('period=2026-10&group_by=tag:a"b', "group_by"),
        ("period=2026-10&limit=0", "limit"),
    ):
        answer = await finance.get(f"/v1/costs?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    async with service.client(roles=["consumer"]) as consumer:
        assert (await consumer.get("/v1/costs?period=2026-10")).status_code == 403
        assert (await consumer.post(path, content=b"x")).status_code == 403
    assert (await finance.get("/v1/cost-imports/01890000-0000-7000-8000-000000000000")).status_code == 404


async def test_a_cancelled_import_leaves_no_rows(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    answer = await finance.post(
        "/v1/cost-imports?source=aws&cost_basis=billed", content=focus_csv(*[{}] * 30_000), headers=CSV
    )
    await finance.post(f"{answer.headers['location']}/cancel")
    job = await service.finished_job(answer.json()["id"])
    assert job.state == "cancelled"
    assert (await finance.get("/v1/costs?period=2026-10")).json()["totals"] == []


async def test_groups_are_limited_but_totals_are_not(service: ServiceHarness, finance: httpx.AsyncClient) -> None:
    await imported(service, finance, focus_csv(*[{"ServiceName": f"s{n}", "BilledCost": "0.1"} for n in range(5)]))
    view = (await finance.get("/v1/costs?period=2026-10&limit=2")).json()
    assert ([group["key"] for group in view["items"]], view["more"]) == (["s0", "s1"], True)
    assert (view["totals"][0]["rows"], view["totals"][0]["billed_cost"]) == (5, "0.5")


async def test_an_escaped_surrogate_or_nul_in_the_tags_costs_only_its_row(
    service: ServiceHarness, finance: httpx.AsyncClient
) -> None:
    text = focus_csv({}, {"Tags": '{"a":"\\ud800"}'}, {"Tags": '{"a":"\\u0000"}'}, {})
    job = await imported(service, finance, text)
    assert (job["state"], job["result"]["rows"]) == ("succeeded", 2)
    assert [row["line"] for row in job["result"]["rejected"]] == [3, 4]


async def stored_rows(service: ServiceHarness) -> int:
    async with service.runtime.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(CostRow)) or 0


@on_both_databases
async def test_an_import_whose_job_fails_by_a_defect_shows_failed_and_its_rows_go_with_the_next(
    service: ServiceHarness, finance: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def defect(*arguments: Any) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr(cost_imports, "_put_in_force", defect)
        path = "/v1/cost-imports?source=aws&cost_basis=effective"
        job_id = (await finance.post(path, content=focus_csv({}, {}, {"BilledCost": "x"}), headers=CSV)).json()["id"]
        async with asyncio.timeout(20):
            while (await finance.get(f"/v1/jobs/{job_id}")).json()["state"] not in ("failed", "succeeded"):
                for one in (await finance.get("/v1/cost-imports")).json()["items"]:
                    assert one["state"] in ("running", "failed")
                async with service.runtime.database.transaction() as session:  # no pause between its attempts
                    await session.execute(
                        update(Job)
                        .where(Job.id == UUID(job_id), Job.lease_until < utc_now() + DEFECT_PAUSE)
                        .values(lease_until=None)
                    )
                await asyncio.sleep(0.1)
    assert (await finance.get(f"/v1/jobs/{job_id}")).json()["problem"]["type"].endswith("internal-error")
    (shown,) = (await finance.get("/v1/cost-imports")).json()["items"]
    assert shown["state"] == "failed"
    assert (await finance.get(f"/v1/cost-imports/{shown['id']}")).json()["state"] == "failed"
    assert await stored_rows(service) == 2

    await imported(service, finance, focus_csv({}), source="azure")
    assert await stored_rows(service) == 3  # another source's import does not clear up
    await imported(service, finance, focus_csv({}))
    assert await stored_rows(service) == 2
    detail = (await finance.get(f"/v1/cost-imports/{shown['id']}")).json()
    assert (detail["state"], detail["rejected_count"], len(detail["rejected"])) == ("failed", 1, 1)
    states = [one["state"] for one in (await finance.get("/v1/cost-imports")).json()["items"]]
    assert states == ["failed", "ready", "ready"]


async def test_a_gzip_bomb_is_refused_by_name(
    service: ServiceHarness, finance: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_imports, "MAX_UNPACKED_MORE", 1 << 20)
    bomb = gzip.compress(focus_csv({}).encode() + b"\n" * (8 << 20))
    assert len(bomb) * 200 + (1 << 20) < 8 << 20
    job = await imported(service, finance, bomb)
    assert (job["state"], job["problem"]["type"]) == ("failed", "urn:itaas:problem:unpacked-too-large")
    assert (await finance.get("/v1/cost-imports")).json()["items"] == []


async def test_a_file_of_empty_lines_shows_progress_and_can_be_cancelled(
    service: ServiceHarness, finance: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_imports, "BATCH_CHARACTERS", 10_000)
    content = focus_csv({}) + "\n" * 6_000_000
    answer = await finance.post("/v1/cost-imports?source=aws&cost_basis=billed", content=content, headers=CSV)
    path = answer.headers["location"]
    async with asyncio.timeout(20):
        while (progress := (await finance.get(path)).json()["progress"])["done"] < 20_000:
            await asyncio.sleep(0.01)
    assert progress["total"] == 6_000_001
    await finance.post(f"{path}/cancel")
    job = await service.finished_job(answer.json()["id"])
    assert (job.state, await stored_rows(service)) == ("cancelled", 0)


async def test_empty_lines_among_the_rows_change_nothing(
    service: ServiceHarness, finance: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cost_imports, "BATCH_CHARACTERS", 5_000)
    rows = focus_csv(*[{}] * 300).splitlines()
    content = rows[0] + "\n" * 30_000 + "\n".join(rows[1:]) + "\n" * 30_000
    job = await imported(service, finance, content)
    assert (job["result"]["rows"], job["result"]["rejected_count"]) == (300, 0)
    assert job["progress"]["done"] == job["progress"]["total"] == content.count("\n") - 1
