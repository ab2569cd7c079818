"""The door's own refusals as problems: the chassis gives the shape, the door adds the statuses of a gateway."""

from collections.abc import Mapping

from starlette.responses import Response

from gateway.door.headers import HeaderRefused
from gateway.door.routing import PathRefused
from gateway.door.upstreams import UpstreamFault, UpstreamSilent
from services.errors import Invalid, Refusal
from services.http import problems


class MethodRefused(Invalid):
    """A method that has no business passing a gateway (RFC 9110 §9.3.6, §9.3.8)."""


PASSING_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

STATUS: Mapping[type[Refusal], int] = {
    PathRefused: 400,
    HeaderRefused: 400,
    MethodRefused: 405,
    UpstreamFault: 502,
    UpstreamSilent: 504,
}


def answer(refusal: Refusal, *, instance: str, trace_id: str) -> Response:
    """The response that tells of `refusal`."""
    problem = problems.describe(refusal, instance=instance)
    problem["status"] = STATUS.get(type(refusal), problem["status"])
    problem["trace_id"] = trace_id
    response = problems.answer(problem)
    if isinstance(refusal, MethodRefused):
        response.headers["allow"] = ", ".join(PASSING_METHODS)
    return response
