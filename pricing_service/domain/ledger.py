"""Rows of a general ledger as CSV, read by a mapping that its source declares: which column says what, and how.

    amount   one column, or debit − credit
    day      of posting, or the fiscal period
    cost     amount − recoverable part of the tax in it

How numbers are written is declared, never guessed ("1.234" is one number in Berlin and another in Boston).

    LedgerHeaderUnreadable  no header, or a column twice
    LedgerColumnsMissing    a column that the mapping names is not there
    NumberFormatMismatch    a number that is not written as declared
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pricing_service.domain.calendar import FiscalCalendar, refuse_unbookable
from pricing_service.domain.cost_rows import CostRow, RowUnreadable
from pricing_service.domain.cost_terms import SourceTerms
from pricing_service.domain.csv_rows import (
    EMPTY,
    FileUnreadable,
    RowReader,
    json_text,
    known_currency,
    optional_amount,
    too_long,
)
from pricing_service.domain.exact import NumberUnreadable, exact_decimal
from pricing_service.domain.focus_columns import TEXTS
from pricing_service.domain.periods import Period
from services.errors import Fault, Invalid, Refusal
from services.money import EXACT

ZERO = Decimal(0)
ONE_DAY = timedelta(days=1)
DIMENSIONS = frozenset(TEXTS.values()) - {"ConsumedUnit", "ChargeDescription"}  # that a mapping may fill


class LedgerHeaderUnreadable(FileUnreadable): ...


class LedgerColumnsMissing(Invalid): ...


class NumberFormatMismatch(NumberUnreadable): ...


class DecimalFormat(StrEnum):
    """How a number is written, shown with 1234.56. Groups may be left out, but not misplaced."""

    PLAIN = "1234.56"
    POINT = "1,234.56"
    COMMA = "1.234,56"
    PLAIN_COMMA = "1234,56"
    SPACE_COMMA = "1 234,56"
    APOSTROPHE = "1'234.56"


class MinusSign(StrEnum):
    LEADING = "-1"
    TRAILING = "1-"
    PARENTHESES = "(1)"


class DateFormat(StrEnum):
    ISO = "YYYY-MM-DD"
    COMPACT = "YYYYMMDD"
    GERMAN = "DD.MM.YYYY"
    EUROPEAN = "DD/MM/YYYY"
    AMERICAN = "MM/DD/YYYY"


class PeriodFormat(StrEnum):
    """`fiscal` is the name of a period of the calendar; the others number the fiscal year's periods from 1."""

    FISCAL = "fiscal"
    COMPACT = "YYYYPP"
    YEAR_FIRST = "YYYY/PP"
    YEAR_LAST = "PP/YYYY"


class Delimiter(StrEnum):
    COMMA = ","
    SEMICOLON = ";"
    TAB = "\t"
    PIPE = "|"


_GROUPS = {
    DecimalFormat.PLAIN: ("", "."),
    DecimalFormat.POINT: (",", "."),
    DecimalFormat.COMMA: (".", ","),
    DecimalFormat.PLAIN_COMMA: ("", ","),
    DecimalFormat.SPACE_COMMA: ("[ \u00a0\u202f]", ","),
    DecimalFormat.APOSTROPHE: ("['\u2019]", "."),
}
_DATES = {
    DateFormat.ISO: re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})", re.ASCII),
    DateFormat.COMPACT: re.compile(r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})", re.ASCII),
    DateFormat.GERMAN: re.compile(r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})", re.ASCII),
    DateFormat.EUROPEAN: re.compile(r"(?P<d>\d{1,2})/(?P<m>\d{1,2})/(?P<y>\d{4})", re.ASCII),
    DateFormat.AMERICAN: re.compile(r"(?P<m>\d{1,2})/(?P<d>\d{1,2})/(?P<y>\d{4})", re.ASCII),
}
_PERIODS = {
    PeriodFormat.COMPACT: re.compile(r"(?P<y>\d{4})(?P<p>\d{2,3})", re.ASCII),
    PeriodFormat.YEAR_FIRST: re.compile(r"(?P<y>\d{4})/(?P<p>\d{1,3})", re.ASCII),
    PeriodFormat.YEAR_LAST: re.compile(r"(?P<p>\d{1,3})/(?P<y>\d{4})", re.ASCII),
}


