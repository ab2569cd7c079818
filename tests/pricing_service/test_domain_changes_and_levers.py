"""What drove a change adds up to it; levers show a saving or are none."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from pricing_service.domain.changes import Charged, ChargeKey, DriverOfChange, changes, total
from pricing_service.domain.levers import Alternative, LeverKind, Observed, cheaper, committed, unused, with_true_up
from services.money import exact_total

D = Decimal
A, B = UUID(int=1), UUID(int=2)
KEY = ChargeKey(A, "server")


def test_volume_is_priced_at_the_old_rate_and_the_rest_is_price() -> None:
    found = changes({KEY: Charged(D("90.00"), D(4))}, {KEY: Charged(D("150.00"), D(5))}, places=2)
    assert {change.driver: change.amount for change in found} == {
        DriverOfChange.VOLUME: D("22.50"),
        DriverOfChange.PRICE: D("37.50"),
    }


def test_started_ended_adjusted_and_credited() -> None:
    before = {KEY: Charged(D(10), D(1))}
    after = {ChargeKey(B, "flow"): Charged(D(7), D(2), adjustments=D(3), credits=D(-1))}
    found = {(change.driver, change.amount) for change in changes(before, after, places=2)}
    assert found == {
        (DriverOfChange.ENDED, D(-10)),
        (DriverOfChange.STARTED, D(7)),
        (DriverOfChange.ADJUSTMENT, D(3)),
        (DriverOfChange.CREDIT, D(-1)),
    }


def test_what_comes_back_of_a_fee_paid_in_advance_has_ended() -> None:
    found = changes({KEY: Charged(D("360"), D(12))}, {KEY: Charged(D("-217"), D(-7))}, places=2)
    assert [(change.driver, change.amount) for change in found] == [(DriverOfChange.ENDED, D("-577"))]


cents = st.integers(-(10**9), 10**9).map(lambda number: D(number).scaleb(-2))
quantities = st.decimals(0, 10**6, places=6)
keys = st.builds(ChargeKey, st.sampled_from([A, B]), st.sampled_from(["a", "b"]))
sides = st.dictionaries(keys, st.builds(Charged, cents, quantities, cents, cents), max_size=4)


@given(sides, sides)
@settings(max_examples=60)
def test_drivers_add_up_to_the_difference(before: dict[ChargeKey, Charged], after: dict[ChargeKey, Charged]) -> None:
    found = changes(before, after, places=2)
    assert exact_total([change.amount for change in found]) == total(after) - total(before)
    assert all(change.amount == round(change.amount, 2) for change in found)


def test_levers() -> None:
    idle = Observed(A, recurring=D(30), metered_charges=True, used=False, current=D(30))
    lever = unused(idle, periods=3)
    assert lever is not None and (lever.kind, lever.saving) == (LeverKind.UNUSED, D(30))
    assert unused(Observed(A, D(30), metered_charges=True, used=True, current=D(30)), periods=3) is None
    assert unused(Observed(A, D(30), metered_charges=False, used=False, current=D(30)), periods=3) is None
    others = [Alternative(B, "tier 2", D(40), D(0)), Alternative(A, "tier 1", D(20), D(5))]
    best = cheaper(idle, others)
    assert best is not None and (best.offering_id, best.saving, best.once) == (A, D(10), D(5))
    assert cheaper(idle, others[:1]) is None
    term = committed(idle, {12: D(28), 36: D(25), 60: D(31)})
    assert term is not None and term.saving == D(5) and "36 months" in term.reason
    assert committed(idle, {12: D(30)}) is None


def test_a_minimum_for_the_term_is_borne_by_its_periods() -> None:
    assert with_true_up(D("108.00"), D(1296), 12, "USD") == D("108.00")
    assert with_true_up(D("108.00"), D(1380), 12, "USD") == D("115.00")
    assert with_true_up(D("108.00"), D(5000), 12, "USD") == D("416.67")
