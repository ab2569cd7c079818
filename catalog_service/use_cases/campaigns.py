"""Campaigns: drafted, scheduled, started and ended by themselves, paused and resumed by their owners."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import campaign as domain
from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.campaign_audience import Selection
from catalog_service.events import CampaignChanged, CampaignData, CampaignEnded, CampaignStarted
from catalog_service.schemas import CampaignAudience, CampaignChange, CampaignCreate
from catalog_service.tables import (
    Campaign,
    CampaignExternalId,
    CampaignOffering,
    CampaignRole,
    CampaignTransition,
    CampaignUnit,
    Offering,
)
from catalog_service.use_cases.ownership import require_ownership
from catalog_service.work import timers
from services import context
from services.db import touch
from services.errors import Conflict, Fault, Invalid, Refusal
from services.events import current_thread, record
from services.http import check_version
from services.identity import Principal
from services.ids import uuid7

START, END = "campaign-start", "campaign-end"


class CampaignIdTaken(Conflict): ...


class CampaignOfferingUnknown(Invalid): ...


class CapabilityUnknown(Invalid): ...


class AudienceSaysNothing(Invalid): ...


async def create_campaign(
    session: AsyncSession, body: CampaignCreate, *, principal: Principal, now: datetime
) -> Campaign:
    """Save a draft.

    Raises CampaignOfferingUnknown, CampaignNotReady (an offering is not published), NotYourService, WindowInvalid,
    AudienceSaysNothing, CapabilityUnknown and CampaignIdTaken.
    """
    keys = list(dict.fromkeys((key.system, key.id) for key in body.external_ids))
    if taken := await queries.taken_external_id(session, CampaignExternalId, keys):
        raise CampaignIdTaken(
            f"another campaign is known as {taken[0]}:{taken[1]}", faults=[Fault("/external_ids", "is taken")]
        )
    campaign = Campaign(
        **body.model_dump(include={"name", "channels", "leave_out_subscribers", "attribution_days"}),
        message=body.message.model_dump(),
        starts_at=body.starts_at,
        ends_at=body.ends_at,
        audience={},
        state=CampaignState.DRAFT,
        started_at=None,
        ended_at=None,
        external_ids=[CampaignExternalId(system=system, id=identifier) for system, identifier in keys],
    )
    domain.check_window(campaign.starts_at, campaign.ends_at, now=now)
    campaign.channels = list(dict.fromkeys(campaign.channels))
    await _aim(session, campaign, body.audience)
    await _bring(session, campaign, body.offering_ids, principal)
    touch(campaign)
    session.add(campaign)
    await session.flush()
    _note(session, campaign, None, reason="drafted", now=now)
    return campaign


async def change_campaign(
    session: AsyncSession,
    campaign_id: UUID,
    body: CampaignChange,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Campaign:
    """Of a draft or a scheduled campaign; a scheduled one must still be fit to start. Raises CampaignFixed also."""
    campaign = await _own(session, campaign_id, principal)
    check_version(campaign, if_match)
    domain.require_editable(campaign.state)
    changes: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set}
    audience, offering_ids = changes.pop("audience", None), changes.pop("offering_ids", None)
    if "message" in changes:
        changes["message"] = body.message.model_dump()
    if "channels" in changes:
        changes["channels"] = list(dict.fromkeys(body.channels))
    for name, value in changes.items():
        setattr(campaign, name, value)
    domain.check_window(campaign.starts_at, campaign.ends_at, now=now)
    if audience is not None:
        await _aim(session, campaign, audience)
    if offering_ids is not None:
        await _bring(session, campaign, offering_ids, principal)
    if body.model_fields_set:
        touch(campaign)
    if campaign.state is CampaignState.SCHEDULED:
        await _fit_to_start(session, campaign, now=now)
        _set_timer(session, START, campaign, campaign.starts_at)
    return campaign


async def schedule(
    session: AsyncSession,
    campaign_id: UUID,
    reason: str,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Campaign:
    """It starts by itself. Raises WindowInvalid, and CampaignNotReady if it would reach nobody."""
    campaign = await _own(session, campaign_id, principal)
    check_version(campaign, if_match)
    before, campaign.state = campaign.state, domain.move(campaign.state, CampaignState.SCHEDULED)
    domain.check_window(campaign.starts_at, campaign.ends_at, now=now)
    await _fit_to_start(session, campaign, now=now)
    _note(session, campaign, before, reason=reason, now=now)
    _set_timer(session, START, campaign, campaign.starts_at)
    touch(campaign)
    return campaign


async def step(
    session: AsyncSession,
    campaign_id: UUID,
    to: CampaignState,
    reason: str,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Campaign:
    """Pause, resume, end or cancel."""
    campaign = await _own(session, campaign_id, principal)
    check_version(campaign, if_match)
    # Only a paused campaign is resumed by hand: what starts one is its timer, which freezes the audience.
    if to is CampaignState.RUNNING and campaign.state is CampaignState.SCHEDULED:
        raise domain.CampaignTransitionRefused(f"the campaign starts by itself at {campaign.starts_at:%FT%TZ}")
    before, campaign.state = campaign.state, domain.move(campaign.state, to)
    if to is CampaignState.ENDED:
        campaign.ended_at = min(now, campaign.ends_at)
    _note(session, campaign, before, reason=reason, now=now)
    if to is CampaignState.CANCELLED:
        touch(campaign)  # nobody had been told of it
    else:
        await _tell(session, campaign, CampaignEnded if to is CampaignState.ENDED else CampaignChanged)
    return campaign


async def move_end(
    session: AsyncSession,
    campaign_id: UUID,
    ends_at: datetime,
    reason: str,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Campaign:
    """Of a campaign that has started. Raises EndNotMovable and WindowInvalid."""
    campaign = await _own(session, campaign_id, principal)
    check_version(campaign, if_match)
    domain.check_end(
        campaign.state,
        started_at=campaign.started_at or campaign.starts_at,
        old=campaign.ends_at,
        new=ends_at,
        now=now,
    )
    said = f"ends {ends_at:%FT%TZ} instead of {campaign.ends_at:%FT%TZ}: {reason}"
    campaign.ends_at = ends_at
    _note(session, campaign, campaign.state, reason=said, now=now)
    _set_timer(session, END, campaign, ends_at)
    await _tell(session, campaign, CampaignChanged)
    return campaign


@timers.handler(START)
async def start_due(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """Freeze the audience and start; or cancel, saying why, where there is nothing left to start."""
    campaign = await session.get(Campaign, UUID(payload["campaign_id"]))
    if campaign is None or campaign.state is not CampaignState.SCHEDULED or now < campaign.starts_at:
        return  # cancelled, started or put off since the timer was set
    before = campaign.state
    try:
        if now >= campaign.ends_at:
            raise domain.CampaignNotReady("its window was over before it could start")
        selection = await _fit_to_start(session, campaign, now=now)
    except Refusal as refusal:
        why = "; ".join([refusal.detail, *(fault.message for fault in refusal.faults)])
        campaign.state = domain.move(before, CampaignState.CANCELLED)
        _note(session, campaign, before, reason=why, now=now)
        touch(campaign)
        return
    campaign.state = domain.move(before, CampaignState.RUNNING)
    campaign.started_at = now
    session.add_all(
        CampaignUnit(
            campaign_id=campaign.id,
            business_unit_id=one.unit.id,
            reasons=[{"kind": reason.kind, "text": reason.text} for reason in one.reasons],
            offering_ids=[str(offering_id) for offering_id in one.offering_ids],
        )
        for one in selection.addressed
    )
    await session.flush()
    _note(session, campaign, before, reason="its window opened", now=now)
    _set_timer(session, END, campaign, campaign.ends_at)
    await _tell(session, campaign, CampaignStarted)


@timers.handler(END)
async def end_due(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    campaign = await session.get(Campaign, UUID(payload["campaign_id"]))
    if campaign is None or campaign.state not in domain.LIVE or now < campaign.ends_at:
        return  # ended by hand, or its end was moved, since the timer was set
    before, campaign.state = campaign.state, domain.move(campaign.state, CampaignState.ENDED)
    campaign.ended_at = campaign.ends_at  # what is counted does not depend on how late the timer is
    _note(session, campaign, before, reason="its window closed", now=now)
    await _tell(session, campaign, CampaignEnded)


async def _own(session: AsyncSession, campaign_id: UUID, principal: Principal) -> Campaign:
    """Raises NotFound, and NotYourService unless `principal` owns the services of all its offerings."""
    campaign = await queries.the_campaign(session, campaign_id)
    require_own_offerings(campaign, principal)
    return campaign


def require_own_offerings(campaign: Campaign, principal: Principal) -> None:
    """Raises NotYourService."""
    for brought in campaign.offerings:
        require_ownership(brought.offering.service, principal)


async def _bring(session: AsyncSession, campaign: Campaign, offering_ids: list[UUID], principal: Principal) -> None:
    wanted = list(dict.fromkeys(offering_ids))
    found = await queries.offerings_in_order(session, wanted)
    missing = [one for one, offering in zip(wanted, found, strict=True) if offering is None]
    if missing:
        raise CampaignOfferingUnknown(
            f"{len(missing)} of its offerings do not exist",
            faults=[
                Fault(f"/offering_ids/{offering_ids.index(one)}", f"there is no offering {one}") for one in missing
            ],
        )
    offerings = [offering for offering in found if offering is not None]
    for offering in offerings:
        require_ownership(offering.service, principal)
    domain.refuse_unpublished((offering.name, offering.state) for offering in offerings)
    kept = {brought.offering_id: brought for brought in campaign.offerings}
    campaign.offerings = [_brought(kept, offering, place) for place, offering in enumerate(offerings)]


def _brought(kept: dict[UUID, CampaignOffering], offering: Offering, place: int) -> CampaignOffering:
    brought = kept.get(offering.id) or CampaignOffering(offering_id=offering.id, offering=offering)
    brought.position = place
    return brought


async def _aim(session: AsyncSession, campaign: Campaign, audience: CampaignAudience) -> None:
    if not (audience.everyone or audience.business_unit_ids or audience.capability_ids or audience.goals):
        raise AudienceSaysNothing(
            "the audience has no line",
            faults=[Fault("/audience", "say everyone, or business units, capabilities or goals")],
        )
    if unknown := await queries.unknown_capabilities(session, audience.capability_ids):
        raise CapabilityUnknown(
            f"{len(unknown)} of its capabilities do not exist",
            faults=[
                Fault(f"/audience/capability_ids/{place}", f"there is no capability {one}")
                for place, one in enumerate(audience.capability_ids)
                if one in unknown
            ],
        )
    campaign.audience = audience.model_dump(mode="json")
    kept = {line.role: line for line in campaign.roles}
    campaign.roles = [kept.get(role) or CampaignRole(role=role) for role in sorted(set(audience.roles))]


async def _fit_to_start(session: AsyncSession, campaign: Campaign, *, now: datetime) -> Selection:
    """Whom it addresses. Raises CampaignNotReady if an offering cannot be asked for or nobody is left."""
    domain.refuse_unpublished((brought.offering.name, brought.offering.state) for brought in campaign.offerings)
    selection = await queries.selection_of(session, campaign, now=now)
    domain.refuse_nobody(addressed=len(selection.addressed), left_out=selection.left_out_by_reason())
    return selection


def _set_timer(session: AsyncSession, kind: str, campaign: Campaign, due_at: datetime) -> None:
    """A timer that was set before finds the campaign not due, and does nothing."""
    timers.set(session, kind, due_at=due_at, payload={"campaign_id": str(campaign.id)})


async def _tell(session: AsyncSession, campaign: Campaign, event: type[CampaignData]) -> None:
    state = {
        name: getattr(campaign, name)
        for name in (
            "id", "name", "state", "message", "channels", "starts_at", "ends_at", "started_at", "ended_at",
            "attribution_days",
        )
    }  # fmt: skip
    data = event.model_validate(
        state
        | {
            "offerings": [brought.offering for brought in campaign.offerings],
            "roles": [line.role for line in campaign.roles],
            "business_unit_ids": await queries.addressed_ids(session, campaign.id),
        }
    )
    record(session, campaign, data, thread=current_thread())


def _note(
    session: AsyncSession, campaign: Campaign, before: CampaignState | None, *, reason: str, now: datetime
) -> None:
    session.add(
        CampaignTransition(
            id=uuid7(),
            campaign_id=campaign.id,
            from_state=before,
            to_state=campaign.state,
            at=now,
            actor_id=context.current().actor_id,
            reason=reason,
        )
    )
