"""Reading the inputs of a score: exact decimals of a sane size, each refusal naming its field.

Invalid
├── InputsMissing        the method needs what was not sent
├── InputUnknown         sent, but the method has no use for it: a misspelt name would count as left out
├── InputNotNumber       neither a number nor a decimal as a string
├── InputNegative
├── InputTooLarge        above 10^9, or more than six digits behind the point
└── SizeIsZero           a job size or an effort of zero: nothing can be divided by it
"""

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from services.errors import Fault, Invalid

LARGEST = Decimal(10) ** 9
PLACES = 6

_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


class InputsMissing(Invalid): ...


class InputUnknown(Invalid): ...


class InputNotNumber(Invalid): ...


class InputNegative(Invalid): ...


class InputTooLarge(Invalid): ...


class SizeIsZero(Invalid): ...


def require_names(given: Collection[str], needed: Collection[str], optional: Collection[str] = ()) -> None:
    """Raises InputsMissing or InputUnknown, with a fault for each name."""
    if missing := [name for name in needed if name not in given]:
        raise InputsMissing(
            f"missing: {', '.join(missing)}", faults=[Fault(f"/inputs/{name}", "is needed") for name in missing]
        )
    if unknown := sorted(name for name in given if name not in needed and name not in optional):
        raise InputUnknown(
            f"the method takes {', '.join([*needed, *optional])}",
            faults=[Fault(f"/inputs/{pointer(name)}", "is no input of the method") for name in unknown[:20]],
        )


def numbers(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Decimal]:
    return {name: number(given[name], f"/inputs/{name}") for name in names}


def number(value: Any, at: str) -> Decimal:
    """Between zero and 10^9 with six digits behind the point, from a JSON number or a decimal as a string.

    A JSON number is read by its shortest decimal form, which is what was written up to 15 digits.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        raise InputNotNumber("a score's inputs are numbers", faults=[Fault(at, "must be a number")])
    if isinstance(value, int) and abs(value) > LARGEST:
        raise InputTooLarge(f"{at} is above {LARGEST:f}", faults=[Fault(at, f"must be at most {LARGEST:f}")])
    text = value if isinstance(value, str) else format(Decimal(str(value)), "f")
    if not _DECIMAL.fullmatch(text):
        too_long = re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) is not None
        if too_long:
            raise InputTooLarge("too many digits", faults=[Fault(at, "has too many digits")])
        raise InputNotNumber("a score's inputs are numbers", faults=[Fault(at, "must be a number")])
    read = Decimal(text)
    if read < 0:
        raise InputNegative(f"{at} is negative", faults=[Fault(at, "must not be negative")])
    exponent = read.as_tuple().exponent
    if read > LARGEST or not isinstance(exponent, int) or -exponent > PLACES:
        message = f"must be at most {LARGEST:f}, with at most {PLACES} digits behind the point"
        raise InputTooLarge(f"{at} {message}", faults=[Fault(at, message)])
    return read


def require_size(value: Decimal, name: str) -> None:
    if value == 0:
        raise SizeIsZero(f"{name} is zero", faults=[Fault(f"/inputs/{name}", "must be above zero")])


def pointer(name: str) -> str:
    """`name` as one token of a JSON pointer (RFC 6901, section 3)."""
    return name[:100].replace("~", "~0").replace("/", "~1")
