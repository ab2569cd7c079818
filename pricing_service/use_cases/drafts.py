"""Draft statements: what the business units owe for a period and is not yet billed, line by line.

    the period itself      everything rated anew, less what statements already hold of it
    the following period   what is charged in advance
    closed periods         adjustments: where usage came late, or no longer counts, the closed period is rated anew
                           (no price can be given to it afterwards), less what statements already hold of it

So a closed period's statements and their adjustments add up to one full rating of it. Adjustments are on the
statement of the earliest open period, and say which period they put right. A line is billed by the mode of its service
period: where modes differ, a unit gets a statement for each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from pricing_service import queries
from pricing_service.domain import rating as domain
from pricing_service.domain.periods import Period
from pricing_service.domain.prices.line import PartKind
from pricing_service.domain.rating import RatedLine
from pricing_service.domain.statement import (
    Billed,
    BillingMode,
    LineKey,
    StatementState,
    check_credits_counted,
    mode_on,
)
from pricing_service.tables import Statement, StatementLine
from pricing_service.use_cases.charges import parts_document
from pricing_service.use_cases.holdings import Subject, Unpriced, subjects
from pricing_service.use_cases.metered import Metered, read_metered
from services.ids import uuid7
from services.money import exact_total

ZERO = Decimal(0)
_LINES_A_STATEMENT = 500


@dataclass(slots=True)
class Drafted:
    """What became of some business units."""

    statements: int = 0
    lines: int = 0
    totals: dict[str, list[Decimal]] = field(default_factory=dict)
    unpriced: list[dict[str, str]] = field(default_factory=list)


_Row = dict[str, Any]  # of statement_line, without the statement and the position


class _Sheet:
    """The lines of some business units, by unit, currency and mode, in the order in which they are to stand."""

    def __init__(self, cut: int, modes: Mapping[UUID, Sequence[tuple[date, str]]]) -> None:
        self.cut = cut
        self.modes = modes
        self.lines: dict[tuple[UUID, str, BillingMode], list[_Row]] = {}
        self.unpriced: list[dict[str, str]] = []

    def add(
        self,
        subject: Subject,
        service_period: Period,
        lines: Iterable[RatedLine],
        before: Mapping[LineKey, Billed],
        *,
        adjusts: bool = False,
    ) -> None:
        unit = subject.subscription.business_unit_id
        # By the mode of the period that is billed: what was only shown is not paid back by a later chargeback.
        mode = mode_on(service_period.first_day, self.modes[unit])
        of_unit = self.lines.setdefault((unit, subject.currency, mode), [])
        for line in lines:
            after = before[line.key].usage_upto if line.key in before else -1
            row = _row(subject, service_period, line) | {"usage_after": after, "usage_upto": self.cut}
            of_unit.append(row | {"adjusts_period": service_period.name if adjusts else None})

    def note(self, subscription_id: UUID, reason: str, **more: str) -> None:
        self.unpriced.append({"subscription_id": str(subscription_id), "reason": reason} | more)


@dataclass(frozen=True, slots=True)
class Owing:
    """What there is to rate of a period: subscriptions with their prices and their usage up to `cut`."""

    cut: int
    subjects: Mapping[UUID, Sequence[Subject]]  # by business unit
    unpriced: Mapping[UUID, Sequence[Unpriced]]
    metered: Metered


async def read_owing(session: AsyncSession, period: Period, units: Sequence[UUID], cut: int) -> Owing:
    """For many business units at once: usage is then gone through once, not once for each of them (ADR-0018)."""
    subscriptions = await queries.chargeable_subscriptions(session, units, period)
    found, unpriced = await subjects(session, period, subscriptions)
    by_unit: dict[UUID, list[Subject]] = {}
    for subject in found:
        by_unit.setdefault(subject.subscription.business_unit_id, []).append(subject)
    holders = {subscription.id: subscription.business_unit_id for subscription in subscriptions}
    left: dict[UUID, list[Unpriced]] = {}
    for each in unpriced:
        left.setdefault(holders[each.subscription_id], []).append(each)
    return Owing(cut, by_unit, left, await read_metered(session, period, found, cut))


async def draft_statements(session: AsyncSession, period: Period, units: Sequence[UUID], owing: Owing) -> Drafted:
    """Replace the drafts of the period of `units`, which are some of those that `owing` was read for."""
    await _drop_drafts(session, period, units)
    sheet = _Sheet(owing.cut, await queries.billing_modes(session, units))
    await _own_period(session, sheet, period, units, owing)
    await _closed_periods(session, sheet, period, units)
    drafted = Drafted(unpriced=sheet.unpriced)
    sequences = await _last_sequences(session, period, units)
    rows: list[_Row] = []
    for (unit, currency, _), lines in sorted(sheet.lines.items()):
        if not lines:
            continue
        statement_id = uuid7()
        sequences[unit] = sequences.get(unit, 0) + 1
        total = exact_total([line["amount"] for line in lines])
        session.add(
            Statement(
                id=statement_id,
                version=1,
                business_unit_id=unit,
                period=str(period),
                sequence=sequences[unit],
                state=StatementState.DRAFT,
                currency=currency,
                total_amount=total,
            )
        )
        rows += [line | {"statement_id": statement_id, "position": at} for at, line in enumerate(lines, 1)]
        drafted.statements += 1
        drafted.totals.setdefault(currency, []).append(total)
    for start in range(0, len(rows), _LINES_A_STATEMENT):
        await session.execute(insert(StatementLine), rows[start : start + _LINES_A_STATEMENT])
    drafted.lines = len(rows)
    return drafted


async def drop_adjusting(session: AsyncSession, period: Period) -> None:
    """Drop the drafts that adjust a period which opens again: its own runs bill that, unless these hold it already."""
    adjusting = select(StatementLine.statement_id).where(
        StatementLine.service_period == period.name, StatementLine.adjusts_period == period.name
    )
    await _drop(session, Statement.id.in_(adjusting))


async def _drop_drafts(session: AsyncSession, period: Period, units: Sequence[UUID]) -> None:
    await _drop(session, and_(Statement.business_unit_id.in_(units), Statement.period == str(period)))


async def _drop(session: AsyncSession, which: ColumnElement[bool]) -> None:
    drafts = select(Statement).where(which, Statement.state == StatementState.DRAFT)
    for draft in (await session.scalars(drafts)).all():
        await session.execute(delete(StatementLine).where(StatementLine.statement_id == draft.id))
        await session.delete(draft)
    await session.flush()


async def _last_sequences(session: AsyncSession, period: Period, units: Sequence[UUID]) -> dict[UUID, int]:
    query = select(Statement.business_unit_id, func.max(Statement.sequence)).where(
        Statement.business_unit_id.in_(units), Statement.period == str(period)
    )
    return {unit: last for unit, last in await session.execute(query.group_by(Statement.business_unit_id))}


async def _own_period(
    session: AsyncSession, sheet: _Sheet, period: Period, units: Sequence[UUID], owing: Owing
) -> None:
    """The period's own lines, and what is charged in advance of the following one."""
    for each in (each for unit in units for each in owing.unpriced.get(unit, ())):
        sheet.note(each.subscription_id, each.reason)
    following = (await queries.fiscal_calendar(session)).next(period)
    before = await queries.billed_before(session, units, period, period)
    ahead = await queries.billed_before(session, units, following, period)
    for subject in (subject for unit in units for subject in owing.subjects.get(unit, ())):
        whose = (subject.subscription.business_unit_id, subject.subscription.id)
        billed = before.get(whose, {})
        lines = await _rated(session, sheet, period, subject, owing.metered, billed)
        sheet.add(subject, period, lines, billed)
        windows = domain.windows(following, subject.holding, subject.plans)
        billed = ahead.get(whose, {})
        sheet.add(subject, following, domain.rate_in_advance(following, subject.holding, windows, billed), billed)


