"""The clearing of a period: ledger against detail, account by account, and the explanations of what differs."""

from decimal import Decimal
from typing import Any

from sqlalchemy import and_, case, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.clearing import NothingToExplain, Treatment, explained_amount
from pricing_service.domain.cost_rows import Origin
from pricing_service.domain.periods import Period
from pricing_service.schemas.costs import ClearingLine, ExplanationCreate
from pricing_service.tables import ClearingExplanation, CostRow, CostSnapshot, CostSource
from pricing_service.use_cases.periods import require_open
from services.clock import utc_now
from services.db import exact_sum
from services.errors import Fault, Invalid, NotFound
from services.money import EXACT, exact_total

ZERO = Decimal(0)


class CurrencyNeeded(Invalid): ...


async def clearing_of(session: AsyncSession, period: Period, account: str | None = None) -> list[ClearingLine]:
    """Every account that a source details or from which something was cleared, with anything on either side."""
    sources = await session.execute(select(CostSource.name, CostSource.accounts).order_by(CostSource.name))
    detailing: dict[str, list[str]] = {}
    for name, accounts in sources:
        for each in accounts:
            detailing.setdefault(each, []).append(name)
    cleared = CostRow.cleared_by.is_not(None)
    detail = and_(CostRow.cleared_by.is_(None), CostRow.origin != Origin.RESIDUAL)
    query = (
        queries.counting(
            CostRow.account,
            CostRow.currency,
            exact_sum(case((cleared, CostRow.cost))),
            exact_sum(case((detail, CostRow.cost))),
            exact_sum(case((detail, CostRow.billed_cost))),
        )
        .where(CostSnapshot.period == period.name, CostRow.account.is_not(None))
        .group_by(CostRow.account, CostRow.currency)
        .order_by(CostRow.account, CostRow.currency)
    )
    if account is not None:
        query = query.where(CostRow.account == account)
    explained = await _explained(session, period)
    sides: dict[tuple[str, str], tuple[Decimal, Decimal, Decimal]] = {}
    for of_account, currency, ledger, details, billed in await session.execute(query):
        if ledger is not None or of_account in detailing:  # else its ledger rows are cost
            sides[of_account, currency] = (ledger or ZERO, details or ZERO, billed or ZERO)
    for of_account, currency in explained:  # also where by now nothing is left of what was explained
        if account in (None, of_account):
            sides.setdefault((of_account, currency), (ZERO, ZERO, ZERO))
    lines = []
    for (of_account, currency), (ledger, details, billed) in sorted(sides.items()):
        residual = EXACT.subtract(ledger, details)
        known = exact_total([each.amount for each in explained.get((of_account, currency), [])])
        lines.append(
            ClearingLine(
                account=of_account,
                currency=currency,
                sources=detailing.get(of_account, []),
                ledger=ledger,
                detail=details,
                detail_billed=billed,
                residual=residual,
                explained=known,
                unexplained=EXACT.subtract(residual, known),
            )
        )
    return lines


async def _explained(session: AsyncSession, period: Period) -> dict[tuple[str, str], list[ClearingExplanation]]:
    found: dict[tuple[str, str], list[ClearingExplanation]] = {}
    for each in await explanations(session, period):
        found.setdefault((each.account, each.currency), []).append(each)
    return found


async def explanations(session: AsyncSession, period: Period) -> list[ClearingExplanation]:
    """The oldest first."""
    query = select(ClearingExplanation).where(ClearingExplanation.period == period.name)
    return list(await session.scalars(query.order_by(ClearingExplanation.id)))


async def explain(session: AsyncSession, period: Period, account: str, body: ExplanationCreate) -> ClearingExplanation:
    """Explain a residual, or a part of it.

    Raises PeriodClosed, NotFound, NothingToExplain, CurrencyNeeded, ExplanationExceedsResidual.
    """
    await require_open(session, period, "period")
    line = await _line(session, period, account, body.currency)
    amount = explained_amount(line.unexplained, body.amount)
    explanation = ClearingExplanation(
        version=1,
        period=period.name,
        account=account,
        currency=line.currency,
        amount=amount,
        reason=body.reason,
        treatment=body.treatment,
    )
    session.add(explanation)
    if body.treatment is Treatment.COST:
        _book(session, explanation, period, body)
    await session.flush()
    return explanation


async def _line(session: AsyncSession, period: Period, account: str, currency: str | None) -> ClearingLine:
    lines = await clearing_of(session, period, account)
    if currency is not None:
        lines = [line for line in lines if line.currency == currency]
    if not lines:
        raise NotFound(f"nothing is cleared on account {account[:60]} in {period}")
    open_ones = [line for line in lines if line.unexplained]
    if not open_ones:
        raise NothingToExplain(f"nothing of account {account[:60]} is unexplained in {period}")
    if len(open_ones) > 1:
        currencies = " and ".join(line.currency for line in open_ones)
        raise CurrencyNeeded(
            f"account {account[:60]} has residuals in {currencies}",
            faults=[Fault("/currency", f"name one of {currencies}")],
        )
    return open_ones[0]


def _book(session: AsyncSession, explanation: ClearingExplanation, period: Period, body: ExplanationCreate) -> None:
    """The residual becomes a row that counts, with the explanation as what it is made from."""
    figures: dict[str, Any] = dict.fromkeys(("cost", "billed_cost", "effective_cost"), explanation.amount)
    session.add(
        CostRow(
            import_id=explanation.id,
            line=1,
            origin=Origin.RESIDUAL,
            period=period.name,
            billing_month=period.name,
            account=explanation.account,
            cost_centre=body.cost_centre,
            currency=explanation.currency,
            billing_period_start=period.start,
            billing_period_end=period.end,
            charge_period_start=period.start,
            charge_period_end=period.end,
            charge_category="Adjustment",
            charge_description=body.reason,
            service_name=body.service_name or f"Account {explanation.account}",
            tags=body.tags,
            other={},
            **figures,
        )
    )
    session.add(
        CostSnapshot(
            import_id=explanation.id,
            billing_month=period.name,
            period=period.name,
            source=f"residual:{explanation.id}",
            number=1,
            rows=1,
            cost=explanation.amount,
            currency=explanation.currency,
            taken_at=utc_now(),
        )
    )
