"""What a business unit could do about its charges: each subscription priced anew, as it is and as it could be.

Prices come from the same rating as the statement's, for a whole period like the statement's own: the quantity and the
plan as they stood at its end, the usage as it was metered in it. Where a plan's minimum is trued up over a committed
term, the term is priced as a whole, and its periods bear equal parts of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import levers as domain
from pricing_service.domain.history import Holding, Stretch, Term, months_after
from pricing_service.domain.levers import Alternative, Lever, Observed
from pricing_service.domain.periods import Period
from pricing_service.domain.plan import PlanVersion, Recurrence, TrueUpAt
from pricing_service.domain.prices import Cell
from pricing_service.domain.rating import RatedLine, Window, rate, windows
from pricing_service.schemas import insights as bodies
from pricing_service.tables import KnownOffering, Statement, UsageEvent
from pricing_service.use_cases import rate_cards
from pricing_service.use_cases.charges import UnitCosts, UnitCostUnknown, plan_version
from pricing_service.use_cases.holdings import Subject, subjects
from services.http import MoneyModel
from services.money import Money, exact_total

PERIODS_LOOKED_AT = 3
ZERO = Decimal(0)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_PUBLISHED = "published"

Metered = Mapping[str, Mapping[queries.Attributes, Decimal]]  # by meter, split by attributes


async def read_levers(session: AsyncSession, statement: Statement) -> bodies.LeversRead:
    """Those of the statement's business unit and currency, the largest saving first."""
    calendar = await queries.fiscal_calendar(session)
    period = calendar.parse(statement.period)
    looked_at = [period]
    while len(looked_at) < PERIODS_LOOKED_AT:
        looked_at.append(calendar.previous(looked_at[-1]))
    held = [
        each
        for each in await queries.chargeable_subscriptions(session, [statement.business_unit_id], period)
        if each.ended_at is None and each.activated_at < period.end
    ]
    found, _ = await subjects(session, period, held)
    ids = [subject.subscription.id for subject in found]
    metered = await _metered(session, ids, period)
    used = await _used(session, ids, looked_at[-1], period)
    offerings = _OfferingPrices(session, period, await queries.unit_path(session, statement.business_unit_id))
    levers: list[Lever] = []
    for subject in found:
        if subject.currency == statement.currency:
            usage = metered.get(subject.subscription.id, {})
            whole_time = subject.subscription.activated_at < looked_at[-1].start
            is_used = subject.subscription.id in used or not whole_time  # too young to be called unused
            levers += await _of_subject(subject, period, usage, is_used, offerings)
    ordered = sorted(levers, key=lambda lever: (-lever.saving, lever.subscription_id, lever.kind))
    return bodies.LeversRead(
        period=period.name,
        periods_looked_at=PERIODS_LOOKED_AT,
        items=[
            bodies.LeverRead(
                kind=lever.kind,
                subscription_id=lever.subscription_id,
                offering_id=lever.offering_id,
                saving=MoneyModel.of(Money(lever.saving, statement.currency)),
                once=MoneyModel.of(Money(lever.once, statement.currency).rounded()),
                reason=lever.reason,
            )
            for lever in ordered
        ],
    )


async def _metered(session: AsyncSession, ids: Collection[UUID], period: Period) -> Mapping[UUID, Metered]:
    of = and_(UsageEvent.counts, UsageEvent.subscription_id.in_(ids))
    days = (period.first_day, period.end_day)
    aggregated = await queries.aggregations(session)
    whole = await queries.metered_quantities(session, of, days, aggregated)
    split = await queries.metered_quantities(session, of, days, aggregated, by_attributes=True)
    found: dict[UUID, dict[str, Mapping[queries.Attributes, Decimal]]] = {}
    for (subscription, meter), quantities in whole.items():
        by_attributes = split.get((subscription, meter), {})
        found.setdefault(subscription, {})[meter] = {**by_attributes, (): quantities[()]}
    return found


async def _used(session: AsyncSession, ids: Collection[UUID], first: Period, last: Period) -> set[UUID]:
    query = select(UsageEvent.subscription_id).where(
        UsageEvent.counts,
        UsageEvent.quantity > ZERO,
        UsageEvent.subscription_id.in_(ids),
        *queries.in_days(first.first_day, last.end_day),
    )
    return set(await session.scalars(query.distinct()))


async def _of_subject(
    subject: Subject, period: Period, usage: Metered, is_used: bool, offerings: "_OfferingPrices"
) -> list[Lever]:
    stretch = subject.holding.stretches[-1]
    if stretch.suspended:
        return []
    placed = windows(period, subject.holding, subject.plans)
    if not placed or placed[-1].stretch.offering_id != stretch.offering_id:
        return []
    plan = placed[-1].plan
    trial = _Trial(subject.subscription.id, stretch, subject.holding.unit_tags, period, usage)
    lines = trial.lines(plan)
    recurring = [line for line in lines if line.recurrence != Recurrence.ONE_OFF]
    observed = Observed(
        subscription_id=subject.subscription.id,
        recurring=_sum(line for line in recurring if line.recurrence != Recurrence.USAGE),
        metered_charges=any(charge.meter is not None for charge in plan.charges),
        used=is_used,
        current=trial.per_period(plan, recurring, trial.running_term),
    )
    unused = domain.unused(observed, periods=PERIODS_LOOKED_AT)
    if unused is not None:
        return [unused]  # whoever does not need it needs no cheaper one
    service_id = subject.services.get(stretch.offering_id, subject.subscription.service_id)
    others = await offerings.of_service(service_id)
    alternatives = [
        alternative
        for known, other in others
        if known.id != stretch.offering_id
        and other.currency == plan.currency
        and (alternative := trial.alternative(known, other)) is not None
    ]
    levers = [domain.cheaper(observed, alternatives), domain.committed(observed, trial.by_term(plan))]
    return [lever for lever in levers if lever is not None]


