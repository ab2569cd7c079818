"""What the sample organisation's IT costs in a month, as a FOCUS 1.0 CSV (deploy/sample/organisation.yaml).

Everything here is made up, and the same for the same period everywhere: quantities vary with a hash of the
period, the resource and the day, never with a clock or a random generator. The providers are fictional; the
column names, allowed values and null rules are those of the FOCUS 1.0 specification
(https://focus.finops.org/focus-specification/v1-0/), whose 43 columns are written in its own order. Empty
means null; amounts are plain decimals and every product of a price and a quantity is exact.

What an importer meets: a cloud provider with daily rows, a commitment that is bought (billed, not effective)
and used or unused (effective, not billed), on-demand rows with a dozen decimals, a credit, a correction of the
month before, tax, costs without tags, and monthly rows of the university's own data centre and staff.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import TextIO

COLUMNS = (
    *("AvailabilityZone", "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodEnd", "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargeFrequency", "ChargePeriodEnd", "ChargePeriodStart", "CommitmentDiscountCategory"),
    *("CommitmentDiscountId", "CommitmentDiscountName", "CommitmentDiscountStatus", "CommitmentDiscountType"),
    *("ConsumedQuantity", "ConsumedUnit", "ContractedCost", "ContractedUnitPrice", "EffectiveCost"),
    *("InvoiceIssuerName", "ListCost", "ListUnitPrice", "PricingCategory", "PricingQuantity", "PricingUnit"),
    *("ProviderName", "PublisherName", "RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType"),
    *("ServiceCategory", "ServiceName", "SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
)

_EXACT = Context(prec=60, traps=[Inexact])
_PERIOD = re.compile(r"(?P<year>[0-9]{4})-(?P<month>0[1-9]|1[0-2])")

CLOUD = "Meridian Cloud"
DATA_CENTRE = "Lakeshore Data Centre"
STAFF = "Lakeshore IT Staff"


@dataclass(frozen=True, slots=True)
class CostSummary:
    """What was written: `rows` without the header, and the exact sums of BilledCost and EffectiveCost."""

    rows: int
    billed: Decimal
    effective: Decimal


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that costs money: `quantity` units at `price`, each day or once a month.

    `spread` is how far the quantity strays from its mean, in percent. Without a `service` the row carries no
    such tag, so that a cost pool has to find it by its columns, or nobody does.
    """

    provider: str
    service: str
    service_name: str
    category: str
    name: str
    quantity: Decimal
    unit: str
    price: Decimal
    daily: bool
    spread: int
    business_unit: str
    environment: str


