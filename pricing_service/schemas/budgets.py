"""Budgets, their phases, and what moves between them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from pricing_service.domain.budget import Control
from pricing_service.domain.budget_phases import Phasing, Scope, ScopeKind, YearEnd
from pricing_service.schemas.numbers import Name, PeriodText, Quantity
from services.http import Body, DecimalString, MoneyInput, Read


def _not_negative(money: MoneyInput) -> MoneyInput:
    if money.amount < 0:
        raise ValueError("must not be negative")
    return money


def _ascending(percents: list[int]) -> list[int]:
    if len(set(percents)) != len(percents):
        raise ValueError("must not name a percentage twice")
    return sorted(percents)


NotNegative = Annotated[MoneyInput, AfterValidator(_not_negative)]
Thresholds = Annotated[
    list[Annotated[int, Field(ge=1, le=1000, description="Percent of the amount")]],
    Field(max_length=20, description="Told once each when reserved + actual reaches them"),
    AfterValidator(_ascending),
]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class ScopeBody(Body):
    """What a budget is for: everything, one service, or a portfolio node (its name and the services below it)."""

    kind: ScopeKind = ScopeKind.ALL
    service_id: UUID | None = None
    name: Name | None = None
    service_ids: list[UUID] = Field([], max_length=1000)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        wanted = {ScopeKind.ALL: set(), ScopeKind.SERVICE: {"service_id"}, ScopeKind.NODE: {"name", "service_ids"}}
        given = {field for field in ("service_id", "name", "service_ids") if getattr(self, field)}
        if given != wanted[self.kind]:
            names = " and ".join(sorted(wanted[self.kind])) or "nothing else"
            raise ValueError(f"a scope of kind {self.kind} takes {names}")
        return self

    def scope(self) -> Scope:
        ids = self.service_ids if self.service_id is None else [self.service_id]
        return Scope(self.kind, self.name, frozenset(ids))


class PhaseBody(Body):
    period: PeriodText
    amount: Quantity


class BudgetCreate(Body):
    """What a business unit may spend in a fiscal year, phased over its periods."""

    business_unit_id: UUID
    fiscal_year: int = Field(ge=2000, le=2100)
    amount: NotNegative
    hard: bool = Field(description="A hard budget refuses what it cannot cover; a soft one only shows it")
    control: Control = Field(
        Control.YEAR,
        description="Where a hard budget must not run short: in the year, from its start up to any period (to_date), "
        "or in each period",
    )
    scope: ScopeBody = ScopeBody()
    phasing: Phasing = Field(Phasing.EVEN, description="even, by_days of the periods, or given in `phases`")
    phases: list[PhaseBody] = Field(
        [], max_length=12, description="With phasing given: amounts that add up to `amount`; periods left out get 0"
    )
    thresholds: Thresholds = Field([50, 80, 100])
    year_end: YearEnd = Field(YearEnd.LAPSE, description="What becomes of the money that is left")
    carry_over_cap: NotNegative | None = Field(None, description="At most this much is carried over")


class ScopeRead(Read):
    kind: ScopeKind
    name: str | None
    service_ids: Annotated[list[UUID], AfterValidator(sorted)]


class BudgetRead(Read):
    """available = amount − reserved − actual. `memo` is what showback showed: it counts against nothing."""

    id: UUID
    business_unit_id: UUID
    fiscal_year: int
    currency: str
    scope: ScopeRead
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    available: DecimalString
    memo: DecimalString
    hard: bool
    control: Control
    thresholds: list[int]
    crossed: list[int] = Field(description="The thresholds that were told")
    year_end: YearEnd
    carry_over_cap: DecimalString | None
    settled_at: datetime | None = Field(description="When what was left lapsed or was carried over")
    created_at: datetime


class PhaseRead(Read):
    """One period of a budget: available = amount − reserved − actual."""

    period: str
    closed: bool
    amount: DecimalString
    reserved: DecimalString
    actual: DecimalString
    available: DecimalString
    memo: DecimalString


class BudgetDetail(BudgetRead):
    """With its phases; each figure of the budget is their sum."""

    phases: list[PhaseRead]


class BudgetAmend(Body):
    """What changes, and why. What is left out stays. Closed periods keep their amounts."""

    reason: Reason
    amount: NotNegative | None = Field(
        None, description="The year's new amount; the difference spreads evenly over the periods that are still to end"
    )
    phases: list[PhaseBody] = Field([], max_length=12, description="New amounts of these periods; the others stay")
    hard: bool | None = None
    control: Control | None = None
    thresholds: Thresholds | None = None
    year_end: YearEnd | None = None
    carry_over_cap: NotNegative | None = Field(None, description="null takes the cap away")


class BudgetTransferCreate(Body):
    """Money that goes from one budget to another of the same fiscal year and currency."""

    from_budget_id: UUID
    to_budget_id: UUID
    amount: MoneyInput = Field(description="More than 0")
    periods: list[PeriodText] = Field(
        [], max_length=12, description="It spreads evenly over these; by default over those that are still to end"
    )
    reason: Reason


class TransferPart(Read):
    period: str
    amount: DecimalString


class BudgetTransferRead(Read):
    """`parts` add up to the amount."""

    id: UUID
    from_budget_id: UUID
    to_budget_id: UUID
    amount: DecimalString
    currency: str
    parts: list[TransferPart]
    reason: str
    created_at: datetime


class FigurePart(Read):
    """Movements of one figure in one period that have the same cause and the same thing behind them."""

    cause: str
    period: str
    amount: DecimalString
    charge: str | None = Field(description="recurring, one_off or usage")
    quote_id: UUID | None
    source_id: UUID | None = Field(description="The statement, credit note, transfer or other budget behind it")
    reason: str | None
    at: datetime
    movements: int


class FigureExplained(Read):
    """`parts` and `not_shown` add up to `total`."""

    total: DecimalString
    parts: list[FigurePart] = Field(description="The first 500, the oldest first")
    not_shown: DecimalString
    parts_not_shown: int


class BudgetExplanation(Read):
    """Why each figure is what it is. `formula`: available = amount − reserved − actual."""

    budget_id: UUID
    currency: str
    period: str | None
    available: DecimalString
    formula: str
    amount: FigureExplained
    reserved: FigureExplained
    actual: FigureExplained
    memo: FigureExplained


class ForecastPart(Read):
    """expected = actual + reserved + usage + unreserved; `left` = amount − expected."""

    actual: DecimalString = Field(description="Charged by now")
    reserved: DecimalString = Field(description="Held for accepted quotes and not charged yet")
    usage: DecimalString = Field(description="Usage that is still to be charged, at the run rate")
    unreserved: DecimalString = Field(description="Recurring charges beyond any reservation, at the run rate")
    expected: DecimalString
    amount: DecimalString
    left: DecimalString


class PeriodForecastRead(ForecastPart):
    period: str


class BudgetForecast(Read):
    """What the budget will come to by the end of the present period and of the year; each is the sum of its periods."""

    budget_id: UUID
    currency: str
    as_of: datetime
    observed: list[str] = Field(description="The charged, complete periods that the run rates are the mean of")
    usage_rate: DecimalString = Field(description="Usage per period")
    unreserved_rate: DecimalString = Field(description="Recurring charges beyond any reservation, per period")
    to_period_end: ForecastPart
    to_year_end: ForecastPart
    periods: list[PeriodForecastRead]
