"""Campaigns without a database: their life, whom they address, and what is counted as theirs."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_service.domain import campaign as life
from catalog_service.domain.attribution import Demand, Outcome, Rate, Subscription, Touch, attribute, rate, total
from catalog_service.domain.campaign import CampaignState as State
from catalog_service.domain.campaign_audience import (
    Audience,
    CapabilityLine,
    Goal,
    GoalLine,
    GoalStatus,
    LeftOutWhy,
    Match,
    Offered,
    Unit,
    path_of,
    select_units,
)
from catalog_service.domain.offering import OfferingState
from services.errors import Refusal

NOW = datetime(2026, 11, 3, 9, tzinfo=UTC)
TODAY = NOW.date()


def day(number: float) -> datetime:
    return NOW + timedelta(days=number)


def uid(number: int) -> UUID:
    return UUID(int=number)


ALLOWED = {
    (State.DRAFT, State.SCHEDULED),
    (State.DRAFT, State.CANCELLED),
    (State.SCHEDULED, State.RUNNING),
    (State.SCHEDULED, State.CANCELLED),
    (State.RUNNING, State.PAUSED),
    (State.RUNNING, State.ENDED),
    (State.PAUSED, State.RUNNING),
    (State.PAUSED, State.ENDED),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("to", State)
def test_every_transition_is_allowed_or_refused(state: State, to: State) -> None:
    if (state, to) in ALLOWED:
        assert life.move(state, to) is to
    else:
        with pytest.raises(life.CampaignTransitionRefused, match=f"that is {state} cannot become {to}"):
            life.move(state, to)


@pytest.mark.parametrize("state", State)
def test_only_what_has_not_started_may_change(state: State) -> None:
    if state in (State.DRAFT, State.SCHEDULED):
        life.require_editable(state)
    else:
        with pytest.raises(life.CampaignFixed):
            life.require_editable(state)


@pytest.mark.parametrize(
    ("starts", "ends", "pointers"),
    [
        (1, 2, []),
        (-1, 1, []),
        (2, 1, ["/ends_at"]),
        (1, 1, ["/ends_at"]),
        (-2, -1, ["/ends_at"]),
        (-2, 0, ["/ends_at"]),
        (1, 368, ["/ends_at"]),
        (1, 367, []),
        (800, 801, ["/starts_at"]),
        (900, 800, ["/ends_at", "/starts_at"]),
    ],
)
def test_windows(starts: int, ends: int, pointers: list[str]) -> None:
    if not pointers:
        life.check_window(day(starts), day(ends), now=NOW)
        return
    with pytest.raises(life.WindowInvalid) as refused:
        life.check_window(day(starts), day(ends), now=NOW)
    assert [fault.pointer for fault in refused.value.faults] == pointers


@pytest.mark.parametrize(
    ("state", "old", "new", "refusal"),
    [
        (State.RUNNING, 5, 9, None),
        (State.PAUSED, 5, 1, None),
        (State.RUNNING, 5, -1, life.WindowInvalid),
        (State.RUNNING, 0, 9, life.EndNotMovable),  # its timer is late, it is over nevertheless
        (State.ENDED, 5, 9, life.EndNotMovable),
        (State.SCHEDULED, 5, 9, life.EndNotMovable),
    ],
)
def test_an_end_moves_while_it_has_not_come(state: State, old: int, new: int, refusal: type[Refusal] | None) -> None:
    def move() -> None:
        life.check_end(state, started_at=day(-1), old=day(old), new=day(new), now=NOW)

    if refusal is None:
        move()
    else:
        with pytest.raises(refusal):
            move()


def test_what_keeps_a_campaign_from_starting_is_named() -> None:
    life.refuse_unpublished([("A", OfferingState.PUBLISHED)])
    with pytest.raises(life.CampaignNotReady) as refused:
        life.refuse_unpublished([("A", OfferingState.PUBLISHED), ("B", OfferingState.RETIRED)])
    assert [(fault.pointer, fault.message[:12]) for fault in refused.value.faults] == [
        ("/offering_ids/1", "B is retired")
    ]
    life.refuse_nobody(addressed=1, left_out={"subscribed": 3})
    with pytest.raises(life.CampaignNotReady) as nobody:
        life.refuse_nobody(addressed=0, left_out={"subscribed": 3, "not_entitled": 0})
    assert [fault.message for fault in nobody.value.faults] == ["3 left out: subscribed"]
    with pytest.raises(life.CampaignNotReady) as none:
        life.refuse_nobody(addressed=0, left_out={})
    assert [fault.message for fault in none.value.faults] == ["no business unit fits it"]


SLOW = Goal("Faster first results", "days to first analysis", Decimal(12), Decimal(3), date(2027, 3, 31))
MET = Goal("Reach more", "students a year", Decimal(10), Decimal(20), date(2026, 1, 1), current=Decimal(25))
LATE = Goal("Fewer outages", "outages a month", Decimal(4), Decimal(1), date(2026, 6, 30), current=Decimal(2))

# university ─┬─ science ─── physics
#             └─ library
UNITS = {
    unit.id: unit
    for unit in (
        Unit(uid(1), "University"),
        Unit(uid(2), "Science", uid(1), (SLOW,), frozenset({"enrol students"})),
        Unit(uid(3), "Physics", uid(2), (MET,)),
        Unit(uid(4), "Library", uid(1), (LATE,), frozenset({"lend books"})),
    )
}
ENROL = CapabilityLine("Enrol students", frozenset({"c-1", "enrol students"}))
OPEN = [Offered(uid(90), everyone=True)]


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        (Audience(), []),
        (Audience(everyone=True), ["Library", "Physics", "Science", "University"]),
        (Audience(unit_ids=(uid(2),)), ["Physics", "Science"]),
        (Audience(unit_ids=(uid(77),)), []),
        (Audience(capabilities=(ENROL,)), ["Science"]),
        (Audience(goals=(GoalLine(""),)), ["Library", "Science"]),
        (Audience(goals=(GoalLine("", GoalStatus.ANY),)), ["Library", "Physics", "Science"]),
        (Audience(goals=(GoalLine("", GoalStatus.OVERDUE),)), ["Library"]),
        (Audience(goals=(GoalLine("ANALYSIS first"),)), ["Science"]),
        (Audience(goals=(GoalLine("first nonsense"),)), []),
        (Audience(goals=(GoalLine("", due_within_days=30),)), ["Library"]),
        (Audience(goals=(GoalLine("", due_within_days=200),)), ["Library", "Science"]),
        (Audience(Match.ALL, unit_ids=(uid(2),), goals=(GoalLine(""),)), ["Science"]),
        (Audience(Match.ANY, unit_ids=(uid(2),), goals=(GoalLine(""),)), ["Library", "Physics", "Science"]),
        (Audience(Match.ALL, unit_ids=(uid(4),), capabilities=(ENROL,)), []),
    ],
)
def test_whom_an_audience_fits(audience: Audience, expected: list[str]) -> None:
    found = select_units(audience, UNITS, OPEN, holders=[], leave_out_subscribers=True, today=TODAY)
    assert [one.unit.name for one in found.addressed] == expected
    assert all(one.reasons for one in found.addressed)


def test_every_reason_is_given_in_words() -> None:
    audience = Audience(Match.ANY, unit_ids=(uid(1), uid(2)), capabilities=(ENROL,), goals=(GoalLine("analysis"),))
    found = select_units(audience, UNITS, OPEN, holders=[], leave_out_subscribers=True, today=TODAY)
    science = next(one for one in found.addressed if one.unit.name == "Science")
    assert [(reason.kind, reason.text) for reason in science.reasons] == [
        ("business_unit", "is below University"),
        ("business_unit", "is addressed itself"),
        ("capability", "uses the capability Enrol students"),
        ("goal", "goal 'Faster first results' (days to first analysis from 12 to 3, due 2027-03-31) is unmet"),
    ]


def test_who_may_not_ask_or_holds_it_already_is_left_out() -> None:
    everyone = Audience(everyone=True)
    offered = [Offered(uid(90), False, frozenset({uid(2)})), Offered(uid(91), False, frozenset({uid(4)}))]
    held = [(uid(3), uid(90)), (uid(4), uid(77))]
    found = select_units(everyone, UNITS, offered, holders=held, leave_out_subscribers=True, today=TODAY)
    assert [(one.unit.name, one.offering_ids) for one in found.addressed] == [
        ("Library", (uid(91),)),
        ("Science", (uid(90),)),
    ]
    assert [(out.unit.name, out.why) for out in found.left_out] == [
        ("Physics", LeftOutWhy.SUBSCRIBED),
        ("University", LeftOutWhy.NOT_ENTITLED),
    ]
    assert found.left_out_by_reason() == {LeftOutWhy.NOT_ENTITLED: 1, LeftOutWhy.SUBSCRIBED: 1}
    kept = select_units(everyone, UNITS, offered, holders=held, leave_out_subscribers=False, today=TODAY)
    assert [one.unit.name for one in kept.addressed] == ["Library", "Physics", "Science"]
    # Role lines alone say which people, and leave no unit out; no audience at all is nobody's.
    roles, nobody = Offered(uid(90), False, frozenset(), True), Offered(uid(90), False, frozenset(), False)
    for offer, count in ((roles, 4), (nobody, 0)):
        assert (
            len(select_units(everyone, UNITS, [offer], holders=[], leave_out_subscribers=True, today=TODAY).addressed)
            == count
        )


def test_a_cycle_of_business_units_ends() -> None:
    loop = {uid(1): Unit(uid(1), "A", uid(2)), uid(2): Unit(uid(2), "B", uid(1)), uid(3): Unit(uid(3), "C", uid(9))}
    assert path_of(loop[uid(1)], loop) == (uid(1), uid(2))
    assert path_of(loop[uid(3)], loop) == (uid(3), uid(9))


@pytest.mark.parametrize(
    ("baseline", "target", "current", "met"),
    [
        (12, 3, None, False),
        (12, 3, 4, False),
        (12, 3, 3, True),
        (12, 3, 2, True),
        (10, 20, 19, False),
        (10, 20, 20, True),
        (None, 20, 25, False),
        (10, None, 25, False),
    ],
)
def test_when_a_goal_is_met(baseline: int | None, target: int | None, current: int | None, met: bool) -> None:
    def number(value: int | None) -> Decimal | None:
        return None if value is None else Decimal(value)

    assert Goal("g", "m", number(baseline), number(target), None, number(current)).met() is met


# Attribution: offering 90, unit 1; campaigns C (100) and D (101).
C, D, OFFER, UNIT = uid(100), uid(101), uid(90), uid(1)


def touch(campaign: UUID = C, *, started: float = 0, until: float | None = None, seen: float | None = None) -> Touch:
    return Touch(
        campaign,
        UNIT,
        frozenset({OFFER}),
        day(started),
        None if until is None else day(until),
        None if seen is None else day(seen),
    )


def demand(at: float, state: str = "submitted", *, number: int = 1, offering: UUID | None = OFFER) -> Demand:
    return Demand(uid(1000 + number), UNIT, offering, state, day(at))


def subscription(at: float | None, *, of: int | None = 1) -> Subscription:
    return Subscription(uid(2000), UNIT, OFFER, None if of is None else uid(1000 + of), None if at is None else day(at))


def outcome(
    touches: list[Touch], demands: list[Demand], subscriptions: list[Subscription] | None = None, campaign: UUID = C
) -> tuple[bool, bool, bool, bool, bool, int]:
    found = attribute(campaign, touches, demands, subscriptions or [])[UNIT]
    return (
        found.seen_at is not None,
        found.demanded_at is not None,
        found.subscribed_at is not None,
        found.unseen_demanded_at is not None,
        found.unseen_subscribed_at is not None,
        found.taken_back,
    )


@pytest.mark.parametrize(
    ("touches", "demands", "subscriptions", "expected"),
    [
        ([touch()], [], [], (0, 0, 0, 0, 0, 0)),
        ([touch(seen=1)], [], [], (1, 0, 0, 0, 0, 0)),
        ([touch(seen=1)], [demand(2)], [], (1, 1, 0, 0, 0, 0)),
        ([touch(seen=1)], [demand(1)], [], (1, 1, 0, 0, 0, 0)),
        # Raised before it was seen, or without: apart.
        ([touch(seen=3)], [demand(2)], [], (1, 0, 0, 1, 0, 0)),
        ([touch()], [demand(2)], [subscription(9)], (0, 0, 0, 1, 1, 0)),
        # Taken back, before the campaign, after its attribution window, of another offering, of none yet.
        ([touch(seen=1)], [demand(2, "withdrawn")], [], (1, 0, 0, 0, 0, 1)),
        ([touch(seen=1)], [demand(2, "rejected"), demand(3, number=2)], [], (1, 1, 0, 0, 0, 1)),
        ([touch(seen=1)], [demand(-1)], [subscription(2)], (1, 0, 0, 0, 0, 0)),
        ([touch(seen=1, until=30)], [demand(30)], [], (1, 0, 0, 0, 0, 0)),
        ([touch(seen=1)], [demand(2, offering=uid(91))], [], (1, 0, 0, 0, 0, 0)),
        ([touch(seen=1)], [demand(2, offering=None)], [], (1, 0, 0, 0, 0, 0)),
        # A subscription through a demand that counts, however late; on its own where the demand is not known yet.
        ([touch(seen=1, until=30)], [demand(2)], [subscription(90)], (1, 1, 1, 0, 0, 0)),
        ([touch(seen=1, until=30)], [], [subscription(20)], (1, 0, 1, 0, 0, 0)),
        ([touch(seen=1, until=30)], [], [subscription(20, of=None)], (1, 0, 1, 0, 0, 0)),
        ([touch(seen=1, until=30)], [], [subscription(90)], (1, 0, 0, 0, 0, 0)),
        ([touch(seen=1)], [demand(2)], [subscription(None)], (1, 1, 0, 0, 0, 0)),
        # Seen when nothing counts any more.
        ([touch(seen=31, until=30)], [], [], (0, 0, 0, 0, 0, 0)),
    ],
)
def test_what_counts(
    touches: list[Touch], demands: list[Demand], subscriptions: list[Subscription], expected: tuple[int, ...]
) -> None:
    assert outcome(touches, demands, subscriptions) == expected


@pytest.mark.parametrize(
    ("first", "second", "of_first", "of_second"),
    [
        (touch(seen=1), touch(D, seen=2), (1, 0), (0, 0)),
        (touch(seen=2), touch(D, seen=1), (0, 0), (1, 0)),
        (touch(seen=2), touch(D), (1, 0), (0, 0)),  # who was seen goes before who was not
        (touch(seen=9), touch(D, seen=4), (0, 0), (1, 0)),  # first seen, though after the other started
        (touch(), touch(D, started=-1), (0, 0), (0, 1)),  # unseen: who started first
        (touch(), touch(D), (0, 1), (0, 0)),  # at once: the lower id
        (touch(until=3), touch(D, seen=4), (0, 0), (1, 0)),  # the other's time is over
    ],
)
def test_a_demand_is_of_the_campaign_that_was_seen_first(
    first: Touch, second: Touch, of_first: tuple[int, int], of_second: tuple[int, int]
) -> None:
    for campaign, expected in ((C, of_first), (D, of_second)):
        found = outcome([first, second], [demand(5)], campaign=campaign)
        assert (found[1], found[3]) == expected


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Touch], list[Demand], list[Subscription]]:
    moments = st.integers(0, 12)
    touches = [
        Touch(
            campaign,
            unit,
            frozenset(draw(st.sets(st.sampled_from([uid(90), uid(91)]), min_size=1))),
            day(draw(moments)),
            draw(st.none() | moments.map(day)),
            draw(st.none() | moments.map(day)),
        )
        for campaign in (C, D, uid(102))
        for unit in (uid(1), uid(2))
        if draw(st.booleans())
    ]
    states = st.sampled_from(["submitted", "approved", "rejected", "withdrawn"])
    demands = [
        Demand(
            uid(1000 + n),
            uid(draw(st.integers(1, 2))),
            draw(st.sampled_from([None, uid(90), uid(91)])),
            draw(states),
            day(draw(moments)),
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    subscriptions = [
        Subscription(uid(2000 + n), one.unit_id, one.offering_id or uid(90), one.id, day(draw(moments)))
        for n, one in enumerate(demands)
        if draw(st.booleans())
    ]
    return touches, demands, subscriptions


@given(histories(), st.integers(0, 1_000))
def test_order_never_matters_and_no_demand_counts_twice(
    history: tuple[list[Touch], list[Demand], list[Subscription]], seed: int
) -> None:
    touches, demands, subscriptions = history
    shuffled = [list(part) for part in history]
    for part in shuffled:
        random.Random(seed).shuffle(part)
    campaigns = {one.campaign_id for one in touches}
    results = {campaign: attribute(campaign, touches, demands, subscriptions) for campaign in campaigns}
    for campaign in campaigns:
        assert attribute(campaign, *shuffled) == results[campaign]  # type: ignore[arg-type]
        counted = total(results[campaign].values())
        assert counted.addressed == len({one.unit_id for one in touches if one.campaign_id == campaign})
        assert counted.demanded <= counted.seen <= counted.addressed
        assert counted.demanded + counted.unseen_demanded <= counted.addressed
    for one in demands:
        alone = [attribute(campaign, touches, [one], []).get(one.unit_id) for campaign in campaigns]
        claims = [
            found
            for found in alone
            if found is not None and (found.demanded_at or found.unseen_demanded_at or found.taken_back)
        ]
        assert len(claims) <= 1


def test_rates_have_n_and_wilsons_interval() -> None:
    assert rate(0, 0) == Rate(0, 0, None, None, None)
    # 8 of 10 as printed by R's prop.test(8, 10, correct = FALSE): 0.4901625 to 0.9433178.
    found = rate(8, 10)
    assert (str(found.rate), str(found.low), str(found.high)) == ("0.800000", "0.490162", "0.943318")
    assert (str(rate(1, 1).low), str(rate(1, 1).high)) == ("0.206549", "1.000000")
    assert (str(rate(0, 1).low), str(rate(0, 1).high)) == ("0.000000", "0.793451")
    assert str(rate(1, 3).rate) == "0.333333"


def test_a_unit_that_came_both_ways_counts_once() -> None:
    both = Outcome(UNIT, day(1), day(2), None, day(0), None, 1)
    counted = total([both])
    assert (counted.demanded, counted.unseen_demanded, counted.taken_back) == (1, 0, 1)
