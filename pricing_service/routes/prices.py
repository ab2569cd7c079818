"""Price plans and the price calculator."""

from typing import Annotated, Any
from uuid import UUID

from sqlalchemy import select

from pricing_service.schemas.prices import PricePlanCreate, PricePlanRead, PricePreview, PricePreviewRead
from pricing_service.tables import PricePlan
from pricing_service.use_cases import prices
from services.errors import NotFound
from services.http import Api, Etag, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

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


@router.post("/price-previews", summary="Calculate a price")
async def preview_price(body: PricePreview, principal: Anyone) -> PricePreviewRead:
    """Any of the eight price models at any quantity, with the formula and its parts. Stores nothing."""
    return prices.preview_price(body)
