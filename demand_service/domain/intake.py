"""Intake: what a demand of each kind must say when it is asked.

A request is an order of an offering as it stands, so it names the offering and the quantity at once. An
enhancement or a project is a need; which offering answers it is found out by assessing it.

    Invalid
    ├── RequestIncomplete       names what is missing
    └── OfferingTooEarly        names what may only be said when it is proposed
"""

from collections.abc import Mapping

from demand_service.domain.funnel import DemandKind
from services.errors import Fault, Invalid

NEEDED = ("offering_id", "quantity")


class RequestIncomplete(Invalid): ...


class OfferingTooEarly(Invalid): ...


def require_complete(kind: DemandKind, order: Mapping[str, object]) -> None:
    """`order` holds what was said of offering_id, quantity, options and form; None or empty: nothing was."""
    if kind is DemandKind.REQUEST:
        missing = [Fault(f"/{name}", "a request must name it") for name in NEEDED if order.get(name) is None]
        if missing:
            raise RequestIncomplete("a request is an order of an offering: name it and how much of it", faults=missing)
        return
    early = [Fault(f"/{name}", f"is said when the {kind} is proposed") for name, value in order.items() if value]
    if early:
        raise OfferingTooEarly(f"the offering that answers the {kind} is chosen when it is proposed", faults=early)
