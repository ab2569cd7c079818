"""Tables of demand, a module per room."""

from demand_service.tables.core import (
    ApprovalPolicy,
    Base,
    BusinessUnit,
    BusinessUnitExternalId,
    Demand,
    DemandTransition,
    FulfilmentOrder,
    FulfilmentTask,
    Goal,
    KnownOffering,
    KnownQuote,
    LeadTime,
    Subscription,
    words,
)

__all__ = [
    "ApprovalPolicy",
    "Base",
    "BusinessUnit",
    "BusinessUnitExternalId",
    "Demand",
    "DemandTransition",
    "FulfilmentOrder",
    "FulfilmentTask",
    "Goal",
    "KnownOffering",
    "KnownQuote",
    "LeadTime",
    "Subscription",
    "words",
]
