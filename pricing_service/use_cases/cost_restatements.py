"""What a delivery changes: open periods take it as it is, closed ones have the difference booked after them (ADR 0012).

    difference = what the delivery says of the closed period − what counted of it before

netted per tuple of all dimensions, exactly. What counted before are the period's own rows and every correction of it
that was booked since, so that a chain of restatements always adds up to the last of them. Corrections are staged in
chunks of their own and count through their snapshots, which are written with the delivery's last chunk.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, RowMapping, Table, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.cost_rows import Origin
from pricing_service.domain.csv_rows import json_text
from pricing_service.domain.focus_columns import CORRECTION
from pricing_service.domain.periods import Period
from pricing_service.tables import CostRow, CostSnapshot
from services.clock import utc_now
from services.db import exact_sum
from services.db.bulk import insert_many
from services.http import plain
from services.ids import uuid7
from services.money import EXACT, exact_total
from services.work import JobRun

ZERO = Decimal(0)
STAGED_ROWS = 2_000
ROWS = cast(Table, CostRow.__table__)
COSTS = ("cost", "recoverable_tax", "billed_cost", "effective_cost", "contracted_cost", "list_cost")
SUMMED = (
    *COSTS,
    *("consumed_quantity", "pricing_quantity", "commitment_discount_quantity", "pricing_currency_effective_cost"),
)
# A correction has these of its own.
OWN = ("import_id", "line", "origin", "period", "billing_month", "charge_class")
OWN_INSTANTS = ("billing_period_start", "billing_period_end")
DIMENSIONS = tuple(
    name for name in (column.name for column in ROWS.columns) if name not in {*SUMMED, *OWN, *OWN_INSTANTS}
)
STORED = (*OWN, *OWN_INSTANTS, *DIMENSIONS, *SUMMED)


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """The rows of a snapshot, or of a delivery for a period."""

    import_id: UUID
    billing_month: str
    period: str

    @property
    def rows(self) -> ColumnElement[bool]:
        return and_(
            CostRow.import_id == self.import_id,
            CostRow.billing_month == self.billing_month,
            CostRow.period == self.period,
        )

    @property
    def snapshot(self) -> ColumnElement[bool]:
        return and_(
            CostSnapshot.import_id == self.import_id,
            CostSnapshot.billing_month == self.billing_month,
            CostSnapshot.period == self.period,
        )


@dataclass(frozen=True, slots=True)
class Booking:
    """A difference to be booked: what is new of a closed period less what counted before."""

    billing_month: str
    corrects: str
    into: str
    currency: str
    new: Slot | None
    before: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What the last chunk of a delivery does; computed again there, it must still be the same."""

    superseded: tuple[Slot, ...]
    counting: tuple[Slot, ...]
    bookings: tuple[Booking, ...]


@dataclass(slots=True)
class Staged:
    """A booking whose rows are stored, but do not count yet."""

    booking: Booking
    correction_id: UUID
    rows: int = 0
    costs: list[Decimal] = field(default_factory=list)

    @property
    def cost(self) -> Decimal:
        return exact_total(self.costs)

    def shown(self) -> dict[str, Any]:
        return {
            "correction_id": str(self.correction_id),
            "billing_month": self.booking.billing_month,
            "period": self.booking.corrects,
            "booked_in": self.booking.into,
            "rows": self.rows,
            "cost": plain(self.cost),
            "currency": self.booking.currency,
        }


async def plan(
    session: AsyncSession, source: str, new: Sequence[Slot], currency: str, calendar: FiscalCalendar
) -> Plan:
    """What becomes of the delivery's slots, and of what the source has delivered for the same months before."""
    through = await queries.closed_through(session) or ""
    superseded: list[Slot] = []
    counting: list[Slot] = []
    bookings: list[Booking] = []
    for month in sorted({slot.billing_month for slot in new}):
        fresh = {slot.period: slot for slot in new if slot.billing_month == month}
        counted = await _counted(session, source, month)
        for period in sorted({*fresh, *(snapshot.corrects or snapshot.period for snapshot in counted)}):
            own = [each for each in counted if each.corrects is None and each.period == period]
            corrections = [each for each in counted if each.corrects == period]
            if period <= through:
                into = str(await queries.earliest_open(session, calendar, calendar.parse(period)))
                before = [*own, *corrections]
                bookings += _bookings(month, period, into, fresh.get(period), currency, before)
                continue
            superseded += [_slot(each) for each in own]
            if period in fresh:
                counting.append(fresh[period])
            # Corrections from a time when the period was closed: those in a closed period have to be taken back.
            superseded += [_slot(each) for each in corrections if each.period > through]
            if stuck := [each for each in corrections if each.period <= through]:
                last = max(each.period for each in stuck)
                into = str(await queries.earliest_open(session, calendar, calendar.parse(last)))
                bookings += _bookings(month, period, into, None, currency, stuck)
    return Plan(tuple(superseded), tuple(counting), tuple(bookings))


