"""The merged document of the real services, in one process."""

from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import validate

from gateway.capabilities import CAPABILITIES
from services.settings import load_settings
from services.suite import running_suite

pytestmark = pytest.mark.anyio


async def test_the_suites_document_is_valid_whole_and_described(tmp_path: Path) -> None:
    async with (
        running_suite(load_settings(itaas_data_dir=tmp_path)) as gateway,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=gateway), base_url="http://gateway") as client,
    ):
        document = (await client.get("/openapi.json")).json()
    validate(document)
    assert "x-itaas-missing" not in document and "x-itaas-stale" not in document
    assert [group["name"] for group in document["x-tagGroups"]] == [*(c.title for c in CAPABILITIES), "Gateway"]
    operations = {
        (path, method): operation for path, item in document["paths"].items() for method, operation in item.items()
    }
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(ids) == len(set(ids)) > 100
    assert not [where for where, operation in operations.items() if not operation.get("summary")]
    # What a caller needs a token for says so, by the one scheme that authorises everything.
    assert list(document["components"]["securitySchemes"]) == ["bearer"]
    unsecured = {path for (path, _), operation in operations.items() if not operation.get("security")}
    assert all(path.endswith(("/health/live", "/health/ready", "/metrics")) for path in unsecured), unsecured
