"""Subscriptions: what a business unit holds of an offering, from its activation to its end.

active ──suspend──► suspended ──resume──► active
active, suspended ──end──► ended

Conflict
└── SubscriptionStepNotAllowed    names the state and the steps that it allows
"""

from collections.abc import Mapping
from enum import StrEnum

from services.errors import Conflict


class SubscriptionState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ENDED = "ended"


class SubscriptionStep(StrEnum):
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


NEXT: Mapping[SubscriptionState, Mapping[SubscriptionStep, SubscriptionState]] = {
    SubscriptionState.ACTIVE: {
        SubscriptionStep.SUSPEND: SubscriptionState.SUSPENDED,
        SubscriptionStep.END: SubscriptionState.ENDED,
    },
    SubscriptionState.SUSPENDED: {
        SubscriptionStep.RESUME: SubscriptionState.ACTIVE,
        SubscriptionStep.END: SubscriptionState.ENDED,
    },
    SubscriptionState.ENDED: {},
}


class SubscriptionStepNotAllowed(Conflict): ...


def advance(state: SubscriptionState, step: SubscriptionStep) -> SubscriptionState:
    """The state after `step`. Raises SubscriptionStepNotAllowed."""
    steps = NEXT[state]
    if step not in steps:
        allowed = ", ".join(sorted(steps)) or "nothing, it has ended"
        raise SubscriptionStepNotAllowed(
            f"the subscription is {state}: {step} is not allowed from there; allowed: {allowed}"
        )
    return steps[step]