async def _counted(session: AsyncSession, source: str, month: str) -> list[CostSnapshot]:
    query = select(CostSnapshot).where(
        CostSnapshot.source == source, CostSnapshot.billing_month == month, CostSnapshot.superseded_by.is_(None)
    )
    return list(await session.scalars(query.order_by(CostSnapshot.period, CostSnapshot.number)))


def _slot(snapshot: CostSnapshot) -> Slot:
    return Slot(snapshot.import_id, snapshot.billing_month, snapshot.period)


def _bookings(
    month: str, period: str, into: str, new: Slot | None, currency: str, before: Sequence[CostSnapshot]
) -> list[Booking]:
    """One for each currency, since a snapshot has one."""
    currencies = sorted({*(each.currency for each in before), *([currency] if new else [])})
    return [
        Booking(
            month,
            period,
            into,
            code,
            new if code == currency else None,
            tuple(_slot(each) for each in before if each.currency == code),
        )
        for code in currencies
    ]


async def stage(run: JobRun, plan: Plan, calendar: FiscalCalendar) -> list[Staged]:
    """Store the rows of the plan's bookings; raises what a chunk raises. Bookings without a difference are left out."""
    staged = []
    for booking in plan.bookings:
        assert run.checkpoint is not None
        one = Staged(booking, uuid7())
        noted = run.checkpoint | {"staged": [*run.checkpoint.get("staged", []), str(one.correction_id)]}
        async with run.reading() as reading:
            async for batch in _differences(reading, booking):
                rows = _rows(one, batch, calendar.parse(booking.into))
                async with run.chunk() as session:
                    await insert_many(session, ROWS, STORED, rows)
                    run.advance(checkpoint=noted)
        if one.rows:
            staged.append(one)
    return staged


async def _differences(session: AsyncSession, booking: Booking) -> AsyncIterator[list[RowMapping]]:
    new = None if booking.new is None else booking.new.rows
    before = or_(*[slot.rows for slot in booking.before]) if booking.before else None
    conditions = [condition for condition in (new, before) if condition is not None]
    dimensions = [ROWS.c[name] for name in DIMENSIONS]

    def total(name: str, condition: ColumnElement[bool] | None) -> Any:
        return exact_sum(case((condition, ROWS.c[name]))) if condition is not None else None

    sums = [
        each.label(f"{side}_{name}")
        for side, condition in (("new", new), ("before", before))
        for name in SUMMED
        if (each := total(name, condition)) is not None
    ]
    query = (
        select(*dimensions, *sums).where(or_(*conditions), CostRow.currency == booking.currency).group_by(*dimensions)
    )
    result = await session.stream(query)
    async for rows in result.mappings().partitions(STAGED_ROWS):
        differing = [row for row in rows if any(_difference(row, name) for name in COSTS)]
        if differing:
            yield differing


def _difference(row: Mapping[Any, Any], name: str) -> Decimal | None:
    new, before = row.get(f"new_{name}"), row.get(f"before_{name}")
    return None if new is None and before is None else EXACT.subtract(new or ZERO, before or ZERO)


def _rows(staged: Staged, batch: Sequence[Mapping[Any, Any]], into: Period) -> list[tuple[Any, ...]]:
    rows = []
    for row in batch:
        staged.rows += 1
        figures = [_difference(row, name) for name in SUMMED]
        dimensions = [json_text(row[name]) if name in ("tags", "other") else row[name] for name in DIMENSIONS]
        if row["cleared_by"] is None:
            staged.costs = [exact_total([*staged.costs, figures[0] or ZERO])]
        own = (
            staged.correction_id,
            staged.rows,
            Origin.CORRECTION.value,
            into.name,
            staged.booking.billing_month,
            CORRECTION,
            into.start,
            into.end,
        )
        rows.append((*own, *dimensions, *figures))
    return rows


async def supersede(session: AsyncSession, slots: Sequence[Slot], by: UUID) -> None:
    for slot in slots:
        await session.execute(update(CostSnapshot).where(slot.snapshot).values(superseded_by=by))


async def take_snapshot(
    session: AsyncSession,
    slot: Slot,
    *,
    source: str,
    rows: int,
    cost: Decimal,
    currency: str,
    corrects: str | None = None,
) -> None:
    """From here on the slot's rows count."""
    same = (
        CostSnapshot.source == source,
        CostSnapshot.billing_month == slot.billing_month,
        CostSnapshot.period == slot.period,
    )
    last = await session.scalar(select(func.max(CostSnapshot.number)).where(*same)) or 0
    session.add(
        CostSnapshot(
            import_id=slot.import_id,
            billing_month=slot.billing_month,
            period=slot.period,
            source=source,
            number=last + 1,
            rows=rows,
            cost=cost,
            currency=currency,
            corrects=corrects,
            taken_at=utc_now(),
        )
    )
    await session.flush()
