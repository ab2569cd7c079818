"""Campaigns: offerings brought to the business units that they fit."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from sqlalchemy import select

from catalog_service import queries, schemas
from catalog_service.domain.campaign import STARTED, CampaignState
from catalog_service.routes import Designer, ExternalIdFilter
from catalog_service.tables import Campaign, CampaignTransition
from catalog_service.use_cases import campaigns as use_cases
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1/campaigns", tags=["Campaigns"])
Marketer = Annotated[Principal, may(Role.SERVICE_OWNER, Role.DEMAND_LEADER, Role.FINANCE, Role.INTEGRATION)]
MOST_SHOWN = 1_000


@router.post("", response_model=schemas.CampaignRead, status_code=201, summary="Draft a campaign")
async def create_campaign(
    body: schemas.CampaignCreate,
    response: Response,
    session: WriteSession,
    now: Now,
    etag: Etag,
    principal: Designer,
) -> Campaign:
    """For published offerings of services that are yours. Nobody sees it before it is scheduled and has started."""
    campaign = await use_cases.create_campaign(session, body, principal=principal, now=now)
    response.headers["Location"] = f"/v1/campaigns/{campaign.id}"
    return etag(campaign)


@router.get("", response_model=Page[schemas.CampaignRead], summary="List campaigns")
async def list_campaigns(
    session: ReadSession,
    paging: Paging,
    principal: Marketer,
    state: CampaignState | None = None,
    offering_id: UUID | None = None,
    external_id: ExternalIdFilter = None,
) -> Page[Any]:
    """Oldest first, whoever's."""
    query = queries.campaigns(state=state, offering_id=offering_id, external_id=external_id)
    return await paginate(session, query, Campaign.id, paging)


@router.get("/{campaign_id}", response_model=schemas.CampaignRead, summary="Read a campaign")
async def read_campaign(campaign_id: UUID, session: ReadSession, etag: Etag, principal: Marketer) -> Campaign:
    """What it brings to whom, and when."""
    return etag(await queries.the_campaign(session, campaign_id))


@router.patch("/{campaign_id}", response_model=schemas.CampaignRead, summary="Change a campaign")
async def change_campaign(
    campaign_id: UUID,
    body: schemas.CampaignChange,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Campaign:
    """Fields that are left out stay as they are. 409 once it has started: what it promised stands."""
    return etag(
        await use_cases.change_campaign(session, campaign_id, body, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/schedule", response_model=schemas.CampaignRead, summary="Schedule a campaign")
async def schedule_campaign(
    campaign_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """It starts and ends by itself. 409, with who was left out and why, if it would reach no business unit."""
    return etag(
        await use_cases.schedule(session, campaign_id, body.reason, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/pause", response_model=schemas.CampaignRead, summary="Pause a campaign")
async def pause_campaign(
    campaign_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """Nobody is shown it until it is resumed; it ends when it was to end."""
    to = CampaignState.PAUSED
    return etag(
        await use_cases.step(session, campaign_id, to, body.reason, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/resume", response_model=schemas.CampaignRead, summary="Resume a campaign")
async def resume_campaign(
    campaign_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """From paused to running, for the same business units."""
    to = CampaignState.RUNNING
    return etag(
        await use_cases.step(session, campaign_id, to, body.reason, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/end", response_model=schemas.CampaignRead, summary="End a campaign now")
async def end_campaign(
    campaign_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """Before its time. What comes of it is still counted for its attribution window."""
    to = CampaignState.ENDED
    return etag(
        await use_cases.step(session, campaign_id, to, body.reason, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/cancel", response_model=schemas.CampaignRead, summary="Cancel a campaign")
async def cancel_campaign(
    campaign_id: UUID,
    body: schemas.Reason,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """Give up one that has not started."""
    to = CampaignState.CANCELLED
    return etag(
        await use_cases.step(session, campaign_id, to, body.reason, principal=principal, if_match=if_match, now=now)
    )


@router.post("/{campaign_id}/move-end", response_model=schemas.CampaignRead, summary="Move a campaign's end")
async def move_campaign_end(
    campaign_id: UUID,
    body: schemas.CampaignEndMove,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Campaign:
    """Of one that has started and not ended: the only part of it that may still change."""
    return etag(
        await use_cases.move_end(
            session, campaign_id, body.ends_at, body.reason, principal=principal, if_match=if_match, now=now
        )
    )


@router.get(
    "/{campaign_id}/transitions",
    response_model=Page[schemas.CampaignTransitionRead],
    summary="List a campaign's transitions",
)
async def list_campaign_transitions(
    campaign_id: UUID, session: ReadSession, paging: Paging, principal: Marketer
) -> Page[Any]:
    """Who moved it from one state to the next, or moved its end, when and why; oldest first."""
    await queries.the_campaign(session, campaign_id)
    query = select(CampaignTransition).where(CampaignTransition.campaign_id == campaign_id)
    return await paginate(session, query, CampaignTransition.id, paging)


@router.get(
    "/{campaign_id}/audience", response_model=schemas.CampaignAudienceRead, summary="Preview a campaign's audience"
)
async def read_audience(
    campaign_id: UUID, session: ReadSession, now: Now, principal: Marketer, units: UnitScope
) -> schemas.CampaignAudienceRead:
    """Each business unit in your sight with why it fits, or why it is left out; the counts are of all.

    Frozen once it has started.
    """
    campaign = await queries.the_campaign(session, campaign_id)
    if campaign.state in STARTED:
        rows = await queries.frozen_audience(session, campaign_id, units, limit=MOST_SHOWN)
        addressed = [
            schemas.AddressedUnit.model_validate(
                {
                    "business_unit_id": row.business_unit_id,
                    "name": name or "",
                    "reasons": row.reasons,
                    "offering_ids": row.offering_ids,
                }
            )
            for row, name in rows
        ]
        count = await queries.addressed_count(session, campaign_id)
        return schemas.CampaignAudienceRead(
            frozen=True, addressed=count, left_out={}, business_units=addressed, left_out_business_units=[]
        )
    selection = await queries.selection_of(session, campaign, now=now)
    return schemas.CampaignAudienceRead(
        frozen=False,
        addressed=len(selection.addressed),
        left_out=selection.left_out_by_reason(),
        business_units=[
            schemas.AddressedUnit(
                business_unit_id=one.unit.id,
                name=one.unit.name,
                reasons=[schemas.CampaignReasonRead.model_validate(reason) for reason in one.reasons],
                offering_ids=list(one.offering_ids),
            )
            for one in [one for one in selection.addressed if units.includes(one.unit.id)][:MOST_SHOWN]
        ],
        left_out_business_units=[
            schemas.LeftOutUnit(business_unit_id=out.unit.id, name=out.unit.name, why=out.why)
            for out in [out for out in selection.left_out if units.includes(out.unit.id)][:MOST_SHOWN]
        ],
    )
