"""The steps of a statement: issued, posted, settled; one by one, or a period's drafts by a job.

Whoever moves a statement or credits it takes its row lock first, so that a credit note and a posting wait for each
other rather than miss each other.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import statement as domain
from pricing_service.domain.periods import Period
from pricing_service.domain.statement import BillingMode, StatementAction, StatementState
from pricing_service.events import StatementIssued, StatementLineData, StatementPosted, StatementSettled
from pricing_service.tables import Statement, StatementLine, StatementStep
from pricing_service.use_cases import budget_spending, journals, service_credits
from pricing_service.use_cases.drafts import check_current
from pricing_service.use_cases.periods import require_open
from pricing_service.use_cases.statement_lines import lines_of, locked
from pricing_service.work import jobs
from services import context
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.errors import Refusal, StaleWrite
from services.events import record
from services.http import MoneyModel, check_version, plain
from services.money import exact_total
from services.work import JobRun

KEPT_REFUSALS = 200
MOST_TOLD_LINES = 1000
_ATTEMPTS = 3


async def take(
    session: AsyncSession, statement: Statement, action: StatementAction, *, mode: BillingMode, now: datetime
) -> None:
    """Move the statement and note who did it. Raises the action's refusal."""
    before = StatementState(statement.state)
    after = domain.step(before, mode, action)
    last = await session.scalar(
        select(func.max(StatementStep.number)).where(StatementStep.statement_id == statement.id)
    )
    statement.state = after
    session.add(
        StatementStep(
            statement_id=statement.id,
            number=(last or 0) + 1,
            action=action,
            before=before,
            after=after,
            at=now,
            person_id=context.current().actor_id,
        )
    )
    await session.flush()


def mode_of(statement: Statement) -> BillingMode:
    """Of a draft, which has none yet: chargeback, whose states are a superset."""
    return BillingMode.CHARGEBACK if statement.mode is None else BillingMode(statement.mode)


