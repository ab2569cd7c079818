"""Beside the amounts: what drove the change since the last period, and what a service recovered of its cost."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import changes as domain
from pricing_service.domain.changes import Charged, ChargeKey
from pricing_service.domain.levers import recovery_rate
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import Recurrence
from pricing_service.domain.prices.charge import to_places
from pricing_service.domain.prices.line import LineKind
from pricing_service.domain.statement import BillingMode, StatementState
from pricing_service.schemas import insights as bodies
from pricing_service.tables import CreditNote, CreditNoteLine, KnownService, ServiceCost, Statement, StatementLine
from services.money import EXACT, exact_total, exponent

ZERO = Decimal(0)


async def read_changes(session: AsyncSession, statement: Statement) -> bodies.ChangesRead:
    """The business unit's period so far, this statement included, against the period before."""
    calendar = await queries.fiscal_calendar(session)
    period = calendar.parse(statement.period)
    previous = calendar.previous(period)
    after = await _charged(session, statement, period.name)
    before = await _charged(session, statement, previous.name)
    found = domain.changes(before, after, places=exponent(statement.currency))
    offerings = await _offerings(session, statement.business_unit_id, {change.key for change in found})
    return bodies.ChangesRead(
        period=period.name,
        compared_with=previous.name,
        currency=statement.currency,
        before=domain.total(before),
        after=domain.total(after),
        difference=EXACT.subtract(domain.total(after), domain.total(before)),
        items=[
            bodies.ChangeRead(
                subscription_id=change.key.subscription_id,
                charge=change.key.charge,
                offering_id=offerings.get(change.key),
                driver=change.driver,
                amount=change.amount,
            )
            for change in found
        ],
    )


async def _charged(session: AsyncSession, statement: Statement, period: str) -> dict[ChargeKey, Charged]:
    """By charge, what issued statements of a period hold (and `statement` itself), and what was credited in it."""
    calendar = await queries.fiscal_calendar(session)
    lines = await session.execute(
        select(StatementLine, Statement.period)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(
            Statement.business_unit_id == statement.business_unit_id,
            Statement.period == period,
            Statement.currency == statement.currency,
            (Statement.state != StatementState.DRAFT) | (Statement.id == statement.id),
        )
    )
    sums: dict[ChargeKey, list[list[Decimal]]] = {}
    for line, of_period in lines:
        amounts, quantities, adjustments, _ = sums.setdefault(_key(line), [[], [], [], []])
        if line.adjusts_period is not None or line.service_period < of_period:
            adjustments.append(line.amount)
        else:
            amounts.append(line.amount)
            if line.kind == LineKind.CHARGE:
                quantities.append(_in_periods(line, calendar.parse(line.service_period)))
    credits = await session.scalars(
        select(CreditNoteLine)
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(
            CreditNote.business_unit_id == statement.business_unit_id,
            CreditNote.period == period,
            CreditNote.currency == statement.currency,
        )
    )
    for credit in credits:
        sums.setdefault(_key(credit), [[], [], [], []])[3].append(credit.amount.copy_negate())
    return {key: Charged(*(exact_total(part) for part in parts)) for key, parts in sums.items()}


def _in_periods(line: StatementLine, period: Period) -> Decimal:
    """The quantity; of a fee that is due for a part of the period, that part of it."""
    if line.meter is not None or line.recurring == Recurrence.ONE_OFF or line.split_end is None:
        return line.quantity
    days = (line.split_end - line.split_start).days
    return to_places(Fraction(line.quantity) * days / period.days, 12)


def _key(line: StatementLine | CreditNoteLine) -> ChargeKey:
    return ChargeKey(line.subscription_id, line.charge.partition("/")[0])


async def _offerings(session: AsyncSession, unit: UUID, keys: set[ChargeKey]) -> Mapping[ChargeKey, UUID]:
    """The offering that each charge was of, the newest statement's where it changed."""
    wanted = {key.subscription_id for key in keys}
    lines = await session.scalars(
        select(StatementLine)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(Statement.business_unit_id == unit, StatementLine.subscription_id.in_(wanted))
        .order_by(Statement.period, Statement.sequence)
    )
    return {_key(line): line.offering_id for line in lines}


async def read_recovery(session: AsyncSession, period_name: str) -> bodies.RecoveryRead:
    """Per service: what issued statements charged for the period, less credits, over what it cost by its newest run."""
    period = (await queries.fiscal_calendar(session)).parse(period_name, pointer="period")
    revenue: dict[tuple[UUID, str], dict[str, list[Decimal]]] = {}
    charged = await session.execute(
        select(StatementLine.service_id, StatementLine.currency, Statement.mode, StatementLine.amount)
        .join(Statement, Statement.id == StatementLine.statement_id)
        .where(StatementLine.service_period == period.name, Statement.state != StatementState.DRAFT)
    )
    for service_id, currency, mode, amount in charged:
        _of(revenue, service_id, currency)["shown" if mode == BillingMode.SHOWBACK else "charged"].append(amount)
    credited = await session.execute(
        select(CreditNoteLine.service_id, CreditNoteLine.currency, CreditNote.mode, CreditNoteLine.amount)
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .where(CreditNote.credits_period == period.name)
    )
    for service_id, currency, mode, amount in credited:
        kind = "shown" if mode == BillingMode.SHOWBACK else "charged"
        _of(revenue, service_id, currency)["credited" if kind == "charged" else kind].append(
            amount if kind == "charged" else amount.copy_negate()
        )
    costs = await _costs(session, period.name)
    known = {service.id: service.name for service in await session.scalars(select(KnownService))}
    keys = sorted({*revenue, *((service, cost.currency) for service, cost in costs.items())})
    return bodies.RecoveryRead(
        period=period.name,
        items=[
            _recovery(service_id, known.get(service_id), currency, revenue.get((service_id, currency)), costs)
            for service_id, currency in keys
        ],
    )


def _of(
    revenue: dict[tuple[UUID, str], dict[str, list[Decimal]]], service_id: UUID, currency: str
) -> dict[str, list[Decimal]]:
    return revenue.setdefault((service_id, currency), {"charged": [], "credited": [], "shown": []})


async def _costs(session: AsyncSession, period: str) -> dict[UUID, ServiceCost]:
    rows = await session.scalars(
        select(ServiceCost).where(ServiceCost.period == period).order_by(ServiceCost.id)  # ids are in order of time
    )
    return {row.service_id: row for row in rows}


def _recovery(
    service_id: UUID,
    name: str | None,
    currency: str,
    revenue: Mapping[str, list[Decimal]] | None,
    costs: Mapping[UUID, ServiceCost],
) -> bodies.ServiceRecovery:
    sums = {kind: exact_total(amounts) for kind, amounts in (revenue or {}).items()}
    net = EXACT.subtract(sums.get("charged", ZERO), sums.get("credited", ZERO))
    cost = costs.get(service_id)
    amount = None if cost is None or cost.currency != currency else cost.cost_amount
    return bodies.ServiceRecovery(
        service_id=service_id,
        service=name,
        currency=currency,
        charged=sums.get("charged", ZERO),
        credited=sums.get("credited", ZERO),
        revenue=net,
        shown=sums.get("shown", ZERO),
        cost=amount,
        recovered=None if amount is None else EXACT.subtract(net, amount),
        recovery_rate=None if amount is None else recovery_rate(net, amount),
        allocation_run_id=None if amount is None or cost is None else cost.allocation_run_id,
    )
