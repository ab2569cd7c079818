"""A billed charge as a row of a FOCUS 1.2 Cost and Usage dataset (focus.finops.org), seen from the consumer.

The business unit is the billing account, IT is provider, publisher and invoice issuer, the statement is the invoice.

| what | is in FOCUS |
|---|---|
| a charge for what was delivered in the period, by fee or by meter | ChargeCategory Usage |
| a charge that is billed before its period | Purchase, EffectiveCost 0; in its own period Usage, BilledCost 0 |
| a service credit for a missed commitment | Credit |
| a correction of a period that was invoiced before | its own category, ChargeClass Correction |
| a showback line | BilledCost 0: nobody pays it; the other three costs as they are |

The unit price of a row is its amount ÷ its quantity, since tiers, minimums and rounding leave no other one for the
whole line; the exact formula stands in x_Formula. Prices are never negative: a negative amount has a negative quantity.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from enum import StrEnum
from uuid import UUID

from services.errors import Fault, Invalid

SERVICE_CATEGORIES: Mapping[str, tuple[str, ...]] = {
    "AI and Machine Learning": (
        "AI Platforms",
        "Bots",
        "Generative AI",
        "Machine Learning",
        "Natural Language Processing",
    ),
    "Analytics": (
        "Analytics Platforms",
        "Business Intelligence",
        "Data Processing",
        "Search",
        "Streaming Analytics",
    ),
    "Business Applications": ("Productivity and Collaboration",),
    "Compute": (
        "Containers",
        "End User Computing",
        "Quantum Compute",
        "Serverless Compute",
        "Virtual Machines",
    ),
    "Databases": (
        "Caching",
        "Data Warehouses",
        "Ledger Databases",
        "NoSQL Databases",
        "Relational Databases",
        "Time Series Databases",
    ),
    "Developer Tools": (
        "Developer Platforms",
        "Continuous Integration and Deployment",
        "Development Environments",
        "Source Code Management",
        "Quality Assurance",
    ),
    "Identity": ("Identity and Access Management",),
    "Integration": (
        "API Management",
        "Messaging",
        "Workflow Orchestration",
    ),
    "Internet of Things": (
        "IoT Analytics",
        "IoT Platforms",
    ),
    "Management and Governance": (
        "Architecture",
        "Compliance",
        "Cost Management",
        "Data Governance",
        "Disaster Recovery",
        "Endpoint Management",
        "Observability",
        "Support",
    ),
    "Media": (
        "Content Creation",
        "Gaming",
        "Media Streaming",
        "Mixed Reality",
    ),
    "Migration": (
        "Data Migration",
        "Resource Migration",
    ),
    "Mobile": (),
    "Multicloud": ("Multicloud Integration",),
    "Networking": (
        "Application Networking",
        "Content Delivery",
        "Network Connectivity",
        "Network Infrastructure",
        "Network Routing",
        "Network Security",
    ),
    "Other": (),
    "Security": (
        "Secret Management",
        "Security Posture Management",
        "Threat Detection and Response",
    ),
    "Storage": (
        "Backup Storage",
        "Block Storage",
        "File Storage",
        "Object Storage",
        "Storage Platforms",
    ),
    "Web": ("Application Platforms",),
}  # FOCUS 1.2, ServiceCategory and ServiceSubcategory; each category has an "Other (…)" besides

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingAccountType",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceDetails",
    "SkuPriceId",
    "x_Formula",
    "x_LineId",
    "x_OfferingName",
    "x_PlanVersion",
    "x_SubscriptionId",
)
UNIT_PRICE_PLACES = 18
ZERO, ONE = Decimal(0), Decimal(1)
_WIDE = Context(prec=120)
_TIMES = {"year", "month", "day", "hour", "minute", "second"}
_SIZE = re.compile(r"[KMGTPE]?i?[bB]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*", re.ASCII)


class CategoryUnknown(Invalid): ...


class ChargeCategory(StrEnum):
    USAGE = "Usage"
    PURCHASE = "Purchase"
    CREDIT = "Credit"


class ChargeFrequency(StrEnum):
    ONE_TIME = "One-Time"
    RECURRING = "Recurring"
    USAGE_BASED = "Usage-Based"


@dataclass(frozen=True, slots=True)
class Classification:
    """Where a service stands in FOCUS's list."""

    category: str = "Other"
    subcategory: str = "Other (Other)"


