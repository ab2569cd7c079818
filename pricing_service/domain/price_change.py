"""The life of a price change: nobody is told of a price whose effect nobody has looked at.

draft ──► shadow_priced ──► announced ──► effective
  │          │ (again)          │
  └──────────┴──────────────────┴───────► withdrawn
"""

from datetime import datetime
from enum import StrEnum

from pricing_service.domain.plan import Existing
from services.errors import Conflict, Fault


class PriceChangeState(StrEnum):
    DRAFT = "draft"
    SHADOW_PRICED = "shadow_priced"
    ANNOUNCED = "announced"
    EFFECTIVE = "effective"
    WITHDRAWN = "withdrawn"


NEXT: dict[PriceChangeState, frozenset[PriceChangeState]] = {
    PriceChangeState.DRAFT: frozenset({PriceChangeState.SHADOW_PRICED, PriceChangeState.WITHDRAWN}),
    PriceChangeState.SHADOW_PRICED: frozenset(
        {PriceChangeState.SHADOW_PRICED, PriceChangeState.ANNOUNCED, PriceChangeState.WITHDRAWN}
    ),
    PriceChangeState.ANNOUNCED: frozenset({PriceChangeState.EFFECTIVE, PriceChangeState.WITHDRAWN}),
}


class PriceChangeNotPossible(Conflict): ...


class NotShadowPriced(Conflict): ...


class EffectiveTooSoon(Conflict): ...


class Applies(StrEnum):
    """When a subscription that is there already gets the new price."""

    NOW = "now"
    AT_RENEWAL = "at_renewal"
    NEVER = "never"


APPLIES = {Existing.FOLLOW: Applies.NOW, Existing.RENEWAL: Applies.AT_RENEWAL, Existing.STAY: Applies.NEVER}


def step(state: PriceChangeState, to: PriceChangeState) -> PriceChangeState:
    """The next state. Raises NotShadowPriced for an announcement too early, else PriceChangeNotPossible."""
    if to in NEXT.get(state, frozenset()):
        return to
    if to is PriceChangeState.ANNOUNCED and state is PriceChangeState.DRAFT:
        raise NotShadowPriced("what the change would cost whom is not known yet: start its shadow pricing first")
    raise PriceChangeNotPossible(f"the price change is {state} and cannot become {to}")


def check_effective(effective_from: datetime, *, now: datetime) -> None:
    """A price is announced before it counts. Raises EffectiveTooSoon."""
    if effective_from <= now:
        raise EffectiveTooSoon(
            f"the price would have counted from {effective_from:%FT%TZ} on, before anybody was told",
            faults=[Fault("/effective_from", "must lie in the future")],
        )
