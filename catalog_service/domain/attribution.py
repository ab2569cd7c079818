"""What a campaign brought about, found anew from facts each time: in whatever order they arrived, the result is one.

A business unit counts once for each step of each campaign:

    addressed ──► saw ──► raised a demand ──► subscribed

- **saw**: somebody of it was shown the campaign, from its start until its attribution window closes.
- **raised a demand**: for one of the offerings brought to it, within the same time, not before it saw; demands that
  were withdrawn, rejected or cancelled do not count and are told apart.
- **subscribed**: through such a demand, however long delivery took. A subscription whose demand is not known (its
  event may still be on the way) stands for itself, by the instant of its activation.

A demand belongs to one campaign at most: **first touch**, the one that the unit saw first; ties go to the campaign
that started first, then to the lower id. Where the unit saw none of those that addressed it, the demand is counted
apart, as unseen, for the one that started first (ADR-0025). A campaign's attribution window ends
`attribution_days` after its end.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from statistics import NormalDist
from typing import TypeVar
from uuid import UUID

TAKEN_BACK = frozenset({"rejected", "withdrawn", "cancelled"})
PLACES = Decimal("0.000001")
Z = Decimal(str(round(NormalDist().inv_cdf(0.975), 12)))
_CONTEXT = Context(prec=50)


@dataclass(frozen=True, slots=True)
class Touch:
    """A campaign that addressed a business unit. `counted_until` is None while the campaign has not ended."""

    campaign_id: UUID
    unit_id: UUID
    offering_ids: frozenset[UUID]
    started_at: datetime
    counted_until: datetime | None
    first_seen_at: datetime | None = None

    def spans(self, moment: datetime) -> bool:
        return self.started_at <= moment and (self.counted_until is None or moment < self.counted_until)


@dataclass(frozen=True, slots=True)
class Demand:
    id: UUID
    unit_id: UUID
    offering_id: UUID | None
    state: str
    raised_at: datetime


@dataclass(frozen=True, slots=True)
class Subscription:
    id: UUID
    unit_id: UUID
    offering_id: UUID
    demand_id: UUID | None
    activated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one business unit. `demanded_at` and the like are of the first that counts."""

    unit_id: UUID
    seen_at: datetime | None = None
    demanded_at: datetime | None = None
    subscribed_at: datetime | None = None
    unseen_demanded_at: datetime | None = None
    unseen_subscribed_at: datetime | None = None
    taken_back: int = 0


def counted_until(ended_at: datetime | None, attribution_days: int) -> datetime | None:
    return None if ended_at is None else ended_at + timedelta(days=attribution_days)


def attribute(
    campaign_id: UUID,
    touches: Iterable[Touch],
    demands: Iterable[Demand],
    subscriptions: Iterable[Subscription],
) -> dict[UUID, Outcome]:
    """The outcome for each business unit that `campaign_id` addressed.

    `touches` are those of this campaign and of every other that brought one of the same offerings to one of the same
    units: without them a demand could not be given to the first.
    """
    by_unit: dict[UUID, list[Touch]] = {}
    for touch in touches:
        by_unit.setdefault(touch.unit_id, []).append(touch)
    raised = _by_unit(demands)
    begun = _by_unit(subscriptions)
    outcomes = {}
    for unit_id, at_unit in by_unit.items():
        for own in at_unit:
            if own.campaign_id == campaign_id:
                outcomes[unit_id] = _outcome(own, at_unit, raised.get(unit_id, ()), begun.get(unit_id, ()))
    return outcomes


def _outcome(
    own: Touch, at_unit: Sequence[Touch], demands: Sequence[Demand], subscriptions: Sequence[Subscription]
) -> Outcome:
    seen: list[datetime] = []
    unseen: list[datetime] = []
    subscribed: list[datetime] = []
    unseen_subscribed: list[datetime] = []
    known = {demand.id for demand in demands}
    ours: dict[UUID, bool] = {}  # demand -> whether it was seen before
    taken_back = 0
    for demand in demands:
        belongs, saw = _belongs(own, at_unit, demand.offering_id, demand.raised_at)
        if not belongs:
            continue
        if demand.state in TAKEN_BACK:
            taken_back += 1
            continue
        ours[demand.id] = saw
        (seen if saw else unseen).append(demand.raised_at)
    for subscription in subscriptions:
        at = subscription.activated_at
        if at is None:
            continue
        if subscription.demand_id in known:
            if subscription.demand_id not in ours:
                continue
            saw = ours[subscription.demand_id]
        else:
            belongs, saw = _belongs(own, at_unit, subscription.offering_id, at)
            if not belongs:
                continue
        (subscribed if saw else unseen_subscribed).append(at)
    in_time = own.first_seen_at is not None and own.spans(own.first_seen_at)
    return Outcome(
        own.unit_id,
        own.first_seen_at if in_time else None,
        min(seen, default=None),
        min(subscribed, default=None),
        min(unseen, default=None),
        min(unseen_subscribed, default=None),
        taken_back,
    )


