"""Stating exchange rates. A correction is a new statement; what a closed period was converted by stays."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.exchange import check_rate
from pricing_service.schemas.exchange import ExchangeRateCreate
from pricing_service.tables import ExchangeRate
from pricing_service.use_cases.periods import require_open
from services.errors import Fault, Invalid


class RateGivenTwice(Invalid): ...


async def state_rates(session: AsyncSession, bodies: Sequence[ExchangeRateCreate]) -> list[ExchangeRate]:
    """All of them or none. Raises SameCurrency, RateNotPositive, RateGivenTwice, PeriodClosed."""
    places: dict[tuple[str, str, str, object], int] = {}
    for index, body in enumerate(bodies):
        pointer = f"/items/{index}"
        check_rate(body.base, body.quote, body.rate, pointer=pointer)
        first = places.setdefault((body.type, body.base, body.quote, body.date), index)
        if first != index:
            raise RateGivenTwice(
                f"{body.base}/{body.quote} of {body.date} is given twice",
                faults=[Fault(pointer, f"is the same type, pair and date as /items/{first}")],
            )
    return [await _state(session, body, f"/items/{index}/date") for index, body in enumerate(bodies)]


async def state_rate(session: AsyncSession, body: ExchangeRateCreate) -> ExchangeRate:
    """Raises SameCurrency, RateNotPositive, PeriodClosed."""
    check_rate(body.base, body.quote, body.rate)
    return await _state(session, body, "/date")


async def _state(session: AsyncSession, body: ExchangeRateCreate, pointer: str) -> ExchangeRate:
    """The same rate again changes nothing; another one supersedes it."""
    before: ExchangeRate | None = await session.scalar(
        select(ExchangeRate).where(
            ExchangeRate.rate_type == body.type,
            ExchangeRate.base == body.base,
            ExchangeRate.quote == body.quote,
            ExchangeRate.day == body.date,
            ExchangeRate.superseded_by.is_(None),
        )
    )
    if before is not None and before.rate == body.rate:
        return before
    calendar = await queries.fiscal_calendar(session)
    await require_open(session, calendar.of_day(body.date), pointer)
    stated = ExchangeRate(
        version=1,
        rate_type=body.type,
        base=body.base,
        quote=body.quote,
        day=body.date,
        number=1 if before is None else before.number + 1,
        rate=body.rate,
        source=body.source,
        superseded_by=None,
    )
    session.add(stated)
    if before is not None:
        before.superseded_by = stated.id
    return stated
