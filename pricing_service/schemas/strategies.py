"""Pricing strategies and what is recovered."""

from uuid import UUID

from pydantic import Field

from pricing_service.domain.strategy import DEFAULT_TOLERANCE, WHOLE, Recovery, StrategyKind
from pricing_service.schemas.numbers import Number
from services.http import Body, DecimalString, Read


class PricingStrategyPut(Body):
    """What of its cost a service is meant to recover."""

    strategy: StrategyKind
    target_recovery_percentage: Number = Field(WHOLE, description="100 for cost_recovery, below it for subsidised")
    tolerance_percentage_points: Number = Field(
        DEFAULT_TOLERANCE, description="How far off the target is no drift, either way"
    )


class PeriodRecovery(Read):
    """Revenue ÷ cost of a period, in percent; null where there is no cost."""

    period: str | None = Field(description="null: over all of the periods")
    cost: DecimalString
    revenue: DecimalString
    currency: str
    recovery_percentage: DecimalString | None
    drift_percentage_points: DecimalString | None
    drifted: bool

    @classmethod
    def of(cls, period: str | None, found: Recovery, currency: str) -> "PeriodRecovery":
        return cls(
            period=period,
            cost=found.cost,
            revenue=found.revenue,
            currency=currency,
            recovery_percentage=found.rate,
            drift_percentage_points=found.drift,
            drifted=found.drifted,
        )


class PricingStrategyRead(Read):
    """What is meant, and what closed periods show of it."""

    service_id: UUID
    strategy: StrategyKind
    target_recovery_percentage: DecimalString
    tolerance_percentage_points: DecimalString
    periods: list[PeriodRecovery] = Field(description="The last closed ones, the oldest first")
    overall: PeriodRecovery | None
    drifted: bool = Field(description="Whether the periods together lie outside the tolerance")
    warnings: list[str]
