"""Booking costs that no file brings, as rows and snapshots like those of imports, so that every view sees them.

`book` is the one writer. The rows of an entry have its id as `import_id`, and its snapshots a source of their own
(`accrual:<id>`), so that no delivery supersedes them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.schemas import cost_entries as bodies
from pricing_service.tables import (
    Accrual,
    AmortisationSchedule,
    CostEntry,
    CostImport,
    CostRow,
    CostSnapshot,
)
from pricing_service.use_cases.periods import bookable, require_open
from services.errors import Conflict, Fault, Invalid, NotFound
from services.http import ExternalId, check_version, plain
from services.money import EXACT, exact_total

ZERO = Decimal(0)
DIMENSIONS = tuple(bodies.Dimensions.model_fields)


class NothingToBook(Invalid): ...


class CreditNotNegative(Invalid): ...


class CorrectedUnknown(Invalid): ...


class ExternalIdTaken(Conflict): ...


class EntryReversed(Conflict): ...


class ReversalTooEarly(Invalid): ...


class CostEntryUnknown(NotFound): ...


class Origin(StrEnum):
    """Beside focus, ledger and what restatements book: where a cost row comes from."""

    ACCRUAL = "accrual"
    AMORTISATION = "amortisation"
    ENTRY = "entry"


class Category(StrEnum):
    """FOCUS ChargeCategory."""

    ADJUSTMENT = "Adjustment"
    CREDIT = "Credit"
    PURCHASE = "Purchase"


@dataclass(frozen=True, slots=True)
class Booking:
    """One row to be: `dimensions` are columns of cost_row."""

    period: Period
    amount: Decimal
    dimensions: Mapping[str, Any]
    description: str


async def book(
    session: AsyncSession,
    rows: Sequence[Booking],
    *,
    entry_id: UUID,
    source: str,
    origin: Origin,
    currency: str,
    category: Category,
    invoiced: bool = False,
    corrects_invoice: bool = False,
    pointer: str = "/period",
    now: datetime,
) -> None:
    """Write the rows, which count at once. Raises PeriodClosed, before anything is written.

    What is not invoiced (an accrual, a share of what was paid before) has an effective cost, but no billed one.
    """
    await require_open(session, min(row.period for row in rows), pointer)  # the later ones are open too, then
    last_numbers = await session.execute(
        select(CostSnapshot.period, func.max(CostSnapshot.number))
        .where(CostSnapshot.source == source)
        .group_by(CostSnapshot.period)
    )
    last = {period: number for period, number in last_numbers}
    by_period: dict[str, list[Decimal]] = {}
    for line, row in enumerate(rows, 1):
        by_period.setdefault(row.period.name, []).append(row.amount)
        session.add(
            CostRow(
                import_id=entry_id,
                line=line,
                origin=origin,
                period=row.period.name,
                cost=row.amount,
                billed_cost=row.amount if invoiced else ZERO,
                effective_cost=row.amount,
                currency=currency,
                billing_period_start=row.period.start,
                billing_period_end=row.period.end,
                charge_period_start=row.period.start,
                charge_period_end=row.period.end,
                charge_category=category,
                charge_class="Correction" if corrects_invoice else None,
                charge_description=row.description,
                **{name: row.dimensions[name] for name in DIMENSIONS},
            )
        )
    for period, amounts in by_period.items():
        session.add(
            CostSnapshot(
                import_id=entry_id,
                period=period,
                source=source,
                number=last.get(period, 0) + 1,
                rows=len(amounts),
                cost=exact_total(amounts),
                currency=currency,
                superseded_by=None,
                taken_at=now,
            )
        )
    await session.flush()


async def unbook(session: AsyncSession, entry_id: UUID, *, after: Period | None = None, by: UUID) -> None:
    """Rows of the entry (in periods later than `after`) count no longer. Its periods must be open."""
    query = update(CostSnapshot).where(CostSnapshot.import_id == entry_id, CostSnapshot.superseded_by.is_(None))
    if after is not None:
        query = query.where(CostSnapshot.period > after.name)
    await session.execute(query.values(superseded_by=by))


E = TypeVar("E", Accrual, AmortisationSchedule, CostEntry)


def outside(body: BaseModel, external_id: ExternalId | None) -> dict[str, str | None]:
    """The columns of `FromOutside`."""
    return {
        "external_system": None if external_id is None else external_id.system,
        "external_id": None if external_id is None else external_id.id,
        "content_sha256": hashlib.sha256(body.model_dump_json().encode()).hexdigest(),
    }


async def known(session: AsyncSession, table: type[E], columns: Mapping[str, str | None]) -> E | None:
    """What came with the same external id and content before. Raises ExternalIdTaken where the content differs."""
    if columns["external_system"] is None:
        return None
    found: E | None = await session.scalar(
        select(table).where(
            table.external_system == columns["external_system"], table.external_id == columns["external_id"]
        )
    )
    if found is not None and found.content_sha256 != columns["content_sha256"]:
        raise ExternalIdTaken(
            f"{columns['external_system']}:{columns['external_id']} is {found.id}, and says something else",
            faults=[Fault("/external_id", "is taken; what is booked is reversed, not changed")],
        )
    return found


async def create_entry(session: AsyncSession, body: bodies.CostEntryCreate, *, now: datetime) -> CostEntry:
    """Raises NothingToBook, CreditNotNegative, CorrectedUnknown, ExternalIdTaken, PeriodClosed."""
    period = bookable(await queries.fiscal_calendar(session), body.period)
    columns = outside(body, body.external_id)
    if (before := await known(session, CostEntry, columns)) is not None:
        return before
    for index, line in enumerate(body.lines):
        if not line.amount:
            raise NothingToBook(f"line {index} books nothing", faults=[Fault(f"/lines/{index}/amount", "is zero")])
        if body.kind is bodies.EntryKind.CREDIT and line.amount > 0:
            raise CreditNotNegative(
                f"line {index} of a credit adds cost", faults=[Fault(f"/lines/{index}/amount", "must be below zero")]
            )
    corrects = None if body.corrects is None else await _corrected(session, body.corrects)
    lines = [line.model_dump() | {"amount": plain(line.amount)} for line in body.lines]
    entry = CostEntry(
        version=1,
        kind=body.kind,
        period=period.name,
        amount=exact_total([line.amount for line in body.lines]),
        currency=body.currency,
        lines=lines,
        reason=body.reason,
        corrects=corrects,
        reverses=None,
        reversed_by=None,
        **columns,
    )
    await _book_entry(session, entry, period, now)
    return entry


async def _book_entry(session: AsyncSession, entry: CostEntry, period: Period, now: datetime) -> None:
    session.add(entry)
    credit = entry.kind == bodies.EntryKind.CREDIT and entry.reverses is None
    await book(
        session,
        [Booking(period, Decimal(line["amount"]), line, line["description"] or entry.reason) for line in entry.lines],
        entry_id=entry.id,
        source=f"entry:{entry.id}",
        origin=Origin.ENTRY,
        currency=entry.currency,
        category=Category.CREDIT if credit else Category.ADJUSTMENT,
        invoiced=True,
        corrects_invoice=not credit,
        now=now,
    )


async def _corrected(session: AsyncSession, corrected: bodies.Corrected) -> dict[str, Any]:
    """The reference as it is kept. Raises CorrectedUnknown where it is unclear, or names what is not there."""
    if (corrected.import_id is None) == (corrected.entry_id is None):
        raise CorrectedUnknown("say what is corrected", faults=[Fault("/corrects", "either import_id or entry_id")])
    if corrected.entry_id is not None:
        if corrected.line is not None:
            raise CorrectedUnknown(
                "an entry has no lines of a file", faults=[Fault("/corrects/line", "of imports only")]
            )
        for table in (CostEntry, Accrual, AmortisationSchedule):
            if await session.get(table, corrected.entry_id) is not None:
                break
        else:
            raise CorrectedUnknown(f"no entry {corrected.entry_id}", faults=[Fault("/corrects/entry_id", "is unknown")])
    elif await session.get(CostImport, corrected.import_id) is None:
        raise CorrectedUnknown(f"no import {corrected.import_id}", faults=[Fault("/corrects/import_id", "is unknown")])
    elif corrected.line is not None and await session.get(CostRow, (corrected.import_id, corrected.line)) is None:
        raise CorrectedUnknown(f"no row of line {corrected.line}", faults=[Fault("/corrects/line", "has no row")])
    return corrected.model_dump(mode="json", exclude_none=True)


async def reverse_entry(
    session: AsyncSession,
    entry_id: UUID,
    body: bodies.CostEntryReverse,
    *,
    if_match: frozenset[int] | None,
    now: datetime,
) -> CostEntry:
    """Take an entry back by one with the same lines, negated. Returns the new one.

    Raises EntryReversed, ReversalTooEarly, PeriodClosed.
    """
    entry = await session.get(CostEntry, entry_id)
    if entry is None:
        raise CostEntryUnknown(f"no cost entry {entry_id}")
    check_version(entry, if_match)
    if entry.reversed_by is not None:
        raise EntryReversed(f"entry {entry_id} was taken back", faults=[Fault("/id", f"by {entry.reversed_by}")])
    if entry.reverses is not None:
        raise EntryReversed(
            f"entry {entry_id} takes back {entry.reverses}", faults=[Fault("/id", "book a new entry instead")]
        )
    period = await reversal_period(session, entry.period, body.period)
    reversal = CostEntry(
        version=1,
        kind=entry.kind,
        period=period.name,
        amount=EXACT.minus(entry.amount),
        currency=entry.currency,
        lines=[line | {"amount": plain(EXACT.minus(Decimal(line["amount"])))} for line in entry.lines],
        reason=body.reason,
        corrects={"entry_id": str(entry.id)},
        reverses=entry.id,
        reversed_by=None,
        **outside(body, None),
    )
    await _book_entry(session, reversal, period, now)
    entry.reversed_by = reversal.id
    return reversal


async def reversal_period(session: AsyncSession, booked: str, wanted: str | None) -> Period:
    """The period that was asked for, else the earliest open one from that of the entry on. Raises ReversalTooEarly."""
    calendar = await queries.fiscal_calendar(session)
    first = calendar.parse(booked)
    if wanted is None:
        return await queries.earliest_open(session, calendar, first)
    period = bookable(calendar, wanted)
    if period < first:
        raise ReversalTooEarly(f"it was booked in {first}", faults=[Fault("/period", f"must not lie before {first}")])
    return period
