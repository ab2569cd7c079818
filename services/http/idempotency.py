"""Idempotency-Key on every POST: the same request twice is one effect and one answer, for 24 hours.

The answer is stored in the transaction of the effect itself, so neither can be there without the other:

    the key is new            run the route; store its answer with its effect
    same key, same body       the first answer again (header `Idempotency-Replayed: true`)
    same key, other body      422
    still in flight           409

Kept are answers and refusals of the route's own rules. A 401, 403, 412, 428, 429 or 5xx is not kept: the same
request may rightly be answered otherwise later. The key is scoped to principal, method and path; an answer is
replayed only to a token with the same rights as the first one's.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from services.clock import utc_now
from services.db.chassis_tables import IdempotencyRecord
from services.db.database import Database
from services.db.upsert import upsert
from services.errors import Conflict, Fault, Forbidden, Invalid, Refusal
from services.http.problems import answer, describe, status_of
from services.identity.principal import Principal

KEPT_FOR = timedelta(hours=24)
_NOT_KEPT = frozenset({401, 403, 412, 428, 429})
_KEPT_HEADERS = ("content-type", "etag", "location", "link")
_RIGHTS = "itaas-rights"  # kept beside the headers, never sent


class IdempotencyKeyReused(Invalid): ...


class StillInFlight(Conflict): ...


class RightsHaveChanged(Forbidden): ...


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
    principal = await _principal_or_none(request)
    if principal is None:
        return await route(request)  # which refuses the stranger, in its own words
    rights = _rights(principal)
    path = request.scope["path"] + "?" + request.url.query
    scope = hashlib.sha256("\n".join((principal.person_id, request.method, path, key)).encode()).hexdigest()
    async with database.reading() as session:
        if (kept := await _kept(session, scope)) is not None:
            return _replay(kept, body_sha256, rights)
    request.state.idempotency = (scope, body_sha256, rights)  # for `claim`, in the route's own transaction
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
            # The rollback may have let go of the key: if somebody else took it meanwhile, theirs is the answer to keep.
            async with database.transaction() as session:
                if await database.claim(session, scope, held_by=written) and await _kept(session, scope) is None:
                    await _keep(session, scope, body_sha256, rights, response)
        return response
    if response.status_code < 400 and (written := _write_session(request)) is not None:
        await _keep(written, scope, body_sha256, rights, response)
    return response


async def claim(request: Request, database: Database, session: AsyncSession) -> None:
    """Hold the request's key, if it has one, until `session`'s transaction ends. Raises StillInFlight."""
    if (asked := getattr(request.state, "idempotency", None)) is None:
        return
    scope, body_sha256, rights = asked
    if not await database.claim(session, scope):
        raise StillInFlight("a request with this Idempotency-Key is still in flight")
    if (kept := await _kept(session, scope)) is not None:  # it ended between the first look and the claim
        raise _AnsweredMeanwhile(_replay(kept, body_sha256, rights))


class _AnsweredMeanwhile(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def _write_session(request: Request) -> AsyncSession | None:
    return getattr(request.state, "write_session", None)


async def _principal_or_none(request: Request) -> Principal | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    try:
        principal: Principal = await request.app.state.runtime.verifier.principal(token.strip())
    except Refusal:
        return None
    return principal


def _rights(principal: Principal) -> str:
    """What the caller's token allows, in short: an answer is replayed only to whom it could be given."""
    parts = [*sorted(principal.roles), *sorted(map(str, principal.business_units))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


async def _kept(session: AsyncSession, scope: str) -> IdempotencyRecord | None:
    record = await session.get(IdempotencyRecord, scope)
    return None if record is None or record.expires_at <= utc_now() else record


def _replay(kept: IdempotencyRecord, body_sha256: str, rights: str) -> Response:
    headers = dict(kept.headers)
    if headers.pop(_RIGHTS) != rights:
        raise RightsHaveChanged("your token's roles or business units are not those that this key was first used with")
    if kept.body_sha256 != body_sha256:
        raise IdempotencyKeyReused(
            "this Idempotency-Key was used with another body", faults=[Fault("Idempotency-Key", "use a new key")]
        )
    return Response(kept.body, kept.status, headers | {"Idempotency-Replayed": "true"})


async def _keep(session: AsyncSession, scope: str, body_sha256: str, rights: str, response: Response) -> None:
    values: dict[str, Any] = {
        "scope": scope,
        "body_sha256": body_sha256,
        "status": response.status_code,
        "headers": {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        | {_RIGHTS: rights},
        "body": bytes(response.body),
        "expires_at": utc_now() + KEPT_FOR,
    }
    old = delete(IdempotencyRecord).where(IdempotencyRecord.scope == scope, IdempotencyRecord.expires_at <= utc_now())
    await session.execute(old)
    await session.execute(upsert(session, IdempotencyRecord).values(values).on_conflict_do_nothing())
