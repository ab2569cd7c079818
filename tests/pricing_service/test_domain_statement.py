"""The life of a statement and of what is held against it: states, disputes, credits, service credits."""

from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain import credit, service_credit
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.credit import CreditOrigin, DisputeState
from pricing_service.domain.quarter import Row, RowKey, Sums, rows, totals
from pricing_service.domain.service_credit import Band, BandsWrong
from pricing_service.domain.statement import (
    Billed,
    BillingMode,
    DraftOutdated,
    PeriodToCome,
    StatementAction,
    StatementNotDisputable,
    StatementNotIssuable,
    StatementNotPostable,
    StatementNotSettleable,
    StatementState,
    check_begun,
    check_credits_counted,
    owed,
    remaining,
    step,
)
from services.errors import Conflict
from services.money import exact_total

D = Decimal
ZERO = D(0)
LINES = [UUID(int=number) for number in range(1, 6)]
cents = st.integers(1, 10**9).map(lambda n: D(n).scaleb(-2))
REFUSAL = {
    StatementAction.ISSUE: StatementNotIssuable,
    StatementAction.DISPUTE: StatementNotDisputable,
    StatementAction.RESOLVE: StatementNotDisputable,
    StatementAction.POST: StatementNotPostable,
    StatementAction.SETTLE: StatementNotSettleable,
}
ALLOWED = {
    ("showback", "draft", "issue"): "issued",
    ("chargeback", "draft", "issue"): "issued",
    ("chargeback", "issued", "dispute"): "disputed",
    ("chargeback", "disputed", "dispute"): "disputed",
    ("chargeback", "disputed", "resolve"): "issued",
    ("chargeback", "issued", "post"): "posted",
    ("chargeback", "posted", "settle"): "settled",
}


@pytest.mark.parametrize(("mode", "state", "action"), list(product(BillingMode, StatementState, StatementAction)))
def test_the_state_table_is_all_there_is(mode: BillingMode, state: StatementState, action: StatementAction) -> None:
    after = ALLOWED.get((mode.value, state.value, action.value))
    if after is None:
        with pytest.raises(REFUSAL[action], match=f"the {mode} statement is {state}"):
            step(state, mode, action)
    else:
        assert step(state, mode, action) == after


@given(mode=st.sampled_from(BillingMode), actions=st.lists(st.sampled_from(StatementAction), max_size=12))
def test_no_walk_leads_back_to_a_draft_or_out_of_settled(mode: BillingMode, actions: list[StatementAction]) -> None:
    state = StatementState.DRAFT
    for action in actions:
        before = state
        try:
            state = step(state, mode, action)
        except Conflict:
            assert state == before
        assert state is not StatementState.DRAFT or before is StatementState.DRAFT
        assert before is not StatementState.SETTLED or state is StatementState.SETTLED
    if mode is BillingMode.SHOWBACK:
        assert state in (StatementState.DRAFT, StatementState.ISSUED)


def test_a_period_is_issued_from_its_first_instant_on() -> None:
    december = FiscalCalendar().parse("2026-12")
    check_begun(december, now=datetime(2026, 12, 1, tzinfo=UTC))
    check_begun(december, now=datetime(2027, 3, 1, tzinfo=UTC))
    with pytest.raises(PeriodToCome, match="2026-12 begins on 2026-12-01"):
        check_begun(december, now=datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))


@given(
    amounts=st.lists(cents, min_size=1, max_size=5),
    shares=st.lists(st.tuples(st.integers(0, 4), cents), max_size=20),
)
def test_credits_never_exceed_the_line_and_what_is_left_is_owed(
    amounts: list[Decimal], shares: list[tuple[int, Decimal]]
) -> None:
    lines = dict(zip(LINES, amounts, strict=False))
    credited = dict.fromkeys(lines, ZERO)
    for index, amount in shares:
        line = LINES[index % len(lines)]
        left = {line: credit.creditable(lines[line], credited[line], charged=lines[line], given_back=credited[line])}
        try:
            credit.check_credits({line: amount}, left, "USD", pointers={line: "/lines/0/amount"})
        except credit.CreditExceedsLine as refusal:
            assert amount > left[line]
            assert refusal.faults[0].pointer == "/lines/0/amount"
        else:
            credited[line] += amount
    assert all(ZERO <= credited[line] <= lines[line] for line in lines)
    total, given_back = exact_total(amounts), exact_total(list(credited.values()))
    assert owed(BillingMode.CHARGEBACK, total, given_back) == exact_total(
        [lines[line] - credited[line] for line in lines]
    )
    assert (owed(BillingMode.SHOWBACK, total, given_back), owed(None, total, ZERO)) == (ZERO, None)


