"""The history of a subscription: the same whatever the order of arrival, and what its stretches cost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.history import HeldState, Holding, Step, TagsStep, months_after, stretches, tags_before
from pricing_service.domain.plan import Existing, PlanCharge, PlanVersion, Recurrence
from pricing_service.domain.prices import Charge, PerUnit
from pricing_service.domain.rating import rate, windows
from services.money import exact_total

D = Decimal
BASIC, LARGE = UUID(int=1), UUID(int=2)
NOVEMBER = FiscalCalendar().parse("2026-11")
ACTIVE, SUSPENDED, ENDED = HeldState


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def step(number: int, day: str, state: HeldState = ACTIVE, **more: object) -> Step:
    defaults: dict[str, object] = {"offering_id": BASIC, "quantity": D(4)}
    return Step(number, at(day), state, **(defaults | more))  # type: ignore[arg-type]


def days_of(steps: list[Step], ended: str | None = None) -> list[tuple[str, str | None, D, bool]]:
    found = stretches(at("2026-11-01"), None if ended is None else at(ended), steps)
    return [(f"{s.start:%d}", s.end and f"{s.end:%d}", s.quantity, s.suspended) for s in found]


LIFE = [
    step(1, "2026-11-01"),
    step(2, "2026-11-06", quantity=D(6)),
    step(3, "2026-11-11", SUSPENDED, quantity=D(6)),
    step(4, "2026-11-16", quantity=D(6)),
    step(5, "2026-11-21", ENDED, quantity=D(6)),
]


@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter(random: Random) -> None:
    shuffled = list(LIFE)
    random.shuffle(shuffled)
    assert days_of(shuffled, "2026-11-21") == [
        ("01", "06", D(4), False),
        ("06", "11", D(6), False),
        ("11", "16", D(6), True),
        ("16", "21", D(6), False),
    ]


def test_a_later_event_that_is_dated_back_replaces_what_was_said_of_that_time() -> None:
    corrected = [*LIFE[:3], step(4, "2026-11-03", quantity=D(9))]
    assert days_of(corrected) == [("01", "03", D(4), False), ("03", None, D(9), False)]


def test_what_has_not_arrived_yet_is_filled_by_the_first_that_has() -> None:
    assert days_of([LIFE[4]], "2026-11-21") == [("01", "21", D(6), False)]
    assert days_of([LIFE[2]]) == [("01", "11", D(6), False), ("11", None, D(6), True)]
    (whole,) = stretches(at("2026-11-01T08:00"), at("2026-11-01T08:00"), [LIFE[0]])
    assert whole.start == whole.end


def test_tags_are_those_of_their_time_in_any_order_of_arrival() -> None:
    told = [
        TagsStep(1, at("2026-09-10"), {}),
        TagsStep(2, at("2026-11-05"), {"kind": "lab"}),
        TagsStep(3, at("2026-12-01"), {"kind": "office"}),
        TagsStep(4, at("2026-11-20"), {"kind": "shop"}),  # dated back: in place of what 3 said
    ]
    for steps in (told, told[::-1], [told[2], told[0], told[3], told[1]]):
        seen = [dict(tags_before(steps, at(day))) for day in ("2026-09-01", "2026-11-05", "2026-11-06", "2027-01-01")]
        assert seen == [{}, {}, {"kind": "lab"}, {"kind": "shop"}]
    assert tags_before(told[1:2], at("2026-09-01")) == {"kind": "lab"}  # what came before it is not known yet


def test_terms_begin_with_the_subscription_and_with_each_renewal() -> None:
    steps = [step(1, "2026-11-01", term_months=12), step(2, "2027-11-01", term_months=24, renews=True)]
    first, second = stretches(at("2026-11-01"), None, steps)
    assert first.term is not None and second.term is not None
    assert (first.term.end, second.term.start, second.term.end) == (
        at("2027-11-01"),
        at("2027-11-01"),
        at("2029-11-01"),
    )
    assert first.renewals == (at("2027-11-01"),)
    assert months_after(at("2027-01-31"), 1) == at("2027-02-28")


def server(price: str, **more: object) -> PlanCharge:
    return PlanCharge("server", "Server", "per_unit", Charge(PerUnit(D(price))), Recurrence.MONTH, **more)  # type: ignore[arg-type]


def plan(number: int, day: str, *charges: PlanCharge, existing: Existing = Existing.FOLLOW) -> PlanVersion:
    return PlanVersion(UUID(int=number), number, "USD", at(day), charges, existing)


def billed(holding: Holding, plans: dict[UUID, list[PlanVersion]]) -> list[tuple[int, D, D]]:
    lines = rate(NOVEMBER, holding, windows(NOVEMBER, holding, plans), lambda *_: D(0), {}).lines
    return [(line.key.split_start.day, line.quantity, line.amount) for line in lines]


def test_each_change_splits_the_period_and_a_suspension_is_charged_by_the_rule() -> None:
    life = Holding(UUID(int=9), at("2026-11-01"), at("2026-11-21"), stretches(at("2026-11-01"), at("2026-11-21"), LIFE))
    full = {BASIC: [plan(1, "2026-01-01", server("30"))]}
    assert billed(life, full) == [
        (1, D(4), D("20.00")),
        (6, D(6), D("30.00")),
        (11, D(6), D("30.00")),
        (16, D(6), D("30.00")),
    ]
    half = {BASIC: [plan(1, "2026-01-01", server("30", suspended_percentage=D(50)))]}
    assert billed(life, half)[2] == (11, D(6), D("15.00"))
    spared = {BASIC: [plan(1, "2026-01-01", server("30", suspended_percentage=D(0)))]}
    assert [start for start, _, _ in billed(life, spared)] == [1, 6, 16]
    lines = rate(NOVEMBER, life, windows(NOVEMBER, life, half), lambda *_: D(0), {}).lines
    assert lines[2].formula == "(6 × 30) × 5/30 days × 50 % while suspended = 15 USD"


def test_another_offering_is_priced_by_its_own_plan_from_its_day_on() -> None:
    steps = [step(1, "2026-11-01"), step(2, "2026-11-16T12:00", offering_id=LARGE)]
    who = Holding(UUID(int=9), at("2026-11-01"), None, stretches(at("2026-11-01"), None, steps))
    plans = {BASIC: [plan(1, "2026-01-01", server("30"))], LARGE: [plan(2, "2026-01-01", server("60"))]}
    assert billed(who, plans) == [(1, D(4), D("60.00")), (16, D(4), D("120.00"))]


def test_changes_that_cancel_each_other_on_one_day_split_nothing() -> None:
    steps = [step(1, "2026-11-01"), step(2, "2026-11-10T08:00", SUSPENDED), step(3, "2026-11-10T18:00")]
    who = Holding(UUID(int=9), at("2026-11-01"), None, stretches(at("2026-11-01"), None, steps))
    assert billed(who, {BASIC: [plan(1, "2026-01-01", server("30"))]}) == [(1, D(4), D("120.00"))]


def test_whom_a_new_version_finds_follows_stays_or_moves_at_renewal() -> None:
    steps = [step(1, "2026-01-01"), step(2, "2026-11-21", renews=True)]
    old = Holding(UUID(int=9), at("2026-01-01"), None, stretches(at("2026-01-01"), None, steps))
    new = Holding.unchanged(UUID(int=8), D(4), at("2026-11-11"), None, BASIC)
    for existing, expected in (
        (Existing.FOLLOW, [(1, D("40.00")), (11, D("160.00"))]),
        (Existing.STAY, [(1, D("120.00"))]),
        (Existing.RENEWAL, [(1, D("80.00")), (21, D("80.00"))]),
    ):
        plans = {BASIC: [plan(1, "2026-01-01", server("30")), plan(2, "2026-11-11", server("60"), existing=existing)]}
        assert [(start, amount) for start, _, amount in billed(old, plans)] == expected
        assert billed(new, plans) == [(11, D(4), D("160.00"))]


moments = st.datetimes(datetime(2026, 10, 1), datetime(2026, 12, 31), timezones=st.just(UTC))
steps_strategy = st.lists(
    st.tuples(moments, st.sampled_from([ACTIVE, SUSPENDED]), st.integers(1, 9)), min_size=1, max_size=6
).map(lambda told: [Step(n, when, state, BASIC, D(q)) for n, (when, state, q) in enumerate(told, 1)])


@given(steps_strategy, st.none() | moments)
def test_splits_do_not_overlap_and_add_up_to_the_whole_within_rounding(
    steps: list[Step], ended: datetime | None
) -> None:
    begun = at("2026-10-15")
    until = None if ended is None else max(ended, begun)
    who = Holding(UUID(int=9), begun, until, stretches(begun, until, steps))
    found = windows(NOVEMBER, who, {BASIC: [plan(1, "2026-01-01", server("29.99"))]})
    for one, other in pairwise(found):
        assert one.split.end <= other.split.start
    whole = rate(NOVEMBER, who, found, lambda *_: D(0), {}).lines
    by_day = D(0)
    for number in range(NOVEMBER.days):
        day = NOVEMBER.first_day + timedelta(days=number)
        held = [w.stretch.quantity for w in found if w.split.start <= day < w.split.end]
        by_day += sum(held, D(0))
    exact = by_day * D("29.99") / 30
    assert abs(exact_total([line.amount for line in whole]) - exact) <= D("0.005") * max(len(whole), 1)