# service tag | FOCUS service | FOCUS category | resource | quantity | unit | price | every | unit's tag | environment
_TABLE = {
    DATA_CENTRE: """
        virtual-servers | Virtualisation | Compute | host 1 | 1 | Hosts | 415.00
        virtual-servers | Virtualisation | Compute | host 2 | 1 | Hosts | 415.00
        virtual-servers | Virtualisation | Compute | host 3 | 1 | Hosts | 415.00
        virtual-servers | Virtualisation | Compute | host 4 | 1 | Hosts | 415.00
        virtual-servers | Virtualisation | Compute | host 5 | 1 | Hosts | 478.25
        virtual-servers | Virtualisation | Compute | host 6 | 1 | Hosts | 478.25
        virtual-servers | Virtualisation | Compute | hypervisor licences | 12 | Sockets | 95.50
        san-storage | SAN | Storage | shelves 7200 rpm | 4 | Shelves | 518.25
        san-storage | SAN | Storage | shelves 15000 rpm | 5 | Shelves | 762.40
        san-storage | SAN | Storage | array support contract | 1 | Months | 903.33
        backup | Backup | Storage | disk appliances | 2 | Appliances | 2710.00
        backup | Backup | Storage | tape library | 1 | Months | 1450.00
        backup | Backup | Storage | tape media | 30 | Tapes | 41.90 | month ±20
        backup | Backup | Networking | off-site replication link | 1 | Months | 1895.00
        voice | Telephony | Networking | call managers | 2 | Nodes | 1345.00
        technician-labour | Field technicians | Other | vehicles and tools | 1 | Months | 912.75
         | Facilities | Other | machine room power | 640 | kWh | 0.1137 | day ±9
         | Facilities | Other | machine room space | 48 | Square metres | 11.20
         | Campus network | Networking | campus network | 1 | Months | 3980.00
        """,
    STAFF: """
        virtual-servers | Server operations | Other | server operations | 55 | Hours | 64.00 | month ±6
        san-storage | Storage operations | Other | storage operations | 24 | Hours | 64.00 | month ±6
        backup | Storage operations | Other | backup operations | 40 | Hours | 64.00 | month ±6
        voice | Telephony operations | Other | telephony operations | 70 | Hours | 58.00 | month ±6
        email | Collaboration operations | Other | mail operations | 26 | Hours | 64.00 | month ±6
        managed-laptops | Workplace operations | Other | workplace operations | 110 | Hours | 58.00 | month ±6
        analytics-workspaces | Data platform team | Other | data platform team | 30 | Hours | 72.00 | month ±6
        data-integration | Integration team | Other | integration team | 34 | Hours | 72.00 | month ±6
        technician-labour | Field technicians | Other | field technicians | 310 | Hours | 58.00 | month ±6
         | Service desk | Other | service desk | 150 | Hours | 46.00 | month ±6
        """,
    "Courier Workspace": """
        email | Courier Mail | Business Applications | mailboxes | 310 | Mailboxes | 3.85 | month | university
        email | Courier Mail | Business Applications | mailboxes | 940 | Mailboxes | 3.85 | month | science
        email | Courier Mail | Business Applications | mailboxes | 260 | Mailboxes | 3.85 | month | research-analytics
        email | Courier Mail | Business Applications | mailboxes | 420 | Mailboxes | 3.85 | month | admissions
        email | Courier Mail | Business Applications | mailboxes | 390 | Mailboxes | 3.85 | month | library
        email | Courier Mail | Business Applications | mailboxes | 280 | Mailboxes | 3.85 | month | finance
        """,
    "Evergreen Leasing": """
        managed-laptops | Laptop lease | Other | laptops | 90 | Laptops | 27.50 | month | university
        managed-laptops | Laptop lease | Other | laptops | 210 | Laptops | 27.50 | month | science
        managed-laptops | Laptop lease | Other | laptops | 80 | Laptops | 27.50 | month | research-analytics
        managed-laptops | Laptop lease | Other | laptops | 95 | Laptops | 27.50 | month | admissions
        managed-laptops | Laptop lease | Other | laptops | 75 | Laptops | 27.50 | month | library
        managed-laptops | Laptop lease | Other | laptops | 70 | Laptops | 27.50 | month | finance
        managed-laptops | Endpoint management | Management and Governance | endpoint seats | 620 | Seats | 5.20
        """,
    "Harbour Telecom": """
        voice | SIP trunks | Networking | SIP trunks | 4 | Trunks | 1180.00
        voice | Handset lease | Other | VoIP handsets | 850 | Handsets | 6.40
        """,
    # Nobody tagged the support plan, and no pool claims it: it stays visibly unallocated.
    CLOUD: """
        analytics-workspaces | Meridian Compute | Compute | notebook burst | 260 | 4x16 VM-hours | 0.192 | day ±35 \
            | research-analytics
        analytics-workspaces | Meridian Compute | Compute | notebook staging | 24 | 2x8 VM-hours | 0.096 | day \
            | research-analytics | staging
        analytics-workspaces | Meridian Object Storage | Storage | research datasets | 410000 | GB-Hours | 0.0000315 \
            | day ±4 | research-analytics
        data-integration | Meridian Functions | Compute | integration flows | 298417.625 | GB-Seconds | 0.0000166667 \
            | day ±22
        data-integration | Meridian Queue | Integration | integration queue | 2.04 | Million requests | 0.4 | day ±22
        data-integration | Meridian Queue | Integration | library feed | 0.31 | Million requests | 0.4 | day ±48 \
            | library | development
        data-integration | Meridian Gateway | Integration | API gateway | 1 | Months | 1150
         | Meridian Support | Other | support plan | 1 | Months | 240
        """,
}
_BASE_LOAD = """analytics-workspaces | Meridian Compute | Compute | notebook base load | 272 | 4x16 VM-hours | 0.192 \
    | day ±8 | research-analytics"""

# A one-year spend commitment, part of it paid upfront each July: what is effective in a month is more than
# what is billed in it, and in July far less.
_COMMITTED_RATE = Decimal("0.144")  # of a VM-hour under the commitment; 300 of them exhaust a day's share
_RECURRING_PER_HOUR = Decimal("1.50")
_UPFRONT_PER_HOUR = Decimal("0.30")
_UPFRONT_MONTH = 7
_HOURS_A_YEAR = Decimal(8760)
_COMMITMENT = {
    "CommitmentDiscountCategory": "Spend",
    "CommitmentDiscountId": "meridian:commitment:4711",
    "CommitmentDiscountName": "Compute, one year, partly upfront",
    "CommitmentDiscountType": "Savings plan",
}


def _resource(provider: str, line: str) -> Resource:
    cells = [cell.strip() for cell in line.split("|")]
    service, service_name, category, name, quantity, unit, price, *rest = cells
    every, business_unit, environment = [*rest, *("month", "", "production")[len(rest) :]]
    often, _, spread = every.partition(" ±")
    return Resource(
        provider,
        service,
        service_name,
        category,
        name,
        Decimal(quantity),
        unit,
        Decimal(price),
        daily=often == "day",
        spread=int(spread or 0),
        business_unit=business_unit,
        environment=environment,
    )


