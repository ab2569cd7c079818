"""What plans say beyond a price: in advance, discounts, matrices, minimum and maximum over all charges."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.history import HeldState, Holding, Step, Term, stretches
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import (
    ChargeRules,
    ChargesWrong,
    Commitment,
    PlanCharge,
    PlanVersion,
    Recurrence,
    Suspension,
    SuspensionUnclear,
    Timing,
    TrueUpAt,
    check_charges,
    suspended_percentage,
)
from pricing_service.domain.prices import (
    Cell,
    Charge,
    Discount,
    Flat,
    Matrix,
    NoMatrixRow,
    PerUnit,
    Row,
    Split,
    Tagged,
    TagOf,
    price,
)
from pricing_service.domain.prices.discount import DiscountAboveWhole, DiscountUnclear, NegativeDiscount
from pricing_service.domain.prices.line import LineKind, PartKind
from pricing_service.domain.prices.matrix import MatrixUnclear
from pricing_service.domain.rating import RatedLine, ending_term, rate, rate_in_advance, windows
from pricing_service.domain.statement import Billed, LineKey
from services.errors import Refusal
from services.money import exact_total

D = Decimal
OFFERING, WHO = UUID(int=1), UUID(int=9)
CALENDAR = FiscalCalendar()
NOVEMBER = CALENDAR.parse("2026-11")
DECEMBER = CALENDAR.next(NOVEMBER)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fee(amount: str, recurrence: Recurrence = Recurrence.MONTH, **more: object) -> PlanCharge:
    return PlanCharge("fee", "Fee", "per_unit", Charge(PerUnit(D(amount))), recurrence, **more)  # type: ignore[arg-type]


def plan(*charges: PlanCharge, **more: object) -> dict[UUID, list[PlanVersion]]:
    return {OFFERING: [PlanVersion(UUID(int=1), 1, "USD", at("2025-01-01"), charges, **more)]}  # type: ignore[arg-type]


def held(since: str, until: str | None = None, quantity: str = "1") -> Holding:
    return Holding.unchanged(WHO, D(quantity), at(since), None if until is None else at(until), OFFERING)


class Books:
    """Statements of one subscription, issued period by period."""

    def __init__(self) -> None:
        self.lines: list[tuple[Period, Period, RatedLine]] = []  # statement's period, service period

    def before(self, service: Period) -> dict[LineKey, Billed]:
        held: dict[LineKey, Billed] = {}
        for number, (_, of, line) in enumerate(self.lines):
            if of == service:
                was = held.get(line.key, Billed(D(0), D(0), ()))
                held[line.key] = Billed(
                    was.amount + line.amount, was.quantity + line.quantity, (*was.sequences, number)
                )
        return held

    def bill(self, period: Period, who: Holding, plans: dict[UUID, list[PlanVersion]]) -> list[tuple[str, D]]:
        following = CALENDAR.next(period)
        now = rate(period, who, windows(period, who, plans), lambda *_: D(0), self.before(period)).lines
        ahead = rate_in_advance(following, who, windows(following, who, plans), self.before(following))
        for line in [*now, *ahead]:
            assert exact_total([part.amount for part in line.parts]) == line.amount
        self.lines += [(period, period, line) for line in now] + [(period, following, line) for line in ahead]
        return [(str(of), line.amount) for _, of, line in self.lines[len(self.lines) - len(now) - len(ahead) :]]


def test_in_advance_the_first_statement_bills_its_own_period_and_the_next_and_an_excess_comes_back() -> None:
    plans = plan(fee("30", timing=Timing.IN_ADVANCE))
    books = Books()
    assert books.bill(NOVEMBER, held("2026-11-16"), plans) == [("2026-11", D("15.00")), ("2026-12", D("30.00"))]
    assert books.bill(NOVEMBER, held("2026-11-16"), plans) == []
    assert books.bill(DECEMBER, held("2026-11-16"), plans) == [("2027-01", D("30.00"))]
    january = CALENDAR.next(DECEMBER)
    ended = held("2026-11-16", "2027-01-11")
    assert books.bill(january, ended, plans) == [("2027-01", D("-20.32"))]  # 30 × 10/31 = 9.68 stay
    assert books.bill(CALENDAR.next(january), ended, plans) == []
    books = Books()
    books.bill(NOVEMBER, held("2026-11-01"), plans)
    assert books.bill(DECEMBER, held("2026-11-01", "2026-12-01"), plans) == [("2026-12", D("-30.00"))]


def test_in_advance_starts_with_the_statement_of_the_first_period() -> None:
    plans = plan(fee("30", timing=Timing.IN_ADVANCE))
    who = held("2026-12-10")
    assert rate_in_advance(DECEMBER, who, windows(DECEMBER, who, plans), {}) == []


days = st.datetimes(datetime(2026, 11, 1), datetime(2027, 2, 20), timezones=st.just(UTC))
lives = st.lists(
    st.tuples(days, st.integers(1, 9), st.sampled_from([HeldState.ACTIVE, HeldState.SUSPENDED])), max_size=5
)


@given(days, lives, days, st.sampled_from(["30", "29.99", "0.01"]), st.sampled_from(["100", "40", "0"]))
def test_in_advance_plus_credits_is_arrears_over_a_whole_life(
    begun: datetime, changes: list[tuple[datetime, int, HeldState]], end: datetime, amount: str, suspended: str
) -> None:
    """Each statement knows only what had happened by the end of its period; no more than the last is needed."""
    ended = max(begun, end)
    steps = [Step(1, begun, HeldState.ACTIVE, OFFERING, D(2))] + [
        Step(number, when, state, OFFERING, D(quantity))
        for number, (when, quantity, state) in enumerate(sorted(changes, key=lambda c: c[0]), 2)
    ]
    rule = D(suspended)
    advance = plan(fee(amount, timing=Timing.IN_ADVANCE, suspended_percentage=rule))
    arrears = plan(fee(amount, suspended_percentage=rule))
    books, owed = Books(), D(0)
    period = NOVEMBER
    for _ in range(5):
        known = [each for each in steps if each.at < period.end] or steps[:1]
        until = ended if ended < period.end else None
        if begun < period.end:
            books.bill(period, Holding(WHO, begun, until, stretches(begun, until, known)), advance)
        full = Holding(WHO, begun, ended, stretches(begun, ended, steps))
        owed += exact_total(
            [line.amount for line in rate(period, full, windows(period, full, arrears), lambda *_: D(0), {}).lines]
        )
        period = CALENDAR.next(period)
    assert exact_total([line.amount for _, _, line in books.lines]) == owed


def test_a_quarter_is_billed_in_thirds_and_a_year_in_twelfths_in_whatever_periods_the_calendar_has() -> None:
    for recurrence, amount, formula in (
        (Recurrence.QUARTER, "30.00", "(1 × 90) × 1/3 quarter = 30 USD"),
        (Recurrence.YEAR, "7.50", "(1 × 90) × 1/12 year = 7.5 USD"),
    ):
        who = held("2026-01-01")
        (line,) = rate(NOVEMBER, who, windows(NOVEMBER, who, plan(fee("90", recurrence))), lambda *_: D(0), {}).lines
        assert (line.amount, line.formula) == (D(amount), formula)
    who = held("2026-11-16")
    (line,) = rate(
        NOVEMBER, who, windows(NOVEMBER, who, plan(fee("90", Recurrence.QUARTER))), lambda *_: D(0), {}
    ).lines
    assert line.formula == "(1 × 90) × 1/3 quarter × 15/30 days = 15 USD"


def test_a_subscription_that_ends_on_its_first_day_owes_what_is_due_once_and_nothing_recurring() -> None:
    setup = PlanCharge("setup", "Setup", "flat", Charge(Flat(D(80))), Recurrence.ONE_OFF)
    who = held("2026-11-10T08:00", "2026-11-10T17:00")
    lines = rate(NOVEMBER, who, windows(NOVEMBER, who, plan(fee("30"), setup)), lambda *_: D(0), {}).lines
    assert [(line.name, line.amount) for line in lines] == [("Setup", D("80.00"))]


TEN = Discount("ten", "Loyalty", percentage=D(10))
FIVE = Discount("five", "Goodwill", amount=D(5))


def test_discounts_come_off_in_their_order_and_never_below_zero() -> None:
    def total(*discounts: Discount, amount: str = "100") -> D:
        return price(Charge(PerUnit(D(amount))), D(1), "USD", discounts=discounts).total

    assert (total(TEN, FIVE), total(FIVE, TEN)) == (D("85.00"), D("85.50"))
    assert total(FIVE, amount="3") == D("0.00")
    (line,) = price(Charge(PerUnit(D(100))), D(1), "USD", discounts=[TEN, FIVE]).lines
    assert line.formula == "(1 × 100) × (1 − 10 %) − 5 = 85 USD"
    assert [part.amount for part in line.parts if part.kind is PartKind.DISCOUNT] == [D(-10), D(-5)]
    own = Discount("own", "Partner", percentage=D("33.3"), own_line=True)
    lines = price(Charge(PerUnit(D("0.05"))), D(1), "USD", discounts=[own]).lines
    assert [(each.kind, each.amount) for each in lines] == [
        (LineKind.CHARGE, D("0.05")),
        (LineKind.DISCOUNT, D("-0.02")),
    ]
    half = Split(Fraction(1, 2), "15/30 days")
    assert price(Charge(PerUnit(D(100))), D(1), "USD", half, discounts=[FIVE]).total == D("47.50")


def test_limits_hold_after_discounts() -> None:
    own = Discount("own", "Partner", percentage=D(10), own_line=True)
    capped = price(Charge(PerUnit(D(100)), maximum=D(50)), D(1), "USD", discounts=[own])
    assert [line.amount for line in capped.lines] == [D("60.00"), D("-10.00")]
    raised = price(Charge(PerUnit(D(100)), minimum=D(95)), D(1), "USD", discounts=[own])
    assert [line.amount for line in raised.lines] == [D("100.00"), D("-10.00"), D("5.00")]


def test_a_discount_by_tag_or_by_term_is_for_those_who_have_it() -> None:
    gold = Discount("gold", "Gold", percentage=D(5), tagged=Tagged(TagOf.SUBSCRIPTION, "level", "gold"))
    research = Discount("res", "Research", percentage=D(5), tagged=Tagged(TagOf.BUSINESS_UNIT, "research"))
    term = Discount("term", "Two years", percentage=D(5), min_term_months=24)
    assert gold.applies({"level": "gold"}, {}, None) and not gold.applies({"level": "tin"}, {"level": "gold"}, None)
    assert research.applies({}, {"research": "yes"}, None) and not research.applies({"research": "yes"}, {}, None)
    assert [term.applies({}, {}, months) for months in (None, 12, 24)] == [False, False, True]
    steps = [Step(1, at("2025-11-16"), HeldState.ACTIVE, OFFERING, D(1), {"level": "gold"}, 12)]
    who = Holding(WHO, at("2025-11-16"), None, stretches(at("2025-11-16"), None, steps))
    within = Discount("term", "A year", percentage=D(10), min_term_months=12)
    lines = rate(NOVEMBER, who, windows(NOVEMBER, who, plan(fee("30", discounts=(within, gold)))), lambda *_: D(0), {})
    # The term ends on the 16th, and with it its discount; 15 × 0.9 × 0.95 = 12.825.
    assert [line.amount for line in lines.lines] == [D("12.82"), D("14.25")]


@pytest.mark.parametrize(
    ("values", "refusal", "pointer"),
    [
        ({"percentage": D("100.01")}, DiscountAboveWhole, "/percentage"),
        ({"percentage": D(-1)}, NegativeDiscount, "/percentage"),
        ({"amount": D(-1)}, NegativeDiscount, "/amount"),
        ({}, DiscountUnclear, "/percentage"),
        ({"percentage": D(1), "amount": D(1)}, DiscountUnclear, "/percentage"),
    ],
)
def test_wrong_discounts_are_refused_by_name(values: dict[str, D], refusal: type[Refusal], pointer: str) -> None:
    with pytest.raises(refusal) as caught:
        Discount("d", "D", **values)  # type: ignore[arg-type]
    assert caught.value.faults[0].pointer == pointer


amounts = st.decimals(0, 10**6, places=4)
discounts_strategy = st.lists(
    st.builds(
        lambda share, amount, own, n: Discount(
            f"d{n}", "D", percentage=share, amount=amount if share is None else None, own_line=own
        ),
        st.none() | st.decimals(0, 100, places=3),
        amounts,
        st.booleans(),
        st.integers(0, 9),
    ),
    max_size=4,
)


@given(amounts, discounts_strategy, st.none() | amounts, st.none() | amounts, st.integers(1, 30))
def test_discounted_lines_add_up_and_stay_within_zero_and_the_limits(
    unit_price: D, discounts: list[Discount], one: D | None, other: D | None, of_days: int
) -> None:
    minimum, maximum = (one, other) if one is None or other is None else sorted([one, other])
    split = Split(Fraction(of_days, 30), f"{of_days}/30 days")
    priced = price(Charge(PerUnit(unit_price), minimum, maximum), D(3), "USD", split, discounts=discounts)
    for line in priced.lines:
        assert exact_total([part.amount for part in line.parts]) == line.amount
        assert line.amount <= 0 if line.kind is LineKind.DISCOUNT else line.amount >= 0
    running = D(0)
    for line in priced.lines:
        running += line.amount
        assert running >= 0
    left = Fraction(unit_price) * 3 * split.share
    for discount in discounts:
        off = (
            left * Fraction(discount.percentage) / 100
            if discount.percentage is not None
            else Fraction(discount.amount or 0) * split.share
        )
        left = max(left - off, Fraction(0))
    if maximum is not None:
        left = min(left, Fraction(maximum) * split.share)
    if minimum is not None:
        left = max(left, Fraction(minimum) * split.share)
    assert abs(Fraction(priced.total) - left) <= Fraction(1, 100)


REGIONS = Matrix(
    ("region", "size"),
    (Row({"region": "eu", "size": "L"}, D(3)), Row({"region": "eu"}, D(2)), Row({"region": "us"}, D("1.5"))),
)


def test_a_matrix_prices_by_the_first_row_that_fits() -> None:
    cells = [
        Cell(D(2), {"region": "eu", "size": "S"}),
        Cell(D(1), {"region": "eu", "size": "L"}),
        Cell(D(4), {"region": "us", "size": "L"}),
        Cell(D(1), {"region": "eu", "size": "S"}),
    ]
    (line,) = price(Charge(REGIONS), D(8), "USD", cells=cells).lines
    assert (line.amount, line.formula) == (D("15.00"), "1 × 3 + 3 × 2 + 4 × 1.5 = 15 USD")
    assert line.parts[0].label == "region eu, size L"
    with pytest.raises(NoMatrixRow, match="no row of the matrix prices region asia, size unknown"):
        price(Charge(REGIONS), D(1), "USD", cells=[Cell(D(1), {"region": "asia"})])
    with_default = Matrix(("region",), (), D(9))
    assert price(Charge(with_default), D(2), "USD").total == D("18.00")
    assert price(Charge(REGIONS), D(0), "USD", cells=[]).total == D("0.00")


def test_usage_that_no_row_prices_is_told_and_the_rest_is_billed() -> None:
    charge = PlanCharge("hours", "Hours", "matrix", Charge(REGIONS), Recurrence.USAGE, "vm-hours")
    who = held("2026-01-01")
    used = [Cell(D(2), {"region": "us"}), Cell(D(7), {"region": "moon"})]
    found = windows(NOVEMBER, who, plan(charge))
    rated = rate(NOVEMBER, who, found, lambda *_: D(9), {}, cells=lambda *_: used)
    assert [(line.quantity, line.amount) for line in rated.lines] == [(D(2), D("3.00"))]
    assert [each.reason for each in rated.unpriced] == ["no row of 'Hours' prices region moon, size unknown"]


@pytest.mark.parametrize(
    ("attributes", "rows", "pointer"),
    [
        ((), (), "/attributes"),
        (("a", "a"), (), "/attributes"),
        (("a",), (Row({"a": "1"}, D(-1)),), "/rows/0/unit_price"),
        (("a",), (Row({"b": "1"}, D(1)),), "/rows/0/values"),
        (("a",), (Row({}, D(1)),), "/rows/0/values"),
        (("a", "b"), (Row({"a": "1"}, D(1)), Row({"a": "1", "b": "2"}, D(1))), "/rows/1/values"),
    ],
)
def test_an_unclear_matrix_is_refused(attributes: tuple[str, ...], rows: tuple[Row, ...], pointer: str) -> None:
    with pytest.raises(MatrixUnclear) as caught:
        Matrix(attributes, rows)
    assert caught.value.faults[0].pointer == pointer


def test_a_plan_has_discounts_a_minimum_and_a_maximum_over_all_its_charges() -> None:
    other = PlanCharge("other", "Other", "flat", Charge(Flat(D(20))), Recurrence.MONTH)
    setup = PlanCharge("setup", "Setup", "flat", Charge(Flat(D(500))), Recurrence.ONE_OFF)

    def lines(**more: object) -> list[tuple[str, str, D]]:
        who = held("2026-11-01")
        found = windows(NOVEMBER, who, plan(fee("30"), other, setup, **more))
        rated = rate(NOVEMBER, who, found, lambda *_: D(0), {}).lines
        return [(line.key.charge_key, line.key.kind, line.amount) for line in rated][3:]

    assert lines(discounts=(TEN,), minimum=Commitment(D(60))) == [
        ("ten", "plan_discount", D("-5.00")),
        ("plan", "plan_true_up", D("15.00")),
    ]
    assert lines(maximum=D(40)) == [("plan", "plan_cap", D("-10.00"))]
    assert lines(minimum=Commitment(D(50)), maximum=D(50)) == []
    who = held("2026-11-16")
    found = windows(NOVEMBER, who, plan(fee("30"), minimum=Commitment(D(60))))
    assert [line.amount for line in rate(NOVEMBER, who, found, lambda *_: D(0), {}).lines] == [D("15.00"), D("15.00")]


def test_a_commitment_over_the_term_is_trued_up_when_the_term_ends() -> None:
    plans = plan(fee("30"), minimum=Commitment(D(1000), TrueUpAt.TERM))
    steps = [Step(1, at("2025-11-16"), HeldState.ACTIVE, OFFERING, D(1), {}, 12)]

    def true_up(until: str | None, *more: Step, earlier: str = "345") -> list[D]:
        ended = None if until is None else at(until)
        who = Holding(WHO, at("2025-11-16"), ended, stretches(at("2025-11-16"), ended, [*steps, *more]))
        found = windows(NOVEMBER, who, plans)
        term = ending_term(NOVEMBER, who, found)
        assert term in (None, (date(2025, 11, 16), date(2026, 11, 16)))
        rated = rate(NOVEMBER, who, found, lambda *_: D(0), {}, earlier_in_term=D(0) if term is None else D(earlier))
        return [line.amount for line in rated.lines if line.key.kind == "plan_true_up"]

    assert true_up(None) == [D("640.00")]  # 1000 − 345 − 15 for the fifteen days up to the end of the term
    assert true_up("2026-11-11") == [D("645.00")]  # ended early: all that was committed is due
    assert true_up(None, earlier="2000") == []
    changed = Step(2, at("2026-12-01"), HeldState.ACTIVE, OFFERING, D(2), {}, 12)
    assert true_up(None, changed) == [D("640.00")]
    steps = [Step(1, at("2025-12-16"), HeldState.ACTIVE, OFFERING, D(1), {}, 12)]
    who = Holding(WHO, at("2025-12-16"), None, stretches(at("2025-12-16"), None, [*steps, changed]))
    assert ending_term(NOVEMBER, who, windows(NOVEMBER, who, plans)) is None
    assert ending_term(DECEMBER, who, windows(DECEMBER, who, plans)) == (date(2025, 12, 16), date(2026, 12, 16))


def test_rules_that_contradict_each_other_are_named() -> None:
    with pytest.raises(ChargesWrong) as caught:
        check_charges(
            [
                ChargeRules("a", Recurrence.USAGE, "m", Timing.IN_ADVANCE),
                ChargeRules("b", Recurrence.MONTH, None, Timing.IN_ADVANCE, ("x", "x")),
            ],
            ["y", "y"],
        )
    assert [fault.pointer for fault in caught.value.faults] == [
        "/discounts/1/key",
        "/charges/0/timing",
        "/charges/1/discounts/1/key",
    ]
    assert suspended_percentage(Suspension.NONE, None) == 0
    for rule, percentage in ((Suspension.PERCENTAGE, None), (Suspension.FULL, D(1)), (Suspension.PERCENTAGE, D(101))):
        with pytest.raises(SuspensionUnclear):
            suspended_percentage(rule, percentage)


@given(st.integers(1, 28), st.integers(1, 60))
def test_a_term_ends_on_the_same_day_of_the_month(day: int, months: int) -> None:
    begun = at("2026-01-01") + timedelta(days=day - 1)
    (stretch,) = stretches(begun, None, [Step(1, begun, HeldState.ACTIVE, OFFERING, D(1), {}, months)])
    assert stretch.term == Term(begun, stretch.term.end, months) if stretch.term else False
    assert stretch.term is not None and stretch.term.end.day == day
