"""Orders and subscriptions, over HTTP."""

from typing import Annotated, Any
from uuid import UUID

from demand_service import queries
from demand_service.routes.asking import asking
from demand_service.schemas import OrderRead, Reason, SubscriptionRead
from demand_service.tables import FulfilmentOrder, Subscription
from demand_service.use_cases import orders, subscriptions
from demand_service.use_cases.steps import Asked
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1")

Reader = Annotated[Principal, may(*Role)]


@router.get("/orders", response_model=Page[OrderRead], summary="List orders", tags=["Orders"])
async def list_orders(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    demand_id: UUID | None = None,
    business_unit_id: UUID | None = None,
) -> Page[Any]:
    """With their tasks; those of the caller's business units and the ones below."""
    query = queries.orders(units, demand_id=demand_id, business_unit_id=business_unit_id)
    return await paginate(session, query, FulfilmentOrder.id, paging)


@router.get("/orders/{order_id}", response_model=OrderRead, summary="Read an order", tags=["Orders"])
async def read_order(
    order_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> FulfilmentOrder:
    """With its tasks in their order."""
    return etag(await orders.order(session, order_id, units=units))


@router.post(
    "/orders/{order_id}/tasks/{task_id}/complete",
    response_model=OrderRead,
    summary="Complete a fulfilment task",
    tags=["Orders"],
)
async def complete_task(
    order_id: UUID,
    task_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.SERVICE_OWNER, Role.INTEGRATION)],
) -> FulfilmentOrder:
    """Once what it depends on is done. The last task fulfils the order and activates the subscription."""
    return etag(await orders.complete_task(session, order_id, task_id, asked=asked))


@router.post("/orders/{order_id}/cancel", response_model=OrderRead, summary="Cancel an open order", tags=["Orders"])
async def cancel_order(
    order_id: UUID,
    body: Reason,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.SERVICE_OWNER, Role.DEMAND_LEADER)],
) -> FulfilmentOrder:
    """And its demand with it; what was done stays done."""
    return etag(await orders.cancel_order(session, order_id, reason=body.reason, asked=asked))


@router.get(
    "/subscriptions", response_model=Page[SubscriptionRead], summary="List subscriptions", tags=["Subscriptions"]
)
async def list_subscriptions(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    demand_id: UUID | None = None,
    business_unit_id: UUID | None = None,
) -> Page[Any]:
    """Those of the caller's business units and the ones below, ended ones too."""
    query = queries.subscriptions(units, demand_id=demand_id, business_unit_id=business_unit_id)
    return await paginate(session, query, Subscription.id, paging)


@router.get(
    "/subscriptions/{subscription_id}",
    response_model=SubscriptionRead,
    summary="Read a subscription",
    tags=["Subscriptions"],
)
async def read_subscription(
    subscription_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> Subscription:
    """What a business unit holds, since when, and by which order."""
    return etag(await subscriptions.subscription(session, subscription_id, units=units))


@router.post(
    "/subscriptions/{subscription_id}/end",
    response_model=SubscriptionRead,
    summary="End a subscription",
    tags=["Subscriptions"],
)
async def end_subscription(
    subscription_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.CONSUMER, Role.DEMAND_LEADER, Role.SERVICE_OWNER)],
) -> Subscription:
    """From now on nothing more is charged for it than was used."""
    return etag(await subscriptions.end_subscription(session, subscription_id, asked=asked))
