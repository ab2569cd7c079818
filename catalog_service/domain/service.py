"""The life of a service in the portfolio.

    draft ──────────► under_evaluation ──► published ──► pending_retirement ──► retired
      └──► cancelled ◄──────┘

A service becomes published when its first revision goes live; each transition is recorded with who, when
and why. A service that is leaving (pending_retirement) may no longer be revised or offered anew.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.errors import Conflict


class ServiceState(StrEnum):
    DRAFT = "draft"
    UNDER_EVALUATION = "under_evaluation"
    PUBLISHED = "published"
    PENDING_RETIREMENT = "pending_retirement"
    RETIRED = "retired"
    CANCELLED = "cancelled"


NEXT: Mapping[ServiceState, frozenset[ServiceState]] = {
    ServiceState.DRAFT: frozenset({ServiceState.UNDER_EVALUATION, ServiceState.CANCELLED}),
    ServiceState.UNDER_EVALUATION: frozenset({ServiceState.PUBLISHED, ServiceState.CANCELLED}),
    ServiceState.PUBLISHED: frozenset({ServiceState.PENDING_RETIREMENT}),
    ServiceState.PENDING_RETIREMENT: frozenset({ServiceState.RETIRED}),
    ServiceState.RETIRED: frozenset(),
    ServiceState.CANCELLED: frozenset(),
}

# While a service is in one of these, its description may change and revisions may be drafted.
OPEN = frozenset({ServiceState.DRAFT, ServiceState.UNDER_EVALUATION, ServiceState.PUBLISHED})


class ServiceTransitionRefused(Conflict): ...


class ServiceClosed(Conflict): ...


class ServiceStillOffered(Conflict): ...


def move(state: ServiceState, to: ServiceState) -> ServiceState:
    """Return `to` if the table allows it. Raises ServiceTransitionRefused, naming the ways out of `state`."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise ServiceTransitionRefused(f"a service that is {state} cannot become {to}; what can follow is {ways}")
    return to


def publish(state: ServiceState) -> ServiceState:
    """The state once a revision has gone live: later revisions leave a published service where it is."""
    return state if state is ServiceState.PUBLISHED else move(state, ServiceState.PUBLISHED)


def retire(state: ServiceState, *, published_offerings: int) -> ServiceState:
    """The state after retirement. Raises ServiceStillOffered while any of its offerings can still be asked for."""
    to = move(state, ServiceState.RETIRED)
    if published_offerings:
        raise ServiceStillOffered(
            f"{published_offerings} of its offerings {'is' if published_offerings == 1 else 'are'} still published; "
            "retire them first"
        )
    return to


def require_open(state: ServiceState) -> None:
    """Raises ServiceClosed unless the service can still be changed, revised and offered."""
    if state not in OPEN:
        raise ServiceClosed(f"the service is {state} and can no longer be changed")
