"""Price plans: the charges of an offering, in versions, each in force from an instant on.

A charge recurs by the period, the quarter (billed in thirds) or the year (in twelfths), falls due once when the
subscription starts, or prices what a meter measured. A recurring one is billed in arrears, with its own period's
statement, or in advance, with that of the period before.

Whom a version counts for, of the subscriptions that were there before it:

    follow    all of them, from its first day on
    stay      none; they keep the version that they have
    renewal   each from its first renewal on
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from pricing_service.domain.history import Stretch
from pricing_service.domain.periods import DaySplit, Period
from pricing_service.domain.prices import (
    WHOLE,
    Cell,
    Charge,
    Discount,
    Flat,
    Line,
    Part,
    PricedCharge,
    Split,
    plain,
    price,
)
from pricing_service.domain.prices.charge import PRORATION_PLACES, round_fraction, rounded_line, to_places, true_up_line
from pricing_service.domain.prices.line import LineKind, PartKind
from services.errors import Fault, Invalid
from services.money import EXACT, exact_total


class Recurrence(StrEnum):
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ONE_OFF = "one_off"
    USAGE = "usage"


PERIODS_OF = {Recurrence.MONTH: 1, Recurrence.QUARTER: 3, Recurrence.YEAR: 12}


class Timing(StrEnum):
    IN_ADVANCE = "in_advance"
    IN_ARREARS = "in_arrears"


class Existing(StrEnum):
    """What becomes of subscriptions that a new version finds."""

    FOLLOW = "follow"
    STAY = "stay"
    RENEWAL = "renewal"


class TrueUpAt(StrEnum):
    PERIOD = "period"
    TERM = "term"


class Suspension(StrEnum):
    """What of a charge is due while the subscription is suspended."""

    FULL = "full"
    NONE = "none"
    PERCENTAGE = "percentage"


class ChargesWrong(Invalid): ...


class SuspensionUnclear(Invalid): ...


@dataclass(frozen=True, slots=True)
class PlanCharge:
    key: str
    name: str
    model: str
    charge: Charge
    recurrence: Recurrence
    meter: str | None = None
    timing: Timing = Timing.IN_ARREARS
    suspended_percentage: Decimal = Decimal(100)  # what is due of it while the subscription is suspended
    discounts: tuple[Discount, ...] = ()


@dataclass(frozen=True, slots=True)
class Commitment:
    """The least that all charges but one-offs must come to: in each period, or over the committed term."""

    amount: Decimal
    at: TrueUpAt = TrueUpAt.PERIOD


@dataclass(frozen=True, slots=True)
class PlanVersion:
    id: UUID
    version: int
    currency: str
    effective_from: datetime
    charges: tuple[PlanCharge, ...]
    existing: Existing = Existing.FOLLOW
    discounts: tuple[Discount, ...] = ()
    minimum: Commitment | None = None
    maximum: Decimal | None = None
    specificity: int = 0  # how close its audience is to the business unit at hand; 0: it is for all

    @property
    def precedence(self) -> tuple[int, datetime, int]:
        """Of several versions in force the one for the closest audience counts, then the latest, then the newer."""
        return self.specificity, self.effective_from, self.version


@dataclass(frozen=True, slots=True)
class QuotedCharge:
    """A charge at a quantity, or a line of the plan as a whole: what one month of it costs, and what twelve do."""

    charge: PlanCharge
    priced: PricedCharge
    annual: Decimal


@dataclass(frozen=True, slots=True)
class ChargeRules:
    """What of a charge can contradict the others, or itself."""

    key: str
    recurrence: Recurrence
    meter: str | None = None
    timing: Timing = Timing.IN_ARREARS
    discount_keys: tuple[str, ...] = ()


def suspended_percentage(rule: Suspension, percentage: Decimal | None) -> Decimal:
    """What is due while suspended, in percent. Raises SuspensionUnclear."""
    if (rule is Suspension.PERCENTAGE) != (percentage is not None):
        raise SuspensionUnclear(
            f"suspension {rule} {'needs' if percentage is None else 'takes no'} percentage",
            faults=[Fault("/suspension_percentage", "stands with suspension percentage, and with it alone")],
        )
    if percentage is None:
        return Decimal(100 if rule is Suspension.FULL else 0)
    if not 0 <= percentage <= 100:
        raise SuspensionUnclear(
            f"suspension_percentage is {plain(percentage)}",
            faults=[Fault("/suspension_percentage", "must be from 0 to 100")],
        )
    return percentage


def check_charges(charges: Sequence[ChargeRules], plan_discount_keys: Sequence[str] = ()) -> None:
    """Raise ChargesWrong unless keys and meters are unique, and meters and timing fit the recurrence."""
    if not charges:
        raise ChargesWrong("a price plan needs at least one charge", faults=[Fault("/charges", "must not be empty")])
    faults = _repeated("", plan_discount_keys)
    keys: set[str] = set()
    meters: set[str] = set()
    for index, charge in enumerate(charges):
        at, recurrence, meter = f"/charges/{index}", charge.recurrence, charge.meter
        if charge.key in keys:
            faults.append(Fault(f"{at}/key", f"{charge.key!r} stands twice"))
        keys.add(charge.key)
        if recurrence is Recurrence.USAGE and meter is None:
            faults.append(Fault(f"{at}/meter", "a usage charge needs the meter that it prices"))
        elif recurrence is not Recurrence.USAGE and meter is not None:
            faults.append(Fault(f"{at}/meter", f"a charge by {recurrence} has no meter"))
        if meter is not None and meter in meters:
            faults.append(Fault(f"{at}/meter", f"meter {meter!r} is priced twice"))
        if meter is not None:
            meters.add(meter)
        if charge.timing is Timing.IN_ADVANCE and recurrence not in PERIODS_OF:
            faults.append(Fault(f"{at}/timing", "only a charge by month, quarter or year can be billed in advance"))
        faults += _repeated(at, charge.discount_keys)
    if faults:
        raise ChargesWrong("the charges of the plan contradict each other", faults=faults)


def _repeated(at: str, keys: Sequence[str]) -> list[Fault]:
    return [
        Fault(f"{at}/discounts/{index}/key", f"{key!r} stands twice")
        for index, key in enumerate(keys)
        if key in keys[:index]
    ]


def counts_from(version: PlanVersion, stretch: Stretch, period: Period) -> datetime | None:
    """The instant from which a version counts for a subscription; None: never. Who joins on its first day is new."""
    is_new = period.day_of(stretch.joined_at) >= period.day_of(version.effective_from)
    if is_new or version.existing is Existing.FOLLOW:
        return version.effective_from
    if version.existing is Existing.STAY:
        return None
    return next((at for at in stretch.renewals if at >= max(version.effective_from, stretch.joined_at)), None)


def in_force(versions: Sequence[PlanVersion], at: datetime) -> PlanVersion | None:
    """The version that a new subscription gets at an instant; see `precedence`."""
    started = [version for version in versions if version.effective_from <= at]
    return max(started, key=lambda version: version.precedence, default=None)


def specificity(audience: Collection[UUID], path: Sequence[UUID]) -> int | None:
    """How close an audience is to a business unit; None: the unit is not in it.

    `path` leads from the topmost unit down to the one at hand; an audience holds units and all below them.
    """
    if not audience:
        return 0
    return max((depth for depth, unit in enumerate(path, 1) if unit in audience), default=None)


def in_force_on(versions: Sequence[PlanVersion], split: DaySplit, stretch: Stretch) -> PlanVersion | None:
    """The version that prices the days of a split, of those that count by then; see `precedence`.

    A change counts from its day on.
    """
    started = [
        version
        for version in versions
        if (at := counts_from(version, stretch, split.period)) is not None and split.period.day_of(at) <= split.start
    ]
    return max(started, key=lambda version: version.precedence, default=None)


def due_split(charge: PlanCharge, days: DaySplit | None = None, *, suspended: bool = False) -> Split:
    """Which share of a charge falls due in the days of a split (None: a whole period)."""
    recurrence = charge.recurrence
    if recurrence is Recurrence.ONE_OFF:
        return Split()
    share = Fraction(1) if days is None else days.share
    reasons = [] if days is None or share == 1 else [days.reason]
    if (periods := PERIODS_OF.get(recurrence, 1)) != 1:
        share /= periods
        reasons.insert(0, f"1/{periods} {recurrence}")
    limit = share
    if suspended and charge.suspended_percentage != 100:
        share *= Fraction(charge.suspended_percentage) / 100
        reasons.append(f"{plain(charge.suspended_percentage)} % while suspended")
    return Split(share, " × ".join(reasons), units_too=recurrence is not Recurrence.USAGE, days=limit)


PLAN = "plan"  # the charge key of lines that belong to no single charge
_NO_CHARGE = Charge(Flat(Decimal(0)))


def of_plan(
    plan: PlanVersion,
    total: Decimal,
    share: Fraction,
    *,
    tags: Mapping[str, str],
    unit_tags: Mapping[str, str],
    term_months: int | None,
) -> list[tuple[PlanCharge, Line]]:
    """The plan's discounts, minimum (of a period) and maximum over what its charges come to, in this order.

    `share` is that of one period that `total` is for; each line comes with what it is called instead of a charge.
    """
    lines: list[tuple[PlanCharge, Line]] = []
    for discount in plan.discounts:
        if not discount.applies(tags, unit_tags, term_months):
            continue
        off = discount.off(Fraction(total), share)
        taken = round_fraction(-off, plan.currency)
        if not taken:
            continue
        part = Part(PartKind.DISCOUNT, discount.label, to_places(-off, PRORATION_PLACES))
        formula = f"{plain(total)} × {plain(discount.percentage)} %" if discount.percentage is not None else ""
        formula = f"−({formula or plain(to_places(off, PRORATION_PLACES))})"
        line = rounded_line(
            LineKind.PLAN_DISCOUNT, Decimal(1), None, formula, -off, [part], plan.currency, taken, discount.key
        )
        lines.append((plan_wide(discount.key, discount.name, "discount"), line))
        total = EXACT.add(total, taken)
    if plan.minimum is not None and plan.minimum.at is TrueUpAt.PERIOD:
        least = Fraction(plan.minimum.amount) * share
        true_up = true_up_line(LineKind.PLAN_TRUE_UP, least, total, plan.currency)
        if true_up is not None:
            lines.append((plan_wide(PLAN, "Minimum commitment", "minimum"), true_up))
            total = EXACT.add(total, true_up.amount)
    if plan.maximum is not None and share and Fraction(total) > (most := Fraction(plan.maximum) * share):
        shown = plain(to_places(most, PRORATION_PLACES))
        beyond = most - Fraction(total)
        part = Part(PartKind.CAP, f"capped at {shown}", to_places(beyond, PRORATION_PLACES))
        formula, taken = f"maximum {shown} − {plain(total)}", round_fraction(beyond, plan.currency)
        cut = rounded_line(LineKind.PLAN_CAP, Decimal(1), None, formula, beyond, [part], plan.currency, taken)
        lines.append((plan_wide(PLAN, "Maximum", "maximum"), cut))
    return lines


def plan_wide(key: str, name: str, model: str) -> PlanCharge:
    """What a line of the plan as a whole is called; it has no price of its own."""
    return PlanCharge(key, name, model, _NO_CHARGE, Recurrence.MONTH)


def quote(
    version: PlanVersion,
    quantity: Decimal,
    *,
    tags: Mapping[str, str] | None = None,
    unit_tags: Mapping[str, str] | None = None,
    term_months: int | None = None,
) -> list[QuotedCharge]:
    """Price every charge but usage at `quantity`, for one whole month (a one-off: once), with the discounts that apply.

    The plan's own discounts, its minimum of a period and its maximum follow, over all but one-offs. Usage only adds to
    what is left of it all, so the sum is the least that a whole month will come to. A minimum over a term is not in it.
    """
    tags, unit_tags = tags or {}, unit_tags or {}
    quoted: list[QuotedCharge] = []
    for charge in version.charges:
        if charge.recurrence is Recurrence.USAGE:
            continue
        discounts = [each for each in charge.discounts if each.applies(tags, unit_tags, term_months)]
        cells = [Cell(quantity, tags)]
        priced, whole = (
            price(charge.charge, quantity, version.currency, split, discounts=discounts, cells=cells)
            for split in (due_split(charge), WHOLE)
        )
        times = 12 // PERIODS_OF[charge.recurrence] if charge.recurrence in PERIODS_OF else 1
        annual = exact_total([whole.total] * times)
        quoted.append(QuotedCharge(charge, priced, annual))
    recurring = [each for each in quoted if each.charge.recurrence is not Recurrence.ONE_OFF]
    month, year = (
        of_plan(version, exact_total(amounts), Fraction(share), tags=tags, unit_tags=unit_tags, term_months=term_months)
        for share, amounts in (
            (1, [each.priced.total for each in recurring]),
            (12, [each.annual for each in recurring]),
        )
    )
    annually = {(called.key, line.kind): line.amount for called, line in year}
    for called, line in month:
        annual = annually.get((called.key, line.kind), Decimal(0))
        quoted.append(QuotedCharge(called, PricedCharge((line,), version.currency), annual))
    return quoted