@dataclass(frozen=True, slots=True)
class BilledCharge:
    """A statement line or a credit note's line, with the names around it."""

    line_id: UUID
    invoice_id: str
    business_unit_id: UUID
    business_unit_name: str
    currency: str
    billing_start: datetime
    billing_end: datetime
    charge_start: datetime
    charge_end: datetime
    category: ChargeCategory
    frequency: ChargeFrequency
    is_correction: bool
    is_billed: bool  # False: showback
    in_advance: bool  # billed now for a later period
    drawn_down: bool  # billed earlier for this period
    amount: Decimal  # as billed, to the currency's exponent
    list_amount: Decimal  # before discounts
    quantity: Decimal
    unit: str
    model: str
    is_dynamic: bool  # its price follows the cost
    service_name: str
    classification: Classification
    offering_id: UUID
    offering_name: str
    charge_key: str
    charge_name: str
    meter: str | None
    formula: str
    subscription_id: UUID
    price_plan_id: UUID | None
    plan_version: int | None
    issuer: str


def classification(category: str, subcategory: str | None) -> Classification:
    """Raises CategoryUnknown unless FOCUS has the category, and the subcategory in it."""
    if category not in SERVICE_CATEGORIES:
        raise CategoryUnknown(
            f"{category[:60]!r} is no FOCUS service category",
            faults=[Fault("/category", f"must be one of {', '.join(SERVICE_CATEGORIES)}")],
        )
    other = f"Other ({category})"
    allowed = (*SERVICE_CATEGORIES[category], other)
    if subcategory is not None and subcategory not in allowed:
        raise CategoryUnknown(
            f"{subcategory[:60]!r} is no FOCUS subcategory of {category}",
            faults=[Fault("/subcategory", f"must be one of {', '.join(allowed)}")],
        )
    return Classification(category, subcategory or other)


