"""Where the trace says that a thing can be read, the services' own documents say so too."""

import pytest

from gateway.domain.resources import PATHS
from services.application import create_app
from services.settings import SERVICES
from services.suite import definition_of


@pytest.mark.parametrize("service", SERVICES)
def test_every_link_leads_to_a_documented_operation(service: str) -> None:
    """Also its query parameter, where the thing is found by one."""
    document = create_app(definition_of(service)).openapi()
    for (owner, aggregate), template in PATHS.items():
        if owner != service:
            continue
        path, _, query = template.removeprefix(f"/{service}").partition("?")
        collection = path.removesuffix("/{}")
        found = [
            item["get"]
            for known, item in document["paths"].items()
            if "get" in item
            and known.partition("/{")[0] == collection
            and known.count("/{") == path.count("/{}")
            and known.endswith("}") == path.endswith("{}")
        ]
        assert len(found) == 1, f"{aggregate}: nothing to read at {path}"
        if query:
            assert query.removesuffix("={}") in {parameter["name"] for parameter in found[0]["parameters"]}
