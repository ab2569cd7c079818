"""Budgets, their phases, and what moves between them."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from pricing_service.domain.budget import Control
from pricing_service.domain.budget_phases import Phasing, Scope, ScopeKind, YearEnd
from pricing_service.schemas.numbers import Name, PeriodText, Quantity
from services.http import Body, DecimalString, MoneyModel, Read


def _not_negative(money: MoneyModel) -> MoneyModel:
    if money.amount < 0:
        raise ValueError("must not be negative")
    return money


def _ascending(percents: list[int]) -> list[int]:
    if len(set(percents)) != len(percents):
        raise ValueError("must not name a percentage twice")
    return sorted(percents)


NotNegative = Annotated[MoneyModel, AfterValidator(_not_negative)]
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
