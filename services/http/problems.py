"""RFC 9457 problems: the one table that maps refusals to HTTP statuses, and the one shape of every error body.

    {"type": "urn:itaas:problem:quote-not-acceptable", "title": "Quote not acceptable", "status": 409,
     "detail": "quote is expired", "instance": "/v1/quotes/…/accept",
     "errors": [{"pointer": "/quantity", "message": "…"}], "trace_id": "…"}

`type` is stable: it is the refusal's class name. A defect answers 500 without a word of its inside.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from services import context, errors
from services.db.database import is_outage

MEDIA_TYPE = "application/problem+json"
STATUS: Mapping[type[errors.Refusal], int] = {
    errors.Invalid: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.PreconditionFailed: 412,
    errors.PreconditionRequired: 428,
    errors.TooLarge: 413,
    errors.TooMany: 429,
    errors.Unavailable: 503,
}
MOST_FAULTS = 50  # that an answer names: enough to mend a form by, too few to flood anybody
RETRY_AFTER_SECONDS = {503: "2", 429: "1"}


class ProblemFault(BaseModel):
    pointer: str = Field(description="JSON pointer into the body, or the name of the parameter")
    message: str


class Problem(BaseModel):
    """An RFC 9457 problem."""

    type: str = Field(examples=["urn:itaas:problem:quote-not-acceptable"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[ProblemFault] = []
    trace_id: str | None = None


def status_of(refusal: errors.Refusal) -> int:
    """The status of the nearest ancestor in the table."""
    return next(STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS)


def describe(error: Exception, *, instance: str | None = None) -> dict[str, Any]:
    """The problem that stands for `error`; for anything but a refusal it tells nothing of the inside."""
    if isinstance(error, errors.Refusal):
        name, status, detail, faults = type(error).__name__, status_of(error), error.detail, error.faults
    elif is_outage(error):
        name, status, detail, faults = "Unavailable", 503, "a part of the suite is away; try again shortly", ()
    else:
        name, status, detail, faults = "InternalError", 500, "something went wrong on our side", ()
    return _problem(name, status, detail, [{"pointer": f.pointer, "message": f.message} for f in faults], instance)


def answer(problem: dict[str, Any]) -> Response:
    headers = {}
    if problem["status"] in RETRY_AFTER_SECONDS:
        headers["Retry-After"] = RETRY_AFTER_SECONDS[problem["status"]]
    if problem["status"] == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="itaas"'
    return Response(to_json(problem), problem["status"], headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make refusals and the framework's own errors problems; `middleware.Edge` answers for everything else."""

    async def refusal(request: Request, error: Exception) -> Response:
        return answer(describe(error, instance=_instance(request)))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = error.errors()
        faults = [_fault(fault, error.body) for fault in found[:MOST_FAULTS]]
        if len(found) > MOST_FAULTS:
            faults.append({"pointer": "", "message": f"and {len(found) - MOST_FAULTS} faults more"})
        first = ": ".join(part for part in faults[0].values() if part) if faults else "the request is not valid"
        return answer(_problem("RequestNotValid", 422, first, faults, _instance(request)))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 400:  # the framework's word for a body that is no JSON at all
            return answer(_problem("RequestNotValid", 422, "the body cannot be read", [], _instance(request)))
        name = {404: "RouteNotFound", 405: "MethodNotAllowed", 413: "TooLarge"}.get(error.status_code, "RequestRefused")
        response = answer(_problem(name, error.status_code, str(error.detail), [], _instance(request)))
        response.headers.update(error.headers or {})
        return response

    app.add_exception_handler(errors.Refusal, refusal)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _problem(name: str, status: int, detail: str, faults: list[dict[str, str]], instance: str | None) -> dict[str, Any]:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
    work = context.current_or_none()
    return {
        "type": f"urn:itaas:problem:{words}",
        "title": words.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "instance": instance,
        "errors": faults,
        "trace_id": None if work is None else work.request_id,
    }


def _fault(fault: Mapping[str, Any], body: Any) -> dict[str, str]:
    where, *path = fault["loc"]
    message = str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "json_invalid":
        return {"pointer": "", "message": f"the body is not JSON: {fault['ctx']['error']} at character {path[0]}"}
    if where == "body":
        within = _without_tags(path, body, missing=fault["type"] == "missing")
        escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in within)
        return {"pointer": "".join(f"/{part}" for part in escaped), "message": message}
    return {"pointer": ".".join(str(part) for part in path), "message": message}


def _without_tags(path: Sequence[str | int], body: Any, *, missing: bool) -> list[str | int]:
    """The path through the body alone: pydantic puts the tag of a union's member into it, where the body has none."""
    kept: list[str | int] = []
    path = [part for part in path if part != "[key]"]  # pydantic's word for the name of a member, which is its place
    for place, part in enumerate(path):
        is_last = place == len(path) - 1
        here = body.get(part) if isinstance(body, Mapping) else None
        if isinstance(part, str) and not (is_last and missing):
            is_there = isinstance(body, Mapping) and part in body
            if not is_there or not (is_last or isinstance(here, Mapping | list)):
                continue
        kept.append(part)
        body = body[part] if isinstance(body, list) and isinstance(part, int) and part < len(body) else here
    return kept


def _instance(request: Request) -> str:
    return str(request.scope["path"])
