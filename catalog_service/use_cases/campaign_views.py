"""Who was shown a campaign: told by whatever showed it, kept once a person, business unit and day."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain.campaign import STARTED
from catalog_service.events import CampaignSeen
from catalog_service.schemas import ViewCreate
from catalog_service.tables import Campaign, CampaignUnit, CampaignView
from services import context
from services.db.upsert import upsert
from services.errors import Conflict, Fault, Forbidden, Invalid
from services.events import current_thread, record
from services.identity import KnownBusinessUnit, Principal, Role, Units
from services.identity.unit_tree import with_descendants

PORTAL, DESK = "portal", "desk"
CLOCKS_APART = timedelta(minutes=5)


class CampaignNotStarted(Conflict): ...


class BusinessUnitNotAddressed(Conflict): ...


class ViewOutOfTime(Conflict): ...


class ChannelNotUsed(Invalid): ...


class NotTheUnitsView(Forbidden): ...


async def see(
    session: AsyncSession, campaign_id: UUID, body: ViewCreate, *, principal: Principal, now: datetime
) -> CampaignView:
    """The view of that person, unit and day: a new one, which is told, or the one that there is.

    Raises BusinessUnitOutOfScope, NotTheUnitsView, CampaignNotStarted, BusinessUnitNotAddressed, ChannelNotUsed and
    ViewOutOfTime.
    """
    if not principal.has(Role.INTEGRATION):
        # Of one's own units, also for who may read about all of them: whoever runs a campaign is not its audience.
        own = await with_descendants(session, KnownBusinessUnit, principal.business_units)
        Units(own).require(body.business_unit_id)
    person_id, seen_at = _who_and_when(body, principal, now)
    campaign = await queries.the_campaign(session, campaign_id)
    _require_time(campaign, seen_at, now)
    if body.channel not in campaign.channels:
        raise ChannelNotUsed(
            f"the campaign does not use {body.channel}",
            faults=[Fault("/channel", f"must be one of {', '.join(campaign.channels)}")],
        )
    if await session.get(CampaignUnit, (campaign_id, body.business_unit_id)) is None:
        raise BusinessUnitNotAddressed(
            f"the campaign did not address business unit {body.business_unit_id}",
            faults=[Fault("/business_unit_id", "is not among those that it addressed when it started")],
        )
    view_id = uuid5(campaign_id, f"{body.business_unit_id} {person_id} {seen_at.date()}")
    # Inserted or found in one statement: two at once are one view, and neither is refused.
    inserted = await session.execute(
        upsert(session, CampaignView)
        .values(
            id=view_id,
            version=0,
            created_at=now,
            updated_at=now,
            correlation_id=context.current().correlation_id,
            campaign_id=campaign_id,
            business_unit_id=body.business_unit_id,
            person_id=person_id,
            channel=body.channel,
            day=seen_at.date(),
            seen_at=seen_at,
        )
        .on_conflict_do_nothing()
        .returning(CampaignView.id)
    )
    is_new = inserted.scalar_one_or_none() is not None
    view = await session.get_one(CampaignView, view_id)
    if is_new:
        record(session, view, CampaignSeen, thread=current_thread())
    elif body.seen_at is not None and seen_at < view.seen_at:
        # Told late of an earlier time of that day: who asked in between had seen it. (Of two requests at once the one
        # that was answered first may have come second; that is no news.)
        view.seen_at = seen_at
        record(session, view, CampaignSeen, thread=current_thread())
    return view


def _who_and_when(body: ViewCreate, principal: Principal, now: datetime) -> tuple[str | None, datetime]:
    if principal.has(Role.INTEGRATION):
        return body.person_id, body.seen_at or now
    if body.person_id not in (None, principal.person_id) or body.seen_at is not None:
        raise NotTheUnitsView(
            "only an integration tells who saw it and when", faults=[Fault("/person_id", "leave it out")]
        )
    # A leader who looks at what the unit is shown is not the unit; one who told the unit of it says so.
    if not principal.has(Role.CONSUMER, Role.APPROVER) and body.channel == PORTAL:
        raise NotTheUnitsView(
            f"you do not see it for the business unit; what you told it at the desk is of the channel {DESK}",
            faults=[Fault("/channel", f"must be {DESK}")],
        )
    return principal.person_id, now


def _require_time(campaign: Campaign, seen_at: datetime, now: datetime) -> None:
    if campaign.state not in STARTED or campaign.started_at is None:
        raise CampaignNotStarted(f"the campaign is {campaign.state}: nobody can have seen it")
    until = campaign.counted_until
    if seen_at < campaign.started_at or seen_at > now + CLOCKS_APART or (until is not None and seen_at >= until):
        raise ViewOutOfTime(
            f"the campaign can be seen from {campaign.started_at:%FT%TZ}"
            + ("" if until is None else f" to {until:%FT%TZ}"),
            faults=[Fault("/seen_at", "lies outside that time, or in the future")],
        )