async def _closed_periods(session: AsyncSession, sheet: _Sheet, period: Period, units: Sequence[UUID]) -> None:
    """The adjustments, if `period` is the earliest open one."""
    calendar = await queries.fiscal_calendar(session)
    closed_through = await queries.closed_through(session)
    if closed_through is None or calendar.next(calendar.parse(closed_through)) != period:
        return
    for name, subscriptions in (await queries.late_subscriptions(session, units, closed_through)).items():
        closed = calendar.parse(name)
        found, unpriced = await subjects(session, closed, subscriptions)
        for each in unpriced:
            sheet.note(each.subscription_id, each.reason)
        before = await queries.billed_before(session, units, closed, period)
        metered = await read_metered(session, closed, found, sheet.cut)
        for subject in found:
            billed = before.get((subject.subscription.business_unit_id, subject.subscription.id), {})
            lines = await _rated(session, sheet, closed, subject, metered, billed)
            sheet.add(subject, closed, lines, billed, adjusts=True)


async def _rated(
    session: AsyncSession,
    sheet: _Sheet,
    period: Period,
    subject: Subject,
    metered: Metered,
    before: Mapping[LineKey, Billed],
) -> list[RatedLine]:
    id_, windows = subject.subscription.id, metered.windows[subject.subscription.id]
    term = domain.ending_term(period, subject.holding, windows)
    earlier = ZERO if term is None else await queries.billed_in_term(session, id_, *term, but=period)
    rated = domain.rate(
        period,
        subject.holding,
        windows,
        lambda window, meter: metered.quantity(id_, window, meter),
        before,
        cells=lambda window, meter: metered.by_attributes(id_, window, meter),
        earlier_in_term=earlier,
    )
    for meter, stretch in metered.unpriced(id_):
        for day in await queries.metered_days(session, id_, meter, stretch, metered.cut):
            sheet.note(id_, f"meter {meter!r} has no price on {day}", meter=meter, day=str(day))
    for left in rated.unpriced:
        sheet.note(id_, left.reason)
    if not windows and subject.subscription.activated_at < period.end:
        sheet.note(id_, f"no price plan is in force in {period}")
    return rated.lines


