"""Rules of the unit tree in time, profiles, goals' status, alignments and promises."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from demand_service.domain.alignment import AlignedAlready, EndsBeforeItStarts, in_force, require_free, require_span
from demand_service.domain.engagement import PromiseSettled, PromiseState, is_overdue, settle
from demand_service.domain.goal import GoalStatus, status
from demand_service.domain.profile import ConfirmedInFuture, stale_on
from demand_service.domain.unit_moves import MoveBeforeTheLast, Stay, require_after, stays

SET_ON, DUE = date(2026, 1, 1), date(2026, 4, 11)  # 100 days


@pytest.mark.parametrize(
    ("baseline", "target", "current", "today", "expected"),
    [
        ("12", "3", None, SET_ON, GoalStatus.ON_TRACK),
        ("12", "3", None, date(2026, 1, 2), GoalStatus.AT_RISK),
        ("0", "100", "40", date(2026, 2, 20), GoalStatus.ON_TRACK),  # exactly 0.8 of the 50 that are even
        ("0", "100", "39.99", date(2026, 2, 20), GoalStatus.AT_RISK),
        ("100", "0", "60", date(2026, 2, 20), GoalStatus.ON_TRACK),
        ("100", "0", "110", date(2026, 2, 20), GoalStatus.AT_RISK),
        ("12", "3", "3", date(2026, 2, 1), GoalStatus.MET),
        ("12", "3", "2.9", date(2027, 2, 1), GoalStatus.MET),
        ("12", "3", "3.1", DUE, GoalStatus.ON_TRACK),
        ("12", "3", "3.1", date(2026, 4, 12), GoalStatus.MISSED),
        ("-5", "5", "0", date(2026, 2, 20), GoalStatus.ON_TRACK),
    ],
)
def test_how_a_goal_stands(baseline: str, target: str, current: str | None, today: date, expected: GoalStatus) -> None:
    stands = status(
        baseline=Decimal(baseline),
        target=Decimal(target),
        current=None if current is None else Decimal(current),
        set_on=SET_ON,
        due=DUE,
        today=today,
    )
    assert stands is expected


def test_a_goal_that_was_due_before_it_was_set_is_missed() -> None:
    ten = {"baseline": Decimal(0), "target": Decimal(10), "current": None}
    assert status(**ten, set_on=DUE, due=SET_ON, today=DUE) is GoalStatus.MISSED
    assert status(**ten, set_on=DUE, due=DUE, today=DUE) is GoalStatus.ON_TRACK


def test_a_fact_is_stale_on_the_day_after_its_interval() -> None:
    assert stale_on(date(2026, 1, 1), review_every_days=30, today=date(2026, 5, 1)) == date(2026, 2, 1)
    with pytest.raises(ConfirmedInFuture):
        stale_on(date(2026, 1, 2), review_every_days=30, today=date(2026, 1, 1))


def test_stays_follow_each_other() -> None:
    a, b = UUID(int=1), UUID(int=2)
    first, second, third = date(2026, 1, 1), date(2026, 2, 1), date(2026, 2, 1)
    assert stays([(first, None), (second, a), (third, b)]) == [
        Stay(None, first, second),
        Stay(a, second, third),
        Stay(b, third, None),
    ]
    assert stays([]) == []
    require_after(first, last=first)
    with pytest.raises(MoveBeforeTheLast, match="2026-02-01"):
        require_after(first, last=second)


@pytest.mark.parametrize(
    ("start", "end", "free"),
    [(1, 9, True), (1, 10, False), (20, 25, False), (21, None, True), (1, None, False), (15, 15, False)],
)
def test_a_leader_is_aligned_with_a_unit_once_at_a_time(start: int, end: int | None, free: bool) -> None:
    wanted = (date(2026, 1, start), None if end is None else date(2026, 1, end))
    others = [(date(2026, 1, 10), date(2026, 1, 20))]
    if free:
        require_free(*wanted, others)
    else:
        with pytest.raises(AlignedAlready):
            require_free(*wanted, others)


def test_an_alignment_holds_on_both_its_days() -> None:
    first, last = date(2026, 1, 10), date(2026, 1, 20)
    assert [in_force(first, last, today=date(2026, 1, day)) for day in (9, 10, 20, 21)] == [False, True, True, False]
    assert in_force(first, None, today=date(2100, 1, 1))
    with pytest.raises(EndsBeforeItStarts):
        require_span(last, first)
    with pytest.raises(AlignedAlready, match="from 2026-01-10 on"):
        require_free(last, last, [(first, None)])


def test_a_promise_is_settled_once_and_overdue_after_its_day() -> None:
    due = date(2026, 1, 10)
    assert not is_overdue(PromiseState.OPEN, due, now=datetime(2026, 1, 10, 23, 59, tzinfo=UTC))
    assert is_overdue(PromiseState.OPEN, due, now=datetime(2026, 1, 11, tzinfo=UTC))
    for state in PromiseState:
        if state is PromiseState.OPEN:
            continue
        assert settle(PromiseState.OPEN, state) is state
        assert not is_overdue(state, due, now=datetime(2027, 1, 1, tzinfo=UTC))
        for after in PromiseState:
            with pytest.raises(PromiseSettled, match=f"is {state}"):
                settle(state, after)
