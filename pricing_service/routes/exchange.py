"""Exchange rates."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service import queries
from pricing_service.domain.exchange import RateType, rounded
from pricing_service.schemas import exchange as bodies
from pricing_service.tables import ExchangeRate
from pricing_service.use_cases import exchange
from services.errors import NotFound
from services.http import Api, CurrencyCode, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Exchange rates"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER, Role.DEMAND_LEADER)]


class ExchangeRateUnknown(NotFound): ...


@router.post(
    "/exchange-rates", response_model=bodies.ExchangeRateRead, status_code=201, summary="State an exchange rate"
)
async def state_rate(
    body: bodies.ExchangeRateCreate, principal: Finance, session: WriteSession, etag: Etag
) -> ExchangeRate:
    """The same again changes nothing; another rate for the same type, pair and date supersedes the earlier one.

    Refused where the date lies in a closed period: what it was converted by stays.
    """
    return etag(await exchange.state_rate(session, body))


@router.post(
    "/exchange-rates/batch", response_model=bodies.ExchangeRateList, status_code=201, summary="State exchange rates"
)
async def state_rates(body: bodies.ExchangeRateBatch, principal: Finance, session: WriteSession) -> dict[str, Any]:
    """At most 1,000; all of them or none."""
    return {"items": await exchange.state_rates(session, body.items)}


@router.get("/exchange-rates", response_model=Page[bodies.ExchangeRateRead], summary="List exchange rates")
async def list_rates(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    rate_type: Annotated[RateType | None, Query(alias="type")] = None,
    base: CurrencyCode | None = None,
    quote: CurrencyCode | None = None,
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    superseded: Annotated[bool, Query(description="Show those too that were corrected since")] = False,
) -> Page[Any]:
    """In the order in which they were stated."""
    query = select(ExchangeRate)
    if not superseded:
        query = query.where(ExchangeRate.superseded_by.is_(None))
    for column, wanted in (
        (ExchangeRate.rate_type, rate_type),
        (ExchangeRate.base, base),
        (ExchangeRate.quote, quote),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if first is not None:
        query = query.where(ExchangeRate.day >= first)
    if last is not None:
        query = query.where(ExchangeRate.day <= last)
    return await paginate(session, query, ExchangeRate.id, paging)


@router.get("/exchange-rates/in-force", summary="Find the rate of a day")
async def find_rate(
    principal: Reader,
    session: ReadSession,
    rate_type: Annotated[RateType, Query(alias="type")],
    base: CurrencyCode,
    quote: CurrencyCode,
    on: date,
) -> bodies.RateInForce:
    """The newest on or before the day, as a conversion uses it; the inverse pair's only where there is no other."""
    found = await queries.exchange_rate(session, rate_type, base, quote, on)
    if found is None:
        raise ExchangeRateUnknown(f"no {rate_type} rate for {base}/{quote} on or before {on}")
    return bodies.RateInForce(
        exchange_rate_id=found.id,
        type=found.rate_type,
        base=base,
        quote=quote,
        on=on,
        date=found.day,
        rate=found.stated,
        inverse=found.inverse,
        factor=rounded(found.factor),
        source=found.source,
    )


@router.get("/exchange-rates/{rate_id}", response_model=bodies.ExchangeRateRead, summary="Read an exchange rate")
async def read_rate(rate_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> ExchangeRate:
    """Also one that was corrected since: conversions name the rate that they used."""
    found = await session.get(ExchangeRate, rate_id)
    if found is None:
        raise ExchangeRateUnknown(f"no exchange rate {rate_id}")
    return etag(found)
