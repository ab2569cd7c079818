"""An offering's life. What it must have before it is published is in `domain/readiness.py`.

    draft ──► published ──► retired

Only a draft can be changed: what a quote or an order was made from stays as it was.
"""

from collections.abc import Mapping
from enum import StrEnum

from services.errors import Conflict


class OfferingState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class AudienceKind(StrEnum):
    """What a line of an audience names. A business unit stands for all below it as well."""

    BUSINESS_UNIT = "business_unit"
    ROLE = "role"


NEXT: Mapping[OfferingState, frozenset[OfferingState]] = {
    OfferingState.DRAFT: frozenset({OfferingState.PUBLISHED}),
    OfferingState.PUBLISHED: frozenset({OfferingState.RETIRED}),
    OfferingState.RETIRED: frozenset(),
}


class OfferingTransitionRefused(Conflict): ...


class OfferingImmutable(Conflict): ...


def move(state: OfferingState, to: OfferingState) -> OfferingState:
    """Return `to` if the table allows it. Raises OfferingTransitionRefused."""
    if to not in NEXT[state]:
        ways = ", ".join(sorted(NEXT[state])) or "nothing: it is final"
        raise OfferingTransitionRefused(f"an offering that is {state} cannot become {to}; what can follow is {ways}")
    return to


def require_draft(state: OfferingState) -> None:
    """Raises OfferingImmutable once the offering has been published."""
    if state is not OfferingState.DRAFT:
        raise OfferingImmutable(f"the offering is {state}; only a draft can be changed")
