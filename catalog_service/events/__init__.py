"""What the catalogue publishes, a module per room."""

from catalog_service.events.attainment import CommitmentAttained, CommitmentMissed, CommitmentUnmeasured
from catalog_service.events.campaigns import CampaignChanged, CampaignData, CampaignEnded, CampaignSeen, CampaignStarted
from catalog_service.events.dependencies import DependencyData, ServiceDependenciesChanged
from catalog_service.events.offerings import OfferingChanged, OfferingPublished, OfferingRetired
from catalog_service.events.scorecards import ScorecardLevelChanged
from catalog_service.events.services import (
    RevisionData,
    ServiceChanged,
    ServiceCreated,
    ServiceData,
    ServiceOwnerChanged,
    ServiceRevisionPublished,
    revision_published,
)
from services.events import EventData

__all__ = [
    "PUBLISHED",
    "CampaignChanged",
    "CampaignData",
    "CampaignEnded",
    "CampaignSeen",
    "CampaignStarted",
    "CommitmentAttained",
    "CommitmentMissed",
    "CommitmentUnmeasured",
    "DependencyData",
    "OfferingChanged",
    "OfferingPublished",
    "OfferingRetired",
    "RevisionData",
    "ScorecardLevelChanged",
    "ServiceChanged",
    "ServiceCreated",
    "ServiceData",
    "ServiceDependenciesChanged",
    "ServiceOwnerChanged",
    "ServiceRevisionPublished",
    "revision_published",
]

PUBLISHED: list[type[EventData]] = [
    ServiceCreated,
    ServiceChanged,
    ServiceOwnerChanged,
    ServiceRevisionPublished,
    ServiceDependenciesChanged,
    OfferingPublished,
    OfferingChanged,
    OfferingRetired,
    CampaignStarted,
    CampaignChanged,
    CampaignEnded,
    CampaignSeen,
    CommitmentAttained,
    CommitmentMissed,
    CommitmentUnmeasured,
    ScorecardLevelChanged,
]
