"""Cost sources and the clearing of the ledger's accounts that they detail."""

from typing import Annotated, Any

from fastapi import Header, Path
from sqlalchemy import select

from pricing_service import queries
from pricing_service.schemas.cost_sources import CostSourcePut, CostSourceRead
from pricing_service.schemas.costs import ClearingView, ExplanationCreate, ExplanationRead
from pricing_service.schemas.numbers import PeriodText
from pricing_service.tables import ClearingExplanation, CostSource
from pricing_service.use_cases import clearing, cost_sources
from services.http import Api, Etag, IfMatch, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Costs"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.FINANCE, Role.SERVICE_OWNER)]
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$", examples=["aws"])]
InPath = Annotated[PeriodText, Path()]
Account = Annotated[str, Path(min_length=1, max_length=60, examples=["654010"])]


@router.put("/cost-sources/{name}", response_model=CostSourceRead, summary="Declare a cost source")
async def declare_source(
    name: Name,
    body: CostSourcePut,
    principal: Finance,
    session: WriteSession,
    etag: Etag,
    versions: IfMatch,
    if_match: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> CostSource:
    """Its cost basis, currency, recoverable tax, the ledger accounts that it details, and how a ledger is read.

    A source that is there already needs If-Match. Accounts are cleared anew in all open periods; the rest counts
    for the imports from here on.
    """
    return etag(await cost_sources.declare_source(session, name, body, if_match=versions, sent=if_match is not None))


@router.get("/cost-sources/{name}", response_model=CostSourceRead, summary="Read a cost source")
async def read_source(name: Name, principal: Reader, session: ReadSession, etag: Etag) -> CostSource:
    """As it was declared, or as its last import said."""
    return etag(await cost_sources.read_source(session, name))


@router.get("/cost-sources", response_model=Page[CostSourceRead], summary="List cost sources")
async def list_sources(principal: Reader, session: ReadSession, paging: Paging) -> Page[Any]:
    """The oldest first."""
    return await paginate(session, select(CostSource), CostSource.id, paging)


@router.get("/periods/{period}/clearing", summary="View a period's clearing")
async def view_clearing(period: InPath, principal: Reader, session: ReadSession) -> ClearingView:
    """Account by account what the ledger says, what counts in its place, and what of the difference is explained."""
    found = (await queries.fiscal_calendar(session)).parse(period, pointer="period")
    explained = await clearing.explanations(session, found)
    return ClearingView(
        period=found.name,
        items=await clearing.clearing_of(session, found),
        explanations=[ExplanationRead.model_validate(each) for each in explained],
    )


@router.post(
    "/periods/{period}/clearing/{account}/explanation",
    status_code=201,
    response_model=ExplanationRead,
    summary="Explain a residual",
)
async def explain_residual(
    period: InPath, account: Account, body: ExplanationCreate, principal: Finance, session: WriteSession
) -> ClearingExplanation:
    """Say why ledger and detail differ: by default the residual then counts, as a row of its own."""
    found = (await queries.fiscal_calendar(session)).parse(period, pointer="period")
    return await clearing.explain(session, found, account, body)
