"""Bodies of the readiness gate: what is missing, and what deserves a look."""

from typing import Any
from uuid import UUID

from pydantic import ConfigDict, Field

from catalog_service.domain.readiness import Check
from services.http import Read

_SERVICE, _OFFERING = "0192f0c1-7b00-7000-8000-000000000001", "0192f0c1-7b00-7000-8000-000000000002"
_NO_PRICE: dict[str, Any] = {
    "check": "price_plan",
    "pointer": "/price_plan",
    "message": f"a price plan: pricing POST /v1/price-plans with offering_id {_OFFERING}",
}
_NO_OWNER: dict[str, Any] = {
    "check": "owner",
    "pointer": "/owner_id",
    "message": f"an owner: PATCH /v1/services/{_SERVICE} with owner_id",
}


class FindingRead(Read):
    check: Check
    pointer: str = Field(description="JSON pointer to what it is about", examples=["/price_plan"])
    message: str = Field(description="What to do, and where")


class OfferingReadiness(Read):
    """Of the offering with its service: what the publication of the offering would be refused for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "offering_id": _OFFERING,
                    "name": "Virtual server, tier 1",
                    "state": "draft",
                    "ready": False,
                    "missing": [_NO_OWNER | {"pointer": "/service/owner_id"}, _NO_PRICE],
                    "warnings": [],
                }
            ]
        }
    )

    offering_id: UUID
    name: str
    state: str
    ready: bool = Field(description="Nothing is missing")
    missing: list[FindingRead]
    warnings: list[FindingRead] = Field(description="Does not refuse the publication")


class ServiceReadiness(Read):
    """Of the service and of all its draft offerings: `missing` is the whole list, `offerings` has each one's own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "service_id": _SERVICE,
                    "name": "Virtual servers",
                    "state": "published",
                    "ready": False,
                    "missing": [_NO_OWNER, _NO_PRICE | {"pointer": "/offerings/0/price_plan"}],
                    "warnings": [],
                    "offerings": [
                        {
                            "offering_id": _OFFERING,
                            "name": "Virtual server, tier 1",
                            "state": "draft",
                            "ready": False,
                            "missing": [_NO_PRICE],
                            "warnings": [],
                        }
                    ],
                    "offerings_left_off": 0,
                }
            ]
        }
    )

    service_id: UUID
    name: str
    state: str
    ready: bool = Field(description="Nothing is missing, of the service or of a draft offering of it")
    missing: list[FindingRead] = Field(
        description="Pointers lead into the service; /offerings/<n> into the n-th of `offerings`"
    )
    warnings: list[FindingRead]
    offerings: list[OfferingReadiness] = Field(description="Its drafts, the oldest first; each without the service's")
    offerings_left_off: int = Field(description="Drafts beyond the first 200, which were not looked at")