async def issue_statement(
    session: AsyncSession, statement_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Statement:
    """Issue a draft; as a chargeback its amounts become actual in the unit's budget.

    Also one of a closed period: its figures have stood since then, and its journal is booked in the open one.
    Raises StatementNotIssuable, PeriodToCome, DraftOutdated.
    """
    statement = await locked(session, statement_id)
    check_version(statement, if_match)
    calendar = await queries.fiscal_calendar(session)
    period = calendar.parse(statement.period)
    # The books before the budget, as where a period is closed: no two wait for each other.
    await require_open(session, await queries.earliest_open(session, calendar, period))
    if statement.state == StatementState.DRAFT:
        domain.check_begun(period, now=now)
    lines = await lines_of(session, statement_id)
    mode = mode_of(statement)
    if statement.state == StatementState.DRAFT:
        mode = await _mode_of_lines(session, statement, period, lines)
        await check_current(session, statement, period, lines)
    await take(session, statement, StatementAction.ISSUE, mode=mode, now=now)
    await budget_spending.spend(session, statement, lines, memo=mode is BillingMode.SHOWBACK)
    statement.mode = mode
    statement.issued_at = now
    record(session, statement, _event(StatementIssued, statement, lines))
    await service_credits.credit_issued(session, statement, lines, now=now)
    return statement


async def _mode_of_lines(
    session: AsyncSession, draft: Statement, period: Period, lines: Sequence[StatementLine]
) -> BillingMode:
    """By the unit's billing profile in the periods that the lines bill. Raises DraftOutdated where these differ."""
    calendar = await queries.fiscal_calendar(session)
    dated = (await queries.billing_modes(session, [draft.business_unit_id]))[draft.business_unit_id]
    names = {line.service_period for line in lines} or {period.name}
    modes = {domain.mode_on(calendar.parse(name).first_day, dated) for name in names}
    if len(modes) > 1:
        raise domain.DraftOutdated(
            f"{' and '.join(sorted(names))} are billed differently since the draft was made: rate the period again"
        )
    return modes.pop()


async def post_statement(
    session: AsyncSession, statement_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Statement:
    """Hand the statement to the ledger, with the credit notes against it so far.

    Raises StatementNotPostable, JournalMappingMissing.
    """
    statement = await locked(session, statement_id)
    check_version(statement, if_match)
    await take(session, statement, StatementAction.POST, mode=mode_of(statement), now=now)
    await journals.book_statement(session, statement, now=now)
    record(session, statement, _event(StatementPosted, statement, await lines_of(session, statement_id)))
    return statement


async def settle_statement(
    session: AsyncSession, statement_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Statement:
    """The ledger has booked it. Raises StatementNotSettleable."""
    statement = await locked(session, statement_id)
    check_version(statement, if_match)
    await take(session, statement, StatementAction.SETTLE, mode=mode_of(statement), now=now)
    record(session, statement, _event(StatementSettled, statement, await lines_of(session, statement_id)))
    return statement


def _event(kind: type[StatementIssued], statement: Statement, lines: list[StatementLine]) -> StatementIssued:
    owed = statement.owed
    return kind(
        id=statement.id,
        business_unit_id=statement.business_unit_id,
        period=statement.period,
        sequence=statement.sequence,
        state=statement.state,
        mode=statement.mode,
        total=MoneyModel.of(statement.total),
        credited=MoneyModel.of(statement.credited),
        owed=None if owed is None else MoneyModel.of(owed),
        line_count=len(lines),
        lines=[StatementLineData.model_validate(line) for line in lines] if len(lines) <= MOST_TOLD_LINES else [],
    )


async def start_issue(session: AsyncSession, period_name: str, *, now: datetime) -> Job:
    """Issue all drafts of a period, by a job. Raises PeriodToCome."""
    period = (await queries.fiscal_calendar(session)).parse(period_name, pointer="period")
    domain.check_begun(period, now=now)
    return await jobs.start(session, "statement-issue", payload={"period": period.name})


@jobs.handler("statement-issue")
async def run_issue(run: JobRun) -> dict[str, Any]:
    """The job: one statement a chunk, so that each is issued whole or not at all; a refused one stays a draft."""
    period: str = run.payload["period"]
    so_far: dict[str, Any] = run.checkpoint or {"last": None, "issued": 0, "totals": {}, "refused": []}
    while True:
        async with run.reading() as session:
            after = None if so_far["last"] is None else UUID(so_far["last"])
            statement_id = await queries.next_draft(session, period, after)
        if statement_id is None:
            break
        so_far = await _issue_in_chunk(run, statement_id, so_far)
    totals = [{"amount": amount, "currency": currency} for currency, amount in sorted(so_far["totals"].items())]
    return {"period": period, "issued": so_far["issued"], "totals": totals, "refused": so_far["refused"]}


async def _issue_in_chunk(run: JobRun, statement_id: UUID, so_far: dict[str, Any]) -> dict[str, Any]:
    refusal: Refusal | None = None
    for _ in range(_ATTEMPTS):
        try:
            async with run.chunk() as session:
                statement = await issue_statement(session, statement_id, if_match=None, now=utc_now())
                progress = _added(so_far, statement)
                run.advance(done=progress["issued"], checkpoint=progress)
            return progress
        except StaleWrite as lost:  # somebody changed the budget, or rated anew, under our hands
            refusal = lost
        except Refusal as final:
            refusal = final
            break
    assert refusal is not None
    refused = [*so_far["refused"], {"statement_id": str(statement_id), "reason": refusal.detail}][:KEPT_REFUSALS]
    progress = so_far | {"last": str(statement_id), "refused": refused}
    async with run.chunk():
        run.advance(checkpoint=progress)
    return progress


def _added(so_far: dict[str, Any], statement: Statement) -> dict[str, Any]:
    totals = dict(so_far["totals"])
    before = Decimal(totals.get(statement.currency, "0"))
    totals[statement.currency] = plain(exact_total([before, statement.total_amount]))
    return so_far | {"last": str(statement.id), "issued": so_far["issued"] + 1, "totals": totals}
