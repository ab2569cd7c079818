"""Stakeholders, and risks, issues, decisions and actions of a demand, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import select

from demand_service.domain.raid import RaidKind, RaidState
from demand_service.domain.stakeholder import approach
from demand_service.routes.asking import asking, asking_on_version
from demand_service.schemas.assessment import (
    RaidCreate,
    RaidMove,
    RaidRead,
    StakeholderCreate,
    StakeholderPatch,
    StakeholderRead,
)
from demand_service.tables import RaidItem, Stakeholder
from demand_service.use_cases import assessment
from demand_service.use_cases.steps import Asked
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Assessment"])

Reader = Annotated[Principal, may(*Role)]
ByLeader = Annotated[Asked, asking(Role.DEMAND_LEADER)]


@router.post(
    "/demands/{demand_id}/stakeholders", response_model=StakeholderRead, status_code=201, summary="Add a stakeholder"
)
async def add_stakeholder(
    demand_id: UUID, body: StakeholderCreate, session: WriteSession, etag: Etag, asked: ByLeader
) -> StakeholderRead:
    """A person by their opaque id, or a role; influence and interest from 1 to 5."""
    return _shown(etag(await assessment.add_stakeholder(session, demand_id, body, asked=asked)))


@router.get("/demands/{demand_id}/stakeholders", response_model=Page[StakeholderRead], summary="List stakeholders")
async def list_stakeholders(
    demand_id: UUID, session: ReadSession, paging: Paging, principal: Reader, units: UnitScope
) -> Page[Any]:
    """With the approach that influence and interest ask for."""
    await assessment.demand_in_sight(session, demand_id, units)
    query = select(Stakeholder).where(Stakeholder.demand_id == demand_id)
    page = await paginate(session, query, Stakeholder.id, paging)
    return Page(items=[_shown(row) for row in page.items], next_cursor=page.next_cursor)


@router.patch(
    "/demands/{demand_id}/stakeholders/{stakeholder_id}",
    response_model=StakeholderRead,
    summary="Change a stakeholder",
)
async def change_stakeholder(
    demand_id: UUID,
    stakeholder_id: UUID,
    body: StakeholderPatch,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking_on_version(Role.DEMAND_LEADER)],
) -> StakeholderRead:
    """What is sent changes: influence, interest, stance, note."""
    row = await assessment.change_stakeholder(session, demand_id, stakeholder_id, body, asked=asked)
    return _shown(etag(row))


def _shown(row: Stakeholder) -> StakeholderRead:
    fields = {name: getattr(row, name) for name in StakeholderRead.model_fields if name != "approach"}
    return StakeholderRead(**fields, approach=approach(row.influence, row.interest))


@router.post("/demands/{demand_id}/raid", response_model=RaidRead, status_code=201, summary="Raise a RAID entry")
async def raise_raid(demand_id: UUID, body: RaidCreate, session: WriteSession, etag: Etag, asked: ByLeader) -> RaidItem:
    """A risk, an issue, a decision or an action, with its owner and due date."""
    return etag(await assessment.raise_raid(session, demand_id, body, asked=asked))


@router.get("/demands/{demand_id}/raid", response_model=Page[RaidRead], summary="List RAID entries")
async def list_raid(
    demand_id: UUID,
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    kind: RaidKind | None = None,
    state: RaidState | None = None,
) -> Page[Any]:
    """Finished ones too, unless `state` says otherwise."""
    await assessment.demand_in_sight(session, demand_id, units)
    query = select(RaidItem).where(RaidItem.demand_id == demand_id)
    if kind is not None:
        query = query.where(RaidItem.kind == kind)
    if state is not None:
        query = query.where(RaidItem.state == state)
    return await paginate(session, query, RaidItem.id, paging)


@router.post("/demands/{demand_id}/raid/{raid_id}/move", response_model=RaidRead, summary="Move a RAID entry on")
async def move_raid(
    demand_id: UUID, raid_id: UUID, body: RaidMove, session: WriteSession, etag: Etag, asked: ByLeader
) -> RaidItem:
    """By a step that its kind and state allow; a decision and a resolution need their outcome."""
    return etag(await assessment.move_raid(session, demand_id, raid_id, body.step, outcome=body.outcome, asked=asked))
