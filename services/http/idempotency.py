"""Idempotency-Key on every POST: the same request twice is one effect and one answer, for 24 hours.

The answer is stored in the transaction of the effect itself, so neither can be there without the other:

    the key is new            run the route; store its answer with its effect
    same key, same body       the first answer again (header `Idempotency-Replayed: true`)
    same key, other body      422
    still in flight           409

Kept are answers and refusals of the route's own rules. A 401, 403, 412, 428, 429 or 5xx is not kept: the same
request may rightly be answered otherwise later. The key is scoped to principal, method and path.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.clock import utc_now
from services.db.chassis_tables import IdempotencyRecord
from services.db.database import Database
from services.errors import Conflict, Fault, Invalid, Refusal
from services.http.problems import answer, describe, status_of

KEPT_FOR = timedelta(hours=24)
_NOT_KEPT = frozenset({401, 403, 412, 428, 429})
_KEPT_HEADERS = ("content-type", "etag", "location", "link")


class IdempotencyKeyReused(Invalid): ...


class StillInFlight(Conflict): ...


class IdempotencyKeyNotReadable(Invalid): ...


async def run_once(
    request: Request, key: str, body_sha256: str, route: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Run `route` for `key`, or answer as it was answered before. Raises the refusals above."""
    if not 1 <= len(key) <= 255 or not key.isprintable():
        raise IdempotencyKeyNotReadable(
            "Idempotency-Key must be 1 to 255 printable characters", faults=[Fault("Idempotency-Key", "see RFC draft")]
        )
    database = request.app.state.runtime.database
    caller = hashlib.sha256(request.headers.get("authorization", "").encode()).hexdigest()
    if (principal := await _principal_or_none(request)) is not None:
        caller = principal
    path = request.scope["path"] + "?" + request.url.query
    scope = hashlib.sha256("\n".join((caller, request.method, path, key)).encode()).hexdigest()
    async with database.reading() as session:
        if (kept := await _kept(session, scope)) is not None:
            return _replay(kept, body_sha256)
    request.state.idempotency = (scope, body_sha256)  # for `claim`, in the route's own transaction
    try:
        response = await route(request)
    except _AnsweredMeanwhile as meanwhile:
        return meanwhile.response
    except Refusal as refusal:
        if status_of(refusal) in _NOT_KEPT or status_of(refusal) >= 500 or isinstance(refusal, StillInFlight):
            raise
        response = answer(describe(refusal, instance=request.scope["path"]))
        if (written := _write_session(request)) is not None:
            await written.rollback()
            async with database.transaction() as session:
                await _keep(session, scope, body_sha256, response)
        return response
    if response.status_code < 400 and (written := _write_session(request)) is not None:
        await _keep(written, scope, body_sha256, response)
    return response


async def claim(request: Request, database: Database, session: AsyncSession) -> None:
    """Hold the request's key, if it has one, until `session`'s transaction ends. Raises StillInFlight."""
    scope, body_sha256 = getattr(request.state, "idempotency", (None, None))
    if scope is None or body_sha256 is None:
        return
    if not await database.claim(session, scope):
        raise StillInFlight("a request with this Idempotency-Key is still in flight")
    if (kept := await _kept(session, scope)) is not None:  # it ended between the first look and the claim
        raise _AnsweredMeanwhile(_replay(kept, body_sha256))


class _AnsweredMeanwhile(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def _write_session(request: Request) -> AsyncSession | None:
    return getattr(request.state, "write_session", None)


async def _principal_or_none(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    try:
        principal = await request.app.state.runtime.verifier.principal(token.strip())
    except Refusal:
        return None
    return str(principal.person_id)


async def _kept(session: AsyncSession, scope: str) -> IdempotencyRecord | None:
    record = await session.get(IdempotencyRecord, scope)
    return None if record is None or record.expires_at <= utc_now() else record


def _replay(kept: IdempotencyRecord, body_sha256: str) -> Response:
    if kept.body_sha256 != body_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used with another body", faults=[Fault("Idempotency-Key", "use a new key")]
        )
    return Response(kept.body, kept.status, kept.headers | {"Idempotency-Replayed": "true"})


async def _keep(session: AsyncSession, scope: str, body_sha256: str, response: Response) -> None:
    values: dict[str, Any] = {
        "scope": scope,
        "body_sha256": body_sha256,
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers},
        "body": bytes(response.body),
        "expires_at": utc_now() + KEPT_FOR,
    }
    await session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.scope == scope))  # an expired one
    await session.execute(insert(IdempotencyRecord).values(values))
