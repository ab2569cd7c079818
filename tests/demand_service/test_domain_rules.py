"""Smaller rules: subscriptions, lead times, goals, the tree of business units, quantities."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand_service.domain import goal, subscription
from demand_service.domain.agreement import (
    OfferingNotPublished,
    Proposal,
    QuantityNotPossible,
    Quote,
    QuoteState,
    quote_in_force,
    require_published,
    require_quantity,
)
from demand_service.domain.business_unit import UnitInsideItself, require_tree
from demand_service.domain.funnel import DemandKind
from demand_service.domain.intake import OfferingTooEarly, RequestIncomplete, require_complete
from demand_service.domain.lead_time import EndsBeforeItBegins, lead_time_days
from demand_service.domain.subscription import SubscriptionState, SubscriptionStep, SubscriptionStepNotAllowed

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def test_a_subscription_ends_once() -> None:
    ended = subscription.advance(SubscriptionState.ACTIVE, SubscriptionStep.END)
    assert ended is SubscriptionState.ENDED
    with pytest.raises(SubscriptionStepNotAllowed, match=r"is ended: end is not allowed .* nothing, it has ended"):
        subscription.advance(ended, SubscriptionStep.END)


def test_a_suspended_subscription_resumes_or_ends() -> None:
    suspended = subscription.advance(SubscriptionState.ACTIVE, SubscriptionStep.SUSPEND)
    assert subscription.advance(suspended, SubscriptionStep.RESUME) is SubscriptionState.ACTIVE
    with pytest.raises(SubscriptionStepNotAllowed, match=r"is suspended: suspend .* allowed: end, resume"):
        subscription.advance(suspended, SubscriptionStep.SUSPEND)


@pytest.mark.parametrize(
    ("took", "days"),
    [
        (timedelta(), "0.000000"),
        (timedelta(days=2, hours=12), "2.500000"),
        (timedelta(hours=8), "0.333333"),
        (timedelta(days=400), "400.000000"),
    ],
)
def test_lead_time_is_counted_in_days(took: timedelta, days: str) -> None:
    assert lead_time_days(NOON, NOON + took) == Decimal(days)


def test_lead_time_does_not_run_backwards() -> None:
    with pytest.raises(EndsBeforeItBegins):
        lead_time_days(NOON, NOON - timedelta(seconds=1))


@given(st.timedeltas(timedelta(), timedelta(days=36500)))
def test_lead_time_is_within_half_of_its_last_place(took: timedelta) -> None:
    days = lead_time_days(NOON, NOON + took)
    error_us = abs(days * 86_400_000_000 - took // timedelta(microseconds=1))
    assert error_us <= Decimal("43200")


@pytest.mark.parametrize(
    ("baseline", "target", "refusal", "pointer"),
    [
        (None, Decimal(1), goal.GoalWithoutBaseline, "/baseline"),
        (Decimal(1), None, goal.GoalWithoutTarget, "/target"),
        (Decimal("1.0"), Decimal("1.00"), goal.GoalStandsStill, "/target"),
    ],
)
def test_a_goal_that_cannot_be_measured_is_refused(
    baseline: Decimal | None, target: Decimal | None, refusal: type[Exception], pointer: str
) -> None:
    with pytest.raises(refusal) as refused:
        goal.direction("Fewer outages", baseline=baseline, target=target)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]  # type: ignore[attr-defined]


def test_a_goal_rises_or_falls() -> None:
    assert goal.direction("Uptime", baseline=Decimal("99.1"), target=Decimal("99.9")) is goal.Direction.RISE
    assert goal.direction("Cost", baseline=Decimal(0), target=Decimal(-2)) is goal.Direction.FALL


def test_a_unit_is_not_put_below_itself() -> None:
    parents = {"retail": None, "stores": "retail", "north": "stores"}
    names = {"retail": "Retail", "stores": "Stores", "north": "North"}
    require_tree("north", "retail", parents=parents, names=names)
    require_tree("retail", None, parents=parents, names=names)
    with pytest.raises(UnitInsideItself, match="Retail → North → Stores → Retail"):
        require_tree("retail", "north", parents=parents, names=names)
    with pytest.raises(UnitInsideItself, match="Retail → Retail"):
        require_tree("retail", "retail", parents=parents, names=names)


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9))))
def test_however_units_are_moved_everybody_still_reaches_a_root(moves: list[tuple[int, int | None]]) -> None:
    parents: dict[int, int | None] = dict.fromkeys(range(10))
    for unit, parent in moves:
        try:
            require_tree(unit, parent, parents=parents, names={})
        except UnitInsideItself:
            continue
        parents[unit] = parent
    for unit in parents:
        above: int | None = unit
        for _ in range(11):
            above = parents[above] if above is not None else None
        assert above is None


@pytest.mark.parametrize("quantity", ["0", "-1", "NaN", "Infinity"])
def test_a_quantity_is_above_zero(quantity: str) -> None:
    with pytest.raises(QuantityNotPossible):
        require_quantity(Decimal(quantity))
    require_quantity(Decimal("0.5"))


def test_what_is_not_published_is_not_proposed() -> None:
    require_published("Tier 1", "published")
    with pytest.raises(OfferingNotPublished, match="'Tier 1' is retired"):
        require_published("Tier 1", "retired")


def test_a_request_is_complete_and_the_other_kinds_leave_the_offering_open() -> None:
    nothing: dict[str, object] = {"offering_id": None, "quantity": None, "options": {}, "form": {}}
    require_complete(DemandKind.PROJECT, nothing)
    require_complete(DemandKind.REQUEST, nothing | {"offering_id": UUID(int=1), "quantity": Decimal(1)})
    with pytest.raises(RequestIncomplete) as incomplete:
        require_complete(DemandKind.REQUEST, nothing | {"quantity": Decimal(1)})
    assert [fault.pointer for fault in incomplete.value.faults] == ["/offering_id"]
    with pytest.raises(OfferingTooEarly) as early:
        require_complete(DemandKind.ENHANCEMENT, nothing | {"form": {"a": 1}})
    assert [fault.pointer for fault in early.value.faults] == ["/form"]


def test_the_quote_in_force_is_the_newest_if_it_is_live_and_on_the_terms_proposed() -> None:
    def quote(number: int, state: QuoteState = QuoteState.ISSUED, quantity: str = "2.0", offering: int = 7) -> Quote:
        return Quote(UUID(int=number), state, UUID(int=offering), Decimal(quantity))

    proposal = Proposal(UUID(int=7), Decimal(2), superseded=UUID(int=3))
    older, newest = quote(4, QuoteState.ACCEPTED), quote(5)
    assert quote_in_force([newest, older], proposal) == newest
    assert quote_in_force([older], proposal) == older
    assert quote_in_force([quote(3)], proposal) is None
    for newer in (quote(6, QuoteState.EXPIRED), quote(7, quantity="3"), quote(8, offering=9)):
        assert quote_in_force([newest, newer, older], proposal) is None, "an older quote never comes back"
    assert quote_in_force([newest], None) is None