def focus_row(charge: BilledCharge) -> dict[str, str]:
    """The row, as text by column; what is null in FOCUS is an empty text."""
    category = _category(charge)
    usage = category is ChargeCategory.USAGE
    quantity, unit, unit_price = _priced(charge.amount, charge.quantity, charge.unit)
    credit = category is ChargeCategory.CREDIT  # it is a gift: nothing of it has a quantity or a price
    pricing_quantity = "" if credit else _number(quantity)
    price = "" if credit else _number(unit_price)
    list_price = "" if credit else _number(_unit_price(charge.list_amount, quantity))
    effective = _number(ZERO if category is ChargeCategory.PURCHASE else charge.amount)
    sku = f"{charge.offering_id}/{charge.charge_key}"
    plan = sku if charge.price_plan_id is None else f"{charge.price_plan_id}/{charge.charge_key}"
    return {
        "BilledCost": _number(charge.amount if charge.is_billed and not charge.drawn_down else ZERO),
        "BillingAccountId": str(charge.business_unit_id),
        "BillingAccountName": charge.business_unit_name,
        "BillingAccountType": "Business Unit",
        "BillingCurrency": charge.currency,
        "BillingPeriodEnd": _instant(charge.billing_end),
        "BillingPeriodStart": _instant(charge.billing_start),
        "ChargeCategory": category.value,
        "ChargeClass": "Correction" if charge.is_correction else "",
        "ChargeDescription": f"{charge.offering_name}: {charge.charge_name}",
        "ChargeFrequency": charge.frequency.value,
        "ChargePeriodEnd": _instant(charge.charge_end),
        "ChargePeriodStart": _instant(charge.charge_start),
        "CommitmentDiscountStatus": "",  # there are none yet, but ConsumedQuantity's rules refer to it
        "ConsumedQuantity": _number(charge.quantity) if usage else "",
        "ConsumedUnit": focus_unit(charge.unit) if usage else "",
        "ContractedCost": _number(charge.amount),
        "ContractedUnitPrice": price,
        "EffectiveCost": effective,
        "InvoiceId": charge.invoice_id,
        "InvoiceIssuerName": charge.issuer,
        "ListCost": _number(charge.list_amount),
        "ListUnitPrice": list_price,
        "PricingCategory": "" if credit else "Dynamic" if charge.is_dynamic else "Standard",
        "PricingCurrency": charge.currency,
        "PricingCurrencyContractedUnitPrice": price,
        "PricingCurrencyEffectiveCost": effective,
        "PricingCurrencyListUnitPrice": list_price,
        "PricingQuantity": pricing_quantity,
        "PricingUnit": "" if credit else focus_unit(unit),
        "ProviderName": charge.issuer,
        "PublisherName": charge.issuer,
        "ResourceId": str(charge.subscription_id),
        "ResourceName": charge.offering_name,
        "ResourceType": "Subscription",
        "ServiceCategory": charge.classification.category,
        "ServiceName": charge.service_name,
        "ServiceSubcategory": charge.classification.subcategory,
        "SkuId": sku,
        "SkuMeter": charge.meter or charge.charge_name,
        "SkuPriceDetails": json.dumps({"x_PriceModel": charge.model}),
        "SkuPriceId": plan,
        "x_Formula": charge.formula,
        "x_LineId": str(charge.line_id),
        "x_OfferingName": charge.offering_name,
        "x_PlanVersion": "" if charge.plan_version is None else str(charge.plan_version),
        "x_SubscriptionId": str(charge.subscription_id),
    }


def _category(charge: BilledCharge) -> ChargeCategory:
    if charge.category is ChargeCategory.USAGE and charge.in_advance:
        return ChargeCategory.PURCHASE
    return charge.category


def _priced(amount: Decimal, quantity: Decimal, unit: str) -> tuple[Decimal, str, Decimal]:
    """Quantity, unit and a price that is not negative, whose product is the amount."""
    if not amount:
        return quantity.copy_abs(), unit, ZERO
    if not quantity:  # a fee that is due at a quantity of 0, a true-up
        quantity, unit = ONE, "Charge"
    if (amount < 0) is not (quantity < 0):
        quantity = quantity.copy_negate()
    price = _unit_price(amount, quantity)
    return quantity, unit, price


def _unit_price(amount: Decimal, quantity: Decimal) -> Decimal:
    if not quantity:
        return ZERO
    price = _WIDE.divide(amount, quantity).copy_abs()
    return price.quantize(ONE.scaleb(-UNIT_PRICE_PLACES), context=_WIDE)


def focus_unit(text: str) -> str:
    """A unit of measure in FOCUS's unit format: "vm-hours" → "VM-Hours", "million-messages" → "Million Messages"."""
    if _SIZE.fullmatch(text):
        return text
    words = _WORD.findall(text)
    if not words:
        return "Unit"
    last = words[-1].lower()
    if last.removesuffix("s") in _TIMES:
        plural = f"{last.removesuffix('s').capitalize()}s"
        before = [_word(word) for word in words[:-1]]
        return f"{' '.join(before)}-{plural}" if before else plural
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    if len(word) <= 2 or _SIZE.fullmatch(word):
        return word if _SIZE.fullmatch(word) else word.upper()
    return word[0].upper() + word[1:]


def _number(number: Decimal) -> str:
    """With a decimal point in any case: readers that guess types would take a column of whole numbers for integers."""
    whole, _, places = f"{number:f}".partition(".")
    return f"{whole}.{places.rstrip('0') or '0'}"


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
