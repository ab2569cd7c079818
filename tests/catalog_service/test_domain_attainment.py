"""Attainment against oracles that count seconds and sort lists, and the table of what a report may say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import measurement as m
from catalog_service.domain.attainment import AttainmentState, assess, rank, round_to
from catalog_service.domain.commitment import Commitment, CommitmentKind, CommitmentsInvalid, check
from catalog_service.domain.measurement import Limits, Measured, Reported, Watched, measured
from catalog_service.domain.months import Month, PeriodNotReadable, month_named, months_of
from catalog_service.domain.spans import Span, merged, total, without

D = Decimal
START = datetime(2026, 10, 1, tzinfo=UTC)
ATTAINED, MISSED, NOT_MEASURED = AttainmentState.ATTAINED, AttainmentState.MISSED, AttainmentState.NOT_MEASURED
AVAILABILITY = CommitmentKind.AVAILABILITY
NOW = datetime(2026, 11, 25, tzinfo=UTC)
LIMITS = Limits(NOW - timedelta(days=400), NOW + timedelta(minutes=5))


def second(number: int) -> datetime:
    return START + timedelta(seconds=number)


def promised(kind: str, target: str, unit: str, percentile: int | None = None) -> Commitment:
    return Commitment(CommitmentKind(kind), D(target), unit, percentile)


# Around a window of [0, 120) seconds, so that spans begin and end on both sides of it, touch and overlap.
spans = st.tuples(st.integers(-30, 150), st.integers(1, 60)).map(lambda at: Span(second(at[0]), second(at[0] + at[1])))
WINDOW = Span(second(0), second(120))


def seconds_of(span: Span) -> set[int]:
    first, last = (int((edge - START).total_seconds()) for edge in span)
    return set(range(first, last)) & set(range(120))


@given(
    downs=st.lists(st.tuples(spans, st.booleans()), max_size=8),
    ups=st.lists(st.tuples(spans, st.booleans()), max_size=4),
    target=st.integers(1, 100),
)
def test_availability_counts_each_second_once(
    downs: list[tuple[Span, bool]], ups: list[tuple[Span, bool]], target: int
) -> None:
    reports = [Measured(AVAILABILITY, span, state=Watched.DOWN, planned=planned) for span, planned in downs]
    reports += [Measured(AVAILABILITY, span, state=Watched.UP, planned=planned) for span, planned in ups]
    found = assess(promised("availability", str(target), "percent"), reports, WINDOW)

    seen = [each for each in reports if seconds_of(each.span)]
    planned = set[int]().union(*(seconds_of(each.span) for each in seen if each.planned))
    down = set[int]().union(*(seconds_of(each.span) for each in seen if each.state is Watched.DOWN))
    up = [seconds_of(each.span) for each in seen if each.state is Watched.UP]
    whole = (set[int]().union(down, *up) if up else set(range(120))) - planned
    # What is planned alone says nothing of how it was otherwise.
    if all(each.planned for each in seen) or not whole:
        assert found.state is NOT_MEASURED and found.attained is None and found.n == 0
        return
    exact = Fraction(100 * (len(whole) - len(down - planned)), len(whole))
    assert found.n == len(seen)
    assert found.attained == round_to(exact, 4)
    assert found.state is (ATTAINED if exact >= target else MISSED)
    assert found.figures["down_seconds"] == len(down - planned)
    assert found.figures["total_seconds"] == len(whole)


@given(st.lists(spans, max_size=10), st.lists(spans, max_size=10))
def test_merged_and_without_are_sets_of_seconds(some: list[Span], others: list[Span]) -> None:
    one, two = merged(some, WINDOW), merged(others, WINDOW)
    in_one = set[int]().union(*(seconds_of(each) for each in some))
    in_two = set[int]().union(*(seconds_of(each) for each in others))
    assert total(one) == len(in_one) * 1_000_000
    left = without(one, two)
    assert total(left) == len(in_one - in_two) * 1_000_000
    assert all(before.end < after.start for before, after in pairwise(one))


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=50), st.integers(1, 100), st.integers(0, 40), st.integers(1, 5)
)
def test_the_percentile_is_the_smallest_that_enough_do_not_exceed(
    minutes: list[int], percent: int, target: int, odd: int
) -> None:
    enough = [
        value
        for value in minutes
        if Fraction(sum(other <= value for other in minutes), len(minutes)) >= Fraction(percent, 100)
    ]
    assert sorted(minutes)[rank(percent, len(minutes)) - 1] == min(enough)
    reports = [
        Measured(CommitmentKind.RESPONSE_TIME, Span(second(n), second(n)), value=D(value * 60))
        for n, value in enumerate(minutes)
    ]
    reports += [Measured(CommitmentKind.RESPONSE_TIME, Span(second(1), second(1)), value=D(10**6), planned=True)] * odd
    found = assess(promised("response_time", str(target), "minutes", percent), reports, WINDOW)
    assert (found.attained, found.n, found.figures["worst"]) == (min(enough), len(minutes), max(minutes))
    assert found.state is (ATTAINED if min(enough) <= target else MISSED)
    within = Fraction(100 * sum(value <= target for value in minutes), len(minutes))
    assert found.figures["within_percent"] == round_to(within, 4)


@given(st.integers(1, 10**13), st.integers(1, 10**13), st.decimals("0.000001", "100", places=6), st.booleans())
def test_what_is_shown_says_kept_exactly_where_it_was(up: int, whole: int, target: Decimal, short: bool) -> None:
    """Rounded away from the promise: 99.99996 % is not shown as 100.0000 % beside a promise of 100."""
    up, target = min(up, whole), target.quantize(D("0.01")) or D("0.01") if short else target
    span = Span(START, START + timedelta(days=366))
    report = Measured(AVAILABILITY, span, up_seconds=D(up) / D(10**6), total_seconds=D(whole) / D(10**6))
    found = assess(Commitment(AVAILABILITY, target, "percent"), [report], span)
    assert found.attained is not None
    assert (found.attained >= target) == (found.state is ATTAINED) == (Fraction(100 * up, whole) >= Fraction(target))


def test_counted_seconds_are_split_at_the_months_end_and_speak_alone() -> None:
    october = Span(Month(2026, 10).start, Month(2026, 10).end)
    week = Span(datetime(2026, 10, 29, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC))  # 3 of its 10 days
    counted = Measured(AVAILABILITY, week, up_seconds=D(863_000), total_seconds=D(864_000))
    beside = Measured(AVAILABILITY, Span(second(0), second(3_600)), state=Watched.DOWN)
    found = assess(promised("availability", "99.9", "percent"), [counted, beside], october)
    assert (found.state, found.attained, found.n) == (MISSED, D("99.8842"), 1)
    assert found.figures["down_seconds"] == 300 and found.figures["total_seconds"] == 259_200


def test_staffed_hours_are_held_against_the_weeks_that_were_reported() -> None:
    promise = promised("support_hours", "40", "hours_per_week")
    window = Span(START, START + timedelta(days=31))
    week = [
        Measured(CommitmentKind.SUPPORT_HOURS, Span(START + timedelta(days=7 * n), START + timedelta(days=7 * n + 7)),
                 value=D(hours))
        for n, hours in enumerate(["41", "39", "40"])
    ]  # fmt: skip
    assert (assess(promise, week, window).state, assess(promise, week, window).attained) == (ATTAINED, 40)
    assert assess(promise, week[1:], window).attained == D("39.5")
    two_desks = [Measured(CommitmentKind.SUPPORT_HOURS, week[0].span, value=D(150))] * 2
    assert assess(promised("support_hours", "168", "hours_per_week"), two_desks, window).attained == 168


@pytest.mark.parametrize(
    ("kind", "values", "target", "percentile", "expected"),
    [
        ("rto", ["3600", "3600", "3601"], "1", None, (MISSED, "1.0003")),  # hours; each one counts
        ("rto", ["3600", "3600", "3600"], "1", None, (ATTAINED, "1")),
        ("rto", ["3600", "99999"], "1", 50, (ATTAINED, "1")),
        ("lead_time", ["86400"] * 6 + ["864000"], "24", None, (ATTAINED, "24")),  # 6 of 7 are 85.7 %
        ("lead_time", ["86400"] * 5 + ["864000"], "24", None, (MISSED, "240")),  # 5 of 6 are 83.3 %
        ("rpo", ["0"], "0", None, (ATTAINED, "0")),
    ],
)
def test_what_counts_as_kept(
    kind: str, values: list[str], target: str, percentile: int | None, expected: tuple[AttainmentState, str]
) -> None:
    reports = [Measured(CommitmentKind(kind), Span(second(1), second(1)), value=D(value)) for value in values]
    found = assess(promised(kind, target, "hours", percentile), reports, WINDOW)
    assert (found.state, found.attained) == (expected[0], D(expected[1]))


def test_an_instant_belongs_to_one_month_and_an_interval_to_all_that_it_lies_in() -> None:
    november = datetime(2026, 11, 1, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    assert months_of(november - tick, november) == [Month(2026, 10)]
    assert months_of(november, november) == [Month(2026, 11)]
    assert months_of(november - tick, november + tick) == [Month(2026, 10), Month(2026, 11)]
    winter = months_of(datetime(2026, 12, 31, 23, tzinfo=UTC), datetime(2027, 2, 2, tzinfo=UTC))
    assert [month.name for month in winter] == ["2026-12", "2027-01", "2027-02"]
    report = Measured(CommitmentKind.RTO, Span(november, november), value=D(1))
    october = Span(Month(2026, 10).start, november)
    assert assess(promised("rto", "1", "hours"), [report], october).state is NOT_MEASURED
    for name in ("2026-13", "2026-1", "0000-01", "1999-12", "9999-01", "2026-10\n", "٢٠٢٦-١٠"):
        with pytest.raises(PeriodNotReadable):
            month_named(name)


def interval(**more: Any) -> Reported:
    values = {"commitment": AVAILABILITY, "starts_at": START, "ends_at": second(3_600), "state": Watched.DOWN}
    return Reported(**values | more)


def single(**more: Any) -> Reported:
    values = {"commitment": CommitmentKind.RESPONSE_TIME, "at": START, "value": D(5), "unit": "minutes"}
    return Reported(**values | more)


COUNTED = {"state": None, "up_seconds": D(5), "total_seconds": D(10)}


@pytest.mark.parametrize(
    ("reported", "refusal", "pointer"),
    [
        (Reported(None), m.MeasurementNotReadable, "/commitment"),
        (interval(ends_at=START), m.IntervalNotPossible, "/ends_at"),
        (interval(ends_at=second(-1)), m.IntervalNotPossible, "/ends_at"),
        (interval(starts_at=START - timedelta(days=366)), m.IntervalNotPossible, "/ends_at"),
        (interval(starts_at=None), m.MeasurementNotReadable, "/starts_at"),
        (interval(state=None), m.MeasurementNotReadable, "/state"),
        (interval(value=D(1)), m.MeasurementNotReadable, "/value"),
        (interval(up_seconds=D(1)), m.MeasurementNotReadable, "/up_seconds"),
        (interval(**COUNTED | {"total_seconds": None}), m.MeasurementNotReadable, "/total_seconds"),
        (interval(**COUNTED | {"total_seconds": D(3_601)}), m.ValueOutOfRange, "/total_seconds"),
        (interval(**COUNTED | {"total_seconds": D(0)}), m.ValueOutOfRange, "/total_seconds"),
        (interval(**COUNTED | {"up_seconds": D(11)}), m.ValueOutOfRange, "/up_seconds"),
        (interval(**COUNTED | {"up_seconds": D(-1)}), m.ValueOutOfRange, "/up_seconds"),
        (interval(ends_at=NOW + timedelta(hours=1), starts_at=NOW), m.MeasurementInFuture, "/ends_at"),
        (single(unit="percent"), m.UnitNotOfKind, "/unit"),
        (single(unit=None), m.MeasurementNotReadable, "/unit"),
        (single(value=D(-1)), m.ValueOutOfRange, "/value"),
        (single(value=D("1E+200")), m.ValueOutOfRange, "/value"),
        (single(value=D(3_661), unit="days"), m.ValueOutOfRange, "/value"),
        (single(at=NOW + timedelta(minutes=6)), m.MeasurementInFuture, "/at"),
        (single(at=NOW - timedelta(days=401)), m.MeasurementTooLate, "/at"),
        (single(ends_at=START), m.MeasurementNotReadable, "/ends_at"),
        (
            interval(commitment=CommitmentKind.SUPPORT_HOURS, state=None, value=D(2), unit="hours"),
            m.ValueOutOfRange,
            "/value",
        ),
        (
            interval(commitment=CommitmentKind.SUPPORT_HOURS, state=None, value=D(1), unit="days"),
            m.UnitNotOfKind,
            "/unit",
        ),
    ],
)
def test_a_report_that_cannot_be_right_names_its_field(
    reported: Reported, refusal: type[m.MeasurementRejected], pointer: str
) -> None:
    with pytest.raises(refusal) as caught:
        measured(reported, LIMITS)
    assert caught.value.pointer == pointer


def test_durations_are_kept_in_seconds_whatever_they_were_reported_in() -> None:
    for value, unit, seconds in (
        ("1000000", "seconds", "1000000"),
        ("0.5", "minutes", "30"),
        ("1.5", "days", "129600"),
    ):
        assert measured(single(value=D(value), unit=unit), LIMITS).value == D(seconds)


def test_only_what_is_measured_one_by_one_has_a_percentile() -> None:
    check([promised("lead_time", "3", "days", 95), promised("rto", "4", "hours", 100)])
    with pytest.raises(CommitmentsInvalid) as caught:
        check([promised("rpo", "4", "hours"), promised("availability", "99", "percent", 85)])
    assert [fault.pointer for fault in caught.value.faults] == ["/commitments/1/percentile"]
