"""Price plans and the price calculator."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy import select

from pricing_service import queries
from pricing_service.schemas.numbers import Instant
from pricing_service.schemas.prices import (
    PricePlanCreate,
    PricePlanRead,
    PricePreview,
    PricePreviewRead,
    RateCardItem,
)
from pricing_service.tables import PricedOffering, PricePlan
from pricing_service.use_cases import prices, rate_cards
from services.errors import NotFound
from services.http import Api, Etag, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Prices"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Anyone = Annotated[Principal, may(*Role)]


@router.post("/price-plans", response_model=PricePlanRead, status_code=201, summary="Set the price of an offering")
async def create_price_plan(
    body: PricePlanCreate,
    principal: Finance,
    session: WriteSession,
    now: Now,
    etag: Etag,
) -> PricePlan:
    """A new version of the offering's plan. Versions are never changed; each counts from its `effective_from` on."""
    return etag(await prices.create_price_plan(session, body, now=now))


@router.get("/price-plans", response_model=Page[PricePlanRead], summary="List price plans")
async def list_price_plans(
    principal: Anyone, session: ReadSession, paging: Paging, offering_id: UUID | None = None
) -> Page[Any]:
    """All versions, the oldest first."""
    query = select(PricePlan)
    if offering_id is not None:
        query = query.where(PricePlan.offering_id == offering_id)
    return await paginate(session, query, PricePlan.id, paging)


@router.get("/price-plans/{plan_id}", response_model=PricePlanRead, summary="Read a price plan")
async def read_price_plan(plan_id: UUID, principal: Anyone, session: ReadSession, etag: Etag) -> PricePlan:
    """One version."""
    plan = await session.get(PricePlan, plan_id)
    if plan is None:
        raise NotFound(f"no price plan {plan_id}")
    return etag(plan)


@router.get(
    "/rate-cards",
    response_model=Page[RateCardItem],
    summary="Read a rate card",
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def read_rate_card(
    principal: Anyone,
    units: UnitScope,
    session: ReadSession,
    paging: Paging,
    now: Now,
    audience: Annotated[UUID | None, Query(description="A business unit; absent: the prices that are for all")] = None,
    at: Annotated[Instant | None, Query(description="The prices in force then; absent: now")] = None,
    format: Annotated[Literal["json", "csv"], Query()] = "json",
) -> Any:
    """The offerings with their charges in force; of several prices that of the closest audience. CSV is not paged."""
    if audience is not None:
        units.require(audience, pointer="audience")
    moment: datetime = at or now
    query = queries.offerings_priced_at(moment)
    if format == "csv":
        offerings = list(await session.scalars(query.order_by(PricedOffering.id)))
        items = await rate_cards.rate_card(session, offerings, audience, moment)
        return Response(rate_cards.rate_card_csv(items), media_type="text/csv; charset=utf-8")
    page = await paginate(session, query, PricedOffering.id, paging)
    items = await rate_cards.rate_card(session, page.items, audience, moment)
    return Page[RateCardItem](items=items, next_cursor=page.next_cursor)


@router.post("/price-previews", summary="Calculate a price")
async def preview_price(body: PricePreview, principal: Anyone) -> PricePreviewRead:
    """Any of the nine price models at any quantity, with the formula and its parts. Stores nothing."""
    return prices.preview_price(body)