def _sum(lines: Iterator[RatedLine] | Sequence[RatedLine]) -> Decimal:
    return exact_total([line.amount for line in lines])


@dataclass(frozen=True, slots=True)
class _Trial:
    """A subscription held unchanged for a whole period, to be priced by one plan version or another."""

    subscription_id: UUID
    stretch: Stretch
    unit_tags: Mapping[str, str]
    period: Period
    usage: Metered

    def lines(self, plan: PlanVersion, *, term: Term | None = None, anew: bool = False) -> list[RatedLine]:
        """What it would owe; `anew` with what falls due once, as if it began with the period."""
        start = self.period.start if anew else _LONG_AGO
        held = replace(
            self.stretch, start=start, end=None, joined_at=start, term=term or self.stretch.term, renewals=()
        )
        holding = Holding(self.subscription_id, start, None, (held,), self.unit_tags)
        # A term's minimum is no matter of the one period in which it happens to end: see `per_period`.
        of_term = plan.minimum is not None and plan.minimum.at is TrueUpAt.TERM
        always = replace(plan, effective_from=_LONG_AGO, minimum=None if of_term else plan.minimum)
        placed = windows(self.period, holding, {held.offering_id: [always]})
        return rate(self.period, holding, placed, self._quantity, {}, cells=self._cells).lines

    @property
    def running_term(self) -> int | None:
        """Months of the committed term that goes on at the period's end."""
        term = self.stretch.term
        return None if term is None or term.end < self.period.end else term.months

    def per_period(self, plan: PlanVersion, lines: Sequence[RatedLine], months: int | None) -> Decimal:
        """What a period of a term like this one comes to, with its part of what is trued up when the term ends."""
        charges = _sum(lines)
        if months is None or plan.minimum is None or plan.minimum.at is not TrueUpAt.TERM:
            return charges
        return domain.with_true_up(charges, plan.minimum.amount, months, plan.currency)

    def _quantity(self, window: Window, meter: str) -> Decimal:
        return self.usage.get(meter, {}).get((), ZERO)

    def _cells(self, window: Window, meter: str) -> Sequence[Cell]:
        by = self.usage.get(meter, {})
        split = {pairs: quantity for pairs, quantity in by.items() if pairs}
        return [Cell(quantity, dict(pairs)) for pairs, quantity in (split or by).items()]

    def alternative(self, known: KnownOffering, plan: PlanVersion) -> Alternative | None:
        """None where the plan has no price for something that was metered."""
        metered = {meter for meter, by in self.usage.items() if by.get((), ZERO)}
        if not metered <= {charge.meter for charge in plan.charges}:
            return None
        lines = self.lines(plan, anew=True)
        once = [line for line in lines if line.recurrence == Recurrence.ONE_OFF]
        rest = [line for line in lines if line.recurrence != Recurrence.ONE_OFF]
        return Alternative(known.id, known.name, self.per_period(plan, rest, self.running_term), _sum(once))

    def by_term(self, plan: PlanVersion) -> dict[int, Decimal]:
        """What it would owe under each committed term that gives a discount and that it does not have."""
        discounts = [*plan.discounts, *(discount for charge in plan.charges for discount in charge.discounts)]
        has = self.running_term or 0
        terms = sorted({months for each in discounts if (months := each.min_term_months or 0) > has})
        start = self.period.start
        found: dict[int, Decimal] = {}
        for months in terms:
            term = Term(start, months_after(start, months), months)
            lines = self.lines(plan, term=term)
            rest = [line for line in lines if line.recurrence != Recurrence.ONE_OFF]
            found[months] = self.per_period(plan, rest, months)
        return found


class _OfferingPrices:
    """The plans that a new subscription of the unit would get at the end of a period, by service, each read once."""

    def __init__(self, session: AsyncSession, period: Period, path: Sequence[UUID]) -> None:
        self._session, self._period, self._path = session, period, path
        self._found: dict[UUID, list[tuple[KnownOffering, PlanVersion]]] = {}

    async def of_service(self, service_id: UUID) -> list[tuple[KnownOffering, PlanVersion]]:
        """Published offerings of the service that have a price for the last unit of `path`, as on its rate card."""
        if service_id not in self._found:
            self._found[service_id] = await self._read(service_id)
        return self._found[service_id]

    async def _read(self, service_id: UUID) -> list[tuple[KnownOffering, PlanVersion]]:
        published = select(KnownOffering).where(
            KnownOffering.service_id == service_id, KnownOffering.state == _PUBLISHED
        )
        costs = await UnitCosts.of(self._session, service_id, self._period)
        offerings = list(await self._session.scalars(published.order_by(KnownOffering.id)))
        rows = await queries.plans_of_all(self._session, [known.id for known in offerings])
        found: list[tuple[KnownOffering, PlanVersion]] = []
        for known in offerings:
            row = rate_cards.in_force(rows[known.id], self._path, self._period.end)
            if row is None:
                continue
            try:
                found.append((known, plan_version(row, unit_costs=costs)))
            except UnitCostUnknown:
                continue
        return found