def _belongs(own: Touch, at_unit: Sequence[Touch], offering_id: UUID | None, moment: datetime) -> tuple[bool, bool]:
    """Whether what happened at `moment` is `own`'s by first touch, and whether the unit had seen it before."""
    rivals = [touch for touch in at_unit if offering_id in touch.offering_ids and touch.spans(moment)]
    if own not in rivals:
        return False, False
    seen = [
        (touch.first_seen_at, touch.started_at, touch.campaign_id)
        for touch in rivals
        if touch.first_seen_at is not None and touch.spans(touch.first_seen_at) and touch.first_seen_at <= moment
    ]
    if seen:
        return min(seen)[2] == own.campaign_id, True
    return min((touch.started_at, touch.campaign_id) for touch in rivals)[1] == own.campaign_id, False


Fact = TypeVar("Fact", Demand, Subscription)


def _by_unit(facts: Iterable[Fact]) -> Mapping[UUID, list[Fact]]:
    by_unit: dict[UUID, list[Fact]] = {}
    for fact in facts:
        by_unit.setdefault(fact.unit_id, []).append(fact)
    return by_unit


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `of`, exactly; as a decimal with its 95 % interval, each to six places, None where `of` is 0.

    Wilson's score interval (Wilson 1927, JASA 22:209), which holds for small n: 1 of 1 is 0.206549 to 1.
    """

    count: int
    of: int
    rate: Decimal | None
    low: Decimal | None
    high: Decimal | None


def rate(count: int, of: int) -> Rate:
    if of == 0:
        return Rate(count, of, None, None, None)
    c = _CONTEXT
    n, hits, z2 = Decimal(of), Decimal(count), c.multiply(Z, Z)
    share = c.divide(hits, n)
    spread = c.add(c.multiply(c.multiply(n, share), c.subtract(Decimal(1), share)), c.divide(z2, Decimal(4)))
    half = c.divide(c.multiply(Z, c.sqrt(spread)), c.add(n, z2))
    centre = c.divide(c.add(hits, c.divide(z2, Decimal(2))), c.add(n, z2))
    low = Decimal(0) if count == 0 else c.subtract(centre, half)
    high = Decimal(1) if count == of else c.add(centre, half)
    return Rate(count, of, *(value.quantize(PLACES, ROUND_HALF_EVEN) for value in (share, low, high)))


@dataclass(frozen=True, slots=True)
class Results:
    """Business units of a campaign at each step; what follows having seen, and apart from it what did not."""

    addressed: int
    seen: int
    demanded: int
    subscribed: int
    unseen_demanded: int
    unseen_subscribed: int
    taken_back: int  # demands, not units

    @property
    def reach(self) -> Rate:
        return rate(self.seen, self.addressed)

    @property
    def demand_conversion(self) -> Rate:
        return rate(self.demanded, self.seen)

    @property
    def subscription_conversion(self) -> Rate:
        return rate(self.subscribed, self.seen)


def total(outcomes: Iterable[Outcome]) -> Results:
    """A unit that converted both seen and unseen counts as seen alone."""
    found = list(outcomes)
    return Results(
        addressed=len(found),
        seen=sum(outcome.seen_at is not None for outcome in found),
        demanded=sum(outcome.demanded_at is not None for outcome in found),
        subscribed=sum(outcome.subscribed_at is not None for outcome in found),
        unseen_demanded=sum(
            outcome.unseen_demanded_at is not None and outcome.demanded_at is None for outcome in found
        ),
        unseen_subscribed=sum(
            outcome.unseen_subscribed_at is not None and outcome.subscribed_at is None for outcome in found
        ),
        taken_back=sum(outcome.taken_back for outcome in found),
    )
