"""An offering's life, and what it must have before anybody may ask for it.

    draft ──► published ──► retired

Only a draft can be changed: what a quote or an order was made from stays as it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from catalog_service.domain.service import ServiceState
from services.errors import Conflict, Fault


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


class OfferingNotReady(Conflict): ...


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the publish gate looks at."""

    service_state: ServiceState
    description: str
    tier: bool
    commitments: int
    request_form: bool
    fulfilment: int


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


def missing(offering: Readiness) -> tuple[Fault, ...]:
    """Everything that still stands between a draft and its publication; empty if it is ready."""
    gaps = []
    if offering.service_state is not ServiceState.PUBLISHED:
        gaps.append(Fault("/service_id", f"its service is {offering.service_state}: publish a revision of it first"))
    if not offering.description.strip():
        gaps.append(Fault("/description", "a description, for those who choose between offerings"))
    if not offering.tier:
        gaps.append(Fault("/tier", "a tier, which says what sets the offering apart"))
    if not offering.commitments:
        gaps.append(Fault("/commitments", "at least one commitment"))
    if not offering.request_form:
        gaps.append(Fault("/request_form", "a request form (JSON Schema)"))
    if not offering.fulfilment:
        gaps.append(Fault("/fulfilment", "a fulfilment template with at least one task"))
    return tuple(gaps)


def publish(state: OfferingState, offering: Readiness) -> OfferingState:
    """The state after publication. Raises OfferingNotReady with the full list of what is missing."""
    to = move(state, OfferingState.PUBLISHED)
    if gaps := missing(offering):
        raise OfferingNotReady(f"the offering is not ready: {len(gaps)} missing", faults=gaps)
    return to
