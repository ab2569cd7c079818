"""Which service a path belongs to.

The path is judged as it came over the wire, before any decoding, so that what is matched here is what the
service will see: `/c%61talog` is not `/catalog`, and nothing that a later decoder could turn into another
path (dot segments, empty segments, encoded slashes, control characters) gets past this module.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.door.upstreams import Upstream
from services.errors import Invalid

_PREFIX = re.compile(r"/[a-z][a-z0-9-]*")

_SUSPECT = re.compile(
    rb"(?P<segment>//|/(?:\.|%2[eE]){1,2}(?:/|$))"
    rb"|(?P<slash>%2[fF]|%5[cC]|\\)"
    rb"|(?P<control>%[01][0-9a-fA-F]|%7[fF]|[^\x21-\x7e])"
    rb"|(?P<percent>%(?![0-9a-fA-F]{2}))"
)
_WHY = {
    "segment": "it has an empty or dot segment",
    "slash": "it has an encoded slash or a backslash",
    "control": "it has a control or non-ASCII character",
    "percent": "it has a malformed percent escape",
}


class PathRefused(Invalid):
    """The path could mean one thing here and another behind; nobody writes such a path by accident."""


@dataclass(frozen=True, slots=True)
class Route:
    """One service behind its prefix.

    `silence_seconds` bounds how long the service may leave us without a sign while it is its turn: until the
    response starts, and between two pieces of a body. It does not bound a whole transfer.
    """

    name: str
    prefix: str
    upstream: Upstream
    title: str = ""
    silence_seconds: float = 30.0
    open_paths: frozenset[str] = frozenset({"/health/live", "/health/ready", "/openapi.json", "/asyncapi.json"})
    hidden_paths: frozenset[str] = frozenset({"/metrics", "/docs", "/redoc"})

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise ValueError(f"route {self.name}: the prefix {self.prefix!r} is not one lower-case segment")


class RouteTable:
    """Prefix to route; a prefix is one whole first segment, so finding one is a single look-up."""

    def __init__(self, routes: Iterable[Route]) -> None:
        by_segment: dict[bytes, Route] = {}
        for route in routes:
            if by_segment.setdefault(route.prefix.encode(), route) is not route:
                raise ValueError(f"two routes share the prefix {route.prefix}")
        self._by_segment: Mapping[bytes, Route] = MappingProxyType(by_segment)

    @property
    def routes(self) -> tuple[Route, ...]:
        return tuple(self._by_segment.values())

    def find(self, raw_path: bytes) -> Route | None:
        """The route that `raw_path` belongs to, or None where no service answers for it. Raises PathRefused."""
        if not raw_path.startswith(b"/"):
            raise PathRefused("the path does not start with a slash")
        if suspect := _SUSPECT.search(raw_path):
            raise PathRefused(f"the path is refused: {_WHY[suspect.lastgroup or 'segment']}")
        end = raw_path.find(b"/", 1)
        return self._by_segment.get(raw_path if end < 0 else raw_path[:end])