async def check_current(
    session: AsyncSession, draft: Statement, period: Period, lines: Sequence[StatementLine]
) -> None:
    """That no credit note has changed since what the draft builds upon. Raises DraftOutdated.

    It holds the statements that it builds upon until the transaction ends: whoever credits them waits.
    """
    building = [line for line in lines if any(part["kind"] == PartKind.BILLED_BEFORE for part in line.parts)]
    if not building:
        return
    own = aliased(StatementLine)
    same = (
        select(StatementLine.statement_id)
        .join(
            own,
            and_(
                own.subscription_id == StatementLine.subscription_id,
                own.service_period == StatementLine.service_period,
            ),
        )
        .where(own.statement_id == draft.id)
    )
    upon = select(Statement.id).where(
        Statement.business_unit_id == draft.business_unit_id,
        Statement.id != draft.id,
        Statement.state != StatementState.DRAFT,
        Statement.id.in_(same),
    )
    await session.execute(upon.order_by(Statement.id).with_for_update())
    calendar = await queries.fiscal_calendar(session)
    for name in sorted({line.service_period for line in building}):
        before = await queries.billed_before(session, [draft.business_unit_id], calendar.parse(name), period)
        for line in (line for line in building if line.service_period == name):
            key = LineKey(line.subscription_id, line.charge, line.kind, line.split_start)
            now = before.get((draft.business_unit_id, line.subscription_id), {}).get(key)
            held, absorbed = [_part(line, kind) for kind in (PartKind.BILLED_BEFORE, PartKind.CREDITED_BEFORE)]
            check_credits_counted(
                line.amount, held.copy_negate(), absorbed, now, what=f"{line.charge} of {name} (line {line.position})"
            )


def _part(line: StatementLine, kind: PartKind) -> Decimal:
    return exact_total([Decimal(part["amount"]) for part in line.parts if part["kind"] == kind])


def _row(subject: Subject, service_period: Period, line: RatedLine) -> _Row:
    window, subscription = line.window, subject.subscription
    metered = window is not None and line.meter is not None
    offering_id = subscription.offering_id if window is None else window.stretch.offering_id
    cost = subject.costs.get(offering_id)
    return {
        "id": uuid7(),
        "subscription_id": subscription.id,
        "offering_id": offering_id,
        "service_id": subject.services.get(offering_id, subscription.service_id),
        "demand_id": subscription.demand_id,
        "charge": line.key.charge_key,
        "name": line.name,
        "kind": line.key.kind,
        "model": line.model,
        "recurring": line.recurrence,
        "meter": line.meter,
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "formula": line.formula,
        "amount": line.amount,
        "currency": subject.currency,
        "parts": parts_document(line.parts),
        "service_period": str(service_period),
        "split_start": line.key.split_start,
        "split_end": window.split.end if window else None,
        "usage_from": window.start if metered and window else None,
        "usage_until": window.end if metered and window else None,
        "price_plan_id": window.plan.id if window else None,
        "plan_version": window.plan.version if window else None,
        "allocation_run_id": cost.allocation_run_id if cost else None,
    }
