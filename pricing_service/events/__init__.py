"""What pricing publishes, one module per room."""

from pricing_service.events import budgets, periods, prices, quotes, statements
from pricing_service.events.budgets import (
    BudgetBalanceChanged,
    BudgetForQuote,
    BudgetRefused,
    BudgetReserved,
    BudgetState,
    BudgetThresholdCrossed,
)
from pricing_service.events.periods import BillingPeriodClosed, BillingPeriodReopened
from pricing_service.events.prices import PriceChanged, UnitCostPublished
from pricing_service.events.quotes import (
    BudgetAnswerData,
    QuoteAccepted,
    QuoteExpired,
    QuoteIssued,
    QuoteLineData,
    QuoteState,
    QuoteWithdrawn,
)
from pricing_service.events.statements import StatementIssued, StatementLineData
from services.events import EventData

PUBLISHED: list[type[EventData]] = [
    *quotes.PUBLISHED,
    *budgets.PUBLISHED,
    *periods.PUBLISHED,
    *prices.PUBLISHED,
    *statements.PUBLISHED,
]

__all__ = [
    "PUBLISHED",
    "BillingPeriodClosed",
    "BillingPeriodReopened",
    "BudgetAnswerData",
    "BudgetBalanceChanged",
    "BudgetForQuote",
    "BudgetRefused",
    "BudgetReserved",
    "BudgetState",
    "BudgetThresholdCrossed",
    "PriceChanged",
    "QuoteAccepted",
    "QuoteExpired",
    "QuoteIssued",
    "QuoteLineData",
    "QuoteState",
    "QuoteWithdrawn",
    "StatementIssued",
    "StatementLineData",
    "UnitCostPublished",
]
