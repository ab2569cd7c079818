"""Measurements come in, as reports or as CloudEvents, one at a time or some thousand; and are read again."""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response

from catalog_service.domain.months import month_named
from catalog_service.queries import attainment as queries
from catalog_service.schemas.measurements import MeasurementOutcomes, MeasurementRead, MeasurementReport, Outcome
from catalog_service.tables import Measurement
from catalog_service.use_cases import measurement_bodies as bodies
from catalog_service.use_cases.measurements import ingest
from services.http import Api, Now, Page, Paging, ReadSession, Upload, UploadApi, WriteSession, paginate
from services.identity import Principal, Role, may

Meter = Annotated[Principal, may(Role.INTEGRATION, Role.SERVICE_OWNER)]
uploads = UploadApi(prefix="/v1", tags=["Attainment"])
router = Api(prefix="/v1", tags=["Attainment"])

_OUTAGE = {
    "source": "/monitoring/probe-7",
    "id": "outage-4711",
    "offering_id": "0192f0c1-7b00-7000-8000-000000000002",
    "commitment": "availability",
    "starts_at": "2026-10-03T09:00:00Z",
    "ends_at": "2026-10-03T19:00:00Z",
    "state": "down",
}
_RESPONSE = {
    "source": "/service-desk",
    "id": "INC-77",
    "offering_external_id": {"system": "sample", "id": "virtual-server-1"},
    "commitment": "response_time",
    "at": "2026-10-05T10:30:00Z",
    "value": "45",
    "unit": "minutes",
}
_EVENT = {
    "specversion": "1.0",
    "type": bodies.MEASURED,
    "source": "/monitoring/probe-7",
    "id": "outage-4711",
    "data": {name: value for name, value in _OUTAGE.items() if name not in ("source", "id")},
}


def _schema_of(model: type[MeasurementReport]) -> dict[str, Any]:
    """By itself, as the body is read past the framework."""
    document = model.model_json_schema()
    parts = document.pop("$defs", {})

    def whole(node: Any) -> Any:
        if isinstance(node, dict):
            if "$ref" in node:
                return whole(parts[node["$ref"].rpartition("/")[2]])
            return {name: whole(part) for name, part in node.items()}
        return [whole(part) for part in node] if isinstance(node, list) else node

    made: dict[str, Any] = whole(document)
    return made


_ONE = _schema_of(MeasurementReport)
_CLOUD_EVENT = {
    "type": "object",
    "required": ["specversion", "type", "source", "id", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "type": {"enum": [bodies.MEASURED, bodies.VOIDED, bodies.REPLACED]},
        "source": {"type": "string", "minLength": 1, "maxLength": 256},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "time": {"type": "string", "format": "date-time"},
        "data": {"type": "object"},
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            bodies.PLAIN: {
                "schema": {"oneOf": [_ONE, {"type": "array", "items": _ONE, "maxItems": bodies.MOST_REPORTS}]},
                "examples": {"one": {"value": _OUTAGE}, "several": {"value": [_OUTAGE, _RESPONSE]}},
            },
            bodies.LINES: {
                "schema": {"type": "string", "description": "One report or CloudEvent a line"},
                "example": "".join(json.dumps(report) + "\n" for report in (_OUTAGE, _RESPONSE)),
            },
            bodies.SINGLE: {"schema": _CLOUD_EVENT, "example": _EVENT},
            bodies.BATCH: {
                "schema": {"type": "array", "items": _CLOUD_EVENT, "maxItems": bodies.MOST_REPORTS},
                "example": [_EVENT],
            },
        },
    }
}


@uploads.post(
    "/measurements",
    response_model=MeasurementOutcomes,
    summary="Report measurements",
    responses={201: {"model": MeasurementOutcomes, "description": "One report by itself, kept"}},
    openapi_extra=_BODY,
)
async def report_measurements(
    request: Request, upload: Upload, session: WriteSession, now: Now, principal: Meter, response: Response
) -> MeasurementOutcomes:
    """Each report is accepted, corrected (a correction that was kept), a duplicate, or rejected with a reason.

    A service owner reports of the services that they own. One report by itself is answered with its own status (201,
    200 for a duplicate, or a problem); of several, one that is rejected keeps no other back.
    """
    kind = bodies.kind_of(request.headers)
    if upload.size > bodies.MOST_BYTES:
        raise bodies.TooManyMeasurements(f"a request holds at most {bodies.MOST_BYTES} bytes")
    body = b"".join([block async for block in upload.chunks()])
    raws, alone = bodies.reports(kind, request.headers, body)
    items = await ingest(session, raws, by=principal, now=now, alone=alone)
    if alone:
        response.status_code = items[0].status
    counts = {outcome: sum(1 for item in items if item.outcome is outcome) for outcome in Outcome}
    return MeasurementOutcomes(items=items, **{outcome.value: count for outcome, count in counts.items()})


@router.get("/measurements", response_model=Page[MeasurementRead], summary="List measurements")
async def list_measurements(
    session: ReadSession,
    paging: Paging,
    principal: Annotated[Principal, may(Role.INTEGRATION, Role.SERVICE_OWNER, Role.FINANCE)],
    offering_id: UUID | None = None,
    service_id: UUID | None = None,
    period: Annotated[str | None, Query(max_length=20, description="A calendar month, such as 2026-10")] = None,
) -> Page[Any]:
    """As they were kept, the oldest arrival first. A measurement of a whole service names no offering."""
    since: datetime | None = None
    until: datetime | None = None
    if period is not None:
        month = month_named(period, pointer="period")
        since, until = month.start, month.end
    query = queries.measurements(offering_id=offering_id, service_id=service_id, since=since, until=until)
    return await paginate(session, query, Measurement.id, paging)
