"""When a service may leave: nobody holds it any more, and nobody who lives needs it.

    announce retirement   touches somebody: only with `acknowledge_impact`      ImpactNotAcknowledged
    retire                somebody still holds or needs it: not at all          ServiceStillNeeded

A suspended subscription is still held: it can be resumed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.errors import Conflict, Fault

MOST_NAMED = 20


class ServiceStillNeeded(Conflict): ...


class ImpactNotAcknowledged(Conflict): ...


@dataclass(frozen=True, slots=True)
class Held:
    """An offering with its subscriptions that are active or suspended."""

    offering_id: UUID
    name: str
    subscriptions: int
    business_units: int


@dataclass(frozen=True, slots=True)
class Needed:
    """A live service that cannot do without the one that leaves."""

    service_id: UUID
    name: str


def require_unneeded(held: Sequence[Held], needed: Sequence[Needed]) -> None:
    """Raises ServiceStillNeeded, naming the offerings that are held and the services that need this one."""
    if held or needed:
        raise ServiceStillNeeded(f"the service is still needed: {_told(held, needed)}", faults=_faults(held, needed))


def require_acknowledged(held: Sequence[Held], needed: Sequence[Needed], *, acknowledged: bool) -> None:
    """Raises ImpactNotAcknowledged if somebody is touched and the caller has not said that they know."""
    if (held or needed) and not acknowledged:
        raise ImpactNotAcknowledged(
            f"retiring the service touches {_told(held, needed)}; send acknowledge_impact to announce it all the same",
            faults=_faults(held, needed),
        )


def _told(held: Sequence[Held], needed: Sequence[Needed]) -> str:
    parts = []
    if held:
        count = sum(each.subscriptions for each in held)
        parts.append(f"{_counted(count, 'subscription')} of {_names([each.name for each in held])}")
    if needed:
        count = len(needed)
        verb = "service requires it" if count == 1 else "services require it"
        parts.append(f"{count} {verb}: {_names([each.name for each in needed])}")
    return "; ".join(parts)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def _faults(held: Sequence[Held], needed: Sequence[Needed]) -> list[Fault]:
    by_offering = [
        Fault(
            f"/offerings/{each.offering_id}",
            f"{each.name}: {_counted(each.subscriptions, 'active or suspended subscription')} of "
            f"{_counted(each.business_units, 'business unit')}",
        )
        for each in held[:MOST_NAMED]
    ]
    by_service = [Fault(f"/services/{each.service_id}", f"{each.name} requires it") for each in needed[:MOST_NAMED]]
    return [*by_offering, *by_service]


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
