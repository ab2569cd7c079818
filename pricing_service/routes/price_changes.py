"""Price changes and what they would have cost."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Response
from sqlalchemy import select

from pricing_service.domain.price_change import PriceChangeState
from pricing_service.schemas import price_changes as bodies
from pricing_service.tables import PriceChange, ShadowPrice, ShadowPriceOfUnit
from pricing_service.use_cases import price_changes
from services.http import (
    Api,
    Etag,
    IfMatch,
    JobRead,
    Now,
    Page,
    Paging,
    ReadSession,
    WriteSession,
    accepted_job,
    paginate,
)
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Prices"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER)]


@router.post("/price-changes", response_model=bodies.PriceChangeRead, status_code=201, summary="Draft a price change")
async def create_price_change(
    body: bodies.PriceChangeCreate, principal: Finance, session: WriteSession, now: Now, etag: Etag
) -> PriceChange:
    """New terms from an instant in the future on. Nothing changes until they were shadow-priced and announced."""
    return etag(await price_changes.create_price_change(session, body, now=now))


@router.get("/price-changes", response_model=Page[bodies.PriceChangeRead], summary="List price changes")
async def list_price_changes(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    offering_id: UUID | None = None,
    state: PriceChangeState | None = None,
) -> Page[Any]:
    """The oldest first."""
    query = select(PriceChange)
    if offering_id is not None:
        query = query.where(PriceChange.offering_id == offering_id)
    if state is not None:
        query = query.where(PriceChange.state == state)
    return await paginate(session, query, PriceChange.id, paging)


@router.get("/price-changes/{change_id}", response_model=bodies.PriceChangeRead, summary="Read a price change")
async def read_price_change(change_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> PriceChange:
    """Its terms, its state, and the sums of its last shadow pricing."""
    return etag(await price_changes.price_change(session, change_id))


@router.post("/price-changes/{change_id}/shadow-pricing", status_code=202, summary="Shadow-price a price change")
async def start_shadow_pricing(
    change_id: UUID,
    body: bodies.ShadowPricingCreate,
    response: Response,
    principal: Finance,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
) -> JobRead:
    """A job that prices the last closed periods (none closed: the last full ones) under the old terms and the new."""
    job = await price_changes.start_shadow_pricing(session, change_id, body.periods, if_match=if_match, now=now)
    return accepted_job(response, job)


@router.get(
    "/price-changes/{change_id}/effects",
    response_model=Page[bodies.ShadowPriceRead],
    summary="List what a price change would have cost, by subscription",
)
async def list_effects(
    change_id: UUID, principal: Reader, session: ReadSession, paging: Paging, business_unit_id: UUID | None = None
) -> Page[Any]:
    """Each subscription's old and new amount in each shadowed period, by the last shadow pricing."""
    change = await price_changes.price_change(session, change_id)
    query = select(ShadowPrice).where(ShadowPrice.job_id == change.shadow_job_id)
    if business_unit_id is not None:
        query = query.where(ShadowPrice.business_unit_id == business_unit_id)
    return await paginate(session, query, ShadowPrice.id, paging)


@router.get(
    "/price-changes/{change_id}/business-units",
    response_model=Page[bodies.UnitEffect],
    summary="List what a price change would have cost, by business unit",
)
async def list_unit_effects(change_id: UUID, principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """Each affected unit's old and new amount over all shadowed periods."""
    change = await price_changes.price_change(session, change_id)
    query = select(ShadowPriceOfUnit).where(ShadowPriceOfUnit.job_id == change.shadow_job_id)
    return await paginate(session, query, ShadowPriceOfUnit.id, paging)


@router.post(
    "/price-changes/{change_id}/announce", response_model=bodies.PriceChangeRead, summary="Announce a price change"
)
async def announce(
    change_id: UUID,
    body: bodies.Announcement,
    principal: Finance,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> PriceChange:
    """Everyone is told; at its instant it becomes the next version of the plan. Refused before a shadow pricing."""
    return etag(await price_changes.announce(session, change_id, body.notice, if_match=if_match, now=now))


@router.post(
    "/price-changes/{change_id}/withdraw", response_model=bodies.PriceChangeRead, summary="Withdraw a price change"
)
async def withdraw(
    change_id: UUID,
    body: bodies.PriceChangeWithdrawal,
    principal: Finance,
    session: WriteSession,
    now: Now,
    if_match: IfMatch,
    etag: Etag,
) -> PriceChange:
    """Until it counts. Who was told of it is told of that too."""
    return etag(await price_changes.withdraw(session, change_id, body.reason, if_match=if_match, now=now))
