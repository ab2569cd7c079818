"""Campaigns as business units meet them, and what came of it, measured from events."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.attribution import Results, rate, total
from catalog_service.routes import Designer
from catalog_service.routes.campaigns import Marketer
from catalog_service.tables import CampaignUnit, CampaignView
from catalog_service.use_cases import campaign_views
from catalog_service.use_cases.campaigns import require_own_offerings
from services.http import Api, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import KnownBusinessUnit, Principal, Role, may
from services.identity.unit_tree import with_descendants

router = Api(prefix="/v1/campaigns", tags=["Campaigns"])
Addressee = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER)]
Viewer = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.APPROVER, Role.INTEGRATION)]


@router.get("/mine", response_model=schemas.MyCampaigns, summary="What is brought to your business units")
async def my_campaigns(
    session: ReadSession,
    now: Now,
    principal: Addressee,
    limit: Annotated[int, Query(ge=1, le=50)] = 10,
) -> schemas.MyCampaigns:
    """Running campaigns that address your business units or those below, with offerings that you may ask for.

    The one that ends first comes first. Whoever shows one tells it with a view.
    """
    units = await with_descendants(session, KnownBusinessUnit, principal.business_units)
    found = await queries.campaigns_for(
        session,
        unit_ids=units,
        roles=frozenset(principal.roles),
        sight=await queries.sight_of(session, principal, now=now),
        now=now,
        limit=limit,
    )
    names = await queries.names_of(session, (unit.business_unit_id for _, _, rows in found for unit in rows))
    return schemas.MyCampaigns(
        items=[
            schemas.MyCampaign.model_validate(
                {
                    "id": campaign.id,
                    "name": campaign.name,
                    "message": campaign.message,
                    "ends_at": campaign.ends_at,
                    "offerings": offerings,
                    "business_units": [
                        {
                            "business_unit_id": unit.business_unit_id,
                            "name": names.get(unit.business_unit_id),
                            "reasons": unit.reasons,
                        }
                        for unit in rows
                    ],
                }
            )
            for campaign, offerings, rows in found
        ]
    )


@router.post("/{campaign_id}/views", response_model=schemas.ViewRead, summary="Tell that a campaign was seen")
async def see_campaign(
    campaign_id: UUID,
    body: schemas.ViewCreate,
    session: WriteSession,
    now: Now,
    principal: Viewer,
) -> CampaignView:
    """Once a person, business unit and day: telling it again changes nothing. Integrations tell it of mail.

    A demand leader tells what the business unit heard at the desk.
    """
    return await campaign_views.see(session, campaign_id, body, principal=principal, now=now)


@router.get(
    "/{campaign_id}/results", response_model=schemas.CampaignResultsRead, summary="Reach and conversion of a campaign"
)
async def read_results(
    campaign_id: UUID, session: ReadSession, now: Now, principal: Marketer
) -> schemas.CampaignResultsRead:
    """Business units that were addressed, saw it, raised a demand and subscribed, with rates and their intervals.

    A demand counts for one campaign: the one that the business unit saw first.
    """
    campaign = await queries.the_campaign(session, campaign_id)
    results = total((await queries.outcomes(session, campaign)).values())
    return schemas.CampaignResultsRead(
        campaign_id=campaign.id,
        state=campaign.state,
        as_of=now,
        counted_from=campaign.started_at,
        counted_until=campaign.counted_until,
        **{name: getattr(results, name) for name in Results.__slots__},
        reach=schemas.CampaignRateRead.model_validate(rate(results.seen, results.addressed)),
        demand_conversion=schemas.CampaignRateRead.model_validate(rate(results.demanded, results.seen)),
        subscription_conversion=schemas.CampaignRateRead.model_validate(rate(results.subscribed, results.seen)),
    )


@router.get(
    "/{campaign_id}/results/days", response_model=schemas.CampaignDaysRead, summary="A campaign's results by day"
)
async def read_days(campaign_id: UUID, session: ReadSession, principal: Marketer) -> schemas.CampaignDaysRead:
    """Days (UTC) on which a business unit came to a step for the first time; they add up to the results."""
    campaign = await queries.the_campaign(session, campaign_id)
    found = (await queries.outcomes(session, campaign)).values()
    seen = _by_day([outcome.seen_at for outcome in found])
    demanded = _by_day([outcome.demanded_at for outcome in found])
    subscribed = _by_day([outcome.subscribed_at for outcome in found])
    return schemas.CampaignDaysRead(
        items=[
            schemas.CampaignDayRead(day=day, seen=seen[day], demanded=demanded[day], subscribed=subscribed[day])
            for day in sorted(seen | demanded | subscribed)
        ]
    )


@router.get(
    "/{campaign_id}/results/business-units",
    response_model=Page[schemas.UnitOutcomeRead],
    summary="A campaign's results by business unit",
)
async def list_unit_results(
    campaign_id: UUID, session: ReadSession, paging: Paging, principal: Designer
) -> Page[schemas.UnitOutcomeRead]:
    """What became of each business unit that it addressed; for the owners of its services."""
    campaign = await queries.the_campaign(session, campaign_id)
    require_own_offerings(campaign, principal)
    query = select(CampaignUnit).where(CampaignUnit.campaign_id == campaign_id)
    page: Page[Any] = await paginate(session, query, CampaignUnit.business_unit_id, paging)
    ids = [row.business_unit_id for row in page.items]
    found = await queries.outcomes(session, campaign, unit_ids=ids)
    names = await queries.names_of(session, ids)
    items = [
        schemas.UnitOutcomeRead(
            business_unit_id=row.business_unit_id,
            name=names.get(row.business_unit_id),
            reasons=[schemas.CampaignReasonRead.model_validate(reason) for reason in row.reasons],
            **{
                name: getattr(found[row.business_unit_id], name)
                for name in found[row.business_unit_id].__slots__
                if name != "unit_id"
            },
        )
        for row in page.items
    ]
    return Page[schemas.UnitOutcomeRead](items=items, next_cursor=page.next_cursor)


def _by_day(moments: list[datetime | None]) -> Counter[Any]:
    return Counter(moment.date() for moment in moments if moment is not None)
