"""What the bodies of all services share: strict input, decimals as strings, money, external ids."""

import re
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from services.errors import Refusal
from services.money import Money, exponent

_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")


class Body(BaseModel):
    """A request body: unknown fields are refused, and no string may be longer than 20,000 characters."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)


class Read(BaseModel):
    """A response body, read from an entity's attributes."""

    model_config = ConfigDict(from_attributes=True)


def _plain_decimal(value: Any) -> Any:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not _PLAIN_DECIMAL.fullmatch(value):
        raise ValueError('must be a decimal as a string, such as "12.50": no number, exponent, separator or sign "+"')
    return Decimal(value)


def plain(value: Decimal) -> str:
    """A decimal as JSON shows it: plain notation, never an exponent."""
    return format(value, "f")


DecimalString = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    PlainSerializer(plain, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{_PLAIN_DECIMAL.pattern}$", "examples": ["12.50"]}),
]


def _known_currency(code: str) -> str:
    try:
        exponent(code)
    except Refusal as refusal:
        raise ValueError(refusal.detail) from refusal
    return code


CurrencyCode = Annotated[
    str, Field(pattern="^[A-Z]{3}$", description="ISO 4217", examples=["USD"]), AfterValidator(_known_currency)
]


class MoneyModel(BaseModel):
    """An exact amount in a currency."""

    model_config = ConfigDict(
        from_attributes=True, extra="forbid", json_schema_extra={"examples": [{"amount": "12.50", "currency": "USD"}]}
    )

    amount: DecimalString
    currency: CurrencyCode

    @classmethod
    def of(cls, money: Money) -> "MoneyModel":
        return cls(amount=money.amount, currency=money.currency)

    def money(self) -> Money:
        return Money(self.amount, self.currency)


class ExternalId(BaseModel):
    """The id that another system (HR, ERP, ticketing) knows this by."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    system: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$", examples=["hr"])]
    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["BU-0042"])]