class NumberReader:
    """Numbers as a ledger writes them; exact. Raises NumberUnreadable."""

    def __init__(self, written: DecimalFormat, minus: MinusSign) -> None:
        self._written, self._minus = written, minus
        self._group, self._point = _GROUPS[written]
        digits = rf"\d+|\d{{1,3}}(?:{re.escape(self._group) if len(self._group) == 1 else self._group}\d{{3}})+"
        if not self._group:
            digits = r"\d+"
        self._pattern = re.compile(rf"(?:{digits})(?:{re.escape(self._point)}\d+)?", re.ASCII)

    def __call__(self, text: str) -> Decimal:
        text = text.strip()
        bare, negative = text, False
        if self._minus is MinusSign.LEADING and text.startswith("-"):
            bare, negative = text[1:], True
        elif self._minus is MinusSign.TRAILING and text.endswith("-"):
            bare, negative = text[:-1], True
        elif self._minus is MinusSign.PARENTHESES and text.startswith("(") and text.endswith(")"):
            bare, negative = text[1:-1], True
        if not self._pattern.fullmatch(bare):
            if not any(each.isdigit() for each in text) or re.search(r"[^\d.,'\u2019\s()+-]", text):
                exact_decimal(text)  # names a currency sign, or what is no number at all
            like = "" if self._minus is MinusSign.LEADING else f" with a minus sign as in {self._minus}"
            raise NumberFormatMismatch(f"{text[:40]!r} is not written like {self._written}{like}")
        if self._group:
            bare = re.sub(self._group if len(self._group) > 1 else re.escape(self._group), "", bare)
        number = exact_decimal(bare.replace(self._point, "."))
        return -number if negative and number else number


@dataclass(frozen=True, slots=True)
class LedgerMapping:
    """Names of columns, and how their texts are to be read."""

    account: str
    date: str | None = None
    period: str | None = None
    amount: str | None = None
    debit: str | None = None
    credit: str | None = None
    currency: str | None = None
    cost_centre: str | None = None
    text: str | None = None
    tax_code: str | None = None
    tax_amount: str | None = None
    tax_accounts: frozenset[str] = frozenset()
    columns: Mapping[str, str] = field(default_factory=dict)  # FOCUS column: column of the file
    tags: Mapping[str, str] = field(default_factory=dict)
    decimal_format: DecimalFormat = DecimalFormat.PLAIN
    minus_sign: MinusSign = MinusSign.LEADING
    date_format: DateFormat = DateFormat.ISO
    period_format: PeriodFormat = PeriodFormat.FISCAL
    delimiter: Delimiter = Delimiter.COMMA

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "LedgerMapping":
        """From the mapping as it is stored with its source."""
        given = {name: value for name, value in document.items() if value is not None and name != "encoding"}
        return cls(
            **given
            | {
                "tax_accounts": frozenset(given.get("tax_accounts", ())),
                "decimal_format": DecimalFormat(given["decimal_format"]),
                "minus_sign": MinusSign(given.get("minus_sign", MinusSign.LEADING)),
                "date_format": DateFormat(given.get("date_format", DateFormat.ISO)),
                "period_format": PeriodFormat(given.get("period_format", PeriodFormat.FISCAL)),
                "delimiter": Delimiter(given.get("delimiter", Delimiter.COMMA)),
            }
        )

    def names(self) -> list[str]:
        """The columns of the file that it reads."""
        single = (
            *(self.account, self.date, self.period, self.amount, self.debit, self.credit, self.currency),
            *(self.cost_centre, self.text, self.tax_code, self.tax_amount),
        )
        named = [name for name in single if name is not None]
        return list(dict.fromkeys([*named, *self.columns.values(), *self.tags.values()]))


