"""Named reads of campaigns, and of whom they fit."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.campaign_audience import (
    Audience,
    CapabilityLine,
    Goal,
    GoalLine,
    Match,
    Offered,
    Selection,
    Unit,
    select_units,
)
from catalog_service.domain.offering import OfferingState
from catalog_service.queries.entitlement import Sight, entitled
from catalog_service.queries.external_ids import split_external_id
from catalog_service.tables import (
    Campaign,
    CampaignExternalId,
    CampaignOffering,
    CampaignRole,
    CampaignUnit,
    Capability,
    KnownSubscription,
    KnownUnitProfile,
    Offering,
)
from services.errors import NotFound
from services.identity import KnownBusinessUnit, Units


async def the_campaign(session: AsyncSession, campaign_id: UUID) -> Campaign:
    campaign = await session.get(Campaign, campaign_id)
    if campaign is None:
        raise NotFound(f"no campaign {campaign_id}")
    return campaign


def campaigns(*, state: CampaignState | None, offering_id: UUID | None, external_id: str | None) -> Select[Campaign]:
    query = select(Campaign)
    if state is not None:
        query = query.where(Campaign.state == state)
    if offering_id is not None:
        query = query.where(Campaign.offerings.any(CampaignOffering.offering_id == offering_id))
    if external_id is not None:
        system, identifier = split_external_id(external_id)
        query = query.where(
            Campaign.external_ids.any((CampaignExternalId.system == system) & (CampaignExternalId.id == identifier))
        )
    return query


async def offerings_in_order(session: AsyncSession, offering_ids: Sequence[UUID]) -> list[Offering | None]:
    """One for each id; None where there is no such offering."""
    rows = await session.scalars(select(Offering).where(Offering.id.in_(offering_ids)))
    found = {offering.id: offering for offering in rows}
    return [found.get(offering_id) for offering_id in offering_ids]


async def selection_of(session: AsyncSession, campaign: Campaign, *, now: datetime) -> Selection:
    """Whom the campaign fits now. The same few queries, however many business units there are."""
    asked = campaign.audience
    audience = Audience(
        match=Match(asked["match"]),
        everyone=asked["everyone"],
        unit_ids=tuple(UUID(line) for line in asked["business_unit_ids"]),
        capabilities=await _capability_lines(session, [UUID(line) for line in asked["capability_ids"]]),
        goals=tuple(GoalLine(**line) for line in asked["goals"]),
    )
    offered = [
        Offered(
            offering.id,
            offering.everyone,
            frozenset(UUID(line.value) for line in offering.audience_lines if line.kind == "business_unit"),
            bool(offering.audience_lines),
        )
        for offering in await offerings_in_order(session, campaign.offering_ids)
        if offering is not None and can_be_asked_for(offering, now=now)
    ]
    holders = await session.execute(
        select(KnownSubscription.business_unit_id, KnownSubscription.offering_id).where(
            KnownSubscription.offering_id.in_(campaign.offering_ids), KnownSubscription.state != "ended"
        )
    )
    return select_units(
        audience,
        await known_units(session),
        offered,
        holders=[(unit, offering) for unit, offering in holders],
        leave_out_subscribers=campaign.leave_out_subscribers,
        today=now.date(),
    )


def can_be_asked_for(offering: Offering, *, now: datetime) -> bool:
    started = offering.valid_from is None or offering.valid_from <= now
    over = offering.valid_until is not None and offering.valid_until <= now
    return offering.state is OfferingState.PUBLISHED and started and not over


async def _capability_lines(session: AsyncSession, ids: Sequence[UUID]) -> tuple[CapabilityLine, ...]:
    if not ids:
        return ()
    rows = await session.scalars(select(Capability).where(Capability.id.in_(ids)).order_by(Capability.id))
    lines = [
        CapabilityLine(
            row.name,
            frozenset({str(row.id), row.name.casefold(), *(external.id.casefold() for external in row.external_ids)}),
        )
        for row in rows
    ]
    # One that was deleted since fits nobody. If it were no line at all, `match: all` would ask for less than was said.
    gone = len(set(ids)) - len(lines)
    return (*lines, *[CapabilityLine("a capability that is gone", frozenset())] * gone)


async def unknown_capabilities(session: AsyncSession, ids: Sequence[UUID]) -> set[UUID]:
    return set(ids) - set(await session.scalars(select(Capability.id).where(Capability.id.in_(ids))))


async def known_units(session: AsyncSession) -> dict[UUID, Unit]:
    """Every business unit with its place in the tree, its goals and the capabilities that it uses."""
    rows = await session.execute(
        select(
            KnownBusinessUnit.id,
            KnownBusinessUnit.name,
            KnownBusinessUnit.parent_id,
            KnownUnitProfile.goals,
            KnownUnitProfile.capabilities,
        ).outerjoin(KnownUnitProfile, KnownUnitProfile.id == KnownBusinessUnit.id)
    )
    return {
        unit_id: Unit(
            unit_id, name, parent_id, tuple(Goal.read(goal) for goal in goals or ()), frozenset(capabilities or ())
        )
        for unit_id, name, parent_id, goals, capabilities in rows
    }


async def names_of(session: AsyncSession, unit_ids: Iterable[UUID]) -> dict[UUID, str]:
    rows = await session.execute(
        select(KnownBusinessUnit.id, KnownBusinessUnit.name).where(KnownBusinessUnit.id.in_(set(unit_ids)))
    )
    return {unit_id: name for unit_id, name in rows}


async def addressed_count(session: AsyncSession, campaign_id: UUID) -> int:
    return await session.scalar(select(func.count()).where(CampaignUnit.campaign_id == campaign_id)) or 0


async def addressed_ids(session: AsyncSession, campaign_id: UUID) -> list[UUID]:
    query = select(CampaignUnit.business_unit_id).where(CampaignUnit.campaign_id == campaign_id)
    return list(await session.scalars(query.order_by(CampaignUnit.business_unit_id)))


async def frozen_audience(
    session: AsyncSession, campaign_id: UUID, units: Units, *, limit: int
) -> list[tuple[CampaignUnit, Any]]:
    """Whom of `units` the campaign addressed at its start, with their names, by name."""
    query = (
        select(CampaignUnit, KnownBusinessUnit.name)
        .outerjoin(KnownBusinessUnit, KnownBusinessUnit.id == CampaignUnit.business_unit_id)
        .where(CampaignUnit.campaign_id == campaign_id)
        .order_by(KnownBusinessUnit.name, CampaignUnit.business_unit_id)
        .limit(limit)
    )
    if units.visible is not None:
        query = query.where(CampaignUnit.business_unit_id.in_(units.visible))
    return [(unit, name) for unit, name in await session.execute(query)]


async def campaigns_for(
    session: AsyncSession,
    *,
    unit_ids: frozenset[UUID],
    roles: frozenset[str],
    sight: Sight,
    now: datetime,
    limit: int,
) -> list[tuple[Campaign, list[Offering], list[CampaignUnit]]]:
    """Running campaigns that address one of `unit_ids` with an offering that the caller may ask for.

    The one that ends first comes first.
    """
    asked_for = (
        select(CampaignOffering.campaign_id, Offering)
        .join(Offering, Offering.id == CampaignOffering.offering_id)
        .where(
            Offering.state == OfferingState.PUBLISHED,
            or_(Offering.valid_from.is_(None), Offering.valid_from <= now),
            or_(Offering.valid_until.is_(None), Offering.valid_until > now),
            entitled(sight),
        )
    )
    addressed = exists().where(
        CampaignUnit.campaign_id == Campaign.id, CampaignUnit.business_unit_id.in_(sorted(unit_ids))
    )
    may_ask = asked_for.with_only_columns(CampaignOffering.campaign_id).where(
        CampaignOffering.campaign_id == Campaign.id
    )
    any_role = exists().where(CampaignRole.campaign_id == Campaign.id)
    own_role = exists().where(CampaignRole.campaign_id == Campaign.id, CampaignRole.role.in_(sorted(roles)))
    found = list(
        await session.scalars(
            select(Campaign)
            .where(
                Campaign.state == CampaignState.RUNNING,
                Campaign.ends_at > now,  # the timer that ends it may be late
                addressed,
                may_ask.exists(),
                or_(~any_role, own_role),
            )
            .order_by(Campaign.ends_at, Campaign.id)
            .limit(limit)
        )
    )
    ids = [campaign.id for campaign in found]
    offerings: dict[UUID, list[Offering]] = {campaign_id: [] for campaign_id in ids}
    in_order = asked_for.where(CampaignOffering.campaign_id.in_(ids)).order_by(CampaignOffering.position)
    for campaign_id, offering in (await session.execute(in_order)).unique():
        offerings[campaign_id].append(offering)
    units: dict[UUID, list[CampaignUnit]] = {campaign_id: [] for campaign_id in ids}
    own = select(CampaignUnit).where(
        CampaignUnit.campaign_id.in_(ids), CampaignUnit.business_unit_id.in_(sorted(unit_ids))
    )
    for unit in await session.scalars(own.order_by(CampaignUnit.business_unit_id)):
        units[unit.campaign_id].append(unit)
    return [(campaign, offerings[campaign.id], units[campaign.id]) for campaign in found]
