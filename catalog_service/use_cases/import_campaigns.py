"""Campaigns in an import: those that have not started. What came of one that has was measured where it ran."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.campaign import CampaignState
from catalog_service.domain.offering import OfferingState
from catalog_service.tables import Campaign, CampaignOffering, CampaignRole, CampaignTransition
from catalog_service.use_cases.campaigns import START
from catalog_service.work import timers
from services import context
from services.db import touch
from services.errors import Fault
from services.ids import uuid7

_LINES = ("everyone", "business_unit_ids", "capability_ids", "goals")


def faults_of(new: Mapping[str, Any], states: Mapping[UUID, OfferingState]) -> list[Fault]:
    """What is wrong with a campaign; `states` are those of the offerings at the end of the import."""
    faults = []
    if datetime.fromisoformat(new["ends_at"]) <= datetime.fromisoformat(new["starts_at"]):
        faults.append(Fault("/ends_at", "must be after starts_at"))
    if not any(new["audience"][name] for name in _LINES):
        faults.append(Fault("/audience", "say everyone, or business units, capabilities or goals"))
    for number, offering_id in enumerate(new["offering_ids"]):
        state = states.get(UUID(offering_id))
        if state not in (None, OfferingState.PUBLISHED):
            faults.append(
                Fault(f"/offering_ids/{number}", f"the offering is {state}; only what is published is brought")
            )
    return faults


def write(
    session: AsyncSession,
    campaign: Campaign | None,
    campaign_id: UUID,
    columns: Mapping[str, Any],
    *,
    offering_ids: list[str] | None,
    state: str | None,
    reason: str,
    now: datetime,
) -> Campaign:
    """Make or change a campaign; one that is scheduled has its timer from then on."""
    before = None if campaign is None else campaign.state
    if campaign is None:
        campaign = Campaign(
            id=campaign_id,
            **columns,
            state=CampaignState.DRAFT,
            started_at=None,
            ended_at=None,
            external_ids=[],
            offerings=[],
            roles=[],
        )
        session.add(campaign)
    else:
        for name, value in columns.items():
            setattr(campaign, name, value)
    if offering_ids is not None:
        kept = {brought.offering_id: brought for brought in campaign.offerings}
        wanted = list(dict.fromkeys(map(UUID, offering_ids)))
        campaign.offerings = [kept.get(one) or CampaignOffering(offering_id=one) for one in wanted]
        for position, brought in enumerate(campaign.offerings):
            brought.position = position
    roles = {line.role: line for line in campaign.roles}
    campaign.roles = [roles.get(role) or CampaignRole(role=role) for role in sorted(set(campaign.audience["roles"]))]
    if state is not None:
        campaign.state = CampaignState(state)
    if before is not campaign.state:
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
    if campaign.state is CampaignState.SCHEDULED:  # a timer that was set before finds it not due, and does nothing
        timers.set(session, START, due_at=campaign.starts_at, payload={"campaign_id": str(campaign.id)})
    touch(campaign)
    return campaign