class LedgerReader(RowReader):
    """See RowReader. Raises LedgerHeaderUnreadable or LedgerColumnsMissing when made."""

    header_refusal = LedgerHeaderUnreadable

    def __init__(
        self, lines: Iterable[str], terms: SourceTerms, mapping: LedgerMapping, calendar: FiscalCalendar
    ) -> None:
        super().__init__(lines, currency=terms.currency, delimiter=mapping.delimiter)
        self.terms, self.mapping, self.calendar = terms, mapping, calendar
        self._at = {name: place for place, name in enumerate(self.names) if name}
        missing = [name for name in mapping.names() if name not in self._at]
        if missing:
            raise LedgerColumnsMissing(
                f"columns that the mapping names are missing: {', '.join(missing)}",
                faults=[Fault(name, "missing") for name in missing],
            )
        self._number = NumberReader(mapping.decimal_format, mapping.minus_sign)
        self._dimensions = [mapping.columns.get(name) for name in TEXTS.values()]
        self._days: dict[str, tuple[Period, datetime, datetime]] = {}

    def read(self, fields: list[str]) -> CostRow:
        at, mapping = self._at, self.mapping
        account = self._needed(fields, mapping.account)
        centre = None if mapping.cost_centre is None else self._text(fields, mapping.cost_centre)
        period, charged_from, charged_to = self._when(fields)
        amount = self._amount(fields)
        code = None if mapping.tax_code is None else self._text(fields, mapping.tax_code)
        is_tax = account in mapping.tax_accounts
        tax = amount if is_tax else self._contained_tax(fields)
        recoverable = None if tax is None else self.terms.tax.of(tax, code)
        texts = [None if column is None else self._text(fields, column) for column in self._dimensions]
        texts[0] = None if mapping.text is None else self._text(fields, mapping.text)
        texts[2] = texts[2] or f"Account {account}"
        tags = {key: value for key, column in mapping.tags.items() if (value := fields[at[column]]) not in EMPTY}
        present: Any = texts
        return CostRow._make(
            (
                period.name,
                period.name,
                account,
                centre,
                amount if recoverable is None else EXACT.subtract(amount, recoverable),
                recoverable,
                amount,
                amount,
                None,
                None,
                self._currency(fields),
                period.start,
                period.end,
                charged_from,
                charged_to,
                "Tax" if is_tax else "Purchase",
                None,
                *present,
                None,
                None,
                None,
                None,
                json_text(tags) if tags else "{}",
                "{}" if code is None else json_text({"x_TaxCode": code}),
            )
        )

    def _needed(self, fields: Sequence[str], column: str) -> str:
        text = self._text(fields, column)
        if text is None:
            raise RowUnreadable(f"{column} is empty")
        return text

    def _text(self, fields: Sequence[str], column: str) -> str | None:
        text = fields[self._at[column]].strip()
        if len(text) > 2048:
            raise too_long([column], [text])
        return None if text in EMPTY else text

    def _currency(self, fields: Sequence[str]) -> str:
        if self.mapping.currency is None:
            assert self.terms.currency is not None  # a source declares its currency where no column says it
            return self.terms.currency
        return known_currency(self.mapping.currency, fields[self._at[self.mapping.currency]].strip())

    def _figure(self, fields: Sequence[str], column: str) -> Decimal | None:
        text = fields[self._at[column]].strip()
        if text in EMPTY:
            return None
        if self.mapping.decimal_format is DecimalFormat.PLAIN and self.mapping.minus_sign is MinusSign.LEADING:
            return optional_amount(column, text)
        try:
            return self._number(text)
        except NumberUnreadable as refusal:
            raise RowUnreadable(f"{column}: {refusal.detail}") from refusal

    def _amount(self, fields: Sequence[str]) -> Decimal:
        mapping = self.mapping
        if mapping.amount is not None:
            amount = self._figure(fields, mapping.amount)
            if amount is None:
                raise RowUnreadable(f"{mapping.amount} is empty")
            return amount
        assert mapping.debit is not None and mapping.credit is not None
        debit, credit = self._figure(fields, mapping.debit), self._figure(fields, mapping.credit)
        if debit is None and credit is None:
            raise RowUnreadable(f"{mapping.debit} and {mapping.credit} are both empty")
        return EXACT.subtract(debit or ZERO, credit or ZERO)

    def _contained_tax(self, fields: Sequence[str]) -> Decimal | None:
        return None if self.mapping.tax_amount is None else self._figure(fields, self.mapping.tax_amount)

    def _when(self, fields: Sequence[str]) -> tuple[Period, datetime, datetime]:
        """The fiscal period, and the instants from and to which the row counts: its day, or the whole period."""
        column = self.mapping.date or self.mapping.period
        assert column is not None
        text = fields[self._at[column]].strip()
        found = self._days.get(text)
        if found is None:
            if text in EMPTY:
                raise RowUnreadable(f"{column} is empty")
            found = self._day(column, text) if self.mapping.date is not None else self._period(column, text)
            if len(self._days) < 10_000:
                self._days[text] = found
        return found

    def _day(self, column: str, text: str) -> tuple[Period, datetime, datetime]:
        written = self.mapping.date_format
        match = _DATES[written].fullmatch(text)
        if match is None:
            raise RowUnreadable(f"{column}: {text[:40]!r} is not written like {written}")
        try:
            day = date(int(match["y"]), int(match["m"]), int(match["d"]))
            start = datetime(day.year, day.month, day.day, tzinfo=UTC)
            period = self.calendar.of_day(day)
            refuse_unbookable(period)
            return period, start, start + ONE_DAY
        except (ValueError, OverflowError):
            raise RowUnreadable(f"{column}: {text[:40]!r} is no day") from None
        except Refusal as refusal:
            raise RowUnreadable(f"{column}: {refusal.detail}") from refusal

    def _period(self, column: str, text: str) -> tuple[Period, datetime, datetime]:
        written = self.mapping.period_format
        try:
            if written is PeriodFormat.FISCAL:
                period = self.calendar.parse(text)
            else:
                match = _PERIODS[written].fullmatch(text)
                if match is None:
                    raise RowUnreadable(f"{column}: {text[:40]!r} is not written like {written}")
                year, number = int(match["y"]), int(match["p"])
                if not 1 <= number <= 12:
                    raise RowUnreadable(f"{column}: {text[:40]!r} is no period: a year has 12")
                period = self.calendar.periods_of_year(year)[number - 1]
            refuse_unbookable(period)
        except (ValueError, OverflowError):
            raise RowUnreadable(f"{column}: {text[:40]!r} is no period") from None
        except RowUnreadable:
            raise
        except Refusal as refusal:
            raise RowUnreadable(f"{column}: {refusal.detail}") from refusal
        return period, period.start, period.end


__all__ = [
    "DateFormat",
    "DecimalFormat",
    "Delimiter",
    "LedgerColumnsMissing",
    "LedgerHeaderUnreadable",
    "LedgerMapping",
    "LedgerReader",
    "MinusSign",
    "NumberFormatMismatch",
    "NumberReader",
    "PeriodFormat",
]