def test_what_is_credited_already_counts_towards_what_is_taken_back() -> None:
    billed = Billed(D(100), D(5), (1,), credited=D(10))
    assert [remaining(D(rated), D(5), billed).amount for rated in (120, 100, 95, 90, 85)] == [20, 0, 0, 0, -5]
    missed = Billed(D(100), D(5), (1,), credited=D(10), service_credited=D(30))  # stands up to what remains
    assert [remaining(D(rated), D(5), missed).amount for rated in (100, 80, 30, 20, 0)] == [0, -10, -60, -60, -60]


@pytest.mark.parametrize(
    ("credited", "serviced", "fits"), [(10, 0, True), (0, 0, False), (60, 0, False), (10, 40, True), (10, 45, False)]
)
def test_a_draft_stands_while_its_credits_are_those_that_it_counted(credited: int, serviced: int, fits: bool) -> None:
    now = Billed(D(100), D(1), (1,), credited=D(credited), service_credited=D(serviced))
    with nullcontext() if fits else pytest.raises(DraftOutdated, match="rate the period again"):
        check_credits_counted(D(-50), D(100), D(10), now, what="server")  # 40 is due of 100 that were billed


def test_what_a_later_statement_took_back_is_not_given_back_once_more() -> None:
    assert credit.creditable(D(120), ZERO, charged=D(90), given_back=ZERO) == 90
    assert credit.creditable(D(120), D(50), charged=D(90), given_back=D(50)) == 40
    assert credit.creditable(D(120), ZERO, charged=D(-1), given_back=ZERO) == 0
    assert credit.creditable(D(120), ZERO, charged=D(150), given_back=D(30)) == 120


def test_what_cannot_be_credited() -> None:
    line = LINES[0]
    for amount, left, message in (
        (D("0"), D("5"), "must be more than 0"),
        (D("-1"), D("5"), "must be more than 0"),
        (D("1.005"), D("5"), "has more decimals than USD"),
    ):
        with pytest.raises(credit.CreditNotPossible, match=message):
            credit.check_credits({line: amount}, {line: left}, "USD", pointers={line: "/lines/0/amount"})
    credit.check_credits({line: D("1.000")}, {line: D(5)}, "USD", pointers={line: "/lines/0/amount"})
    below_zero = credit.creditable(D("-5"), ZERO, charged=D(1), given_back=ZERO)
    with pytest.raises(credit.CreditExceedsLine, match="more than the 0 USD that is left"):
        credit.check_credits({line: D(1)}, {line: below_zero}, "USD", pointers={line: "/lines/0/amount"})
    with pytest.raises(credit.StatementNotCreditable, match="draft"):
        credit.check_statement(StatementState.DRAFT)
    for state in set(StatementState) - {StatementState.DRAFT}:
        credit.check_statement(state)
    credit.check_reversal(CreditOrigin.MANUAL, reversed_already=False)
    with pytest.raises(credit.CreditNoteNotReversible, match="reversed already"):
        credit.check_reversal(CreditOrigin.MANUAL, reversed_already=True)
    with pytest.raises(credit.CreditNoteNotReversible, match="not reversed"):
        credit.check_reversal(CreditOrigin.REVERSAL, reversed_already=False)


@given(amount=cents, left=st.lists(st.integers(-5, 10**6).map(lambda n: D(n).scaleb(-2)), min_size=1, max_size=5))
def test_a_spread_credit_adds_up_and_stays_within_each_line(amount: Decimal, left: list[Decimal]) -> None:
    by_line = dict(zip(LINES, left, strict=False))
    shares = credit.spread(amount, by_line, "USD")
    room = exact_total([max(rest, ZERO) for rest in left])
    assert exact_total(list(shares.values())) == min(amount, room)
    assert all(ZERO < share <= by_line[line] for line, share in shares.items())


