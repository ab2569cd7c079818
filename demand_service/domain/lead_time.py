"""Lead time: from the opening of an order to its fulfilment; and what an offering's lead times came to lately."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from services.errors import Invalid

# A day has 86,400,000,000 microseconds, which 27 divides: a microsecond is no finite decimal of a day. Six
# places are 0.0864 s, far below anything that a lead time is used for.
PLACES = Decimal("0.000001")
MICROSECONDS_PER_DAY = Decimal(86_400_000_000)
_CONTEXT = Context(prec=60)
WINDOW = timedelta(days=365)  # orders that were fulfilled longer ago say little of how long the next one takes


class EndsBeforeItBegins(Invalid): ...


def lead_time_days(opened_at: datetime, fulfilled_at: datetime) -> Decimal:
    """Days between two instants as a decimal with six places, rounded half-even once, never through a float.

    Raises EndsBeforeItBegins if `fulfilled_at` is the earlier one.
    """
    if fulfilled_at < opened_at:
        raise EndsBeforeItBegins(f"fulfilled at {fulfilled_at:%FT%TZ}, before it was opened at {opened_at:%FT%TZ}")
    microseconds = (fulfilled_at - opened_at) // timedelta(microseconds=1)
    days = _CONTEXT.divide(Decimal(microseconds), MICROSECONDS_PER_DAY)
    return days.quantize(PLACES, rounding=ROUND_HALF_EVEN, context=_CONTEXT)


def since(now: datetime) -> datetime:
    """From when on a fulfilled order counts; the window is half-open: (since, now]."""
    return now - WINDOW


def rank(percent: int, n: int) -> int:
    """The nearest rank of a percentile, 1 to n: the smallest value that `percent` % of n values do not exceed.

    ⌈percent × n ÷ 100⌉ in whole numbers (NIST/SEMATECH e-Handbook, 7.2.6.2); percent 1 to 100, n from 1.
    """
    return -(-percent * n // 100)
