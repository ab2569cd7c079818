"""Request and response bodies of the catalogue, a module per room."""

from catalog_service.schemas.offering_parts import (
    Audience,
    AudienceRead,
    Commitment,
    FulfilmentTask,
    Tier,
    TierAttribute,
    TierAttributeRead,
    TierRead,
)
from catalog_service.schemas.offerings import (
    OfferingChange,
    OfferingCreate,
    OfferingDetail,
    OfferingItem,
    OfferingRead,
    ScoreRead,
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
    "Audience",
    "AudienceRead",
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
    "TierAttribute",
    "TierAttributeRead",
    "TierRead",
    "TransitionRead",
    "UnitCostRead",
]
