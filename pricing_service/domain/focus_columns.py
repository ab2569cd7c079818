"""The columns of FOCUS 1.0 to 1.2, and how costs are kept of them."""

REQUIRED = (
    "BilledCost", "EffectiveCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceName",
)  # fmt: skip
CATEGORIES = frozenset({"Usage", "Purchase", "Tax", "Credit", "Adjustment"})
CORRECTION = "Correction"
SIGNED = frozenset({"Credit", "Adjustment"})  # what these give back is at times written as a negative price

# Columns of text, by the field of CostRow that takes them, in its order.
TEXTS = {
    "charge_description": "ChargeDescription",
    "charge_frequency": "ChargeFrequency",
    "service_name": "ServiceName",
    "service_category": "ServiceCategory",
    "service_subcategory": "ServiceSubcategory",
    "provider_name": "ProviderName",
    "publisher_name": "PublisherName",
    "invoice_issuer_name": "InvoiceIssuerName",
    "invoice_id": "InvoiceId",
    "billing_account_id": "BillingAccountId",
    "billing_account_name": "BillingAccountName",
    "sub_account_id": "SubAccountId",
    "sub_account_name": "SubAccountName",
    "region_id": "RegionId",
    "region_name": "RegionName",
    "resource_id": "ResourceId",
    "resource_name": "ResourceName",
    "resource_type": "ResourceType",
    "pricing_category": "PricingCategory",
    "sku_id": "SkuId",
    "consumed_unit": "ConsumedUnit",
}
QUANTITIES = ("ConsumedQuantity", "PricingQuantity", "CommitmentDiscountQuantity")
UNIT_PRICES = (
    *("ListUnitPrice", "ContractedUnitPrice"),
    *("PricingCurrencyListUnitPrice", "PricingCurrencyContractedUnitPrice"),
)
# The remaining columns of 1.0 to 1.2: kept as they are written, by name.
OTHERS = (
    *("AvailabilityZone", "BillingAccountType", "CapacityReservationId", "CapacityReservationStatus"),
    *("CommitmentDiscountCategory", "CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus"),
    *("CommitmentDiscountType", "CommitmentDiscountUnit", "PricingCurrency", "PricingUnit", "SkuMeter"),
    *("SkuPriceDetails", "SkuPriceId", "SubAccountType", *UNIT_PRICES),
)
