"""What a subscription owes for a period: splits, usage, and that statements add up to one full rating."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.history import Holding
from pricing_service.domain.plan import PlanCharge, PlanVersion, Recurrence
from pricing_service.domain.prices import Charge, Flat, Graduated, PerUnit, Tier
from pricing_service.domain.rating import RatedLine, Window, rate, windows
from pricing_service.domain.statement import Billed, LineKey
from services.money import exact_total

D = Decimal

NOVEMBER = FiscalCalendar().parse("2026-11")

OFFERING = UUID(int=7)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


SERVER = PlanCharge("server", "Server", "per_unit", Charge(PerUnit(D("30"))), Recurrence.MONTH)
SETUP = PlanCharge("setup", "Setup", "flat", Charge(Flat(D("80"))), Recurrence.ONE_OFF)
TIERS = (Tier(D(10), D("1"), D("5")), Tier(None, D("0.333"), D("2")))
HOURS = PlanCharge("hours", "Hours", "graduated", Charge(Graduated(TIERS)), Recurrence.USAGE, "vm-hours")


def plan(number: int, effective_from: str, *charges: PlanCharge) -> PlanVersion:
    return PlanVersion(UUID(int=number), number, "USD", at(effective_from), charges)


def holding(active_from: str, active_until: str | None = None) -> Holding:
    until = None if active_until is None else at(active_until)
    return Holding.unchanged(UUID(int=9), D(4), at(active_from), until, OFFERING)


Event = tuple[datetime, D]


def meter(events: Sequence[Event]) -> Callable[[Window, str], Decimal]:
    def metered(window: Window, _: str) -> Decimal:
        return exact_total([quantity for moment, quantity in events if window.start <= moment.date() < window.end])

    return metered


def rated(
    who: Holding,
    plans: Sequence[PlanVersion],
    events: Sequence[Event] = (),
    before: dict[LineKey, Billed] | None = None,
) -> list[RatedLine]:
    return rate(NOVEMBER, who, windows(NOVEMBER, who, {OFFERING: plans}), meter(events), before or {}).lines


def bill(before: dict[LineKey, Billed], lines: Sequence[RatedLine], sequence: int) -> None:
    for line in lines:
        held = before.get(line.key, Billed(D(0), D(0), ()))
        before[line.key] = Billed(held.amount + line.amount, held.quantity + line.quantity, (*held.sequences, sequence))


def test_recurring_charges_by_actual_days_and_one_offs_once() -> None:
    lines = rated(holding("2026-11-10T15:00"), [plan(1, "2026-01-01", SERVER, SETUP)])
    assert [(line.name, line.amount) for line in lines] == [("Server", D("84.00")), ("Setup", D("80.00"))]
    assert lines[0].formula == "(4 × 30) × 21/30 days = 84 USD"
    assert [line.name for line in rated(holding("2026-10-10"), [plan(1, "2026-01-01", SERVER, SETUP)])] == ["Server"]


def test_a_price_change_splits_the_period() -> None:
    dearer = PlanCharge("server", "Server", "per_unit", Charge(PerUnit(D("60"))), Recurrence.MONTH)
    plans = [plan(1, "2026-01-01", SERVER, HOURS), plan(2, "2026-11-16T08:00", dearer, HOURS)]
    events = [(at("2026-11-15T23:59"), D(12)), (at("2026-11-16T00:00"), D(1))]
    lines = rated(holding("2026-01-01"), plans, events)
    assert [(line.key.split_start.day, line.name, line.quantity, line.amount) for line in lines] == [
        (1, "Server", D(4), D("60.00")),
        (1, "Hours", D(12), D("14.17")),  # fees 7 × 15/30, then 10 × 1 and 2 × 0.333 unprorated
        (16, "Server", D(4), D("120.00")),
        (16, "Hours", D(1), D("3.50")),
    ]


def test_days_before_the_first_version_have_no_price() -> None:
    who = holding("2026-11-01")
    assert [w.split.start.day for w in windows(NOVEMBER, who, {OFFERING: [plan(1, "2026-11-11", SERVER)]})] == [11]
    assert windows(NOVEMBER, who, {OFFERING: [plan(1, "2026-12-01", SERVER)]}) == []


def test_usage_outside_the_active_days_is_not_lost() -> None:
    plans = [plan(1, "2026-01-01", HOURS)]
    early = [(at("2026-11-02"), D(1))]
    assert [line.quantity for line in rated(holding("2026-11-20"), plans, early)] == [D(1)]
    ended = rated(holding("2026-01-01", "2026-11-01"), plans, early)
    assert [(line.quantity, line.amount) for line in ended] == [(D(1), D("1.00"))]  # no fee for 0 days


def test_a_second_statement_bills_only_the_difference() -> None:
    plans = [plan(1, "2026-01-01", SERVER, HOURS)]
    who = holding("2026-01-01")
    first = [(at("2026-11-02"), D(8))]
    before: dict[LineKey, Billed] = {}
    lines = rated(who, plans, first)
    assert [line.amount for line in lines] == [D("120.00"), D("13.00")]
    bill(before, lines, 1)
    assert rated(who, plans, first, before) == []
    (late,) = rated(who, plans, [*first, (at("2026-11-30"), D(5))], before)
    assert (late.quantity, late.amount) == (D(5), D("5.00"))  # 10 × 1 + 3 × 0.333 + 7 = 18.00 − 13.00
    assert late.formula == "5 + 10 × 1 + 2 + 3 × 0.333 = 17.999 ≈ 18.00 USD − 13.00 on statement 1 = 5.00 USD"
    assert exact_total([part.amount for part in late.parts]) == late.amount


def test_what_is_no_longer_due_is_credited() -> None:
    before: dict[LineKey, Billed] = {}
    bill(before, rated(holding("2026-01-01"), [plan(1, "2026-01-01", SERVER)]), 1)
    metered_only = PlanCharge("gb", "Storage", "per_unit", Charge(PerUnit(D(1))), Recurrence.USAGE, "gb-months")
    plans = [plan(1, "2026-01-01", SERVER), plan(2, "2026-11-01", metered_only)]
    (credit,) = rated(holding("2026-01-01"), plans, [], before)
    assert (credit.name, credit.amount, credit.quantity) == ("credit for server", D("-120.00"), D(-4))


def test_usage_that_a_later_plan_moves_to_another_split_is_credited_where_it_was() -> None:
    per_hour = PlanCharge("hours", "Hours", "per_unit", Charge(PerUnit(D(2))), Recurrence.USAGE, "vm-hours")
    events = [(at("2026-11-20"), D(3))]
    old = [plan(1, "2026-01-01", per_hour)]
    before: dict[LineKey, Billed] = {}
    bill(before, rated(holding("2026-01-01"), old, events), 1)
    lines = rated(holding("2026-01-01"), [*old, plan(2, "2026-11-16", per_hour)], events, before)
    assert [(line.key.split_start.day, line.amount) for line in lines] == [(1, D("-6.00")), (16, D("6.00"))]


events_strategy = st.lists(
    st.tuples(
        st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 30, 23), timezones=st.just(UTC)),
        st.decimals(0, 1000, places=3),
    ),
    max_size=30,
)


@given(events_strategy, st.lists(st.integers(0, 30), max_size=3), st.integers(0, 29), st.randoms(use_true_random=False))
def test_statements_add_up_to_one_full_rating_in_any_order_and_any_batches(
    events: list[Event], cuts: list[int], change: int, random: Random
) -> None:
    dearer = PlanCharge(
        "hours", "Hours", "per_unit", Charge(PerUnit(D("2")), minimum=D("10")), Recurrence.USAGE, "vm-hours"
    )
    plans = [
        plan(1, "2026-01-01", SERVER, HOURS),
        PlanVersion(UUID(int=2), 2, "USD", NOVEMBER.start + timedelta(days=change), (SERVER, dearer)),
    ]
    who = holding("2026-10-01")
    full = rated(who, plans, events)
    shuffled = list(events)
    random.shuffle(shuffled)
    before: dict[LineKey, Billed] = {}
    for sequence, cut in enumerate([*sorted(cuts), len(events)], 1):
        lines = rated(who, plans, shuffled[:cut], before)
        for line in lines:
            assert exact_total([part.amount for part in line.parts]) == line.amount
        bill(before, lines, sequence)
    assert {key: (held.amount, held.quantity) for key, held in before.items() if held.amount or held.quantity} == {
        line.key: (line.amount, line.quantity) for line in full if line.amount or line.quantity
    }
