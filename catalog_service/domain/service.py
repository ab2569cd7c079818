"""The life of a service in the portfolio.

    draft ──────────► under_evaluation ──► published ──► pending_retirement ──► retired
      └──► cancelled ◄──────┘

A service becomes published when its first revision goes live; each transition is recorded with who, when
and why. A service that is leaving (pending_retirement) may no longer be revised or offered anew.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from services.errors import Conflict, Fault, Invalid


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

FURTHEST_YEARS = 50  # that anything is planned ahead

# While a service is in one of these, its description may change and revisions may be drafted.
OPEN = frozenset({ServiceState.DRAFT, ServiceState.UNDER_EVALUATION, ServiceState.PUBLISHED})


class ServiceTransitionRefused(Conflict): ...


class ServiceClosed(Conflict): ...


class ServiceStillOffered(Conflict): ...


class UnitOfMeasureFixed(Conflict): ...


class RetirementDateRefused(Invalid): ...


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


def require_never_live(state: ServiceState) -> None:
    """Raises UnitOfMeasureFixed once the service has been live: its costs, volumes and prices are counted in it."""
    if state not in (ServiceState.DRAFT, ServiceState.UNDER_EVALUATION):
        raise UnitOfMeasureFixed(
            f"the service is {state}: what it is counted in stays as it is",
            faults=[Fault("/unit_of_measure", "can change only before the first revision is live")],
        )


def planned_retirement(day: date | None, *, today: date) -> date | None:
    """The day on which a service is meant to be gone. Raises RetirementDateRefused for the past and the far future."""
    if day is not None and not (today <= day and day.year <= today.year + FURTHEST_YEARS):
        raise RetirementDateRefused(
            f"a retirement cannot be planned for {day}",
            faults=[Fault("/planned_for", f"must be from {today} on, and within {FURTHEST_YEARS} years")],
        )
    return day
