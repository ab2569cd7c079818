"""A whole catalogue in and out: the same again, all or nothing, and what would change."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog_service.app import definition
from services.testing import ServiceHarness
from tests.catalog_service.samples import OFFERING, created, published_offering, published_service

pytestmark = pytest.mark.anyio
YAML = {"Content-Type": "application/yaml"}


async def imported(
    service: ServiceHarness, client: httpx.AsyncClient, text: str, query: str = "", **headers: str
) -> Any:
    answer = await client.post(f"/v1/imports{query}", content=text, headers=YAML | headers)
    assert answer.status_code == 202, answer.text
    return await service.finished_job(answer.json()["id"])


async def exported(client: httpx.AsyncClient, query: str = "") -> str:
    answer = await client.get(f"/v1/export{query}")
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_export_then_import_is_the_same_catalogue(catalog: ServiceHarness, tmp_path: Path) -> None:
    owner, admin = catalog.client(["service_owner"]), catalog.client(["admin"])
    service = await published_service(owner)
    await published_offering(owner, service["id"])
    await created(owner, "/v1/offerings", OFFERING | {"service_id": service["id"], "external_ids": [], "name": "no"})
    text = await exported(owner)
    assert await exported(owner) == text
    again = await imported(catalog, admin, text)
    assert again.problem is None
    assert (again.result["created"], again.result["updated"], again.result["unchanged"]) == (0, 0, 4)
    (tmp_path / "other").mkdir()
    async with ServiceHarness(definition, tmp_path / "other") as other:
        into = other.client(["admin"])
        job = await imported(other, into, text)
        assert job.problem is None, job.problem
        assert job.result["created"] == 4
        assert await exported(into) == text
        read = (await into.get(f"/v1/services/{service['id']}")).json()
        assert (read["state"], read["active_revision"]) == ("published", 1)
