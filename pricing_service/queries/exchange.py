"""Which exchange rate applies."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.exchange import FoundRate, RateType
from pricing_service.tables import ExchangeRate


async def exchange_rate(
    session: AsyncSession, rate_type: RateType, base: str, quote: str, on: date
) -> FoundRate | None:
    """The newest rate on or before the day; the inverse pair's only where this one has none. None without either."""
    direct = await _newest(session, rate_type, base, quote, on)
    row = direct or await _newest(session, rate_type, quote, base, on)
    if row is None:
        return None
    return FoundRate(
        id=row.id,
        rate_type=rate_type,
        base=base,
        quote=quote,
        day=row.day,
        stated=row.rate,
        inverse=direct is None,
        source=row.source,
    )


async def _newest(session: AsyncSession, rate_type: RateType, base: str, quote: str, on: date) -> ExchangeRate | None:
    query = (
        select(ExchangeRate)
        .where(
            ExchangeRate.rate_type == rate_type,
            ExchangeRate.base == base,
            ExchangeRate.quote == quote,
            ExchangeRate.day <= on,
            ExchangeRate.superseded_by.is_(None),
        )
        .order_by(ExchangeRate.day.desc())
    )
    found: ExchangeRate | None = await session.scalar(query.limit(1))
    return found
