"""Budgets: phases that add up, hard ones that are never overdrawn, thresholds, and what is left at year end."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pricing_service.domain.budget import (
    NUMBERS,
    Balance,
    BudgetAnswer,
    BudgetExceeded,
    Control,
    Figure,
    Phase,
    thresholds_reached,
)
from pricing_service.domain.budget_phases import (
    PhasesWrong,
    Phasing,
    Scope,
    ScopeKind,
    YearEnd,
    most_specific,
    phase_amounts,
    remainder,
    spread,
)
from pricing_service.domain.calendar import FiscalCalendar, Scheme
from services.money import exact_total

D = Decimal
PERIODS = FiscalCalendar().periods_of_year(2026)
money = st.decimals(0, 10**6, places=2)
amounts = st.dictionaries(st.sampled_from(NUMBERS), money, min_size=1, max_size=6)


def even(amount: str, *, hard: bool = True, control: Control = Control.YEAR) -> Balance:
    phases = phase_amounts(D(amount), Phasing.EVEN, PERIODS, "USD")
    return Balance(tuple(Phase(phases[number]) for number in NUMBERS), hard, control, tuple(p.name for p in PERIODS))


def test_a_year_is_phased_evenly_by_days_or_as_given_and_always_adds_up() -> None:
    assert list(phase_amounts(D("1000"), Phasing.EVEN, PERIODS, "USD").values()) == [D("83.34")] * 4 + [D("83.33")] * 8
    by_days = phase_amounts(D("36500"), Phasing.BY_DAYS, PERIODS, "USD")
    assert (by_days[1], by_days[2], by_days[4]) == (D(3100), D(2800), D(3000))
    weeks = FiscalCalendar(Scheme.WEEKS_445).periods_of_year(2026)
    assert phase_amounts(D("5300"), Phasing.BY_DAYS, weeks, "USD")[3] == 500  # five weeks of 53
    given_ = phase_amounts(D("10"), Phasing.GIVEN, PERIODS, "USD", [("2026-03", D("4")), ("2026-12", D("6"))])
    assert [given_[number] for number in (1, 3, 12)] == [0, 4, 6]
    for phases, pointer in (
        ([("2026-03", D("4"))], "/phases"),
        ([("2026-03", D("4")), ("2026-03", D("6"))], "/phases/1/period"),
        ([("2027-03", D("10"))], "/phases/0/period"),
    ):
        with pytest.raises(PhasesWrong) as caught:
            phase_amounts(D("10"), Phasing.GIVEN, PERIODS, "USD", phases)
        assert [fault.pointer for fault in caught.value.faults] == [pointer]


@given(st.decimals(-(10**9), 10**9, places=4), st.lists(st.integers(1, 35), min_size=1, max_size=12))
def test_parts_of_an_amount_add_up_whatever_its_sign(amount: D, weights: list[int]) -> None:
    parts = spread(amount, dict(enumerate(weights, 1)), "USD")
    assert exact_total(list(parts.values())) == amount


def test_what_is_needed_is_held_and_a_refusal_says_where_it_is_short() -> None:
    year = even("1200")
    assert year.answer({11: D(700), 12: D(500)}) is BudgetAnswer.ENOUGH
    held = year.reserve({11: D(700), 12: D(500)})  # the year covers it, though the periods' plans do not
    assert (held.available, held.phases[10].available) == (0, D(-600))
    with pytest.raises(BudgetExceeded, match=r"^0.01 is needed, 0.00 is available, and the budget is hard"):
        held.reserve({1: D("0.01")})
    assert held.reserve({1: D(0)}) == held  # what costs nothing needs no money
    to_date = even("1200", control=Control.TO_DATE)
    assert to_date.reserve({3: D(300)}).available == 900  # what January and February left
    with pytest.raises(BudgetExceeded, match=r"300.01 is needed up to 2026-03, 300.00 is available"):
        to_date.reserve({3: D("300.01")})
    with pytest.raises(BudgetExceeded, match="up to 2026-04"):
        to_date.reserve({4: D(400)}).reserve({2: D(1)})  # would leave April short of what is held for it
    period = even("1200", control=Control.PERIOD)
    with pytest.raises(BudgetExceeded, match=r"100.01 is needed in 2026-03, 100.00 is available") as caught:
        period.reserve({3: D("100.01")})
    assert caught.value.faults[0].message == "short by 0.01 in 2026-03"
    overspent = period.moved(Figure.ACTUAL, {1: D(1150)})
    with pytest.raises(BudgetExceeded, match=r"^100 is needed, 50.00 is available"):
        overspent.reserve({3: D(100)})  # the period has it, the year has not
    soft = even("10", hard=False)
    assert soft.answer({1: D(60)}) is BudgetAnswer.SHORT
    assert soft.reserve({1: D(60)}).available == -50
    with pytest.raises(BudgetExceeded, match="cannot be hard"):
        Balance(soft.reserve({1: D(60)}).phases, hard=True).refuse_overdrawn()


class HardBudget(RuleBasedStateMachine):
    """Any order of reservations, releases, statements, credits, transfers and amendments."""

    @initialize(amount=money, control=st.sampled_from(Control), phases=amounts)
    def set_up(self, amount: D, control: Control, phases: dict[int, D]) -> None:
        plan = dict.fromkeys(NUMBERS, D(0)) | phases
        self.balance = Balance(tuple(Phase(plan[number]) for number in NUMBERS), True, control)
        self.beyond = dict.fromkeys(NUMBERS, D(0))  # actual that no reservation stood for, per period
        self.held: list[tuple[int, D]] = []

    def _taking(self, figure: Figure, needs: Mapping[int, D], sign: int) -> bool:
        try:
            self.balance.cover(needs)
        except BudgetExceeded:
            return False
        self.balance = self.balance.moved(figure, {number: need * sign for number, need in needs.items()})
        return True

    @rule(needs=amounts)
    def reserve(self, needs: dict[int, D]) -> None:
        if self._taking(Figure.RESERVED, needs, 1):
            self.held += needs.items()

    @rule(needs=amounts)
    def transfer_away_or_lower(self, needs: dict[int, D]) -> None:
        self._taking(Figure.AMOUNT, needs, -1)

    @rule(deltas=amounts)
    def raise_it(self, deltas: dict[int, D]) -> None:
        self.balance = self.balance.moved(Figure.AMOUNT, deltas)

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        if self.held:
            number, amount = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            self.balance = self.balance.moved(Figure.RESERVED, {number: -amount})

    @rule(data=st.data(), amount=money)
    def charge(self, data: st.DataObject, amount: D) -> None:
        if self.held:
            number, left = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
            used = min(amount, left)
            self.held.append((number, left - used))
            self.balance = self.balance.moved(Figure.RESERVED, {number: -used}).moved(Figure.ACTUAL, {number: amount})
            self.beyond[number] += amount - used

    @rule(number=st.sampled_from(NUMBERS), amount=money)
    def credit(self, number: int, amount: D) -> None:
        given_back = min(amount, self.balance.phases[number - 1].actual)
        self.balance = self.balance.moved(Figure.ACTUAL, {number: -given_back})

    @rule(number=st.sampled_from(NUMBERS), amount=money)
    def show_back(self, number: int, amount: D) -> None:
        available = self.balance.available
        self.balance = self.balance.moved(Figure.MEMO, {number: amount})
        assert self.balance.available == available

    @invariant()
    def no_reservation_has_overdrawn_it(self) -> None:
        """Below 0 only by what has come about without a reservation: an actual is never refused."""
        if not hasattr(self, "balance"):
            return
        assert self.balance.available >= -sum(self.beyond.values())
        for number in NUMBERS:
            available = [phase.available for phase in self.balance.phases]
            if self.balance.control is Control.PERIOD:
                assert available[number - 1] >= -self.beyond[number]
            if self.balance.control is Control.TO_DATE:
                assert sum(available[:number]) >= -sum(self.beyond[n] for n in range(1, number + 1))

    @invariant()
    def the_phases_are_the_year(self) -> None:
        if hasattr(self, "balance"):
            assert self.balance.available == sum(phase.available for phase in self.balance.phases)
            assert self.balance.total.reserved == sum(amount for _, amount in self.held)


TestHardBudget = HardBudget.TestCase
TestHardBudget.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@dataclass
class Scoped:
    scope: Scope


def test_a_cost_counts_against_the_most_specific_budget() -> None:
    mail, disk, other = UUID(int=1), UUID(int=2), UUID(int=3)
    for_all = Scoped(Scope())
    node = Scoped(Scope(ScopeKind.NODE, "Workplace", frozenset({mail, disk})))
    service = Scoped(Scope(ScopeKind.SERVICE, None, frozenset({mail})))
    budgets = [for_all, node, service]
    assert [most_specific(budgets, each) for each in (mail, disk, other, None)] == [service, node, for_all, for_all]
    assert most_specific([service, node], other) is None
    assert [budget.scope.key for budget in budgets] == ["all", "node:Workplace", f"service:{mail}"]


def test_thresholds_are_told_once_on_the_way_up() -> None:
    assert thresholds_reached(Phase(D(100), D(30), D(19)), [50, 80, 100], []) == []
    assert thresholds_reached(Phase(D(100), D(30), D(20)), [50, 80, 100], []) == [50]
    assert thresholds_reached(Phase(D(100), D(30), D(90)), [50, 80, 100], [50]) == [80, 100]
    assert thresholds_reached(Phase(D(100), D(10), D(0)), [50, 80, 100], [50, 80, 100]) == []
    assert thresholds_reached(Phase(D(0), D(0), D(0)), [50], []) == []
    assert thresholds_reached(Phase(D(0), D(1), D(0)), [50, 100], []) == [50, 100]


def test_what_is_left_at_year_end() -> None:
    spent = even("1200").moved(Figure.ACTUAL, {1: D(250), 12: D(60)})
    left = remainder(spent, YearEnd.CARRY_OVER, D(500))
    assert (left.carried_total, left.lapsed_total) == (500, 390)
    assert left.carried == {12: 40, 11: 100, 10: 100, 9: 100, 8: 100, 7: 60}
    assert remainder(spent, YearEnd.CARRY_OVER, None).carried_total == 890
    assert remainder(spent, YearEnd.LAPSE, None).lapsed_total == 890
    assert remainder(even("1200").moved(Figure.ACTUAL, {1: D(1300)}), YearEnd.CARRY_OVER, None).carried == {}


@given(amounts, amounts, st.sampled_from(YearEnd), st.none() | money)
def test_nothing_is_left_over_of_what_is_left(plan: dict[int, D], spent: dict[int, D], policy: YearEnd, cap: D) -> None:
    phases = tuple(Phase(plan.get(number, D(0)), actual=spent.get(number, D(0))) for number in NUMBERS)
    balance = Balance(phases)
    left = remainder(balance, policy, cap)
    assert exact_total([left.carried_total, left.lapsed_total]) == max(balance.available, D(0))
    assert all(part > 0 for part in [*left.carried.values(), *left.lapsed.values()])
    assert cap is None or left.carried_total <= cap
