"""What an import may do to a thing: what the API may, by the same rules, and its states for an admin.

A thing that is new may be in any state, as it was where it comes from; one that is there moves only as its table of
transitions allows. Of the readiness gate a new offering must pass what it says itself: pricing knows its price plan
and the unit cost only after it has heard of it. A draft that is there must pass all of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from catalog_service.domain import campaign, interchange, offering, readiness, revision, scorecard, service, validity
from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.schemas import CampaignChange, OfferingChange, RevisionChange, ScorecardChange, ServiceChange
from catalog_service.schemas.interchange import OfferingEntry
from catalog_service.tables import Scorecard, Service
from catalog_service.use_cases.offerings import check_parts
from services.clock import utc_now
from services.errors import Conflict, Fault, Forbidden, Refusal

_STATES: Mapping[str, Any] = {
    "services": ServiceState,
    "revisions": RevisionState,
    "offerings": OfferingState,
    "campaigns": CampaignState,
}
_COMING = frozenset({CampaignState.SCHEDULED})
_NEXT: Mapping[str, Mapping[Any, Any]] = {
    "services": service.NEXT,
    "revisions": revision.NEXT,
    "offerings": offering.NEXT,
    "campaigns": {state: campaign.NEXT[state] & _COMING for state in CampaignState},
}
# What a new thing may be without an admin, and what a service may become.
_FREE: Mapping[str, frozenset[str]] = {
    "services": frozenset({ServiceState.DRAFT, ServiceState.UNDER_EVALUATION}),
    "revisions": frozenset({RevisionState.DRAFT}),
    "offerings": frozenset({OfferingState.DRAFT}),
    "campaigns": frozenset(),
}
_PARTS = ("tier", "commitments", "fulfilment", "options", "request_form")
# The states of a service whose offerings can be published.
_OFFERED = frozenset({ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT})
_CHANGES: Mapping[str, frozenset[str]] = {
    "services": frozenset(ServiceChange.model_fields) | {"features", "retirement_planned_for"},
    "revisions": frozenset(RevisionChange.model_fields) | {"live_at"},
    "campaigns": frozenset(CampaignChange.model_fields),
    "scorecards": frozenset(ScorecardChange.model_fields) | {"owner_id"},
    "offerings": frozenset(OfferingChange.model_fields),
}


class StateNotReachable(Conflict): ...


class FieldsFixed(Conflict): ...


class StateNeedsAdmin(Forbidden): ...


class NotYourService(Forbidden): ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who imports."""

    person_id: str
    is_admin: bool

    def may_change(self, owner_id: str | None) -> bool:
        return self.is_admin or owner_id in (None, self.person_id)


def require_ownership(owner_id: str | None, actor: Actor) -> None:
    """Raises NotYourService unless the actor owns the service, is an admin, or nobody owns it."""
    if not actor.may_change(owner_id):
        raise NotYourService("the service is owned by somebody else")


def changeable(section: str, row: Any, changed: set[str], actor: Actor) -> None:
    """Raises FieldsFixed for what can no longer change of `row`, NotYourService."""
    if section not in _CHANGES or not changed:
        return
    if isinstance(row, Service):
        require_ownership(row.owner_id, actor)
    if isinstance(row, Scorecard) and not actor.may_change(row.owner_id):
        raise scorecard.NotYourScorecard(f"the scorecard {row.key} was made by somebody else")
    allowed = _CHANGES[section]
    why = "cannot be changed"
    if section == "services" and row.state not in service.OPEN:
        allowed, why = frozenset(), f"the service is {row.state} and can no longer be changed"
    elif section == "revisions" and row.state not in revision.OPEN:
        allowed, why = frozenset(), f"the revision is {row.state}; what has been live never changes"
    elif section == "campaigns":
        if not actor.is_admin:
            raise StateNeedsAdmin("campaigns are an admin's to import")
        if row.state not in campaign.EDITABLE:
            allowed, why = frozenset(), f"the campaign is {row.state}: what it promised stands"
    elif section == "offerings" and row.state is not OfferingState.DRAFT:
        allowed = offering.AMENDABLE if row.state is not OfferingState.RETIRED else frozenset()
        why = f"the offering is {row.state}; draft its next version"
    fixed = sorted(changed - allowed - {"state", "external_ids", "dependencies"})
    if fixed:
        raise FieldsFixed(why, faults=[Fault(f"/{name}", why) for name in fixed])


