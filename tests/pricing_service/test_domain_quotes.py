"""The life of a quote, and what a plan quotes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from pricing_service.domain import plan, quote
from pricing_service.domain.plan import (
    ChargeRules,
    ChargesWrong,
    Commitment,
    PlanCharge,
    PlanVersion,
    Recurrence,
    TrueUpAt,
)
from pricing_service.domain.prices import Charge, Discount, Flat, PerUnit
from pricing_service.domain.quote import (
    QuoteNotAcceptable,
    QuoteNotExpired,
    QuoteNotReleasable,
    QuoteNotSupersedable,
    QuoteNotWithdrawable,
    QuoteState,
)

D = Decimal

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


def test_every_transition_that_is_not_in_the_table_is_refused() -> None:
    assert quote.accept(QuoteState.OPEN, valid_until=LATER, now=NOW) is QuoteState.ACCEPTED
    assert quote.withdraw(QuoteState.OPEN) is QuoteState.WITHDRAWN
    assert quote.expire(QuoteState.OPEN, valid_until=NOW, now=NOW) is QuoteState.EXPIRED
    for state in set(QuoteState) - {QuoteState.OPEN}:
        with pytest.raises(QuoteNotAcceptable, match=state):
            quote.accept(state, valid_until=LATER, now=NOW)
        with pytest.raises(QuoteNotWithdrawable, match=state):
            quote.withdraw(state)
        with pytest.raises(QuoteNotExpired, match=state):
            quote.expire(state, valid_until=NOW, now=NOW)


def test_only_a_live_quote_is_superseded_and_none_whose_demand_is_delivered() -> None:
    for state in (QuoteState.OPEN, QuoteState.ACCEPTED):
        assert quote.supersede(state, subscribed=False) is QuoteState.WITHDRAWN
        with pytest.raises(QuoteNotSupersedable, match="subscription"):
            quote.supersede(state, subscribed=True)
    for state in (QuoteState.WITHDRAWN, QuoteState.EXPIRED):
        with pytest.raises(QuoteNotSupersedable, match=state):
            quote.supersede(state, subscribed=False)


def test_only_money_that_no_demand_gives_back_is_released_by_hand() -> None:
    quote.release(QuoteState.ACCEPTED, has_demand=False, has_ended=False)
    for state, has_demand, has_ended, why in (
        (QuoteState.OPEN, False, False, "open"),
        (QuoteState.ACCEPTED, True, False, "has a demand"),
        (QuoteState.ACCEPTED, False, True, "released already"),
    ):
        with pytest.raises(QuoteNotReleasable, match=why):
            quote.release(state, has_demand=has_demand, has_ended=has_ended)


def test_a_quote_lapses_at_its_instant_not_after_it() -> None:
    quote.accept(QuoteState.OPEN, valid_until=LATER, now=LATER - timedelta(microseconds=1))
    with pytest.raises(QuoteNotAcceptable, match="lapsed at 2026-11-25T00:00:00Z"):
        quote.accept(QuoteState.OPEN, valid_until=LATER, now=LATER)
    with pytest.raises(QuoteNotExpired):
        quote.expire(QuoteState.OPEN, valid_until=LATER, now=NOW)
    assert quote.current(QuoteState.OPEN, valid_until=NOW, now=NOW) is QuoteState.EXPIRED
    assert quote.current(QuoteState.ACCEPTED, valid_until=NOW, now=NOW) is QuoteState.ACCEPTED
    assert quote.number(2026, 1) == "Q-2026-000001"


def version(*charges: PlanCharge, number: int = 1, effective_from: datetime = NOW) -> PlanVersion:
    return PlanVersion(UUID(int=number), number, "USD", effective_from, charges)


YEARLY = PlanCharge("server", "Virtual server", "per_unit", Charge(PerUnit(D("500"))), Recurrence.YEAR)


def test_a_yearly_price_is_quoted_in_twelfths_and_as_a_year() -> None:
    (quoted,) = plan.quote(version(YEARLY), D(1))
    assert quoted.priced.total == D("41.67")
    assert quoted.priced.lines[0].formula == "(1 × 500) × 1/12 year = 41.666666666667 ≈ 41.67 USD"
    assert quoted.annual == D("500.00")  # not twelve rounded months


def test_months_one_offs_and_usage_in_a_quote() -> None:
    monthly = PlanCharge("seat", "Seat", "per_unit", Charge(PerUnit(D("6.505"))), Recurrence.MONTH)
    once = PlanCharge("setup", "Setup", "flat", Charge(Flat(D("80"))), Recurrence.ONE_OFF)
    hours = PlanCharge("hours", "Hours", "per_unit", Charge(PerUnit(D("1"))), Recurrence.USAGE, "vm-hours")
    seat, setup = plan.quote(version(monthly, once, hours), D(1))
    assert (seat.priced.total, seat.annual) == (D("6.50"), D("78.00"))
    assert (setup.priced.total, setup.annual) == (D("80.00"), D("80.00"))


def test_the_plans_own_discounts_minimum_and_maximum_are_quoted() -> None:
    once = PlanCharge("setup", "Setup", "flat", Charge(Flat(D("80"))), Recurrence.ONE_OFF)
    off = (Discount("all", "All", percentage=D(10)), Discount("long", "Long", amount=D(5), min_term_months=12))
    plain = replace(version(YEARLY, once), discounts=off)

    def lines(plan_version: PlanVersion, term_months: int | None = None) -> list[tuple[str, str, Decimal, Decimal]]:
        quoted = plan.quote(plan_version, D(2), term_months=term_months)
        for each in quoted:
            for line in each.priced.lines:
                assert sum(part.amount for part in line.parts) == line.amount
        return [(each.charge.key, each.priced.lines[0].kind, each.priced.total, each.annual) for each in quoted]

    charges = [("server", "charge", D("83.33"), D(1000)), ("setup", "charge", D(80), D(80))]
    discount = ("all", "plan_discount", D("-8.33"), D(-100))
    assert lines(plain) == [*charges, discount]
    assert lines(plain, 12) == [*charges, discount, ("long", "plan_discount", D(-5), D(-60))]
    least = replace(plain, minimum=Commitment(D(100)))
    assert lines(least) == [*charges, discount, ("plan", "plan_true_up", D(25), D(300))]
    assert lines(replace(plain, minimum=Commitment(D(100), TrueUpAt.TERM))) == [*charges, discount]
    capped = replace(plain, maximum=D(50))
    assert lines(capped) == [*charges, discount, ("plan", "plan_cap", D(-25), D(-300))]


def test_the_version_in_force() -> None:
    old, new = version(YEARLY), version(YEARLY, number=2, effective_from=LATER)
    corrected = version(YEARLY, number=3)
    assert plan.in_force([old, new], NOW) is old
    assert plan.in_force([old, new], LATER) is new
    assert plan.in_force([old, corrected], NOW) is corrected
    assert plan.in_force([old], NOW - timedelta(seconds=1)) is None


def test_charges_that_contradict_each_other_are_named() -> None:
    with pytest.raises(ChargesWrong) as caught:
        plan.check_charges(
            [
                ChargeRules("a", Recurrence.USAGE),
                ChargeRules("a", Recurrence.MONTH, "hours"),
                ChargeRules("b", Recurrence.USAGE, "hours"),
            ]
        )
    assert [fault.pointer for fault in caught.value.faults] == [
        "/charges/0/meter",
        "/charges/1/key",
        "/charges/1/meter",
        "/charges/2/meter",
    ]
    with pytest.raises(ChargesWrong):
        plan.check_charges([])
