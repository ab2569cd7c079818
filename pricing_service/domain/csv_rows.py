"""Rows of a CSV file of any size: memory stays flat, and whatever is wrong with one row is that row's fault.

Bytes that are not UTF-8 must come as surrogates (`errors="surrogateescape"`).

    HeaderUnreadable        no header, or a column twice
    LineTooLong             a line without an end would have to fit into memory
    RowUnreadable           one row: the field and the reason
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import TextIO

from pricing_service.domain.cost_rows import CostRow, EmptyLines, RowFault, RowUnreadable
from pricing_service.domain.exact import NumberUnreadable, exact_decimal, refuse_float_noise
from services.errors import Invalid
from services.money import UnknownCurrency, exponent

MAX_LINE_CHARACTERS = 1 << 20
MAX_TEXT = 2_048
EMPTY_LINES_AT_ONCE = 10_000
EMPTY = frozenset({"", "NULL", "null"})
KEPT_TEXTS = 1 << 16

Item = tuple[int, CostRow] | RowFault | EmptyLines


class FileUnreadable(Invalid): ...


class LineTooLong(Invalid): ...


def bounded_lines(text: TextIO) -> Iterator[str]:
    """The lines of a file opened with `newline=""`, their ends kept. Raises LineTooLong."""
    number = 0
    while line := text.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise LineTooLong(f"line {number} is longer than {MAX_LINE_CHARACTERS} characters")
        yield line


class RowReader:
    """Iterates over a file's rows: a (line, CostRow) for a good one, a RowFault for one that is refused.

    Empty lines count for nothing, but each EMPTY_LINES_AT_ONCE of them come out as one EmptyLines.
    `characters` is how much of the file has been read, the header included.

    `lines` are lines of text with their line ends (a file opened with `newline=""`), so that a field with a
    line break in it counts its lines; the line of a row is that of its last line, as `csv.reader` counts.
    """

    header_refusal: type[Invalid] = FileUnreadable

    def __init__(self, lines: Iterable[str], *, currency: str | None = None, delimiter: str = ",") -> None:
        self.characters = 0
        self.currency = currency  # the first good row's, where it was not given
        self._suspect = False  # whether a line was read that holds more than printable ASCII is sure to
        self._reader = csv.reader(self._counted(lines), strict=True, delimiter=delimiter)
        try:
            names = next(self._reader, [])
        except csv.Error as error:
            raise self.header_refusal(f"the header line is not CSV: {error}") from error
        self.names = [name.strip().lstrip("\ufeff") for name in names]
        seen = [name.lower() for name in self.names]
        twice = next((name for index, name in enumerate(seen) if name and name in seen[:index]), None)
        if not any(seen):
            raise self.header_refusal("the file has no header line")
        if twice is not None:
            raise self.header_refusal(f"column {twice!r} stands in the header twice")
        self.width = len(names)

    def _counted(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            self.characters += len(line)
            if not line.isascii() or "\0" in line:
                self._suspect = True
            yield line

    def read(self, fields: list[str]) -> CostRow:
        """The row's values. Raises RowUnreadable naming the first field that is wrong."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Item]:
        empty = 0
        reader, width, read = self._reader, self.width, self.read
        while True:
            try:
                for fields in reader:
                    if len(fields) != width:
                        if fields:
                            yield RowFault(reader.line_num, f"{width} fields expected, {len(fields)} found")
                            continue
                        empty += 1
                        if empty % EMPTY_LINES_AT_ONCE == 0:
                            yield EmptyLines(reader.line_num)
                        continue
                    try:
                        if self._suspect:
                            self._suspect = False
                            _refuse_what_no_database_holds(fields)
                        row = read(fields)
                        if row.currency != self.currency:
                            self._settle_currency(row.currency)
                    except RowUnreadable as refusal:
                        yield RowFault(reader.line_num, refusal.detail)
                    else:
                        yield reader.line_num, row
            except csv.Error as error:
                yield RowFault(reader.line_num, f"not CSV: {error}")
                continue
            return

    def _settle_currency(self, currency: str) -> None:
        if self.currency is None:
            self.currency = currency
            return
        raise RowUnreadable(
            f"BillingCurrency: {currency} in a file in {self.currency}; "
            "mixed currencies need an exchange rate, import them as files of their own"
        )


def _refuse_what_no_database_holds(fields: Sequence[str]) -> None:
    text = "".join(fields)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RowUnreadable("the row is not UTF-8") from None
    if "\0" in text:
        raise RowUnreadable("the row holds a NUL character")


@lru_cache(maxsize=KEPT_TEXTS)
def _number(text: str) -> Decimal:
    return exact_decimal(text)


@lru_cache(maxsize=KEPT_TEXTS)
def _amount(text: str) -> Decimal:
    number = exact_decimal(text)
    refuse_float_noise(text, number)
    return number


def amount(name: str, text: str) -> Decimal:
    """A cost, exactly. Raises RowUnreadable, also for the noise of binary floats."""
    try:
        return _amount(text)
    except NumberUnreadable as refusal:
        raise RowUnreadable(f"{name} is empty" if text in EMPTY else f"{name}: {refusal.detail}") from refusal


def optional_amount(name: str, text: str) -> Decimal | None:
    return None if text in EMPTY else amount(name, text)


def optional_number(name: str, text: str) -> Decimal | None:
    """A quantity or a price, exactly. Raises RowUnreadable."""
    if text in EMPTY:
        return None
    try:
        return _number(text)
    except NumberUnreadable as refusal:
        raise RowUnreadable(f"{name}: {refusal.detail}") from refusal


@lru_cache(maxsize=256)
def known_currency(name: str, text: str) -> str:
    """An ISO 4217 code. Raises RowUnreadable."""
    if text in EMPTY:
        raise RowUnreadable(f"{name} is empty")
    try:
        exponent(text)
    except UnknownCurrency:
        raise RowUnreadable(f"{name}: {text[:20]!r} is not an ISO 4217 code") from None
    return text


def too_long(names: Iterable[str], texts: Iterable[str]) -> RowUnreadable:
    """The refusal that names the column with a text beyond MAX_TEXT."""
    name = next(name for name, text in zip(names, texts, strict=True) if len(text) > MAX_TEXT)
    return RowUnreadable(f"{name} is longer than {MAX_TEXT} characters")


def json_text(texts: dict[str, str]) -> str:
    """A JSON object in one form, so that the same texts are the same characters whatever their order."""
    return json.dumps(texts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
