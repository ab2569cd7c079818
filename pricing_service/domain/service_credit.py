"""Service credits: what a missed commitment gives back of a period's recurring charges.

    shortfall = |promised − attained|
    percent   = that of the highest band whose `shortfall_from` ≤ shortfall, less what the cap no longer allows
    credit    = recurring charges of the subscription on the statement × percent ÷ 100, rounded half-even once

The cap is over all commitments of a subscription on one statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.errors import Fault, Invalid
from services.money import EXACT, round_amount

NOT_RECURRING = frozenset({"usage", "one_off", "credit"})


class BandsWrong(Invalid): ...


@dataclass(frozen=True, slots=True)
class Band:
    shortfall_from: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A credit with its way there."""

    shortfall: Decimal
    percent: Decimal
    amount: Decimal
    formula: str


def check_bands(bands: Sequence[Band], cap_percent: Decimal) -> None:
    """Bands rise, and end at or below the cap. Raises BandsWrong."""
    for index, band in enumerate(bands):
        where = f"/bands/{index}"
        if not 0 < band.percent <= cap_percent:
            raise BandsWrong(
                f"band {index + 1} credits {band.percent:f} %, beyond the cap of {cap_percent:f} %",
                faults=[Fault(f"{where}/credit_percent", "must be above 0 and no more than cap_percent")],
            )
        if index and bands[index - 1].shortfall_from >= band.shortfall_from:
            raise BandsWrong(
                f"band {index + 1} does not begin above the one before it",
                faults=[Fault(f"{where}/shortfall_from", "must rise from band to band")],
            )


def reckon(
    bands: Sequence[Band],
    cap_percent: Decimal,
    *,
    promised: Decimal,
    attained: Decimal,
    recurring: Decimal,
    credited: Decimal,
    currency: str,
) -> Reckoned:
    """The credit on `recurring` charges of which service credits have given back `credited` already; 0 or more."""
    shortfall = EXACT.subtract(promised, attained).copy_abs()
    band = next((band for band in reversed(bands) if band.shortfall_from <= shortfall), None)
    percent = Decimal(0) if band is None else band.percent
    if recurring <= 0 or not percent:
        return Reckoned(shortfall, percent, Decimal(0), f"nothing recurring × {percent:f} %")
    wanted = round_amount(_share(recurring, percent), currency)
    room = max(EXACT.subtract(round_amount(_share(recurring, cap_percent), currency), credited), Decimal(0))
    formula = f"{recurring:f} × {percent:f} % = {_share(recurring, percent):f} ≈ {wanted:f} {currency}"
    if wanted > room:
        formula = f"{formula}, of which the cap of {cap_percent:f} % leaves {room:f}"
    return Reckoned(shortfall, percent, min(wanted, room), formula)


def is_recurring(recurrence: str) -> bool:
    return recurrence not in NOT_RECURRING


def _share(amount: Decimal, percent: Decimal) -> Decimal:
    return EXACT.multiply(amount, percent).scaleb(-2, context=EXACT)