def write_costs(period: str, out: TextIO) -> CostSummary:
    """Write the costs of `period` ('2026-10') to `out` as FOCUS 1.0 CSV, header first, and say what they sum to.

    A few hundred rows, byte for byte the same for the same period (open the file with newline=""). Raises
    ValueError if the period is not a calendar month.
    """
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    rows = 0
    billed = effective = Decimal(0)
    for row in _rows(_Month.of(period)):
        writer.writerow(row)
        rows += 1
        billed = _EXACT.add(billed, Decimal(row["BilledCost"]))
        effective = _EXACT.add(effective, Decimal(row["EffectiveCost"]))
    return CostSummary(rows, billed, effective)


@dataclass(frozen=True, slots=True)
class _Month:
    period: str
    start: datetime
    end: datetime

    @staticmethod
    def of(period: str) -> "_Month":
        match = _PERIOD.fullmatch(period)
        if match is None:
            raise ValueError(f"{period!r} is not a month written as YYYY-MM")
        year, month = int(match["year"]), int(match["month"])
        try:
            start = datetime(year, month, 1, tzinfo=UTC)
            return _Month(period, start, (start + timedelta(days=31)).replace(day=1))
        except (ValueError, OverflowError):
            raise ValueError(f"{period!r} is beyond the calendar") from None

    @property
    def days(self) -> list[datetime]:
        return [self.start + timedelta(days=day) for day in range((self.end - self.start).days)]


def _rows(month: _Month) -> Iterator[dict[str, str]]:
    for provider, table in _TABLE.items():
        for line in table.strip().splitlines():
            resource = _resource(provider, line)
            if resource.daily:
                for day in month.days:
                    yield _usage(month, resource, day, day + timedelta(days=1))
            else:
                yield _usage(month, resource, month.start, month.end)
    yield from _commitment(month)
    yield from _adjustments(month)


def _vary(month: _Month, resource: Resource, when: datetime) -> Decimal:
    """The quantity, off its mean by at most `spread` percent; whole per mille, so that it stays short."""
    if not resource.spread:
        return resource.quantity
    digest = hashlib.sha256(f"{month.period}/{resource.name}/{when:%d}".encode()).digest()
    per_mille = int.from_bytes(digest[:4]) % (20 * resource.spread + 1) - 10 * resource.spread
    return _EXACT.multiply(resource.quantity, Decimal(1000 + per_mille).scaleb(-3))


def _plain(value: Decimal) -> str:
    return format(value, "f")


def _at(instant: datetime) -> str:
    return f"{instant.isoformat(timespec='seconds').removesuffix('+00:00')}Z"


def _slug(*words: str) -> str:
    return "-".join(words).lower().replace(" ", "-")


def _tags(**tags: str) -> str:
    return json.dumps({name: value for name, value in tags.items() if value})


def _charge(month: _Month, provider: str, start: datetime, end: datetime, amount: Decimal) -> dict[str, str]:
    """The columns that every row has. All four costs are `amount` where a row does not say otherwise."""
    row = {
        "BillingAccountId": f"{_slug(provider)}-0001",
        "BillingAccountName": "Lakeshore University",
        "BillingCurrency": "USD",
        "BillingPeriodStart": _at(month.start),
        "BillingPeriodEnd": _at(month.end),
        "ChargePeriodStart": _at(start),
        "ChargePeriodEnd": _at(end),
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
    }
    row |= dict.fromkeys(("BilledCost", "ContractedCost", "EffectiveCost", "ListCost"), _plain(amount))
    if provider == CLOUD:
        row |= {
            "RegionId": "lakes-1",
            "RegionName": "Great Lakes",
            "SubAccountId": "prj-204",
            "SubAccountName": "shared",
        }
    return row


def _usage(month: _Month, resource: Resource, start: datetime, end: datetime) -> dict[str, str]:
    quantity, price = _vary(month, resource, start), _plain(resource.price)
    sku = _slug(resource.service_name, resource.unit)
    row = _charge(month, resource.provider, start, end, _EXACT.multiply(quantity, resource.price))
    tags = {"service": resource.service, "business_unit": resource.business_unit}
    if any(tags.values()):
        tags["environment"] = resource.environment
    return row | {
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargeDescription": f"{resource.name}, {_plain(quantity)} {resource.unit}",
        "ContractedUnitPrice": price,
        "ListUnitPrice": price,
        "ConsumedQuantity": _plain(quantity),
        "ConsumedUnit": resource.unit,
        "PricingCategory": "Standard",
        "PricingQuantity": _plain(quantity),
        "PricingUnit": resource.unit,
        "ServiceCategory": resource.category,
        "ServiceName": resource.service_name,
        "SkuId": sku,
        "SkuPriceId": f"{sku}/{price}",
        "ResourceId": _slug(resource.provider, resource.name, *filter(None, [resource.business_unit])),
        "ResourceName": resource.name,
        "ResourceType": resource.service_name,
        "Tags": _tags(**tags) if any(tags.values()) else "",
    }


