"""How costs are shared: pools → towers → services → business units; direct, step-down and reciprocal, exact."""

from pricing_service.domain.allocation.drivers import (
    SUBSCRIBED,
    Basis,
    DriverKind,
    DriverRule,
    Measures,
    Node,
    Shared,
    base_of,
)
from pricing_service.domain.allocation.equations import CircularModel
from pricing_service.domain.allocation.layout import DriverDoesNotFit, Layout, StepBackwards, check, keys_of
from pricing_service.domain.allocation.methods import Method, UnknownPool, UnknownReceiver, allocate
from pricing_service.domain.allocation.model import (
    Allocation,
    Driver,
    DuplicateName,
    NegativeWeight,
    Pool,
    Unallocated,
)
from pricing_service.domain.allocation.steps import (
    Attribution,
    Consumed,
    Flow,
    Given,
    Outcome,
    Thread,
    by_service,
    share_among_units,
    share_out,
)

__all__ = [
    "SUBSCRIBED",
    "Allocation",
    "Attribution",
    "Basis",
    "CircularModel",
    "Consumed",
    "Driver",
    "DriverDoesNotFit",
    "DriverKind",
    "DriverRule",
    "DuplicateName",
    "Flow",
    "Given",
    "Layout",
    "Measures",
    "Method",
    "NegativeWeight",
    "Node",
    "Outcome",
    "Pool",
    "Shared",
    "StepBackwards",
    "Thread",
    "Unallocated",
    "UnknownPool",
    "UnknownReceiver",
    "allocate",
    "base_of",
    "by_service",
    "check",
    "keys_of",
    "share_among_units",
    "share_out",
]
