"""Themes, improvements, and what published revisions claimed to deliver."""

from typing import Any
from uuid import UUID

from feedback_service import queries
from feedback_service.domain.improvement import ClaimOutcome, ImprovementState
from feedback_service.routes import Anyone, Owner
from feedback_service.schemas import (
    ImprovementCreate,
    ImprovementRead,
    ShipmentClaimRead,
    ThemeCreate,
    ThemeRead,
)
from feedback_service.tables import Improvement, ShipmentClaim, Theme
from feedback_service.use_cases import improvements
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate

router = Api(prefix="/v1")


@router.post("/themes", response_model=ThemeRead, status_code=201, summary="Name a theme", tags=["Themes"])
async def name_theme(body: ThemeCreate, etag: Etag, principal: Owner, session: WriteSession) -> Theme:
    """Groups threads about one service; how many they are and how they feel is worked out from them."""
    return etag(
        await improvements.name_theme(session, body.service_id, body.name, body.thread_ids, principal=principal)
    )


@router.get("/themes", response_model=Page[ThemeRead], summary="List themes", tags=["Themes"])
async def list_themes(
    paging: Paging, principal: Anyone, session: ReadSession, service_id: UUID | None = None
) -> Page[Any]:
    """What people talk about."""
    return await paginate(session, queries.themes(service_id=service_id), Theme.id, paging)


@router.get("/themes/{theme_id}", response_model=ThemeRead, summary="Read a theme", tags=["Themes"])
async def read_theme(theme_id: UUID, etag: Etag, principal: Anyone, session: ReadSession) -> Theme:
    """The theme with the ids of its threads."""
    return etag(await improvements.get_theme(session, theme_id))


@router.post(
    "/improvements",
    response_model=ImprovementRead,
    status_code=201,
    summary="Plan an improvement",
    tags=["Improvements"],
)
async def plan_improvement(body: ImprovementCreate, etag: Etag, principal: Owner, session: WriteSession) -> Improvement:
    """It takes the target measure's score as it stands for its baseline, and ships with a revision that names it."""
    return etag(
        await improvements.plan_improvement(
            session,
            body.service_id,
            body.title,
            theme_ids=body.theme_ids,
            demand_ids=body.demand_ids,
            measure=body.target.measure,
            principal=principal,
        )
    )


@router.get("/improvements", response_model=Page[ImprovementRead], summary="List improvements", tags=["Improvements"])
async def list_improvements(
    paging: Paging,
    principal: Anyone,
    session: ReadSession,
    service_id: UUID | None = None,
    state: ImprovementState | None = None,
) -> Page[Any]:
    """What was promised, and how far it got."""
    return await paginate(session, queries.improvements(service_id=service_id, state=state), Improvement.id, paging)


@router.get(
    "/improvements/{improvement_id}",
    response_model=ImprovementRead,
    summary="Read an improvement",
    tags=["Improvements"],
)
async def read_improvement(improvement_id: UUID, etag: Etag, principal: Anyone, session: ReadSession) -> Improvement:
    """With its baseline, and once shipped with the revision and the number of distinct contributors."""
    return etag(await improvements.get_improvement(session, improvement_id))


@router.get(
    "/shipment-claims",
    response_model=Page[ShipmentClaimRead],
    summary="What revisions claimed to deliver",
    tags=["Improvements"],
)
async def list_shipment_claims(
    paging: Paging,
    principal: Anyone,
    session: ReadSession,
    service_id: UUID | None = None,
    improvement_id: UUID | None = None,
    outcome: ClaimOutcome | None = None,
) -> Page[Any]:
    """Each improvement that a published revision named, and what became of it: shipped, or why not."""
    query = queries.shipment_claims(service_id=service_id, improvement_id=improvement_id, outcome=outcome)
    return await paginate(session, query, ShipmentClaim.id, paging)
