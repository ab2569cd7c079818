"""What drove a change, what could be done, what was recovered; and a service's place in FOCUS's list."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from pricing_service.domain.changes import DriverOfChange
from pricing_service.domain.levers import LeverKind
from pricing_service.schemas.numbers import Name
from services.http import Body, DecimalString, MoneyModel, Read


class ChangeRead(Read):
    subscription_id: UUID
    offering_id: UUID | None
    charge: str
    driver: DriverOfChange = Field(
        description="started, ended; volume: at the old price; price: all else; adjustment of other periods; credit"
    )
    amount: DecimalString


class ChangesRead(Read):
    """The drivers add up to the difference, largest first."""

    period: str
    compared_with: str
    currency: str
    before: DecimalString
    after: DecimalString
    difference: DecimalString
    items: list[ChangeRead]


class LeverRead(Read):
    kind: LeverKind
    subscription_id: UUID
    offering_id: UUID | None = Field(description="The cheaper offering, where that is the lever")
    saving: MoneyModel = Field(description="In a period like the one looked at")
    once: MoneyModel = Field(description="What it costs to begin with")
    reason: str


class LeversRead(Read):
    """Largest saving first. Advice over what was observed, not a forecast."""

    period: str
    periods_looked_at: int
    items: list[LeverRead]


class CurrencyRevenue(Read):
    currency: str
    charged: DecimalString
    credited: DecimalString
    revenue: DecimalString = Field(description="charged − credited")
    shown: DecimalString = Field(description="On showback statements: nobody pays it, so it recovers nothing")


class ServiceRecovery(Read):
    service_id: UUID
    service: str | None
    revenue_by_currency: list[CurrencyRevenue]
    cost: MoneyModel | None = Field(description="By the newest allocation run of the period")
    revenue: MoneyModel | None = Field(description="In the currency of the cost, at the period's average rate")
    recovered: MoneyModel | None = Field(description="revenue − cost: above 0 it earned, below 0 it was subsidised")
    recovery_percentage: DecimalString | None = Field(description="revenue ÷ cost, in percent")
    allocation_run_id: UUID | None
    warnings: list[str] = Field(description="What is left out for want of an exchange rate")


class RecoveryRead(Read):
    period: str
    items: list[ServiceRecovery]


class ClassificationPut(Body):
    """As in the FOCUS specification 1.2, ServiceCategory and ServiceSubcategory."""

    category: Name = Field(examples=["Compute"])
    subcategory: Name | None = Field(None, examples=["Virtual Machines"], description='Absent: "Other (category)"')


class ClassificationRead(Read):
    id: UUID = Field(description="The service's")
    category: str
    subcategory: str
    updated_at: datetime
