"""The sample organisation, loaded into the whole suite in one process through its gateway."""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import yaml

from services.identity import LocalKeys, Role
from services.sample.costs import write_costs
from services.sample.load import SampleIds, load_sample, months_around
from services.sample.organisation import ORGANISATION, SampleNotLoaded, read_organisation
from services.settings import load_settings
from services.suite import running_suite


class Suite:
    def __init__(self, gateway: Any, keys: LocalKeys, stack: AsyncExitStack) -> None:
        self._gateway = gateway
        self._keys = keys
        self._stack = stack
        self.requests: list[tuple[str, str]] = []

    def client(self, role: Role, business_units: Sequence[UUID] = ()) -> httpx.AsyncClient:
        async def note(request: httpx.Request) -> None:
            self.requests.append((request.method, request.url.path))

        token = self._keys.issue(roles=[role], business_units=list(business_units))
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self._gateway),
            base_url="http://suite",
            headers={"Authorization": f"Bearer {token}"},
            event_hooks={"request": [note]},
            timeout=60,
        )
        self._stack.push_async_callback(client.aclose)
        return client

    async def load(self, path: Path = ORGANISATION) -> tuple[SampleIds, list[str]]:
        told: list[str] = []
        return await load_sample(self.client, told.append, path=path), told

    async def items(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        response = await self.client(Role.ADMIN).get(path, params={"limit": 200, **parameters})
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items

    async def post(self, role: Role, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        response = await self.client(role).post(path, json=body, **options)
        assert response.is_success, response.text
        answer: dict[str, Any] = response.json()
        return answer


@pytest.fixture
async def suite(tmp_path: Path) -> AsyncIterator[Suite]:
    settings = load_settings(itaas_data_dir=tmp_path)
    async with AsyncExitStack() as stack, running_suite(settings) as gateway:
        yield Suite(gateway, LocalKeys(tmp_path / "keys", create=True), stack)


@pytest.mark.anyio
async def test_it_is_loaded_once_and_its_costs_reach_every_service(suite: Suite) -> None:
    ids, (told,) = await suite.load()
    assert "6 business units" in told and "20 offerings" in told
    assert (len(ids.business_units), len(ids.services), len(ids.offerings)) == (6, 9, 20)

    suite.requests.clear()
    again, (told,) = await suite.load()
    assert (again, told) == (ids, "Lakeshore University is there already")
    assert {method for method, _ in suite.requests} == {"GET"}
    assert len(suite.requests) <= 15  # 14, and one more where a year turns

    await _is_what_the_file_says(suite, ids)
    await _costs_reach_every_service(suite)


async def _is_what_the_file_says(suite: Suite, ids: SampleIds) -> None:
    units = {unit["name"]: unit for unit in await suite.items("/demand/v1/business-units")}
    research = units["Research and Analytics"]
    assert research["parent_id"] == units["Faculty of Science"]["id"] == str(ids.business_units["science"])
    assert [goal["name"] for goal in research["goals"]] == ["Faster first results", "Nothing lost"]
    services = await suite.items("/catalog/v1/services")
    assert {(service["state"], service["active_revision"]) for service in services} == {("published", 1)}
    offerings = await suite.items("/catalog/v1/offerings")
    assert {offering["state"] for offering in offerings} == {"published"}
    plans = {plan["offering_id"]: plan["charges"] for plan in await suite.items("/pricing/v1/price-plans")}
    prices = [Decimal(plans[str(ids.offerings[f"virtual-server-{tier}"])][0]["unit_price"]) for tier in (1, 2, 3, 4)]
    assert prices == [270, 400, 500, 720]
    budgets = await suite.items("/pricing/v1/budgets", fiscal_year=datetime.now(UTC).year)
    assert {budget["business_unit_id"] for budget in budgets} == {str(unit) for unit in ids.business_units.values()}
    policies = await suite.items("/demand/v1/approval-policies")
    assert min(policies, key=lambda policy: policy["position"])["key"] == "small-and-budgeted"
    (survey,) = await suite.items("/feedback/v1/surveys")
    assert [question["kind"] for question in survey["questions"]] == ["nps", "text"]


async def _costs_reach_every_service(suite: Suite) -> None:
    period = months_around(datetime.now(UTC))[0]
    file = io.StringIO(newline="")
    written = write_costs(period, file)
    source = {"source": "sample", "cost_basis": "effective"}
    finance = suite.client(Role.FINANCE)
    headers = {"Content-Type": "text/csv"}
    response = await finance.post("/pricing/v1/cost-imports", params=source, content=file.getvalue(), headers=headers)
    assert response.status_code == 202, response.text
    async with asyncio.timeout(30):
        while (job := (await finance.get(f"/pricing/v1/jobs/{response.json()['id']}")).json())["state"] != "succeeded":
            assert job["state"] in ("queued", "running"), job
            await asyncio.sleep(0.02)
    assert (job["result"]["rows"], job["result"]["rejected_count"]) == (written.rows, 0)
    run = await suite.post(Role.FINANCE, "/pricing/v1/allocation-runs", {"period": period, "method": "direct"})
    assert len(run["services"]) == 9
    assert all(service["volume_source"] == "given" for service in run["services"])
    # Only the untagged support plan is claimed by no pool.
    assert [Decimal(part["amount"]) for part in run["unallocated"]] == [Decimal(240)]
    total = run["total"]["amount"] if isinstance(run["total"], dict) else run["total"]
    assert Decimal(total) == written.effective


@pytest.mark.anyio
async def test_an_interrupted_load_is_carried_on(suite: Suite) -> None:
    """As it stands after the service was evaluated, with an open revision, and after one offering was drafted."""
    service = read_organisation().services[0]
    known_as = [{"system": "sample", "id": service.key}]
    body = service.model_dump(include={"name", "description", "unit_of_measure"}) | {"external_ids": known_as}
    made = await suite.post(Role.SERVICE_OWNER, "/catalog/v1/services", body)
    path = f"/catalog/v1/services/{made['id']}"
    await suite.post(Role.SERVICE_OWNER, f"{path}/evaluate", {"reason": "test"})
    await suite.post(Role.SERVICE_OWNER, f"{path}/revisions", {"summary": "Written before the interruption"})
    first = service.offerings[0]
    body = first.model_dump(exclude={"key", "audience", "charges"}) | {"service_id": made["id"]}
    body["external_ids"] = [{"system": "sample", "id": first.key}]
    drafted = await suite.post(Role.SERVICE_OWNER, "/catalog/v1/offerings", body)

    ids, _ = await suite.load()
    assert ids.services[service.key] == UUID(made["id"])
    assert ids.offerings[first.key] == UUID(drafted["id"])
    (revision,) = await suite.items(f"{path}/revisions")
    assert (revision["state"], revision["summary"]) == ("active", "Written before the interruption")
    assert {offering["state"] for offering in await suite.items("/catalog/v1/offerings")} == {"published"}
    _, (told,) = await suite.load()
    assert told.endswith("is there already")


@pytest.mark.anyio
async def test_a_refusal_says_what_and_where_in_one_line(suite: Suite, tmp_path: Path) -> None:
    document = yaml.safe_load(ORGANISATION.read_text(encoding="utf-8"))
    document["services"] = document["services"][:1]
    document["services"][0]["offerings"][0]["commitments"][0]["target"] = "101"
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(yaml.safe_dump(document), encoding="utf-8")
    with pytest.raises(SampleNotLoaded) as refused:
        await suite.load(wrong)
    assert str(refused.value).startswith("POST /catalog/v1/offerings was refused: 422 ")
    assert "/commitments/0/target" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, r"cannot be read"),
        ("a: [", r"is not YAML"),
        ("system: sample", r"name: Field required"),
        ("- 1", r"Input should be a valid dictionary"),
    ],
)
def test_a_file_that_is_no_organisation_is_refused_in_one_line(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "organisation.yaml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SampleNotLoaded, match=reason) as refused:
        read_organisation(path)
    assert "\n" not in str(refused.value)


def test_its_keys_are_unique_and_its_references_lead_somewhere() -> None:
    organisation = read_organisation()
    services = [service.key for service in organisation.services]
    offerings = [offering.key for service in organisation.services for offering in service.offerings]
    for keys in (services, offerings, [unit.key for unit in organisation.business_units]):
        assert len(set(keys)) == len(keys)
    for place, unit in enumerate(organisation.business_units):
        above = [other.key for other in organisation.business_units[:place]]
        assert unit.parent is None or unit.parent in above, f"{unit.key} stands before its parent"
    for pool in organisation.cost_pools:
        assert set(pool.shares) <= set(services), pool.name
    taken = {rule["equals"] for pool in organisation.cost_pools for rule in pool.rules if "tag" in rule}
    assert taken == set(services)


def test_months_around_a_turn_of_the_year() -> None:
    assert months_around(datetime(2027, 1, 31, tzinfo=UTC)) == ["2026-12", "2027-01", "2027-02"]
    assert months_around(datetime(2026, 12, 1, tzinfo=UTC)) == ["2026-11", "2026-12", "2027-01"]