def test_claims_and_awards() -> None:
    claim = {"left": D(10), "disputed": False}
    credit.check_claim(D(10), "USD", "USD", **claim)  # type: ignore[arg-type]
    for amount, currency, message in (
        (D("10.01"), "USD", "more than the 10 USD of the line"),
        (D(0), "USD", "more than 0"),
        (D(1), "EUR", "is in EUR, the line in USD"),
    ):
        with pytest.raises(credit.ClaimNotPossible, match=message):
            credit.check_claim(amount, currency, "USD", **claim)  # type: ignore[arg-type]
    with pytest.raises(credit.LineAlreadyDisputed):
        credit.check_claim(D(1), "USD", "USD", left=D(10), disputed=True)

    def resolve(state: DisputeState, outcome: DisputeState, amount: Decimal | None, currency: str = "USD") -> Decimal:
        return credit.resolve(state, outcome, claimed=D(8), amount=amount, award_currency=currency, currency="USD")

    opened, upheld, rejected = DisputeState.OPEN, DisputeState.UPHELD, DisputeState.REJECTED
    assert (resolve(opened, upheld, None), resolve(opened, upheld, D(3)), resolve(opened, rejected, None)) == (8, 3, 0)
    for outcome, amount, currency in ((upheld, D("8.01"), "USD"), (upheld, D(1), "EUR"), (rejected, D(1), "USD")):
        with pytest.raises(credit.AwardNotPossible):
            resolve(opened, outcome, amount, currency)
    for state, outcome in product((upheld, rejected), (upheld, rejected)):
        with pytest.raises(credit.DisputeNotOpen, match=f"is {state} already"):
            resolve(state, outcome, None)


BANDS = [Band(ZERO, D(5)), Band(D("0.5"), D(10)), Band(D(2), D(25))]


@pytest.mark.parametrize(
    ("attained", "recurring", "credited", "amount", "percent"),
    [
        ("99.9", "200", "0", "10.00", "5"),  # just missed: the lowest band
        ("99.45", "200", "0", "20.00", "10"),  # a band begins at its bound
        ("90", "200", "0", "50.00", "25"),
        ("90", "33.33", "0", "8.33", "25"),  # 8.3325, half-even at the end
        ("90", "200", "45.00", "15.00", "25"),  # the cap of 30 % leaves 15
        ("90", "200", "60.00", "0.00", "25"),
        ("90", "-200", "0", "0", "25"),
    ],
)
def test_service_credits_by_shortfall_up_to_the_cap(
    attained: str, recurring: str, credited: str, amount: str, percent: str
) -> None:
    found = service_credit.reckon(
        BANDS,
        D(30),
        promised=D("99.95"),
        attained=D(attained),
        recurring=D(recurring),
        credited=D(credited),
        currency="USD",
    )
    assert (found.amount, found.percent) == (D(amount), D(percent))
    assert found.shortfall == D("99.95") - D(attained)


def test_a_promise_that_is_missed_upwards_falls_short_as_well() -> None:
    found = service_credit.reckon(
        BANDS, D(30), promised=D(4), attained=D(7), recurring=D(100), credited=ZERO, currency="USD"
    )
    assert (found.shortfall, found.amount) == (3, D("25.00"))
    none = service_credit.reckon(
        [Band(D(5), D(5))], D(30), promised=D(4), attained=D(7), recurring=D(100), credited=ZERO, currency="USD"
    )
    assert none.amount == 0


def test_bands_rise_and_stay_below_the_cap() -> None:
    service_credit.check_bands(BANDS, D(25))
    service_credit.check_bands([], D(25))
    for bands, pointer in (
        (BANDS, "/bands/2/credit_percent"),
        ([Band(D(1), D(5)), Band(D(1), D(6))], "/bands/1/shortfall_from"),
        ([Band(D(1), ZERO)], "/bands/0/credit_percent"),
    ):
        with pytest.raises(BandsWrong) as refused:
            service_credit.check_bands(bands, D(24))
        assert refused.value.faults[0].pointer == pointer


row_keys = st.builds(
    RowKey, st.sampled_from(["USD", "EUR"]), st.sampled_from(BillingMode), st.sampled_from(LINES), st.just("server")
)
parts = st.builds(Row, row_keys, st.just("Server"), st.builds(Sums, cents, cents.map(lambda a: -a), cents))


@given(st.lists(parts, max_size=20))
def test_a_quarters_rows_add_up_to_its_totals_and_to_their_parts(given_parts: list[Row]) -> None:
    merged = rows(given_parts)
    assert len({row.key for row in merged}) == len(merged)
    for (currency, mode), sums in totals(merged).items():
        mine = [part.sums for part in given_parts if (part.key.currency, part.key.mode) == (currency, mode)]
        assert sums.net == exact_total([each.net for each in mine])
        assert sums.net == sums.charges + sums.adjustments - sums.credits
