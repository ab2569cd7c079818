"""Demands, over HTTP: drafted, handed in, and moved through the funnel up to a proposal."""

from typing import Annotated, Any
from uuid import UUID

from demand_service import queries
from demand_service.domain.funnel import DemandState, Step
from demand_service.routes.asking import asking, asking_on_version
from demand_service.schemas import (
    AssessmentCounts,
    Deferral,
    DemandCreate,
    DemandDetail,
    DemandPatch,
    DemandRead,
    Note,
    Proposal,
    Reason,
)
from demand_service.tables import Demand
from demand_service.use_cases import assessment, demands, proposals
from demand_service.use_cases.steps import Asked, DemandNotFound
from services.http import Api, Etag, Now, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Demands"])

Reader = Annotated[Principal, may(*Role)]
Asker = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER)]
ByAsker = Annotated[Asked, asking(Role.CONSUMER, Role.DEMAND_LEADER)]
ByLeader = Annotated[Asked, asking(Role.DEMAND_LEADER)]


@router.post("/demands", response_model=DemandRead, status_code=201, summary="Draft a demand")
async def draft_demand(
    body: DemandCreate, session: WriteSession, now: Now, etag: Etag, principal: Asker, units: UnitScope
) -> Demand:
    """A `request` names its offering, quantity and form at once; other kinds get theirs when they are proposed."""
    return etag(await demands.draft_demand(session, body, principal=principal, units=units, now=now))


@router.get("/demands", response_model=Page[DemandRead], summary="List demands")
async def list_demands(
    session: ReadSession,
    paging: Paging,
    principal: Reader,
    units: UnitScope,
    business_unit_id: UUID | None = None,
    state: DemandState | None = None,
) -> Page[Any]:
    """Those of the caller's business units and the ones below."""
    query = queries.demands(units, business_unit_id=business_unit_id, state=state)
    return await paginate(session, query, Demand.id, paging)


@router.get("/demands/{demand_id}", response_model=DemandDetail, summary="Read a demand")
async def read_demand(
    demand_id: UUID, session: ReadSession, etag: Etag, principal: Reader, units: UnitScope
) -> DemandDetail:
    """With its quote, the decision on it, each step so far, and how much of its RAID is open."""
    demand = await queries.demand_with_history(session, demand_id)
    if demand is None:
        raise DemandNotFound(f"there is no demand {demand_id}")
    units.require(demand.business_unit_id)
    counts = AssessmentCounts(**await assessment.counts(session, demand_id))
    return DemandDetail.model_validate(etag(demand)).model_copy(update={"assessment": counts})


@router.patch("/demands/{demand_id}", response_model=DemandRead, summary="Change a demand")
async def edit_demand(
    demand_id: UUID,
    body: DemandPatch,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking_on_version(Role.CONSUMER, Role.DEMAND_LEADER)],
) -> Demand:
    """While it is a draft; or while information is asked for, apart from what was proposed."""
    return etag(await demands.edit_demand(session, demand_id, body, asked=asked))


@router.post("/demands/{demand_id}/submit", response_model=DemandRead, summary="Hand a demand in")
async def submit_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByAsker,
    body: Note | None = None,
) -> Demand:
    """A request is proposed at once, and so quoted; anything else waits to be screened."""
    return etag(await demands.submit_demand(session, demand_id, note=body.note if body else None, asked=asked))


@router.post("/demands/{demand_id}/screen", response_model=DemandRead, summary="Begin to screen a demand")
async def screen_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
    body: Note | None = None,
) -> Demand:
    """From submitted."""
    return etag(
        await demands.move_demand(session, demand_id, Step.SCREEN, reason=body.note if body else None, asked=asked)
    )


@router.post("/demands/{demand_id}/qualify", response_model=DemandRead, summary="Qualify a demand")
async def qualify_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
    body: Note | None = None,
) -> Demand:
    """From screening: it is worth an answer, and needs a proposal now."""
    return etag(
        await demands.move_demand(session, demand_id, Step.QUALIFY, reason=body.note if body else None, asked=asked)
    )


@router.post("/demands/{demand_id}/propose", response_model=DemandRead, summary="Propose an offering")
async def propose_demand(
    demand_id: UUID,
    body: Proposal,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
) -> Demand:
    """A published offering, a quantity, and a form that fits; pricing then quotes it. Again after a quote has lapsed
    or the scope changes, which undoes an approval; not once the quote is accepted."""
    terms = proposals.Terms(body.offering_id, body.quantity, body.options, body.form)
    return etag(await proposals.propose_demand(session, demand_id, terms, note=body.note, asked=asked))


@router.post("/demands/{demand_id}/request-information", response_model=DemandRead, summary="Ask for information")
async def request_information(
    demand_id: UUID,
    body: Reason,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.DEMAND_LEADER, Role.APPROVER)],
) -> Demand:
    """The demand waits, and resumes where it is left now."""
    return etag(
        await demands.move_demand(session, demand_id, Step.REQUEST_INFORMATION, reason=body.reason, asked=asked)
    )


@router.post("/demands/{demand_id}/defer", response_model=DemandRead, summary="Put a demand off")
async def defer_demand(
    demand_id: UUID,
    body: Deferral,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
) -> Demand:
    """Until a date to come; it resumes where it is left now, when somebody resumes it."""
    return etag(await demands.defer_demand(session, demand_id, until=body.until, reason=body.reason, asked=asked))


@router.post("/demands/{demand_id}/resume", response_model=DemandRead, summary="Resume a paused demand")
async def resume_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByAsker,
    body: Note | None = None,
) -> Demand:
    """Where it was left; what its quote has become meanwhile counts from here."""
    return etag(await demands.resume_demand(session, demand_id, note=body.note if body else None, asked=asked))


@router.post("/demands/{demand_id}/withdraw", response_model=DemandRead, summary="Take a demand back")
async def withdraw_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByAsker,
    body: Note | None = None,
) -> Demand:
    """Before it is approved; afterwards it is cancelled."""
    return etag(
        await demands.move_demand(session, demand_id, Step.WITHDRAW, reason=body.note if body else None, asked=asked)
    )


@router.post("/demands/{demand_id}/cancel", response_model=DemandRead, summary="Cancel an approved demand")
async def cancel_demand(
    demand_id: UUID,
    body: Reason,
    session: WriteSession,
    etag: Etag,
    asked: ByAsker,
) -> Demand:
    """Approved or in fulfilment; its order is cancelled with it, and pricing gives back the budget."""
    return etag(await demands.cancel_demand(session, demand_id, reason=body.reason, asked=asked))


@router.post("/demands/{demand_id}/close", response_model=DemandRead, summary="Close a fulfilled demand")
async def close_demand(
    demand_id: UUID,
    session: WriteSession,
    etag: Etag,
    asked: ByLeader,
    body: Note | None = None,
) -> Demand:
    """From fulfilled."""
    return etag(
        await demands.move_demand(session, demand_id, Step.CLOSE, reason=body.note if body else None, asked=asked)
    )
