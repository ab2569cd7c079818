"""Risks, issues, decisions and actions of a demand, each with its own words on one table of transitions.

risk      open ─mitigate─► mitigating ─close─► closed; open ─accept─► accepted ─close─► closed;
          open, mitigating, accepted ─occur─► occurred
issue     open ─start─► in_progress ─resolve─► resolved ─close─► closed; resolved ─reopen─► open
decision  open ─decide─► decided; open ─drop─► dropped; decided ─reopen─► open
action    open ─start─► in_progress ─complete─► done; open, in_progress ─drop─► dropped

Conflict
└── RaidStepNotAllowed    names the state and what it allows
Invalid
├── OutcomeMissing        a decision says what was decided, a resolved issue how
└── RatingOutOfPlace      likelihood belongs to a risk, impact to a risk or an issue
"""

from enum import StrEnum

from services.errors import Conflict, Fault, Invalid


class RaidKind(StrEnum):
    RISK = "risk"
    ISSUE = "issue"
    DECISION = "decision"
    ACTION = "action"


class RaidState(StrEnum):
    OPEN = "open"
    MITIGATING = "mitigating"
    ACCEPTED = "accepted"
    OCCURRED = "occurred"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    DECIDED = "decided"
    DONE = "done"
    DROPPED = "dropped"
    CLOSED = "closed"


class RaidStep(StrEnum):
    MITIGATE = "mitigate"
    ACCEPT = "accept"
    OCCUR = "occur"
    START = "start"
    RESOLVE = "resolve"
    DECIDE = "decide"
    COMPLETE = "complete"
    DROP = "drop"
    REOPEN = "reopen"
    CLOSE = "close"


_S, _T = RaidState, RaidStep
NEXT: dict[RaidKind, dict[tuple[RaidState, RaidStep], RaidState]] = {
    RaidKind.RISK: {
        (_S.OPEN, _T.MITIGATE): _S.MITIGATING,
        (_S.OPEN, _T.ACCEPT): _S.ACCEPTED,
        (_S.OPEN, _T.OCCUR): _S.OCCURRED,
        (_S.MITIGATING, _T.OCCUR): _S.OCCURRED,
        (_S.ACCEPTED, _T.OCCUR): _S.OCCURRED,
        (_S.OPEN, _T.CLOSE): _S.CLOSED,
        (_S.MITIGATING, _T.CLOSE): _S.CLOSED,
        (_S.ACCEPTED, _T.CLOSE): _S.CLOSED,
    },
    RaidKind.ISSUE: {
        (_S.OPEN, _T.START): _S.IN_PROGRESS,
        (_S.OPEN, _T.RESOLVE): _S.RESOLVED,
        (_S.IN_PROGRESS, _T.RESOLVE): _S.RESOLVED,
        (_S.RESOLVED, _T.REOPEN): _S.OPEN,
        (_S.RESOLVED, _T.CLOSE): _S.CLOSED,
    },
    RaidKind.DECISION: {
        (_S.OPEN, _T.DECIDE): _S.DECIDED,
        (_S.OPEN, _T.DROP): _S.DROPPED,
        (_S.DECIDED, _T.REOPEN): _S.OPEN,
    },
    RaidKind.ACTION: {
        (_S.OPEN, _T.START): _S.IN_PROGRESS,
        (_S.OPEN, _T.COMPLETE): _S.DONE,
        (_S.IN_PROGRESS, _T.COMPLETE): _S.DONE,
        (_S.OPEN, _T.DROP): _S.DROPPED,
        (_S.IN_PROGRESS, _T.DROP): _S.DROPPED,
    },
}
# What still wants somebody's attention.
UNFINISHED = frozenset({_S.OPEN, _S.MITIGATING, _S.ACCEPTED, _S.IN_PROGRESS})
_NEED_OUTCOME = frozenset({_T.DECIDE, _T.RESOLVE})


class RaidStepNotAllowed(Conflict): ...


class OutcomeMissing(Invalid): ...


class RatingOutOfPlace(Invalid): ...


def advance(kind: RaidKind, state: RaidState, step: RaidStep, *, outcome: str | None) -> RaidState:
    """The state after `step`. Raises RaidStepNotAllowed and OutcomeMissing."""
    after = NEXT[kind].get((state, step))
    if after is None:
        allowed = [each.value for at, each in NEXT[kind] if at is state]
        raise RaidStepNotAllowed(f"the {kind} is {state}, which allows {', '.join(allowed) or 'nothing more'}")
    if step in _NEED_OUTCOME and outcome is None:
        raise OutcomeMissing(f"say what came of it to {step} the {kind}", faults=[Fault("/outcome", "is needed")])
    return after


def require_ratings(kind: RaidKind, *, likelihood: int | None, impact: int | None) -> None:
    faults = []
    if likelihood is not None and kind is not RaidKind.RISK:
        faults.append(Fault("/likelihood", "belongs to a risk"))
    if impact is not None and kind not in (RaidKind.RISK, RaidKind.ISSUE):
        faults.append(Fault("/impact", "belongs to a risk or an issue"))
    if faults:
        raise RatingOutOfPlace(f"not of {kind}", faults=faults)
