"""ETag and If-Match (RFC 9110 §8.8.3, §13.1.1): an aggregate's version is its entity tag.

PUT, PATCH and DELETE require If-Match (428 where it is missing); POST actions accept it.
"""

import re
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Response

from services.db.aggregate import Aggregate, is_changed, touch
from services.errors import Fault, Invalid, PreconditionFailed, PreconditionRequired

A = TypeVar("A", bound=Aggregate)
NO_VERSION = -1
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


class IfMatchMissing(PreconditionRequired): ...


class VersionIsStale(PreconditionFailed): ...


class EtagNotReadable(Invalid): ...


class _EtagSetter:
    def __init__(self, response: Response) -> None:
        self._response = response

    def __call__(self, aggregate: A) -> A:
        if is_changed(aggregate):
            touch(aggregate)  # now, since the change itself is flushed only after the answer is made
        self._response.headers["ETag"] = f'"{aggregate.version}"'
        return aggregate


def _etag(response: Response) -> _EtagSetter:
    return _EtagSetter(response)


def _if_match(
    if_match: Annotated[str | None, Header(description="ETag of the version to change", examples=['"3"'])] = None,
) -> frozenset[int] | None:
    if if_match is None or if_match.strip() == "*":
        return None
    versions = set()
    for tag in if_match.split(","):
        found = _ETAG.fullmatch(tag.strip())
        if found is None:
            raise EtagNotReadable(f"If-Match {if_match!r} is no ETag", faults=[Fault("If-Match", 'looks like "3"')])
        weak, number = found.groups()
        # If-Match compares strongly: a weak tag, or one that is not ours, matches no version.
        versions.add(int(number) if not weak and number.isdigit() and len(number) <= 18 else NO_VERSION)
    return frozenset(versions)


def _required_if_match(
    versions: Annotated[frozenset[int] | None, Depends(_if_match)],
    if_match: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> frozenset[int] | None:
    if if_match is None:
        raise IfMatchMissing("send If-Match with the ETag that you read", faults=[Fault("If-Match", "is missing")])
    return versions


Etag = Annotated[_EtagSetter, Depends(_etag)]
IfMatch = Annotated[frozenset[int] | None, Depends(_if_match)]
RequiredIfMatch = Annotated[frozenset[int] | None, Depends(_required_if_match)]


def check_version(aggregate: Aggregate, if_match: frozenset[int] | None) -> None:
    """Raises VersionIsStale unless `if_match` is absent or names the aggregate's version."""
    if if_match is not None and aggregate.version not in if_match:
        raise VersionIsStale(f'it is at version "{aggregate.version}" by now; read it again')
