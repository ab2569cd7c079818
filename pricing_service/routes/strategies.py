"""Pricing strategies per service, and what is recovered."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from pricing_service.schemas.strategies import PricingStrategyPut, PricingStrategyRead
from pricing_service.use_cases import strategies
from services.http import Api, Etag, ReadSession, RequiredIfMatch, WriteSession
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Prices"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]


Periods = Annotated[int, Query(ge=1, le=strategies.MOST_PERIODS, description="How many closed periods to look at")]


@router.get("/services/{service_id}/pricing-strategy", summary="Read a pricing strategy and its recovery")
async def read_strategy(
    service_id: UUID, principal: Reader, session: ReadSession, etag: Etag, periods: Periods = 3
) -> PricingStrategyRead:
    """What of its cost the service is meant to recover, and what the last closed periods did: revenue ÷ cost."""
    strategy = etag(await strategies.strategy_of(session, service_id))
    return await strategies.read_strategy(session, strategy, periods=periods)


@router.put("/services/{service_id}/pricing-strategy", summary="Set a pricing strategy")
async def set_strategy(
    service_id: UUID,
    body: PricingStrategyPut,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
) -> PricingStrategyRead:
    """Cost recovery, market or subsidised. A period that closes outside the tolerance is told of as an event."""
    strategy = etag(await strategies.set_strategy(session, service_id, body, if_match=if_match))
    return await strategies.read_strategy(session, strategy, periods=3)
