"""How cost pools are shared among services: direct, step-down and reciprocal, exact to the last unit."""

from pricing_service.domain.allocation.methods import CircularModel, Method, UnknownReceiver, allocate
from pricing_service.domain.allocation.model import (
    Allocation,
    Driver,
    DuplicateName,
    NegativeWeight,
    Pool,
    Unallocated,
)

__all__ = [
    "Allocation",
    "CircularModel",
    "Driver",
    "DuplicateName",
    "Method",
    "NegativeWeight",
    "Pool",
    "Unallocated",
    "UnknownReceiver",
    "allocate",
]
