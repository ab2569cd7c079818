"""Numbers within the bounds for which the exact arithmetic never runs out of digits, names and periods."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema

from services.http import DecimalInput

# A product of three such numbers (quantity × unit cost × markup) has 108 digits; services.money.EXACT holds 120.
_LARGEST = Decimal(10) ** 18
_PLACES = 18


def _bounded(number: Decimal) -> Decimal:
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int) or number.copy_abs() >= _LARGEST or -exponent > _PLACES:
        raise ValueError("must have at most 18 digits before the point and 18 behind it")
    return number


def _not_negative(number: Decimal) -> Decimal:
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("must say its time zone")
    if not 1970 <= moment.year <= 2200:
        raise ValueError("must lie between 1970 and 2200")
    return moment.astimezone(UTC)


_DIGITS = r"[0-9]{1,18}(\.[0-9]{1,18})?"
Number = Annotated[
    DecimalInput,
    AfterValidator(_bounded),
    WithJsonSchema({"type": "string", "pattern": f"^-?{_DIGITS}$", "examples": ["12.50"]}),
]
Quantity = Annotated[
    DecimalInput,
    AfterValidator(_bounded),
    AfterValidator(_not_negative),
    WithJsonSchema({"type": "string", "pattern": f"^{_DIGITS}$", "examples": ["4"]}),
]
Instant = Annotated[datetime, AfterValidator(_utc)]
PeriodText = Annotated[
    str,
    Field(
        pattern=r"^\d{4}-P?(0[1-9]|1[0-2])$",
        description="A period of the fiscal calendar: a month, or where periods are weeks such as 2026-P07",
        examples=["2026-10"],
    ),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]
Key = Annotated[
    str,
    StringConstraints(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
    Field(examples=["vm-hours"]),
]