def _commitment(month: _Month) -> Iterator[dict[str, str]]:
    """Its fees, which are billed; then each day its used and its unused part, which are effective."""
    common = _COMMITMENT | {"ServiceCategory": "Compute", "ServiceName": "Meridian Compute"}
    tags = _tags(service="analytics-workspaces", business_unit="research-analytics", environment="production")
    fees = [("monthly fee", "Recurring", _RECURRING_PER_HOUR, Decimal(24 * len(month.days)))]
    if month.start.month == _UPFRONT_MONTH:
        fees.append(("upfront fee of the year", "One-Time", _UPFRONT_PER_HOUR, _HOURS_A_YEAR))
    for what, frequency, price, hours in fees:
        row = _charge(month, CLOUD, month.start, month.end, _EXACT.multiply(price, hours))
        yield (
            row
            | common
            | {
                "ChargeCategory": "Purchase",
                "ChargeFrequency": frequency,
                "ChargeDescription": f"compute commitment, {what}",
                "EffectiveCost": "0",
                "ContractedUnitPrice": _plain(price),
                "ListUnitPrice": _plain(price),
                "PricingCategory": "Standard",
                "PricingQuantity": _plain(hours),
                "PricingUnit": "Hours",
                "SkuId": "compute-commitment",
                "SkuPriceId": f"compute-commitment/{_plain(price)}",
                "ResourceId": _COMMITMENT["CommitmentDiscountId"],
                "ResourceName": _COMMITMENT["CommitmentDiscountName"],
                "ResourceType": "Commitment",
                "Tags": tags,
            }
        )
    share_of_a_day = _EXACT.multiply(_RECURRING_PER_HOUR + _UPFRONT_PER_HOUR, Decimal(24))
    for day in month.days:
        row = _usage(month, _resource(CLOUD, _BASE_LOAD), day, day + timedelta(days=1))
        used = _EXACT.multiply(Decimal(row["ConsumedQuantity"]), _COMMITTED_RATE)
        yield (
            row
            | common
            | {
                "BilledCost": "0",
                "EffectiveCost": _plain(used),
                "CommitmentDiscountStatus": "Used",
                "PricingCategory": "Committed",
            }
        )
        unused = _EXACT.subtract(share_of_a_day, used)
        yield (
            _charge(month, CLOUD, day, day + timedelta(days=1), Decimal(0))
            | common
            | {
                "ChargeCategory": "Usage",
                "ChargeFrequency": "Usage-Based",
                "ChargeDescription": "compute commitment, unused",
                "EffectiveCost": _plain(unused),
                "CommitmentDiscountStatus": "Unused",
                "PricingCategory": "Committed",
                "ContractedUnitPrice": "0",
                "ListUnitPrice": "0",
                "ConsumedQuantity": "0",
                "ConsumedUnit": "Hours",
                "PricingQuantity": "0",
                "PricingUnit": "Hours",
                "SkuId": "compute-commitment",
                "SkuPriceId": f"compute-commitment/{_plain(_RECURRING_PER_HOUR)}",
                "ResourceId": _COMMITMENT["CommitmentDiscountId"],
                "ResourceName": _COMMITMENT["CommitmentDiscountName"],
                "ResourceType": "Commitment",
                "Tags": tags,
            }
        )


_QUEUE = ("Integration", "Meridian Queue", "data-integration")


def _adjustments(month: _Month) -> Iterator[dict[str, str]]:
    """A credit, a correction of the month before, and tax: amounts without a quantity."""
    for provider, charge, charge_class, what, amount, category, service_name, service in (
        (CLOUD, "Credit", "", "credit for an outage", "-18.75", "Compute", "Meridian Compute", "analytics-workspaces"),
        (CLOUD, "Adjustment", "Correction", "requests recounted", "-2.310044", *_QUEUE),
        ("Harbour Telecom", "Tax", "", "telecommunications tax", "212.40", "Networking", "SIP trunks", "voice"),
    ):
        yield _charge(month, provider, month.start, month.end, Decimal(amount)) | {
            "ChargeCategory": charge,
            "ChargeClass": charge_class,
            "ChargeFrequency": "One-Time",
            "ChargeDescription": what,
            "ServiceCategory": category,
            "ServiceName": service_name,
            "Tags": _tags(service=service),
        }
