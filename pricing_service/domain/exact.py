"""Numbers from text, exactly: plain or scientific notation, nothing that a spreadsheet decorates them with.

NumberUnreadable
├── CurrencySign        "$10", "10 EUR"
├── ThousandsSeparator  "10,000.00"
├── NotANumber          "NaN", "Infinity", "n/a"
├── FloatNoise          "0.30000000000000004", which is 0.3 after a trip through a binary float
└── TooManyDigits       more than the exact arithmetic of the suite admits
"""

import math
import re
from decimal import Context, Decimal

from services.errors import Invalid

MAX_WHOLE_DIGITS = 18  # products of three such numbers stay within services.money.EXACT
MAX_PLACES = 24

# A binary float tells 15 digits faithfully; what is short in them and long as written was short before.
_FAITHFUL = Context(prec=15)
_WIDE = Context(prec=60)
_SHORT_DIGITS = 12
_NOISY_ULPS = 4  # what a few additions leave behind

_EVERYDAY = re.compile(r"-?\d{1,13}(?:\.\d{1,20})?", re.ASCII)  # nearly every number, and always within the limits
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_SEPARATED = re.compile(r"[+-]?\d{1,3}([,'\u00a0\u202f ]\d{3})+([.,]\d*)?|[+-]?\d+,\d+", re.ASCII)
_SIGNED = re.compile(r"[$€£¥₹]|\b[A-Z]{3}\b")


class NumberUnreadable(Invalid): ...


class CurrencySign(NumberUnreadable): ...


class ThousandsSeparator(NumberUnreadable): ...


class NotANumber(NumberUnreadable): ...


class FloatNoise(NumberUnreadable): ...


class TooManyDigits(NumberUnreadable): ...


def exact_decimal(text: str) -> Decimal:
    """The number that `text` writes, with every digit. Raises one of the refusals above.

    Scientific notation is fine as long as it is exact ("1.5E-7"); the result never carries an exponent above 0.
    """
    if _EVERYDAY.fullmatch(text):
        return Decimal(text)
    if not _NUMBER.fullmatch(text):
        shown = text if len(text) <= 40 else f"{text[:40]}…"
        if _SIGNED.search(text):
            raise CurrencySign(f"{shown!r} carries a currency sign")
        if _SEPARATED.fullmatch(text.strip()):
            raise ThousandsSeparator(f"{shown!r} carries a separator; write plain digits with a decimal point")
        raise NotANumber(f"{shown!r} is not a number")
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) + exponent > MAX_WHOLE_DIGITS or -exponent > MAX_PLACES:
        raise TooManyDigits(f"{text[:60]!r} has more than {MAX_WHOLE_DIGITS} digits or {MAX_PLACES} decimals")
    return Decimal(int(number)) if exponent > 0 else number


def refuse_float_noise(text: str, number: Decimal) -> None:
    """Raises FloatNoise where `text` shows the digits of a binary float that stands for a short number."""
    if len(text) < 16 or len(number.normalize(_WIDE).as_tuple().digits) < 16:
        return
    meant = _FAITHFUL.plus(number).normalize()
    if len(meant.as_tuple().digits) > _SHORT_DIGITS:
        return
    if abs(number - meant) <= _NOISY_ULPS * Decimal(math.ulp(float(meant))):
        raise FloatNoise(f"{text[:40]!r} carries float noise; {meant:f} was meant")
