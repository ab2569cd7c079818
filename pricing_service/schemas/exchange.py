"""Exchange rates."""

import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from pricing_service.domain.exchange import RateType
from pricing_service.schemas.numbers import Name, Number
from services.http import Body, CurrencyCode, DecimalString, Read


def _this_age(day: datetime.date) -> datetime.date:
    if not 1970 <= day.year <= 2200:
        raise ValueError("must lie between 1970 and 2200")
    return day


RateDate = Annotated[datetime.date, AfterValidator(_this_age)]


class ExchangeRateCreate(Body):
    """One unit of `base` is worth `rate` of `quote`."""

    type: RateType = Field(description="budget: for planning; average: of a period; closing: of its last day")
    base: CurrencyCode
    quote: CurrencyCode
    rate: Number = Field(description="Above zero, with all its digits", examples=["1.0832"])
    date: RateDate = Field(description="From which day on it counts, until the next one", examples=["2026-10-31"])
    source: Name = Field(description="Who says so", examples=["ECB"])


class ExchangeRateBatch(Body):
    items: list[ExchangeRateCreate] = Field(min_length=1, max_length=1000)


class ExchangeRateRead(Read):
    id: UUID
    type: RateType
    base: str
    quote: str
    rate: DecimalString
    date: datetime.date
    source: str
    number: int = Field(description="Of the statements for this pair and day, from 1: a correction is the next one")
    superseded_by: UUID | None = Field(description="The statement that corrects this one")


class ExchangeRateList(Read):
    items: list[ExchangeRateRead]


class RateInForce(Read):
    """The rate that a conversion on a day uses."""

    exchange_rate_id: UUID
    type: RateType
    base: str
    quote: str
    on: datetime.date
    date: datetime.date = Field(description="Of the rate")
    rate: DecimalString = Field(description="As stated; for quote → base where `inverse`")
    inverse: bool = Field(description="Only the inverse pair was stated: the exact fraction 1/rate is used")
    factor: DecimalString = Field(description="What an amount in base is multiplied by, shown to 24 decimals")
    source: str
