"""Rows of a FOCUS 1.0, 1.1 or 1.2 cost and usage file (focus.finops.org), read exactly or refused with a reason.

Values are strings as `csv.reader` gives them. An empty value arrives as nothing or as the text NULL.
Timestamps come with or without `T` and zone; without a zone they are UTC (DESIGN.md). A file is in one
currency: its source's, or the first good row's. The versions differ in which columns there are, so all columns
but the needed ones may be absent. Only a header that lacks a needed column refuses the file.

    FocusHeaderUnreadable   no header, or a column twice
    FocusColumnsMissing     names what is missing
"""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Any

from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.cost_rows import CostBasis, CostRow, EmptyLines, RowFault, RowUnreadable, placed
from pricing_service.domain.cost_terms import SourceTerms
from pricing_service.domain.csv_rows import (
    EMPTY,
    MAX_TEXT,
    FileUnreadable,
    Item,
    LineTooLong,
    RowReader,
    amount,
    bounded_lines,
    json_text,
    known_currency,
    optional_amount,
    optional_number,
    too_long,
)
from pricing_service.domain.focus_columns import (
    CATEGORIES,
    CORRECTION,
    OTHERS,
    QUANTITIES,
    REQUIRED,
    SIGNED,
    TEXTS,
    UNIT_PRICES,
)
from services.errors import Fault, Invalid
from services.money import EXACT

__all__ = [
    "CostBasis",
    "CostRow",
    "EmptyLines",
    "FocusColumnsMissing",
    "FocusHeaderUnreadable",
    "FocusReader",
    "Item",
    "LineTooLong",
    "RowFault",
    "RowUnreadable",
    "bounded_lines",
    "instant",
]

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
_HEAD = (
    *("BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory"),
    *("ChargeClass", *QUANTITIES, "PricingCurrencyEffectiveCost", "Tags"),
)


_BASES = (CostBasis.BILLED, CostBasis.EFFECTIVE, CostBasis.CONTRACTED, CostBasis.LIST)  # as CostRow has them
MONTHS = FiscalCalendar()


class FocusHeaderUnreadable(FileUnreadable): ...


class FocusColumnsMissing(Invalid): ...


class FocusReader(RowReader):
    """See RowReader. Raises FocusHeaderUnreadable or FocusColumnsMissing when made."""

    header_refusal = FocusHeaderUnreadable

    def __init__(self, lines: Iterable[str], terms: SourceTerms, calendar: FiscalCalendar = MONTHS) -> None:
        super().__init__(lines, currency=terms.currency)
        self.terms, self.calendar, basis = terms, calendar, terms.basis
        self._cost = itemgetter(_BASES.index(basis))
        at = {name.lower(): place for place, name in enumerate(self.names) if name}
        missing = [name for name in dict.fromkeys([*REQUIRED, basis.column]) if name.lower() not in at]
        if missing:
            raise FocusColumnsMissing(
                f"FOCUS columns missing: {', '.join(missing)}", faults=[Fault(name, "missing") for name in missing]
            )
        # What is absent is read from the end of the row, where `read` puts an empty text.
        self._head = itemgetter(*(at.get(name.lower(), -1) for name in _HEAD))
        self._texts = itemgetter(*(at.get(name.lower(), -1) for name in TEXTS.values()))
        own = [name for name in self.names if name.lower().startswith("x_")]
        self._others = [
            (at[name.lower()], name, f'"{name}":' if name in OTHERS else encode_basestring(name) + ":")
            for name in sorted({*OTHERS, *own})
            if name.lower() in at
        ]
        self._prices = [(at[name.lower()], name) for name in UNIT_PRICES if name.lower() in at]

    def read(self, fields: list[str]) -> CostRow:
        fields.append("")
        (
            billed, effective, contracted, listed, currency, billed_from, billed_to, charged_from, charged_to,
            category, charge_class, consumed, priced, committed, in_pricing_currency, tags,
        ) = self._head(fields)  # fmt: skip
        billing_start, billing_end = span("BillingPeriodStart", "BillingPeriodEnd", billed_from, billed_to)
        charge_start, charge_end = span("ChargePeriodStart", "ChargePeriodEnd", charged_from, charged_to)
        if category not in CATEGORIES:
            raise _category_unreadable(category)
        if charge_class in EMPTY:
            charge_class = None
        elif charge_class != CORRECTION:
            raise RowUnreadable(f"ChargeClass: {charge_class[:40]!r} is neither {CORRECTION} nor empty")
        texts = self._texts(fields)
        if max(map(len, texts)) > MAX_TEXT:
            raise too_long(TEXTS.values(), texts)
        present: Any = [None if text in EMPTY else text for text in texts]
        if present[2] is None:
            raise RowUnreadable("ServiceName is empty")
        costs = (
            amount("BilledCost", billed),
            amount("EffectiveCost", effective),
            optional_amount("ContractedCost", contracted),
            optional_amount("ListCost", listed),
        )
        cost = self._cost(costs)
        if cost is None:
            raise RowUnreadable(f"{self.terms.basis.column} is empty, but is the cost basis of this source")
        tax = None
        if category == "Tax" and (tax := self.terms.tax.of(cost)) is not None:
            cost = EXACT.subtract(cost, tax)
        period, month = placed(self.calendar, billing_start, billing_end, charge_start)
        row = CostRow._make(
            (
                period,
                month,
                None,
                None,
                cost,
                tax,
                *costs,
                known_currency("BillingCurrency", currency),
                billing_start,
                billing_end,
                charge_start,
                charge_end,
                category,
                charge_class,
                *present,
                optional_number("ConsumedQuantity", consumed),
                optional_number("PricingQuantity", priced),
                optional_number("CommitmentDiscountQuantity", committed),
                optional_amount("PricingCurrencyEffectiveCost", in_pricing_currency),
                "{}" if tags in EMPTY else _tags(tags),
                self._other(fields),
            )
        )
        if charge_class is None:
            if category not in SIGNED:
                self._refuse_negative_prices(fields)
            _refuse_negative_quantities(row)
        if self.terms.accounts:
            row = row._replace(account=self.terms.account_of(row))
        return row

    def _refuse_negative_prices(self, fields: Sequence[str]) -> None:
        for place, name in self._prices:
            price = optional_number(name, fields[place])
            if price is not None and price < 0:
                raise RowUnreadable(f"{name}: {fields[place][:40]} is negative, but a price is not")

    def _other(self, fields: Sequence[str]) -> str:
        parts = []
        for place, name, key in self._others:
            text = fields[place]
            if text not in EMPTY:
                if len(text) > MAX_TEXT:
                    raise RowUnreadable(f"{name} is longer than {MAX_TEXT} characters")
                parts.append(key + encode_basestring(text))
        return f"{{{','.join(parts)}}}" if parts else "{}"


