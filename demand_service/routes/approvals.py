"""Approvals, over HTTP: what a person decides, and the policies that decide the rest."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Path, Response
from sqlalchemy import select

from demand_service.routes.asking import asking
from demand_service.schemas import DemandRead, Key, PolicyPut, PolicyRead, Reason
from demand_service.tables import ApprovalPolicy, Demand
from demand_service.use_cases import approvals, policies
from demand_service.use_cases.steps import Asked
from services.http import Api, Etag, IfMatch, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, may

router = Api(prefix="/v1", tags=["Approvals"])


@router.post("/demands/{demand_id}/approve", response_model=DemandRead, summary="Approve a demand")
async def approve_demand(
    demand_id: UUID,
    body: Reason,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.APPROVER)],
) -> Demand:
    """Where policy left it to a person, on the quote in force. Nobody approves their own."""
    return etag(await approvals.approve_demand(session, demand_id, reason=body.reason, asked=asked))


@router.post("/demands/{demand_id}/reject", response_model=DemandRead, summary="Turn a demand down")
async def reject_demand(
    demand_id: UUID,
    body: Reason,
    session: WriteSession,
    etag: Etag,
    asked: Annotated[Asked, asking(Role.APPROVER, Role.DEMAND_LEADER)],
) -> Demand:
    """Any time before it is approved."""
    return etag(await approvals.reject_demand(session, demand_id, reason=body.reason, asked=asked))


@router.get("/approval-policies", response_model=Page[PolicyRead], summary="List the approval policies")
async def list_policies(session: ReadSession, paging: Paging, principal: Annotated[Principal, may(*Role)]) -> Page[Any]:
    """They are asked in the order of `position`, then `key`; the first rule that applies decides."""
    return await paginate(session, select(ApprovalPolicy), ApprovalPolicy.id, paging)


@router.get("/approval-policies/{key}", response_model=PolicyRead, summary="Read an approval policy")
async def read_policy(
    key: Annotated[Key, Path()], session: ReadSession, etag: Etag, principal: Annotated[Principal, may(*Role)]
) -> ApprovalPolicy:
    """By its key."""
    return etag(await policies.policy(session, key))


@router.put(
    "/approval-policies/{key}",
    response_model=PolicyRead,
    responses={201: {"model": PolicyRead, "description": "Created"}},
    summary="Put an approval policy",
)
async def put_policy(
    key: Annotated[Key, Path()],
    body: PolicyPut,
    session: WriteSession,
    response: Response,
    etag: Etag,
    if_match: IfMatch,
    principal: Annotated[Principal, may(Role.FINANCE)],
    sent: Annotated[str | None, Header(alias="If-Match", include_in_schema=False)] = None,
) -> ApprovalPolicy:
    """Creates it (201), or replaces it, which needs If-Match. The same content again changes nothing."""
    policy, is_new = await policies.put_policy(session, key, body, if_match=if_match, conditional=sent is not None)
    if is_new:
        response.status_code = 201
    return etag(policy)
