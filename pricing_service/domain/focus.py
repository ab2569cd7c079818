"""Rows of a FOCUS 1.0–1.2 cost and usage file (focus.finops.org), read exactly or refused with a reason.

Values are strings as `csv.reader` gives them. An empty value arrives as nothing or as the text NULL.
Timestamps come with or without `T` and zone; without a zone they are UTC (DESIGN.md). A file is in one
currency: the first good row's. Whatever is wrong with one row is that row's fault (line, reason); only
a header that lacks a needed column refuses the file.

    FocusHeaderUnreadable   no header, or a column twice
    FocusColumnsMissing     names what is missing
    LineTooLong             a line without an end would have to fit into memory
    RowUnreadable           one row: the field and the reason
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import TextIO

from pricing_service.domain.exact import NumberUnreadable, exact_decimal
from services.errors import Fault, Invalid
from services.money import UnknownCurrency, exponent

MAX_LINE_CHARACTERS = 1 << 20
MAX_TEXT = 2_048
EMPTY_LINES_AT_ONCE = 10_000

REQUIRED = (
    "BilledCost", "EffectiveCost", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ServiceName",
)  # fmt: skip
OPTIONAL = (
    "ListCost", "ContractedCost", "ServiceCategory", "ProviderName", "SubAccountId", "ResourceId",
    "ChargeClass", "Tags",
)  # fmt: skip

_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)


class FocusHeaderUnreadable(Invalid): ...


class LineTooLong(Invalid): ...


class FocusColumnsMissing(Invalid): ...


class RowUnreadable(Invalid): ...


class CostBasis(StrEnum):
    """Which column is "the cost" of a source."""

    BILLED = "billed"
    EFFECTIVE = "effective"
    CONTRACTED = "contracted"
    LIST = "list"

    @property
    def column(self) -> str:
        return f"{self.value.capitalize()}Cost"


@dataclass(frozen=True, slots=True)
class CostRow:
    """One charge of a provider, as the file says it. Costs are unrounded; instants are UTC."""

    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal | None
    contracted_cost: Decimal | None
    currency: str
    billing_period_start: datetime
    billing_period_end: datetime
    charge_period_start: datetime
    charge_period_end: datetime
    charge_category: str
    charge_class: str | None
    service_name: str
    service_category: str | None
    provider_name: str | None
    sub_account_id: str | None
    resource_id: str | None
    tags: dict[str, str]

    @property
    def billing_period(self) -> str:
        """The provider's month, in UTC: "2026-10"."""
        return self.billing_period_start.astimezone(UTC).date().isoformat()[:7]

    def cost(self, basis: CostBasis) -> Decimal:
        """The cost on `basis`. Raises RowUnreadable where that column is empty."""
        cost = {
            CostBasis.BILLED: self.billed_cost,
            CostBasis.EFFECTIVE: self.effective_cost,
            CostBasis.CONTRACTED: self.contracted_cost,
            CostBasis.LIST: self.list_cost,
        }[basis]
        if cost is None:
            raise RowUnreadable(f"{basis.column} is empty, but is the cost basis of this source")
        return cost


@dataclass(frozen=True, slots=True)
class RowFault:
    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class EmptyLines:
    """So many empty lines were skipped up to `line` that whoever reads on should get a chance to stop."""

    line: int


Item = tuple[int, CostRow] | RowFault | EmptyLines


class Header:
    """Where each column stands, whatever the order of the file."""

    def __init__(self, names: Sequence[str], basis: CostBasis) -> None:
        seen = [name.strip().lstrip("\ufeff").lower() for name in names]
        twice = next((name for index, name in enumerate(seen) if name and name in seen[:index]), None)
        if not any(seen):
            raise FocusHeaderUnreadable("the file has no header line")
        if twice is not None:
            raise FocusHeaderUnreadable(f"column {twice!r} stands in the header twice")
        self.width = len(names)
        self._at = {name: seen.index(name.lower()) for name in (*REQUIRED, *OPTIONAL) if name.lower() in seen}
        needed = dict.fromkeys([*REQUIRED, basis.column])
        missing = [name for name in needed if name not in self._at]
        if missing:
            raise FocusColumnsMissing(
                f"FOCUS columns missing: {', '.join(missing)}", faults=[Fault(name, "missing") for name in missing]
            )

    def pick(self, fields: Sequence[str]) -> dict[str, str | None]:
        """The known columns of one row, empty ones as None. Raises RowUnreadable where the width is wrong."""
        if len(fields) != self.width:
            raise RowUnreadable(f"{self.width} fields expected, {len(fields)} found")
        return {name: None if (text := fields[at]) in ("", "NULL", "null") else text for name, at in self._at.items()}


