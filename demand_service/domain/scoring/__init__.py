"""Scoring methods behind one protocol: a new one is a file beside these and a line in `METHODS`."""

from collections.abc import Mapping
from typing import Any

from demand_service.domain.scoring.rice import Rice
from demand_service.domain.scoring.score import Method, Score, shown, two_places
from demand_service.domain.scoring.value_effort import ValueEffort
from demand_service.domain.scoring.weighted import Weighted
from demand_service.domain.scoring.wsjf import Wsjf
from services.errors import Fault, Invalid

_ALL: tuple[Method, ...] = (Wsjf(), Rice(), ValueEffort(), Weighted())
METHODS: Mapping[str, Method] = {method.key: method for method in _ALL}

__all__ = ["METHODS", "Method", "MethodUnknown", "Score", "score", "shown", "two_places"]


class MethodUnknown(Invalid): ...


def score(method: str, inputs: Mapping[str, Any], *, at: str = "/method") -> Score:
    """Raises MethodUnknown, or what the method says of its inputs (`inputs.py` has the tree)."""
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise MethodUnknown(f"there is no method {method[:60]!r}", faults=[Fault(at, f"must be one of {known}")])
    return METHODS[method].score(inputs)
