"""Every transition of services, revisions and offerings: the allowed ones, and the refusal of all the others."""

from itertools import product

import pytest

from catalog_service.domain import offering, revision, service
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.revision import RevisionState
from catalog_service.domain.service import ServiceState

SERVICE_MOVES = {
    ("draft", "under_evaluation"),
    ("draft", "cancelled"),
    ("under_evaluation", "published"),
    ("under_evaluation", "cancelled"),
    ("published", "pending_retirement"),
    ("pending_retirement", "retired"),
}
REVISION_MOVES = {
    ("draft", "scheduled"),
    ("draft", "active"),
    ("scheduled", "draft"),
    ("scheduled", "active"),
    ("active", "archived"),
}
OFFERING_MOVES = {("draft", "published"), ("published", "retired")}


@pytest.mark.parametrize(("state", "to"), list(product(ServiceState, ServiceState)))
def test_service_transitions(state: ServiceState, to: ServiceState) -> None:
    if (state, to) in SERVICE_MOVES:
        assert service.move(state, to) is to
    else:
        with pytest.raises(service.ServiceTransitionRefused, match=f"is {state} cannot become {to}"):
            service.move(state, to)


@pytest.mark.parametrize(("state", "to"), list(product(RevisionState, RevisionState)))
def test_revision_transitions(state: RevisionState, to: RevisionState) -> None:
    if (state, to) in REVISION_MOVES:
        assert revision.move(state, to) is to
    else:
        with pytest.raises(revision.RevisionTransitionRefused, match=f"is {state} cannot become {to}"):
            revision.move(state, to)


@pytest.mark.parametrize(("state", "to"), list(product(OfferingState, OfferingState)))
def test_offering_transitions(state: OfferingState, to: OfferingState) -> None:
    if (state, to) in OFFERING_MOVES:
        assert offering.move(state, to) is to
    else:
        with pytest.raises(offering.OfferingTransitionRefused, match=f"is {state} cannot become {to}"):
            offering.move(state, to)


@pytest.mark.parametrize("state", ServiceState)
def test_publishing_a_revision_publishes_the_service_once(state: ServiceState) -> None:
    if state in {ServiceState.UNDER_EVALUATION, ServiceState.PUBLISHED}:
        assert service.publish(state) is ServiceState.PUBLISHED
    else:
        with pytest.raises(service.ServiceTransitionRefused):
            service.publish(state)


def test_a_service_retires_only_after_its_offerings() -> None:
    with pytest.raises(service.ServiceStillOffered, match="2 of its offerings are still published"):
        service.retire(ServiceState.PENDING_RETIREMENT, published_offerings=2)
    with pytest.raises(service.ServiceTransitionRefused):
        service.retire(ServiceState.PUBLISHED, published_offerings=0)
    assert service.retire(ServiceState.PENDING_RETIREMENT, published_offerings=0) is ServiceState.RETIRED


@pytest.mark.parametrize("state", ServiceState)
def test_a_service_that_is_leaving_cannot_be_changed(state: ServiceState) -> None:
    if state in {ServiceState.DRAFT, ServiceState.UNDER_EVALUATION, ServiceState.PUBLISHED}:
        service.require_open(state)
    else:
        with pytest.raises(service.ServiceClosed, match=state):
            service.require_open(state)


def test_revisions_are_numbered_from_one_and_opened_one_at_a_time() -> None:
    assert revision.next_number([]) == 1
    assert revision.next_number([(2, RevisionState.ACTIVE), (1, RevisionState.ARCHIVED)]) == 3
    for state in (RevisionState.DRAFT, RevisionState.SCHEDULED):
        with pytest.raises(revision.DraftRevisionExists, match=f"revision 2 is still {state}"):
            revision.next_number([(1, RevisionState.ACTIVE), (2, state)])


@pytest.mark.parametrize("state", RevisionState)
def test_what_has_been_live_never_changes(state: RevisionState) -> None:
    if state in revision.OPEN:
        revision.require_editable(state)
    else:
        with pytest.raises(revision.RevisionImmutable, match=state):
            revision.require_editable(state)


@pytest.mark.parametrize("state", OfferingState)
def test_an_offering_that_was_published_is_frozen(state: OfferingState) -> None:
    if state is OfferingState.DRAFT:
        offering.require_draft(state)
    else:
        with pytest.raises(offering.OfferingImmutable, match=state):
            offering.require_draft(state)
