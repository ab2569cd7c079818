"""What pricing keeps, one module per room.

| room | tables |
|---|---|
| calendar | fiscal_calendar: one row, also the lock of the books; period_state: what was closed |
| costs | cost_import, cost_import_fault, cost_row: charges, file by file; cost_snapshot: which of them count |
| entries | accrual, amortisation_schedule, cost_entry: costs that no file brings |
| exchange | exchange_rate: what a currency is worth, by type and day |
| allocation_models | allocation_model, allocation_statistic, service_plan: how costs are to be shared, and the plan |
| allocation | cost_pool, service_volume; allocation_run and what it found: allocation_pool, _source, _node, _flow, \
_share; service_cost, unit_cost_share, unit_cost |
| prices | price_plan: immutable versions; priced_offering: the offering whose price changed |
| | price_change, shadow_price, shadow_price_of_unit: prices on their way |
| | pricing_strategy: what a service is meant to recover |
| quotes | quote, quote_counter: offers |
| budgets | budget, budget_entry, reservation, budget_transfer: the money for them, and what moved it |
| usage | meter, usage_event, usage_correction, usage_policy, usage_rejection: what was metered |
| | usage_arrival, late_usage: in which order it came, and what came for closed periods |
| statements | statement, statement_line: what is charged; statement_step: what became of it |
| billing | billing_profile, billing_provider, intercompany_accounts, service_credit_rule: dated by period |
| credits | dispute, credit_note, credit_note_line; commitment_miss, service_credit; document_counter |
| journals | journal, journal_line: what is handed to the ledger |
| classification | service_classification: a service's place in FOCUS's list |
| known | known_demand, known_service, known_offering, known_subscription, known_unit_profile: others' facts |
| | subscription_step: the history of a subscription; unit_tags_step: of a business unit's tags |
"""

from pricing_service.tables.allocation import (
    AllocationFlow,
    AllocationNode,
    AllocationPool,
    AllocationRun,
    AllocationShare,
    AllocationSource,
    CostPool,
    ServiceCost,
    ServiceVolume,
    UnitCost,
    UnitCostShare,
)
from pricing_service.tables.allocation_models import AllocationModel, AllocationStatistic, ServicePlan
from pricing_service.tables.base import Base
from pricing_service.tables.billing import BillingProfile, BillingProvider, IntercompanyAccounts, ServiceCreditRule
from pricing_service.tables.budgets import Budget, BudgetEntry, BudgetTransfer, Reservation
from pricing_service.tables.calendar import FiscalCalendarRow, PeriodState
from pricing_service.tables.classification import ServiceClassification
from pricing_service.tables.costs import (
    ClearingExplanation,
    CostDelivery,
    CostImport,
    CostImportFault,
    CostRow,
    CostSnapshot,
    CostSource,
)
from pricing_service.tables.credits import (
    CommitmentMiss,
    CreditNote,
    CreditNoteLine,
    Dispute,
    DocumentCounter,
    ServiceCredit,
)
from pricing_service.tables.entries import Accrual, AmortisationSchedule, CostEntry
from pricing_service.tables.exchange import ExchangeRate
from pricing_service.tables.journals import Journal, JournalLine
from pricing_service.tables.known import (
    KnownDemand,
    KnownOffering,
    KnownService,
    KnownSubscription,
    KnownUnitProfile,
    SubscriptionStep,
    UnitTagsStep,
)
from pricing_service.tables.prices import PriceChange, PricedOffering, PricePlan, ShadowPrice, ShadowPriceOfUnit
from pricing_service.tables.quotes import Quote, QuoteCounter
from pricing_service.tables.statements import Statement, StatementLine, StatementStep
from pricing_service.tables.strategies import PricingStrategy
from pricing_service.tables.usage import (
    LateUsage,
    Meter,
    UsageArrival,
    UsageCorrection,
    UsageEvent,
    UsagePolicy,
    UsageRejection,
)

__all__ = [
    "Accrual",
    "AllocationFlow",
    "AllocationModel",
    "AllocationNode",
    "AllocationPool",
    "AllocationRun",
    "AllocationShare",
    "AllocationSource",
    "AllocationStatistic",
    "AmortisationSchedule",
    "Base",
    "BillingProfile",
    "BillingProvider",
    "Budget",
    "BudgetEntry",
    "BudgetTransfer",
    "ClearingExplanation",
    "CommitmentMiss",
    "CostDelivery",
    "CostEntry",
    "CostImport",
    "CostImportFault",
    "CostPool",
    "CostRow",
    "CostSnapshot",
    "CostSource",
    "CreditNote",
    "CreditNoteLine",
    "Dispute",
    "DocumentCounter",
    "ExchangeRate",
    "FiscalCalendarRow",
    "IntercompanyAccounts",
    "Journal",
    "JournalLine",
    "KnownDemand",
    "KnownOffering",
    "KnownService",
    "KnownSubscription",
    "KnownUnitProfile",
    "LateUsage",
    "Meter",
    "PeriodState",
    "PriceChange",
    "PricePlan",
    "PricedOffering",
    "PricingStrategy",
    "Quote",
    "QuoteCounter",
    "Reservation",
    "ServiceClassification",
    "ServiceCost",
    "ServiceCredit",
    "ServiceCreditRule",
    "ServicePlan",
    "ServiceVolume",
    "ShadowPrice",
    "ShadowPriceOfUnit",
    "Statement",
    "StatementLine",
    "StatementStep",
    "SubscriptionStep",
    "UnitCost",
    "UnitCostShare",
    "UnitTagsStep",
    "UsageArrival",
    "UsageCorrection",
    "UsageEvent",
    "UsagePolicy",
    "UsageRejection",
]
