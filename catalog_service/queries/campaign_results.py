"""What a campaign brought about, from what is known now: nothing of it is stored, so that no replay counts twice."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.attribution import Demand, Outcome, Subscription, Touch, attribute
from catalog_service.tables import (
    Campaign,
    CampaignOffering,
    CampaignUnit,
    CampaignView,
    KnownDemand,
    KnownSubscription,
)


async def outcomes(
    session: AsyncSession, campaign: Campaign, *, unit_ids: Collection[UUID] | None = None
) -> dict[UUID, Outcome]:
    """What became of the business units that it addressed, or of `unit_ids` among them. Four queries."""
    units = select(CampaignUnit.business_unit_id).where(CampaignUnit.campaign_id == campaign.id)
    if unit_ids is not None:
        units = units.where(CampaignUnit.business_unit_id.in_(sorted(unit_ids)))
    offerings = select(CampaignOffering.offering_id).where(CampaignOffering.campaign_id == campaign.id)
    demands = await session.execute(
        select(
            KnownDemand.id,
            KnownDemand.business_unit_id,
            KnownDemand.offering_id,
            KnownDemand.state,
            KnownDemand.raised_at,
        ).where(KnownDemand.business_unit_id.in_(units), KnownDemand.offering_id.in_(offerings))
    )
    subscriptions = await session.execute(
        select(
            KnownSubscription.id,
            KnownSubscription.business_unit_id,
            KnownSubscription.offering_id,
            KnownSubscription.demand_id,
            KnownSubscription.activated_at,
        ).where(KnownSubscription.business_unit_id.in_(units), KnownSubscription.offering_id.in_(offerings))
    )
    return attribute(
        campaign.id,
        await _touches(session, units, offerings),
        [Demand(*row) for row in demands],
        [Subscription(*row) for row in subscriptions],
    )


async def _touches(session: AsyncSession, units: Select[UUID], offerings: Select[UUID]) -> list[Touch]:
    """Every campaign that brought one of `offerings` to one of `units`, with when the unit saw it first."""
    first_seen = (
        select(
            CampaignView.campaign_id,
            CampaignView.business_unit_id,
            func.min(CampaignView.seen_at).label("seen_at"),
        )
        .where(CampaignView.business_unit_id.in_(units))
        .group_by(CampaignView.campaign_id, CampaignView.business_unit_id)
        .subquery()
    )
    sharing = select(CampaignOffering.campaign_id).where(CampaignOffering.offering_id.in_(offerings))
    rows = await session.execute(
        select(Campaign, CampaignUnit.business_unit_id, CampaignUnit.offering_ids, first_seen.c.seen_at)
        .join(CampaignUnit, CampaignUnit.campaign_id == Campaign.id)
        .outerjoin(
            first_seen,
            (first_seen.c.campaign_id == Campaign.id)
            & (first_seen.c.business_unit_id == CampaignUnit.business_unit_id),
        )
        .where(Campaign.id.in_(sharing), CampaignUnit.business_unit_id.in_(units), Campaign.started_at.is_not(None))
    )
    return [
        Touch(
            campaign.id,
            unit_id,
            frozenset(UUID(offering) for offering in brought),
            campaign.started_at,
            campaign.counted_until,
            seen_at,
        )
        for campaign, unit_id, brought, seen_at in rows
        if campaign.started_at is not None
    ]
