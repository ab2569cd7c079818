"""What pricing publishes, one module per room."""

from pricing_service.events import budgets, credits, periods, prices, quotes, statements, usage
from pricing_service.events.budgets import (
    BudgetBalanceChanged,
    BudgetForQuote,
    BudgetRefused,
    BudgetReserved,
    BudgetState,
    BudgetThresholdCrossed,
)
from pricing_service.events.credits import CreditNoteIssued, CreditNoteLineData, DisputeOpened, DisputeResolved
from pricing_service.events.periods import BillingPeriodClosed, BillingPeriodReopened
from pricing_service.events.prices import (
    PriceAnnounced,
    PriceChanged,
    PriceChangeData,
    PriceWithdrawn,
    RecoveryDrifted,
    UnitCostPlanned,
    UnitCostPublished,
)
from pricing_service.events.quotes import (
    BudgetAnswerData,
    QuoteAccepted,
    QuoteExpired,
    QuoteIssued,
    QuoteLineData,
    QuoteState,
    QuoteWithdrawn,
)
from pricing_service.events.statements import StatementIssued, StatementLineData, StatementPosted, StatementSettled
from pricing_service.events.usage import UsageRejectedTold
from services.events import EventData

PUBLISHED: list[type[EventData]] = [
    *quotes.PUBLISHED,
    *budgets.PUBLISHED,
    *periods.PUBLISHED,
    *prices.PUBLISHED,
    *statements.PUBLISHED,
    *credits.PUBLISHED,
    *usage.PUBLISHED,
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
    "CreditNoteIssued",
    "CreditNoteLineData",
    "DisputeOpened",
    "DisputeResolved",
    "PriceAnnounced",
    "PriceChangeData",
    "PriceChanged",
    "PriceWithdrawn",
    "QuoteAccepted",
    "QuoteExpired",
    "QuoteIssued",
    "QuoteLineData",
    "QuoteState",
    "QuoteWithdrawn",
    "RecoveryDrifted",
    "StatementIssued",
    "StatementLineData",
    "StatementPosted",
    "StatementSettled",
    "UnitCostPlanned",
    "UnitCostPublished",
    "UsageRejectedTold",
]
