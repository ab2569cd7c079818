"""Request and response bodies of the catalogue, a module per room."""

from catalog_service.schemas.offerings import (
    Commitment,
    FulfilmentTask,
    OfferingChange,
    OfferingCreate,
    OfferingDetail,
    OfferingItem,
    OfferingRead,
    ScoreRead,
    Tier,
)
from catalog_service.schemas.parts import Reason
from catalog_service.schemas.revisions import RevisionChange, RevisionCreate, RevisionRead
from catalog_service.schemas.services import (
    ServiceChange,
    ServiceCreate,
    ServiceDetail,
    ServiceRead,
    TransitionRead,
    UnitCostRead,
)

__all__ = [
    "Commitment",
    "FulfilmentTask",
    "OfferingChange",
    "OfferingCreate",
    "OfferingDetail",
    "OfferingItem",
    "OfferingRead",
    "Reason",
    "RevisionChange",
    "RevisionCreate",
    "RevisionRead",
    "ScoreRead",
    "ServiceChange",
    "ServiceCreate",
    "ServiceDetail",
    "ServiceRead",
    "Tier",
    "TransitionRead",
    "UnitCostRead",
]
