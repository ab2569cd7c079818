"""Whatever is sent to whatever operation: never a 5xx, never a status or a body that the document does not tell of.

A sample in `make test`; `make test-long` tries ITAAS_ANY_REQUESTS (60) of each operation.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.suite.harness import EmbeddedSuite, itaas

MANY = int(os.environ.get("ITAAS_ANY_REQUESTS", "60"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSuite]:
    """A suite with the sample in it, so that lists and references find something."""
    with EmbeddedSuite(tmp_path_factory.mktemp("any") / "data", sample=False) as running:
        loaded = itaas("sample", "load", "--url", running.url, "--data-dir", str(running.data_dir))
        assert loaded.returncode == 0, loaded.stderr
        yield running


def try_everything(suite: EmbeddedSuite, examples: int) -> tuple[int, int]:
    """Send `examples` generated requests to each operation; how many operations and requests that were."""
    token = itaas("token", "--role", "admin", "--data-dir", str(suite.data_dir)).stdout.strip()
    schema = schemathesis.openapi.from_dict(
        httpx.get(f"{suite.url}/openapi.json", timeout=60).raise_for_status().json()
    )
    operations = requests = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path.endswith("/stream"):
            continue  # ends only when the job does

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def send(case: Any) -> None:
            nonlocal requests
            requests += 1
            case.call_and_validate(
                base_url=suite.url, headers={"Authorization": f"Bearer {token}"}, checks=CHECKS, timeout=30
            )

        send()
        operations += 1
    return operations, requests


@pytest.mark.timeout(300)
def test_a_sample_of_any_requests(suite: EmbeddedSuite) -> None:
    operations, requests = try_everything(suite, 2)
    assert operations > 80
    assert requests > 150
    assert "Traceback" not in suite.log()


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_many_of_any_requests(suite: EmbeddedSuite) -> None:
    try_everything(suite, MANY)
    assert "Traceback" not in suite.log()
