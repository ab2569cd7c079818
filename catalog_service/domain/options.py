"""Options: what whoever asks for an offering may choose, each described well enough to be checked.

    choice      one of `choices`
    flag        true or false
    quantity    a decimal between `minimum` and `maximum`, in `unit`
    add_on      so many of something that comes with it, possibly an offering of its own: a whole number

An option that is required must be said; one that is not may have a default instead. `charge_key` names the charge of
the offering's price plan that the option is billed by.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.errors import Fault, Invalid

MAX_OPTIONS = 50
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class OptionKind(StrEnum):
    CHOICE = "choice"
    FLAG = "flag"
    QUANTITY = "quantity"
    ADD_ON = "add_on"


COUNTED = frozenset({OptionKind.QUANTITY, OptionKind.ADD_ON})


@dataclass(frozen=True, slots=True)
class Option:
    key: str
    kind: OptionKind
    choices: tuple[str, ...] = ()
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    default: str | bool | None = None
    required: bool = False
    unit: str | None = None
    offering_id: UUID | None = None


class OptionsInvalid(Invalid): ...


def check(options: Sequence[Option]) -> None:
    """Raises OptionsInvalid with a fault for each option that contradicts itself or another one's key."""
    faults: list[Fault] = []
    first: dict[str, int] = {}
    for index, option in enumerate(options):
        at = f"/options/{index}"
        if option.key in first:
            faults.append(Fault(f"{at}/key", f"{option.key!r} is already the key of option {first[option.key]}"))
        first.setdefault(option.key, index)
        faults += [Fault(f"{at}/{field}", message) for field, message in _contradictions(option)]
    if faults:
        raise OptionsInvalid(faults[0].message, faults=faults)


def _contradictions(option: Option) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if option.kind is OptionKind.CHOICE:
        if not option.choices:
            found.append(("choices", "a choice needs something to choose from"))
        elif len(set(option.choices)) < len(option.choices):
            found.append(("choices", "says the same twice"))
    elif option.choices:
        found.append(("choices", f"only a choice has choices, not a {option.kind}"))
    if option.kind in COUNTED:
        if option.minimum is not None and option.maximum is not None and option.maximum < option.minimum:
            found.append(("maximum", "is below the minimum"))
        if option.minimum is not None and option.minimum < 0:
            found.append(("minimum", "must not be below 0"))
    else:
        for field in ("minimum", "maximum", "unit"):
            if getattr(option, field) is not None:
                found.append((field, f"a {option.kind} has none"))
    if option.offering_id is not None and option.kind is not OptionKind.ADD_ON:
        found.append(("offering_id", "only an add_on is an offering of its own"))
    if option.default is not None:
        if option.required:
            found.append(("default", "an option that must be said has no default"))
        elif not found and (fault := _misfit(option, option.default)):
            found.append(("default", fault))
    return found


def misfits(options: Sequence[Option], chosen: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with what was chosen, as pointers under /options; [] if it can be ordered."""
    known = {option.key: option for option in options}
    faults = [Fault(_pointer(key), "is not an option of this offering") for key in chosen if key not in known]
    for option in options:
        if option.key not in chosen:
            if option.required:
                faults.append(Fault(_pointer(option.key), "must be chosen"))
        elif fault := _misfit(option, chosen[option.key]):
            faults.append(Fault(_pointer(option.key), fault))
    return faults


def _misfit(option: Option, value: Any) -> str | None:
    if option.kind is OptionKind.CHOICE:
        return None if value in option.choices else f"must be one of {', '.join(option.choices)}"
    if option.kind is OptionKind.FLAG:
        return None if isinstance(value, bool) else "must be true or false"
    number = _number(value)
    if number is None:
        return 'must be a decimal as a string, such as "2", or a whole number'
    if option.kind is OptionKind.ADD_ON and number != number.to_integral_value():
        return "must be a whole number"
    least = Decimal(0) if option.minimum is None else option.minimum
    if number < least:
        return f"must be at least {least}"
    if option.maximum is not None and number > option.maximum:
        return f"must be at most {option.maximum}"
    return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def _pointer(key: str) -> str:
    return f"/options/{key.replace('~', '~0').replace('/', '~1')}"
