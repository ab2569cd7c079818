"""What is on offer: to whom, from when until when, and with which choices, as the catalogue told it.

An offering that was told of without one of these (before the catalogue had them) is not held against it.

    Conflict
    └── OfferingNotInWindow     its window has not opened, or has ended; timers may be late, the rule is not
    Forbidden
    └── OfferingNotForUnit      the business unit is neither in its audience nor below it
    Invalid
    └── OptionsNotValid         names each option that is missing, unknown or out of its range
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.errors import Conflict, Fault, Forbidden, Invalid

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class OfferingNotInWindow(Conflict): ...


class OfferingNotForUnit(Forbidden): ...


class OptionsNotValid(Invalid): ...


def require_in_window(name: str, *, opens: datetime | None, ends: datetime | None, now: datetime) -> None:
    """The window is [opens, ends). Raises OfferingNotInWindow."""
    if opens is not None and now < opens:
        raise OfferingNotInWindow(f"the offering {name!r} can be asked for from {opens:%FT%TZ}")
    if ends is not None and now >= ends:
        raise OfferingNotInWindow(f"the offering {name!r} could be asked for until {ends:%FT%TZ}")


def require_for_unit(name: str, audience: Mapping[str, Any] | None, path: Iterable[UUID]) -> None:
    """`path` is the business unit and those above it. An audience of roles alone is for every business unit: who may
    ask is settled where the catalogue is browsed. Raises OfferingNotForUnit."""
    if audience is None or audience.get("everyone") or not audience.get("business_unit_ids"):
        return
    if not {str(unit) for unit in path} & set(audience["business_unit_ids"]):
        raise OfferingNotForUnit(
            f"the offering {name!r} is for other business units",
            faults=[Fault("/offering_id", "is not for the demand's business unit")],
        )


def require_options(options: Sequence[Mapping[str, Any]], chosen: Mapping[str, Any], *, name: str) -> None:
    """Raises OptionsNotValid. An offering that describes no options takes any, as remarks."""
    if not options:
        return
    known = {option["key"]: option for option in options}
    faults = [Fault(_pointer(key), "is not an option of this offering") for key in chosen if key not in known]
    for key, option in known.items():
        if key not in chosen:
            if option.get("required"):
                faults.append(Fault(_pointer(key), "must be chosen"))
        elif fault := _misfit(option, chosen[key]):
            faults.append(Fault(_pointer(key), fault))
    if faults:
        raise OptionsNotValid(
            f"the options do not fit {name!r}: {faults[0].pointer}: {faults[0].message}", faults=faults
        )


def _misfit(option: Mapping[str, Any], value: Any) -> str | None:
    kind = option.get("kind")
    if kind == "choice":
        return None if value in option["choices"] else f"must be one of {', '.join(option['choices'])}"
    if kind == "flag":
        return None if isinstance(value, bool) else "must be true or false"
    if kind not in ("quantity", "add_on"):
        return None  # of a kind that is not known here yet
    number = _number(value)
    if number is None:
        return 'must be a decimal as a string, such as "2", or a whole number'
    least, most = Decimal(option.get("minimum") or 0), option.get("maximum")
    if kind == "add_on" and number != number.to_integral_value():
        return "must be a whole number"
    if number < least:
        return f"must be at least {least}"
    if most is not None and number > Decimal(most):
        return f"must be at most {most}"
    return None


def _number(value: Any) -> Decimal | None:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return Decimal(value)
    return Decimal(value) if isinstance(value, str) and _DECIMAL.fullmatch(value) else None


def _pointer(key: str) -> str:
    return f"/options/{key.replace('~', '~0').replace('/', '~1')}"
