"""The fiscal calendar, its periods and their closing."""

from typing import Annotated

from fastapi import Path, Query
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.periods import Period
from pricing_service.schemas import periods as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import FiscalCalendarRow
from pricing_service.use_cases import close, periods
from services.http import Api, Etag, IfMatch, Now, ReadSession, RequiredIfMatch, WriteSession
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Periods"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Anyone = Annotated[Principal, may(*Role)]
InPath = Annotated[PeriodText, Path()]


@router.get("/fiscal-calendar", response_model=bodies.FiscalCalendarRead, summary="Read the fiscal calendar")
async def read_calendar(principal: Anyone, session: ReadSession, etag: Etag) -> FiscalCalendarRow:
    """How the organisation cuts time into years, quarters and billing periods, and its reporting currency."""
    return etag(await periods.calendar_row(session))


@router.put("/fiscal-calendar", response_model=bodies.FiscalCalendarRead, summary="Set the fiscal calendar")
async def set_calendar(
    body: bodies.FiscalCalendarPut,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
) -> FiscalCalendarRow:
    """How time is cut can change until something rests on it: costs, usage, statements, budgets, a closed period."""
    return etag(await periods.set_calendar(session, body, if_match=if_match))


@router.get("/fiscal-years/{year}/periods", summary="List a fiscal year's periods")
async def list_periods_of_year(
    principal: Anyone, session: ReadSession, year: Annotated[int, Path(ge=2, le=9989)]
) -> bodies.PeriodList:
    """All twelve, with their days and whether they are closed."""
    return bodies.PeriodList(items=await periods.periods_of_year(session, year))


@router.get("/periods", summary="List billing periods")
async def list_periods(
    principal: Anyone,
    session: ReadSession,
    now: Now,
    first: Annotated[PeriodText | None, Query(alias="from")] = None,
    last: Annotated[PeriodText | None, Query(alias="to")] = None,
) -> bodies.PeriodList:
    """From one to another, at most 120; without an end, the start or the end of the (present) fiscal year."""
    return bodies.PeriodList(items=await periods.periods_between(session, first, last, now=now))


@router.get("/periods/{period}", summary="Read a billing period")
async def read_period(period: InPath, principal: Anyone, session: ReadSession, etag: Etag) -> bodies.PeriodRead:
    """Its days, its quarter, and whether it is closed."""
    found = await _named(session, period)
    etag(await close.state_of(session, found))
    return await close.read_period(session, found)


@router.get("/periods/{period}/closing", summary="Preview a period's closing")
async def preview_closing(period: InPath, principal: Finance, session: ReadSession, now: Now) -> bodies.ClosingRead:
    """What keeps it from closing, with what to do about it, and what is worth a look. Changes nothing."""
    return await close.closing(session, await _named(session, period), now=now)


@router.post("/periods/{period}/close", summary="Close a billing period")
async def close_period(
    period: InPath, principal: Finance, session: WriteSession, etag: Etag, if_match: IfMatch, now: Now
) -> bodies.PeriodRead:
    """It, and each period before it, refuses rows from now on. What blocks is listed, each with what to do."""
    found = await _named(session, period)
    etag(await close.close_period(session, found, if_match=if_match, now=now))
    return await close.read_period(session, found)


@router.post("/periods/{period}/reopen", summary="Reopen a billing period")
async def reopen_period(
    period: InPath,
    body: bodies.PeriodReopen,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    now: Now,
) -> bodies.PeriodReopened:
    """Only the newest closed one. Quotes hold again what its close released, as far as their budgets have it."""
    found = await _named(session, period)
    state, missed = await close.reopen_period(session, found, reason=body.reason, if_match=if_match, now=now)
    etag(state)
    return bodies.PeriodReopened(
        **(await close.read_period(session, found)).model_dump(),
        not_held_again=[bodies.NotHeldAgain.model_validate(each) for each in missed],
    )


async def _named(session: AsyncSession, period: str) -> Period:
    return (await queries.fiscal_calendar(session)).parse(period, pointer="period")
