"""Every transition of services, revisions and offerings: the allowed ones, and the refusal of all the others."""

from datetime import UTC, date, datetime, timedelta
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
OFFERING_MOVES = {
    ("draft", "scheduled"),
    ("draft", "published"),
    ("scheduled", "draft"),
    ("scheduled", "published"),
    ("published", "retired"),
}


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


def test_revisions_are_numbered_from_one_and_drafted_one_at_a_time() -> None:
    draft, scheduled, active, archived = RevisionState
    assert revision.next_number([]) == 1
    assert revision.next_number([(2, active), (1, archived)]) == 3
    assert revision.next_number([(1, active), (2, scheduled), (3, scheduled)]) == 4
    assert revision.next_number([(1, draft), (2, active)]) == 3  # overtaken: it can never go live
    with pytest.raises(revision.DraftRevisionExists, match="revision 2 is still draft"):
        revision.next_number([(1, active), (2, draft)])


DAY = datetime(2026, 12, 1, tzinfo=UTC)


def later(days: int) -> datetime:
    return DAY + timedelta(days=days)


@pytest.mark.parametrize(
    ("number", "days", "refusal", "words"),
    [
        (3, 2, None, ""),
        (3, 3, None, ""),
        (2, 1, revision.RevisionOvertaken, "revision 2 is live"),
        (1, 1, revision.RevisionOvertaken, "revision 2 is live"),
        (3, 0, revision.LiveInstantRefused, "cannot go live at 2026-12-01"),
        (3, -1, revision.LiveInstantRefused, "cannot go live"),
        (3, 40_000, revision.LiveInstantRefused, "cannot go live"),
        (3, 4, revision.RevisionWindowOverlaps, r"revision 4 is scheduled for 2026-12-05T00:00:00Z.* before that"),
        (5, 4, revision.RevisionWindowOverlaps, r"revision 4 is scheduled for .* revision 5 must go live after that"),
        (5, 3, revision.RevisionWindowOverlaps, "revision 4"),
        (7, 7, revision.RevisionWindowOverlaps, "revision 6"),
        (5, 5, None, ""),
        (4, 6, None, ""),
        (7, 8, None, ""),
    ],
)
def test_scheduled_revisions_go_live_in_the_order_of_their_numbers(
    number: int, days: int, refusal: type[Exception] | None, words: str
) -> None:
    others = [revision.Scheduled(6, later(7)), revision.Scheduled(4, later(4))]

    def schedule() -> RevisionState:
        return revision.schedule(RevisionState.DRAFT, number, later(days), others=others, active=2, now=DAY)

    if refusal is None:
        assert schedule() is RevisionState.SCHEDULED
    else:
        with pytest.raises(refusal, match=words):
            schedule()


def test_a_revision_goes_live_by_hand_unless_one_before_it_is_to_come() -> None:
    others = [revision.Scheduled(4, later(4))]
    for number in (3, 4):
        live = revision.go_live(RevisionState.SCHEDULED, number, others=others, active=2)
        assert live is RevisionState.ACTIVE
    with pytest.raises(revision.RevisionWindowOverlaps, match="revision 4 is scheduled for 2026-12-05"):
        revision.go_live(RevisionState.DRAFT, 5, others=others, active=2)
    with pytest.raises(revision.RevisionOvertaken):
        revision.go_live(RevisionState.DRAFT, 1, others=[], active=2)
    assert revision.go_live(RevisionState.DRAFT, 1, others=[], active=None) is RevisionState.ACTIVE


def test_a_retirement_is_planned_from_today_on() -> None:
    today = DAY.date()
    assert service.planned_retirement(None, today=today) is None
    assert service.planned_retirement(today, today=today) == today
    for day in (today - timedelta(days=1), date(9999, 12, 31)):
        with pytest.raises(service.RetirementDateRefused):
            service.planned_retirement(day, today=today)


@pytest.mark.parametrize("state", ServiceState)
def test_what_a_service_is_counted_in_is_fixed_once_it_is_live(state: ServiceState) -> None:
    if state in (ServiceState.DRAFT, ServiceState.UNDER_EVALUATION):
        service.require_never_live(state)
    else:
        with pytest.raises(service.UnitOfMeasureFixed, match=state):
            service.require_never_live(state)


@pytest.mark.parametrize("state", RevisionState)
def test_what_has_been_live_never_changes(state: RevisionState) -> None:
    if state in revision.OPEN:
        revision.require_editable(state)
    else:
        with pytest.raises(revision.RevisionImmutable, match=state):
            revision.require_editable(state)


def test_what_opens_later_is_scheduled() -> None:
    now = datetime(2027, 1, 1, tzinfo=UTC)
    later = now + timedelta(microseconds=1)
    assert offering.publish(OfferingState.DRAFT, opens=later, now=now) is OfferingState.SCHEDULED
    assert offering.publish(OfferingState.DRAFT, opens=now, now=now) is OfferingState.PUBLISHED
    assert offering.publish(OfferingState.SCHEDULED, opens=now, now=later) is OfferingState.PUBLISHED
    with pytest.raises(offering.OfferingTransitionRefused, match="is scheduled cannot become scheduled"):
        offering.publish(OfferingState.SCHEDULED, opens=later, now=now)
    assert offering.unschedule(OfferingState.SCHEDULED) is OfferingState.DRAFT


def test_of_what_is_on_offer_only_its_surroundings_change() -> None:
    for state in (OfferingState.SCHEDULED, OfferingState.PUBLISHED):
        offering.require_changeable(state, offering.AMENDABLE)
        with pytest.raises(offering.OfferingImmutable, match=state) as refused:
            offering.require_changeable(state, {"tier", "audience", "name"})
        assert [fault.pointer for fault in refused.value.faults] == ["/name", "/tier"]
    offering.require_changeable(OfferingState.DRAFT, ["name", "tier"])
    with pytest.raises(offering.OfferingImmutable) as refused:
        offering.require_changeable(OfferingState.RETIRED, {"audience"})
    assert [fault.pointer for fault in refused.value.faults] == ["/audience"]
    offering.require_changeable(OfferingState.RETIRED, ())


def test_versions_are_numbered_from_one_and_drafted_one_at_a_time() -> None:
    assert offering.next_number([(1, OfferingState.RETIRED), (2, OfferingState.PUBLISHED)]) == 3
    for state in (OfferingState.DRAFT, OfferingState.SCHEDULED):
        with pytest.raises(offering.OpenVersionExists, match=f"version 2 is still {state}"):
            offering.next_number([(1, OfferingState.PUBLISHED), (2, state)])
