"""Costs that no file brings: accruals, amortisation schedules, corrections and credits."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from sqlalchemy import select

from pricing_service.schemas import cost_entries as bodies
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import Accrual, AmortisationSchedule, CostEntry
from pricing_service.use_cases import accruals, amortisation, cost_entries
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Cost entries"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER)]
InPeriod = Annotated[PeriodText | None, Query(description="In which it was booked")]


@router.post("/accruals", response_model=bodies.AccrualRead, status_code=201, summary="Accrue a missing invoice")
async def create_accrual(
    body: bodies.AccrualCreate, principal: Finance, session: WriteSession, etag: Etag, now: Now
) -> Accrual:
    """Books the cost in its period, and at once the same with the opposite sign in the next one."""
    return etag(await accruals.create_accrual(session, body, now=now))


@router.get("/accruals", response_model=Page[bodies.AccrualRead], summary="List accruals")
async def list_accruals(principal: Reader, session: ReadSession, paging: Paging, period: InPeriod = None) -> Page[Any]:
    """The oldest first."""
    query = select(Accrual)
    if period is not None:
        query = query.where(Accrual.period == period)
    return await paginate(session, query, Accrual.id, paging)


@router.get("/accruals/{accrual_id}", response_model=bodies.AccrualRead, summary="Read an accrual")
async def read_accrual(accrual_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> Accrual:
    """And where it is taken back."""
    accrual = await session.get(Accrual, accrual_id)
    if accrual is None:
        raise accruals.AccrualUnknown(f"no accrual {accrual_id}")
    return etag(accrual)


@router.post("/accruals/{accrual_id}/reverse", response_model=bodies.AccrualRead, summary="Reverse an accrual early")
async def reverse_accrual(
    accrual_id: UUID,
    body: bodies.AccrualReverse,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    now: Now,
) -> Accrual:
    """The invoice has come: the accrual is taken back in an open period, and the reversal that lay ahead is dropped."""
    return etag(await accruals.reverse_accrual(session, accrual_id, body, if_match=if_match, now=now))


@router.post("/amortisation-schedules", status_code=201, summary="Spread a prepaid or capital cost")
async def create_schedule(
    body: bodies.ScheduleCreate, principal: Finance, session: WriteSession, etag: Etag, now: Now
) -> bodies.ScheduleDetail:
    """Books each period's share at once; the shares add up to the amount, to the last unit."""
    return await _detail(session, etag(await amortisation.create_schedule(session, body, now=now)))


@router.get("/amortisation-schedules", response_model=Page[bodies.ScheduleRead], summary="List amortisation schedules")
async def list_schedules(principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """The oldest first, without their shares."""
    return await paginate(session, select(AmortisationSchedule), AmortisationSchedule.id, paging)


@router.get("/amortisation-schedules/{schedule_id}", summary="Read an amortisation schedule")
async def read_schedule(
    schedule_id: UUID, principal: Reader, session: ReadSession, etag: Etag
) -> bodies.ScheduleDetail:
    """With its shares, those too that a write-off has replaced."""
    return await _detail(session, etag(await amortisation.found_schedule(session, schedule_id)))


@router.post("/amortisation-schedules/{schedule_id}/retire", summary="Retire an amortisation schedule")
async def retire_schedule(
    schedule_id: UUID,
    body: bodies.ScheduleRetire,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    now: Now,
) -> bodies.ScheduleDetail:
    """What lies after the period is written off in it; what was booked up to it stays."""
    schedule = await amortisation.retire_schedule(session, schedule_id, body, if_match=if_match, now=now)
    return await _detail(session, etag(schedule))


async def _detail(session: ReadSession, schedule: AmortisationSchedule) -> bodies.ScheduleDetail:
    shares = await amortisation.shares_of(session, schedule)
    return bodies.ScheduleDetail(schedule=bodies.ScheduleRead.model_validate(schedule), shares=shares)


@router.post(
    "/cost-entries", response_model=bodies.CostEntryRead, status_code=201, summary="Book a correction or credit"
)
async def create_entry(
    body: bodies.CostEntryCreate, principal: Finance, session: WriteSession, etag: Etag, now: Now
) -> CostEntry:
    """Several lines, signed, in one open period; it may name the import, its line or the entry that it corrects."""
    return etag(await cost_entries.create_entry(session, body, now=now))


@router.get("/cost-entries", response_model=Page[bodies.CostEntryRead], summary="List corrections and credits")
async def list_entries(
    principal: Reader,
    session: ReadSession,
    paging: Paging,
    period: InPeriod = None,
    kind: bodies.EntryKind | None = None,
) -> Page[Any]:
    """The oldest first."""
    query = select(CostEntry)
    if period is not None:
        query = query.where(CostEntry.period == period)
    if kind is not None:
        query = query.where(CostEntry.kind == kind)
    return await paginate(session, query, CostEntry.id, paging)


@router.get("/cost-entries/{entry_id}", response_model=bodies.CostEntryRead, summary="Read a correction or credit")
async def read_entry(entry_id: UUID, principal: Reader, session: ReadSession, etag: Etag) -> CostEntry:
    """With its lines, what it corrects, and what took it back."""
    entry = await session.get(CostEntry, entry_id)
    if entry is None:
        raise cost_entries.CostEntryUnknown(f"no cost entry {entry_id}")
    return etag(entry)


@router.post(
    "/cost-entries/{entry_id}/reverse",
    response_model=bodies.CostEntryRead,
    status_code=201,
    summary="Reverse a correction or credit",
)
async def reverse_entry(
    entry_id: UUID,
    body: bodies.CostEntryReverse,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    if_match: IfMatch,
    now: Now,
) -> CostEntry:
    """Books the same lines negated, in an open period, as an entry of its own, which is the answer."""
    return etag(await cost_entries.reverse_entry(session, entry_id, body, if_match=if_match, now=now))