def faults_of(
    section: str, body: BaseModel, row: Any, new: Mapping[str, Any], service_state: ServiceState | None, actor: Actor
) -> list[Fault]:
    """Everything that the API's rules have against what `body` says."""
    if section == "scorecards":
        faults = _told(scorecard.check, new["levels"], new["rules"], new["applies_to"])
        if new["owner_id"] is not None and not actor.may_change(new["owner_id"]):
            faults.append(Fault("/owner_id", "only an admin may make it somebody else's"))
        return faults
    if section == "services":
        is_other = row is None or new["owner_id"] != row.owner_id
        if is_other and not actor.may_change(new["owner_id"]):
            return [Fault("/owner_id", "only an admin may make it somebody else's")]
        if row is not None and new["unit_of_measure"] != row.unit_of_measure:
            return _told(service.require_never_live, row.state)
    if not isinstance(body, OfferingEntry):
        return []
    faults = _told(check_parts, body)
    if faults:  # it tells of the first part alone
        faults = [fault for name in _PARTS for fault in _told(check_parts, _only(body, name))]
    faults += _told(validity.check, body.valid_from, body.valid_until)
    on_offer = row is not None and row.state in (OfferingState.SCHEDULED, OfferingState.PUBLISHED)
    if on_offer and new["audience"] is None:
        faults.append(Fault("/audience", "it is on offer, and so for somebody"))
    if on_offer and "valid_until" in body.model_fields_set and body.valid_until != row.valid_until:
        faults += _told(partial(validity.require_ahead, now=utc_now()), body.valid_until)
    state = OfferingState(new["state"])
    if row is None and service_state is not None and state is OfferingState.PUBLISHED and service_state not in _OFFERED:
        faults.append(Fault("/state", f"published, but its service is {service_state}"))
    if state is OfferingState.SCHEDULED and new["valid_from"] is None:
        faults.append(Fault("/valid_from", "what is scheduled says when it opens"))
    if state is not OfferingState.DRAFT and (row is None or row.state is OfferingState.DRAFT):
        faults += _missing(new)
    return faults


def _told(check: Callable[..., None], *values: Any) -> list[Fault]:
    try:
        check(*values)
    except Refusal as refusal:
        return list(refusal.faults) or [Fault("", refusal.detail)]
    return []


def _only(body: OfferingEntry, name: str) -> OfferingEntry:
    """The body as if it said nothing but `name`."""
    others = {other: OfferingEntry.model_fields[other].get_default(call_default_factory=True) for other in _PARTS}
    return body.model_copy(update=others | {name: getattr(body, name)})


def _missing(new: Mapping[str, Any]) -> list[Fault]:
    """What has been published has all parts that its event tells of."""
    whole = readiness.OfferingFacts(
        id=UUID(int=0),
        description=new["description"],
        tier=new["tier"] is not None,
        commitments=len(new["commitments"]),
        request_form=new["request_form"] is not None,
        fulfilment=len(new["fulfilment"]),
        audience=bool(new["audience"]),
        prices=[],
        announced=[],
    )
    gaps = [gap for gap in readiness.missing_of_offering(whole) if gap.check is not readiness.Check.PRICE_PLAN]
    return [Fault(gap.pointer, f"what is {new['state']} has {gap.what}") for gap in gaps]


def refuse_states(section: str, row: Any, wanted: str | None, actor: Actor) -> list[str]:
    """The states that lead to `wanted`. Raises StateNotReachable, StateNeedsAdmin."""
    if section not in _STATES or wanted is None:
        return []
    state = _STATES[section](wanted)
    if section == "campaigns" and row is None and state not in campaign.EDITABLE:
        message = "only a campaign that has not started can be imported: draft or scheduled"
        raise StateNotReachable(message, faults=[Fault("/state", message)])
    if row is None:
        if state not in _FREE[section] and not actor.is_admin:
            raise StateNeedsAdmin("needs an admin", faults=[Fault("/state", f"only an admin's import may say {state}")])
        return []
    steps = interchange.way(_NEXT[section], row.state, state)
    if steps is None:
        ways = ", ".join(sorted(_NEXT[section][row.state])) or "nothing: it is final"
        message = f"it is {row.state}, and cannot become {state}; what can follow is {ways}"
        raise StateNotReachable(message, faults=[Fault("/state", message)])
    if steps and not actor.is_admin and not set(steps) <= _FREE[section]:
        raise StateNeedsAdmin("needs an admin", faults=[Fault("/state", f"only an admin's import may make it {state}")])
    return steps
