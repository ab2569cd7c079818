"""Usage comes in as CloudEvents: one at a time, in batches, or line by line.

This is the hot path: its route answers by itself, without the framework's dependencies (ADR-0016 has the figures).
An Idempotency-Key works as everywhere, at the common cost.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable
from json.encoder import encode_basestring_ascii as quoted
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials

from pricing_service.domain.usage import REPLACED_TYPE, USAGE_TYPE, VOIDED_TYPE, Outcome
from pricing_service.schemas.usage import UsageOutcomes
from pricing_service.use_cases.metering import bodies
from pricing_service.use_cases.metering.ingest import Accepted, Answer, ingest_batch
from pricing_service.use_cases.metering.intake import intake_of
from services.clock import utc_now
from services.http import Now, WriteSession
from services.http.api import Handler
from services.http.bodies import whole_body
from services.http.idempotency import run_once
from services.http.uploads import spool
from services.identity import Principal, Role, RoleRule, authenticate, may

_RULE = RoleRule((Role.INTEGRATION,))


class UsageRoute(APIRoute):
    """Reads the body by its mode. Without Idempotency-Key it answers itself; with one the framework's handler does."""

    def get_route_handler(self) -> Handler:
        route = super().get_route_handler()

        async def handle(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            named = scheme.lower() == "bearer" and token
            credentials = HTTPAuthorizationCredentials(scheme=scheme, credentials=token.strip()) if named else None
            await _RULE(await authenticate(request, credentials))
            kind = bodies.kind_of(request.headers)
            typed = not request.app.state.runtime.database.is_sqlite  # which has no COPY that would pay for it
            if kind == bodies.LINES:
                upload = await spool(request, limit=bodies.MAX_LINES_BYTES)
                try:
                    request.state.usage = bodies.lines(upload.chunks(), typed=typed)
                    return await _answered(request, upload.sha256, route)
                finally:
                    upload.close()
            body = await whole_body(request, limit=request.app.state.runtime.settings.max_body_bytes)
            batch = bodies.parsed(kind, request.headers, body, typed=typed)
            if "idempotency-key" not in request.headers:
                return _response([await intake_of(request.app.state.runtime.database).take(batch)])
            request.state.usage = _at_once(batch)
            return await _answered(request, hashlib.sha256(body).hexdigest(), route)

        return handle


async def _answered(request: Request, sha256: str, route: Handler) -> Response:
    key = request.headers.get("idempotency-key")
    if key is not None:
        return await run_once(request, key, sha256, route)
    async with request.app.state.runtime.database.transaction() as session:
        answered = [await ingest_batch(session, batch, now=utc_now()) async for batch in request.state.usage]
    return _response(answered)


async def _at_once(batch: bodies.Batch) -> AsyncIterator[bodies.Batch]:
    yield batch


router = APIRouter(prefix="/v1", tags=["Usage"], route_class=UsageRoute)

_ORIGINAL = {
    "type": "object",
    "required": ["source", "id"],
    "additionalProperties": False,
    "properties": {"source": {"type": "string"}, "id": {"type": "string"}},
}
_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "subject"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "maxLength": 256, "description": "Unique within the source, for good"},
        "source": {"type": "string", "maxLength": 256},
        "type": {
            "type": "string",
            "description": f"{USAGE_TYPE}, {VOIDED_TYPE}, {REPLACED_TYPE}, or the event type of a declared meter",
            "examples": [USAGE_TYPE],
        },
        "time": {"type": "string", "format": "date-time", "description": "Decides the billing period"},
        "subject": {"type": "string", "format": "uuid", "description": "The subscription"},
        "data": {
            "type": "object",
            "properties": {
                "meter": {"type": "string", "examples": ["vm-hours"]},
                "quantity": {"type": "string", "examples": ["12.5"]},
                "original": _ORIGINAL,
            },
        },
    },
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            bodies.SINGLE: {"schema": _EVENT},
            bodies.BATCH: {"schema": {"type": "array", "items": _EVENT, "maxItems": bodies.MAX_EVENTS}},
            bodies.LINES: {"schema": {"type": "string", "description": "One structured event a line"}},
            bodies.DATA: {
                "schema": {**_EVENT["properties"]["data"], "description": "Binary: attributes in ce- headers"}
            },
        },
    }
}


@router.post("/usage", response_model=UsageOutcomes, summary="Report usage", openapi_extra=_BODY)
async def report_usage(
    request: Request, principal: Annotated[Principal, may(Role.INTEGRATION)], session: WriteSession, now: Now
) -> Response:
    """Each event is accepted, corrected (a void or replacement that was kept), a duplicate, or rejected with a reason.

    A duplicate is one whose source and id are known, whatever else it says. Nothing of a request is kept unless it is
    answered; one rejected event keeps no other back.
    """
    return _response([await ingest_batch(session, batch, now=now) async for batch in request.state.usage])


def _response(answered: Iterable[Accepted | list[Answer]]) -> Response:
    """Written by hand: an answer has as many items as its batch has events, and nearly all are of one form."""
    counts = dict.fromkeys(Outcome, 0)
    items: list[str] = []
    for part in answered:
        if isinstance(part, Accepted):
            items += [
                f'{{"index":{index},"id":"{id_}","source":"{source}","outcome":"accepted","reason":null}}'
                for index, (id_, source) in enumerate(zip(part.ids, part.sources, strict=True), len(items))
            ]
            counts[Outcome.ACCEPTED] += len(part.ids)
            continue
        for answer in part:
            counts[answer.outcome] += 1
            items.append(_item(len(items), answer))
    said = ",".join(f'"{outcome.value}":{count}' for outcome, count in counts.items())
    return Response(f'{{"items":[{",".join(items)}],{said}}}', media_type="application/json")


def _item(index: int, answer: Answer) -> str:
    id_, source, outcome, note, reason, refusal, pointer = answer
    named = f'{"null" if id_ is None else quoted(id_)},"source":{"null" if source is None else quoted(source)}'
    more = f"{'null' if reason is None else quoted(reason)}"
    if note is not None:
        more += f',"note":{quoted(note)}'
    if refusal is not None:
        more += f',"refusal":{quoted(refusal)},"pointer":{quoted(pointer or "")}'
    return f'{{"index":{index},"id":{named},"outcome":"{outcome.value}","reason":{more}}}'
