"""The demand funnel: which step leads from which state to which, as one table.

    draft ─submit─► submitted ─screen─► screening ─qualify─► qualified ─propose─► proposed
                        └──────────── propose (a request, which needs no assessment) ──┘│ approve
                                                                                         ▼
    closed ◄─close─ fulfilled ◄─fulfil─ in_fulfilment ◄─open order─ approved

    submitted … proposed ──request information──► needs_information ─resume─► where it left
    submitted … proposed ──defer──► deferred ─resume─► where it left
    submitted … proposed, and what is paused ──reject──► rejected
    draft … proposed, and what is paused ──withdraw──► withdrawn
    approved, in_fulfilment ──cancel──► cancelled

Proposed and approved demands may be proposed again: another offering, quantity or form, or a fresh quote
after one has lapsed. Policy then runs again, which is why an approval does not survive it.

    Conflict
    └── StepNotAllowed    names the state and the steps that it allows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.errors import Conflict


class DemandState(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    SCREENING = "screening"
    QUALIFIED = "qualified"
    PROPOSED = "proposed"
    APPROVED = "approved"
    IN_FULFILMENT = "in_fulfilment"
    FULFILLED = "fulfilled"
    CLOSED = "closed"
    NEEDS_INFORMATION = "needs_information"
    DEFERRED = "deferred"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CANCELLED = "cancelled"


class DemandKind(StrEnum):
    REQUEST = "request"
    ENHANCEMENT = "enhancement"
    PROJECT = "project"


class Step(StrEnum):
    SUBMIT = "submit"
    SCREEN = "screen"
    QUALIFY = "qualify"
    PROPOSE = "propose"
    APPROVE = "approve"
    OPEN_ORDER = "open order"
    FULFIL = "fulfil"
    CLOSE = "close"
    REQUEST_INFORMATION = "request information"
    DEFER = "defer"
    RESUME = "resume"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"


class StepNotAllowed(Conflict): ...


_TURNED_DOWN = {Step.REJECT: DemandState.REJECTED, Step.WITHDRAW: DemandState.WITHDRAWN}
_UNDECIDED = _TURNED_DOWN | {
    Step.REQUEST_INFORMATION: DemandState.NEEDS_INFORMATION,
    Step.DEFER: DemandState.DEFERRED,
}

# RESUME is not here: it leads back to where the pause began, so `advance` answers it.
NEXT: Mapping[DemandState, Mapping[Step, DemandState]] = {
    DemandState.DRAFT: {Step.SUBMIT: DemandState.SUBMITTED, Step.WITHDRAW: DemandState.WITHDRAWN},
    DemandState.SUBMITTED: {Step.SCREEN: DemandState.SCREENING, **_UNDECIDED},
    DemandState.SCREENING: {Step.QUALIFY: DemandState.QUALIFIED, **_UNDECIDED},
    DemandState.QUALIFIED: {Step.PROPOSE: DemandState.PROPOSED, **_UNDECIDED},
    DemandState.PROPOSED: {Step.APPROVE: DemandState.APPROVED, Step.PROPOSE: DemandState.PROPOSED, **_UNDECIDED},
    DemandState.APPROVED: {
        Step.OPEN_ORDER: DemandState.IN_FULFILMENT,
        Step.PROPOSE: DemandState.PROPOSED,
        Step.CANCEL: DemandState.CANCELLED,
    },
    DemandState.IN_FULFILMENT: {Step.FULFIL: DemandState.FULFILLED, Step.CANCEL: DemandState.CANCELLED},
    DemandState.FULFILLED: {Step.CLOSE: DemandState.CLOSED},
    DemandState.NEEDS_INFORMATION: _TURNED_DOWN,
    DemandState.DEFERRED: _TURNED_DOWN,
    DemandState.CLOSED: {},
    DemandState.REJECTED: {},
    DemandState.WITHDRAWN: {},
    DemandState.CANCELLED: {},
}

# Where a plain request differs: what it asks for is on offer already, so there is nothing to assess.
NEXT_OF_REQUEST: Mapping[DemandState, Mapping[Step, DemandState]] = {
    **NEXT,
    DemandState.SUBMITTED: {Step.PROPOSE: DemandState.PROPOSED, **_UNDECIDED},
}

PAUSED = frozenset({DemandState.NEEDS_INFORMATION, DemandState.DEFERRED})
EDITABLE = frozenset({DemandState.DRAFT, DemandState.NEEDS_INFORMATION})


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a demand stands. `left` is the state that a pause interrupted, None unless it is paused."""

    kind: DemandKind
    state: DemandState = DemandState.DRAFT
    left: DemandState | None = None


def allowed_steps(standing: Standing) -> Mapping[Step, DemandState]:
    """The steps that may be taken now, each with the state that it leads to."""
    table = NEXT_OF_REQUEST if standing.kind is DemandKind.REQUEST else NEXT
    steps = table[standing.state]
    if standing.state in PAUSED and standing.left is not None:
        return {Step.RESUME: standing.left, **steps}
    return steps


def advance(standing: Standing, step: Step) -> Standing:
    """Where the demand stands after `step`. Raises StepNotAllowed where the funnel does not have that step."""
    steps = allowed_steps(standing)
    if step not in steps:
        raise StepNotAllowed(refusal_sentence(f"the {standing.kind} is {standing.state}", step, steps))
    to = steps[step]
    return Standing(standing.kind, to, left=standing.state if to in PAUSED else None)


def require_editable(standing: Standing) -> None:
    """A demand is edited by its requester while it is a draft, or while they are asked for information."""
    if standing.state not in EDITABLE:
        allowed = " or ".join(sorted(EDITABLE))
        raise StepNotAllowed(f"the {standing.kind} is {standing.state} and is edited only while {allowed}")


def refusal_sentence(subject: str, step: Step, steps: Mapping[Step, DemandState]) -> str:
    allowed = ", ".join(sorted(steps)) or "nothing, it has ended"
    return f"{subject}: {step} is not allowed from there; allowed: {allowed}"
