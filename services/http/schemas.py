"""What the bodies of all services share: strict input, decimals as strings, money, external ids."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from services.errors import Refusal
from services.money import Money, exponent

_INPUT = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_INPUT_AMOUNT = re.compile(r"-?[0-9]{1,36}(\.[0-9]{1,30})?")  # 10^18 units at 10^18 make a statement's largest amount
_EXACT = re.compile(r"-?[0-9]{1,120}(\.[0-9]{1,120})?")  # whatever services.money.EXACT may make of them


class Body(BaseModel):
    """A request body: unknown fields are refused, and no string may be longer than 20,000 characters."""

    model_config = ConfigDict(extra="forbid", str_max_length=20_000)


class Read(BaseModel):
    """A response body, read from an entity's attributes."""

    model_config = ConfigDict(from_attributes=True)


_WANTED = 'must be a decimal as a string, such as "12.50": no number, exponent, separator or sign "+"'


def _reader(form: re.Pattern[str]) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if isinstance(value, Decimal):
            return value
        if not isinstance(value, str) or not form.fullmatch(value):
            raise ValueError(_WANTED)
        return Decimal(value)

    return read


def plain(value: Decimal) -> str:
    """A decimal as JSON shows it: plain notation, never an exponent."""
    return format(value, "f")


_AS_STRING = PlainSerializer(plain, return_type=str, when_used="json")

# Of answers and events: as long as exact arithmetic makes it.
DecimalString = Annotated[
    Decimal,
    BeforeValidator(_reader(_EXACT)),
    _AS_STRING,
    WithJsonSchema({"type": "string", "pattern": f"^{_EXACT.pattern}$", "examples": ["12.50"]}),
]
# Of bodies; an amount is any that a statement can hold.
DecimalInput = Annotated[
    Decimal,
    BeforeValidator(_reader(_INPUT)),
    _AS_STRING,
    WithJsonSchema({"type": "string", "pattern": f"^{_INPUT.pattern}$", "examples": ["12.50"]}),
]
AmountInput = Annotated[
    Decimal,
    BeforeValidator(_reader(_INPUT_AMOUNT)),
    _AS_STRING,
    WithJsonSchema({"type": "string", "pattern": f"^{_INPUT_AMOUNT.pattern}$", "examples": ["12.50"]}),
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


class MoneyInput(MoneyModel):
    """An amount that is sent: any that a statement can hold."""

    amount: AmountInput


class ExternalId(BaseModel):
    """The id that another system (HR, ERP, ticketing) knows this by."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    system: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$", examples=["hr"])]
    id: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$", examples=["BU-0042"])]
