"""Scores and cash flows, over HTTP: tried without effect, and kept per demand with their history."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Path, Response
from sqlalchemy import select

from demand_service.domain import scoring
from demand_service.domain.cash_flow import Worth
from demand_service.routes.asking import asking
from demand_service.schemas.assessment import (
    CashFlowPreview,
    CashFlowPreviewRead,
    CashFlowRead,
    ScoreEntryRead,
    ScorePreview,
    ScorePreviewRead,
    ScorePut,
    ScoreRead,
)
from demand_service.tables import CashFlowTable, DemandScore, DemandScoreEntry
from demand_service.use_cases import assessment, scores
from demand_service.use_cases.steps import Asked
from services.http import Api, Etag, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Assessment"])

Reader = Annotated[Principal, may(*Role)]
# Whether If-Match was sent: a PUT that creates needs none.
Condition = Annotated[str | None, Header(include_in_schema=False)]
ByLeader = Annotated[Asked, asking(Role.DEMAND_LEADER)]
MethodName = Annotated[str, Path(max_length=60, description="wsjf, rice, value_effort or weighted")]


@router.post("/score-previews", response_model=ScorePreviewRead, summary="Try a scoring method")
async def preview_score(body: ScorePreview, principal: Reader) -> ScorePreviewRead:
    """Nothing is kept. `wsjf`, `rice`, `value_effort` or `weighted`; a refusal names the input."""
    worked = scoring.score(body.method, body.inputs)
    return ScorePreviewRead(method=body.method, score=worked.rounded, terms=dict(worked.terms), formula=worked.formula)


@router.put("/demands/{demand_id}/scores/{method}", response_model=ScoreRead, summary="Score a demand")
async def put_score(
    demand_id: UUID,
    method: MethodName,
    body: ScorePut,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
    response: Response,
    if_match: Condition = None,
) -> DemandScore:
    """Keeps the score with its inputs, who and when, and those before it; 201 for the first. While the demand is open.
    If-Match, needed to replace it, is the score's."""
    row, new = await scores.put_score(
        session, demand_id, method, body.inputs, asked=asked, conditional=if_match is not None
    )
    response.status_code = 201 if new else 200
    return etag(row)


@router.get("/demands/{demand_id}/scores", response_model=Page[ScoreRead], summary="List a demand's scores")
async def list_scores(
    demand_id: UUID, session: ReadSession, paging: Paging, principal: Reader, units: UnitScope
) -> Page[Any]:
    """As they stand, one per method."""
    await assessment.demand_in_sight(session, demand_id, units)
    query = select(DemandScore).where(DemandScore.demand_id == demand_id)
    return await paginate(session, query, DemandScore.id, paging)


@router.get(
    "/demands/{demand_id}/scores/{method}/history",
    response_model=Page[ScoreEntryRead],
    summary="Read a score's history",
)
async def list_score_history(
    demand_id: UUID,
    method: MethodName,
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
) -> Page[Any]:
    """Each score that ever stood, with its inputs, who and why; oldest first."""
    await assessment.demand_in_sight(session, demand_id, units)
    row = await scores.score_of(session, demand_id, method)
    if row is None:
        raise scores.ScoreNotFound(f"demand {demand_id} has no score by {method!r}")
    query = select(DemandScoreEntry).where(DemandScoreEntry.score_id == row.id)
    return await paginate(session, query, DemandScoreEntry.id, paging)


@router.post("/cash-flow-previews", response_model=CashFlowPreviewRead, summary="Try a table of cash flows")
async def preview_cash_flows(body: CashFlowPreview, principal: Reader) -> CashFlowPreviewRead:
    """NPV, every internal rate of return, and payback plain and discounted. Nothing is kept."""
    worth = await assessment.worth_of(body)
    figures = {name: getattr(worth, name) for name in worth.__slots__}
    return CashFlowPreviewRead(currency=body.currency, period=body.period, **figures)


async def _work_out(body: CashFlowPreview, principal: Annotated[Principal, may(Role.DEMAND_LEADER)]) -> Worth:
    """Before the route's transaction begins: SQLite's one writer does not wait for it."""
    return await assessment.worth_of(body)


@router.put("/demands/{demand_id}/cash-flows", response_model=CashFlowRead, summary="Keep a demand's cash flows")
async def put_cash_flows(
    demand_id: UUID,
    body: CashFlowPreview,
    worth: Annotated[Worth, Depends(_work_out)],
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
    response: Response,
    if_match: Condition = None,
) -> CashFlowTable:
    """With what they are worth; 201 for the first. While the demand is open. If-Match, needed to replace it, is its."""
    row, new = await assessment.put_cash_flows(
        session, demand_id, body, worth, asked=asked, conditional=if_match is not None
    )
    response.status_code = 201 if new else 200
    return etag(row)


@router.get("/demands/{demand_id}/cash-flows", response_model=CashFlowRead, summary="Read a demand's cash flows")
async def read_cash_flows(
    demand_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> CashFlowTable:
    """As they were kept last, with what they are worth."""
    await assessment.demand_in_sight(session, demand_id, units)
    row = (await session.scalars(select(CashFlowTable).where(CashFlowTable.demand_id == demand_id))).one_or_none()
    if row is None:
        raise assessment.CashFlowsNotFound(f"demand {demand_id} has no cash flows")
    return etag(row)
