"""Time zones by their IANA names."""

from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from services.errors import Fault, Invalid


class UnknownTimeZone(Invalid): ...


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    return frozenset(available_timezones())


def time_zone(name: str, *, pointer: str = "/time_zone") -> ZoneInfo:
    """The zone of that name in the IANA database, spelled exactly so. Raises UnknownTimeZone."""
    if name not in _names():
        raise UnknownTimeZone(
            f"{name[:60]!r} is no time zone", faults=[Fault(pointer, "must be an IANA name such as Europe/Zurich")]
        )
    return ZoneInfo(name)
