"""Price plans: the charges of an offering, in versions, each in force from an instant on.

A charge recurs by the month or the year (a year is billed in twelfths), falls due once when the subscription
starts, or prices what a meter measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from uuid import UUID

from pricing_service.domain.periods import DaySplit
from pricing_service.domain.prices import Charge, PricedCharge, Split, price
from services.errors import Fault, Invalid
from services.money import exact_total


class Recurrence(StrEnum):
    MONTH = "month"
    YEAR = "year"
    ONE_OFF = "one_off"
    USAGE = "usage"


class ChargesWrong(Invalid): ...


@dataclass(frozen=True, slots=True)
class PlanCharge:
    key: str
    name: str
    model: str
    charge: Charge
    recurrence: Recurrence
    meter: str | None = None


@dataclass(frozen=True, slots=True)
class PlanVersion:
    id: UUID
    version: int
    currency: str
    effective_from: datetime
    charges: tuple[PlanCharge, ...]


@dataclass(frozen=True, slots=True)
class QuotedCharge:
    """A charge at a quantity: what one month of it costs, and what twelve do."""

    charge: PlanCharge
    priced: PricedCharge
    annual: Decimal


def check_charges(keyed: Sequence[tuple[str, Recurrence, str | None]]) -> None:
    """Raise ChargesWrong unless keys and meters are unique and meters stand exactly with usage."""
    if not keyed:
        raise ChargesWrong("a price plan needs at least one charge", faults=[Fault("/charges", "must not be empty")])
    faults: list[Fault] = []
    keys: set[str] = set()
    meters: set[str] = set()
    for index, (key, recurrence, meter) in enumerate(keyed):
        at = f"/charges/{index}"
        if key in keys:
            faults.append(Fault(f"{at}/key", f"{key!r} stands twice"))
        keys.add(key)
        if recurrence is Recurrence.USAGE and meter is None:
            faults.append(Fault(f"{at}/meter", "a usage charge needs the meter that it prices"))
        elif recurrence is not Recurrence.USAGE and meter is not None:
            faults.append(Fault(f"{at}/meter", f"a charge by {recurrence} has no meter"))
        if meter is not None and meter in meters:
            faults.append(Fault(f"{at}/meter", f"meter {meter!r} is priced twice"))
        if meter is not None:
            meters.add(meter)
    if faults:
        raise ChargesWrong("the charges of the plan contradict each other", faults=faults)


def in_force(versions: Sequence[PlanVersion], at: datetime) -> PlanVersion | None:
    """The version in force at an instant: the latest effective one, of two on the same instant the newer."""
    started = [version for version in versions if version.effective_from <= at]
    return max(started, key=lambda version: (version.effective_from, version.version), default=None)


def in_force_on(versions: Sequence[PlanVersion], split: DaySplit) -> PlanVersion | None:
    """The version that prices the days of a split; a change counts from its day on."""
    started = [version for version in versions if split.period.day_of(version.effective_from) <= split.start]
    return max(started, key=lambda version: (version.effective_from, version.version), default=None)


def due_split(recurrence: Recurrence, days: DaySplit | None = None) -> Split:
    """Which share of a charge falls due in the days of a split (None: a whole month)."""
    share = Fraction(1) if days is None else days.share
    reason = "" if days is None or share == 1 else days.reason
    match recurrence:
        case Recurrence.YEAR:
            return Split(share / 12, f"1/12 year × {reason}" if reason else "1/12 year")
        case Recurrence.ONE_OFF:
            return Split()
        case Recurrence.MONTH:
            return Split(share, reason)
        case Recurrence.USAGE:
            return Split(share, reason, units_too=False)


def quote(version: PlanVersion, quantity: Decimal) -> list[QuotedCharge]:
    """Price every charge but usage at `quantity`, for one whole month (a one-off: once)."""
    quoted: list[QuotedCharge] = []
    for charge in version.charges:
        if charge.recurrence is Recurrence.USAGE:
            continue
        priced = price(charge.charge, quantity, version.currency, due_split(charge.recurrence))
        match charge.recurrence:
            case Recurrence.YEAR:
                annual = price(charge.charge, quantity, version.currency).total
            case Recurrence.MONTH:
                annual = exact_total([priced.total] * 12)
            case _:
                annual = priced.total
        quoted.append(QuotedCharge(charge, priced, annual))
    return quoted
