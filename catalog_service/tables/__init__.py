"""The catalogue's tables, a module per room; `known` are copies of what others own."""

from catalog_service.tables.attainment import (
    Attainment,
    AttainmentPeriod,
    AttainmentPolicy,
    Measurement,
    ObservedLeadTime,
)
from catalog_service.tables.base import Base
from catalog_service.tables.campaigns import (
    Campaign,
    CampaignExternalId,
    CampaignOffering,
    CampaignRole,
    CampaignTransition,
    CampaignUnit,
    CampaignView,
    KnownUnitProfile,
)
from catalog_service.tables.dependencies import DependencyGraph, ServiceDependency
from catalog_service.tables.known import (
    KnownDemand,
    KnownImprovement,
    KnownSubscription,
    KnownTheme,
    ServiceScore,
    ServiceUnitCost,
)
from catalog_service.tables.offerings import (
    BundleItem,
    Offering,
    OfferingAudience,
    OfferingExternalId,
    OfferingMember,
    OfferingRelation,
)
from catalog_service.tables.portfolio import (
    Capability,
    CapabilityExternalId,
    ServiceCapability,
    TaxonomyNode,
    TaxonomyNodeExternalId,
)
from catalog_service.tables.prices import KnownPrice, KnownPriceChange, PlannedUnitCost
from catalog_service.tables.scorecards import Scorecard, ScorecardLevelChange, ScorecardResult
from catalog_service.tables.search import SearchDocument, SearchGeneration
from catalog_service.tables.services import Revision, Service, ServiceExternalId, ServiceTransition

__all__ = [
    "Attainment",
    "AttainmentPeriod",
    "AttainmentPolicy",
    "Base",
    "BundleItem",
    "Campaign",
    "CampaignExternalId",
    "CampaignOffering",
    "CampaignRole",
    "CampaignTransition",
    "CampaignUnit",
    "CampaignView",
    "Capability",
    "CapabilityExternalId",
    "DependencyGraph",
    "KnownDemand",
    "KnownImprovement",
    "KnownPrice",
    "KnownPriceChange",
    "KnownSubscription",
    "KnownTheme",
    "KnownUnitProfile",
    "Measurement",
    "ObservedLeadTime",
    "Offering",
    "OfferingAudience",
    "OfferingExternalId",
    "OfferingMember",
    "OfferingRelation",
    "PlannedUnitCost",
    "Revision",
    "Scorecard",
    "ScorecardLevelChange",
    "ScorecardResult",
    "SearchDocument",
    "SearchGeneration",
    "Service",
    "ServiceCapability",
    "ServiceDependency",
    "ServiceExternalId",
    "ServiceScore",
    "ServiceTransition",
    "ServiceUnitCost",
    "TaxonomyNode",
    "TaxonomyNodeExternalId",
]
