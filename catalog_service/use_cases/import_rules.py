"""What an import may do to a thing: what the API may, by the same rules, and its states for an admin.

A thing that is new may be in any state, as it was where it comes from; one that is there moves only as its table of
transitions allows. The price plan and the unit cost of the readiness gate are not asked for: pricing knows both only
after it has heard of the offering.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from catalog_service.domain import interchange, offering, revision, service, validity
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState
from catalog_service.schemas import OfferingChange, RevisionChange, ServiceChange
from catalog_service.schemas.interchange import OfferingEntry
from catalog_service.tables import Service
from catalog_service.use_cases.offerings import check_parts
from services.errors import Conflict, Fault, Forbidden, Invalid

_STATES: Mapping[str, Any] = {"services": ServiceState, "revisions": RevisionState, "offerings": OfferingState}
_NEXT: Mapping[str, Mapping[Any, Any]] = {
    "services": service.NEXT,
    "revisions": revision.NEXT,
    "offerings": offering.NEXT,
}
# What a new thing may be without an admin, and what a service may become.
_FREE: Mapping[str, frozenset[str]] = {
    "services": frozenset({ServiceState.DRAFT, ServiceState.UNDER_EVALUATION}),
    "revisions": frozenset({RevisionState.DRAFT}),
    "offerings": frozenset({OfferingState.DRAFT}),
}
# What may still change of an offering once it is published.
_LIVE_CHANGES = frozenset({"audience", "valid_until", "taxonomy_node_id", "relations"})
_CHANGES: Mapping[str, frozenset[str]] = {
    "services": frozenset(ServiceChange.model_fields),
    "revisions": frozenset(RevisionChange.model_fields),
    "offerings": frozenset(OfferingChange.model_fields),
}


class StateNotReachable(Conflict): ...


class FieldsFixed(Conflict): ...


class StateNeedsAdmin(Forbidden): ...


class NotYourService(Forbidden): ...


class OfferingIncomplete(Invalid): ...


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
    allowed = _CHANGES[section]
    why = "cannot be changed"
    if section == "services" and row.state not in service.OPEN:
        allowed, why = frozenset(), f"the service is {row.state} and can no longer be changed"
    elif section == "revisions" and row.state not in revision.OPEN:
        allowed, why = frozenset(), f"the revision is {row.state}; what has been live never changes"
    elif section == "offerings" and row.state is not OfferingState.DRAFT:
        allowed = _LIVE_CHANGES if row.state is OfferingState.PUBLISHED else frozenset()
        why = f"the offering is {row.state}; draft its next version"
    fixed = sorted(changed - allowed - {"state", "external_ids"})
    if fixed:
        raise FieldsFixed(why, faults=[Fault(f"/{name}", why) for name in fixed])


def check_body(
    section: str, body: BaseModel, row: Any, new: Mapping[str, Any], service_state: ServiceState | None, actor: Actor
) -> None:
    """The rules that the API has for what `body` says. Raises their refusals, and NotYourService."""
    if section == "services" and not actor.may_change(new["owner_id"]):
        raise NotYourService("not yours", faults=[Fault("/owner_id", "only an admin may make it somebody else's")])
    if not isinstance(body, OfferingEntry):
        return
    check_parts(body)
    validity.check(body.valid_from, body.valid_until)
    if row is None and service_state is not None:
        _check_place(OfferingState(new["state"]), service_state)
    if new["state"] != OfferingState.DRAFT and (row is None or row.state is OfferingState.DRAFT):
        _check_whole(new)


def _check_place(state: OfferingState, service_state: ServiceState) -> None:
    live = (ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT)
    if state is OfferingState.PUBLISHED and service_state not in live:
        message = f"published, but its service is {service_state}"
        raise OfferingIncomplete(message, faults=[Fault("/state", message)])


def _check_whole(new: Mapping[str, Any]) -> None:
    """What has been published has all parts that its event tells of."""
    gaps = offering.missing(
        offering.Readiness(
            service_state=ServiceState.PUBLISHED,
            description=new["description"],
            tier=new["tier"] is not None,
            commitments=len(new["commitments"]),
            request_form=new["request_form"] is not None,
            fulfilment=len(new["fulfilment"]),
        )
    )
    if gaps:
        faults = [Fault(gap.pointer, f"what is {new['state']} has {gap.message}") for gap in gaps]
        raise OfferingIncomplete("the offering is not whole", faults=faults)


def refuse_states(section: str, row: Any, wanted: str | None, actor: Actor) -> list[str]:
    """The states that lead to `wanted`. Raises StateNotReachable, StateNeedsAdmin."""
    if section not in _STATES or wanted is None:
        return []
    state = _STATES[section](wanted)
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