def _category_unreadable(category: str) -> RowUnreadable:
    if category in EMPTY:
        return RowUnreadable("ChargeCategory is empty")
    return RowUnreadable(f"ChargeCategory: {category[:40]!r} is none of {', '.join(sorted(CATEGORIES))}")


def _refuse_negative_quantities(row: CostRow) -> None:
    """Providers book refunds as negative quantities; but then the cost is negative, too."""
    for name, quantity in zip(QUANTITIES[:2], (row.consumed_quantity, row.pricing_quantity), strict=True):
        if quantity is not None and quantity < 0 < row.billed_cost:
            raise RowUnreadable(f"{name}: {quantity:f} is negative, but BilledCost is positive")


@lru_cache(maxsize=4096)
def span(start_name: str, end_name: str, start_text: str, end_text: str) -> tuple[datetime, datetime]:
    """Two instants, the second not before the first. Raises RowUnreadable."""
    start, end = _instant(start_name, start_text), _instant(end_name, end_text)
    if end < start:
        raise RowUnreadable(f"{end_name} lies before {start_name}")
    return start, end


def _instant(name: str, text: str) -> datetime:
    if text in EMPTY:
        raise RowUnreadable(f"{name} is empty")
    try:
        return instant(text)
    except ValueError:
        raise RowUnreadable(f"{name}: {text[:40]!r} is not an ISO 8601 timestamp") from None


@lru_cache(maxsize=4096)
def instant(text: str) -> datetime:
    """An ISO 8601 timestamp as a UTC instant; without a zone it is UTC. Raises ValueError."""
    if not _TIMESTAMP.fullmatch(text):
        raise ValueError(text)
    parsed = datetime.fromisoformat(text)
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


@lru_cache(maxsize=4096)
def _tags(text: str) -> str:
    """A JSON object of scalars; numbers keep the digits they are written with, true, false and null their names."""
    try:
        tags = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise RowUnreadable("Tags is not JSON") from None
    if not isinstance(tags, dict):
        raise RowUnreadable("Tags is not a JSON object")
    for key, value in tags.items():
        if isinstance(value, (dict, list)):
            raise RowUnreadable(f"Tags: {key[:40]!r} is not a scalar")
        if not isinstance(value, str):
            tags[key] = json.dumps(value)
    # The row's own text is checked already, but an escape may stand for what neither UTF-8 nor a database can hold.
    plain = "".join([*tags, *tags.values()])
    if "\0" in plain:
        raise RowUnreadable("Tags holds a NUL character")
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise RowUnreadable("Tags holds half a surrogate pair, which is no character") from None
    return json_text(tags)