def cost_row(row: dict[str, str | None]) -> CostRow:
    """The row's values. Raises RowUnreadable naming the first field that is wrong."""
    billing_start, billing_end = _span(row, "BillingPeriodStart", "BillingPeriodEnd")
    charge_start, charge_end = _span(row, "ChargePeriodStart", "ChargePeriodEnd")
    currency = _needed(row, "BillingCurrency")
    try:
        exponent(currency)
    except UnknownCurrency:
        raise RowUnreadable(f"BillingCurrency: {currency[:20]!r} is not an ISO 4217 code") from None
    return CostRow(
        billed_cost=_decimal("BilledCost", _needed(row, "BilledCost")),
        effective_cost=_decimal("EffectiveCost", _needed(row, "EffectiveCost")),
        list_cost=_optional_decimal(row, "ListCost"),
        contracted_cost=_optional_decimal(row, "ContractedCost"),
        currency=currency,
        billing_period_start=billing_start,
        billing_period_end=billing_end,
        charge_period_start=charge_start,
        charge_period_end=charge_end,
        charge_category=_text("ChargeCategory", _needed(row, "ChargeCategory")),
        charge_class=_optional_text(row, "ChargeClass"),
        service_name=_text("ServiceName", _needed(row, "ServiceName")),
        service_category=_optional_text(row, "ServiceCategory"),
        provider_name=_optional_text(row, "ProviderName"),
        sub_account_id=_optional_text(row, "SubAccountId"),
        resource_id=_optional_text(row, "ResourceId"),
        tags=_tags(row.get("Tags")),
    )


def bounded_lines(text: TextIO) -> Iterator[str]:
    """The lines of a file opened with `newline=""`, their ends kept. Raises LineTooLong."""
    number = 0
    while line := text.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise LineTooLong(f"line {number} is longer than {MAX_LINE_CHARACTERS} characters")
        yield line


class FocusReader:
    """Iterates over a file's rows: a (line, CostRow) for a good one, a RowFault for one that is refused.

    Empty lines count for nothing, but each EMPTY_LINES_AT_ONCE of them come out as one EmptyLines.
    `characters` is how much of the file has been read, the header included.

    `lines` are lines of text with their line ends (a file opened with `newline=""`), so that a field with a
    line break in it counts its lines; the line of a row is that of its last line, as `csv.reader` counts.
    Bytes that are not UTF-8 must come as surrogates (`errors="surrogateescape"`): they are the row's fault.
    Raises FocusHeaderUnreadable or FocusColumnsMissing when made.
    """

    def __init__(self, lines: Iterable[str], basis: CostBasis) -> None:
        self.characters = 0
        self._reader = csv.reader(self._counted(lines), strict=True)
        self.basis = basis
        self.currency: str | None = None
        try:
            names = next(self._reader, [])
        except csv.Error as error:
            raise FocusHeaderUnreadable(f"the header line is not CSV: {error}") from error
        self._header = Header(names, basis)

    def _counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.characters += len(line)
            yield line

    def __iter__(self) -> Iterator[Item]:
        empty = 0
        while True:
            try:
                fields = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield RowFault(self._reader.line_num, f"not CSV: {error}")
                continue
            if not fields:
                empty += 1
                if empty % EMPTY_LINES_AT_ONCE == 0:
                    yield EmptyLines(self._reader.line_num)
                continue
            try:
                yield self._reader.line_num, self._row(fields)
            except RowUnreadable as refusal:
                yield RowFault(self._reader.line_num, refusal.detail)

    def _row(self, fields: Sequence[str]) -> CostRow:
        text = "".join(fields)
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError:
                raise RowUnreadable("the row is not UTF-8") from None
        if "\0" in text:
            raise RowUnreadable("the row holds a NUL character")
        row = cost_row(self._header.pick(fields))
        row.cost(self.basis)
        if self.currency is None:
            self.currency = row.currency
        elif row.currency != self.currency:
            raise RowUnreadable(
                f"BillingCurrency: {row.currency} in a file in {self.currency}; "
                "mixed currencies need an exchange rate, import them as files of their own"
            )
        return row


def _needed(row: dict[str, str | None], name: str) -> str:
    text = row.get(name)
    if text is None:
        raise RowUnreadable(f"{name} is empty")
    return text


def _text(name: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise RowUnreadable(f"{name} is longer than {MAX_TEXT} characters")
    return text


def _optional_text(row: dict[str, str | None], name: str) -> str | None:
    text = row.get(name)
    return None if text is None else _text(name, text)


def _decimal(name: str, text: str) -> Decimal:
    try:
        return exact_decimal(text)
    except NumberUnreadable as refusal:
        raise RowUnreadable(f"{name}: {refusal.detail}") from refusal


def _optional_decimal(row: dict[str, str | None], name: str) -> Decimal | None:
    text = row.get(name)
    return None if text is None else _decimal(name, text)


def _span(row: dict[str, str | None], start_name: str, end_name: str) -> tuple[datetime, datetime]:
    start = _instant(start_name, _needed(row, start_name))
    end = _instant(end_name, _needed(row, end_name))
    if end < start:
        raise RowUnreadable(f"{end_name} lies before {start_name}")
    return start, end


def _instant(name: str, text: str) -> datetime:
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


def _tags(text: str | None) -> dict[str, str]:
    """A JSON object of scalars; numbers keep the digits they are written with, true, false and null their names."""
    if text is None:
        return {}
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
    return tags
