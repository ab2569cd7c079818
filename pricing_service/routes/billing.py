"""Billing profiles, IT's side of the books, intercompany accounts, and rules of service credits."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Response
from sqlalchemy import select

from pricing_service.schemas import billing as bodies
from pricing_service.tables import BillingProfile, BillingProvider, IntercompanyAccounts, ServiceCreditRule
from pricing_service.use_cases import billing
from services.http import Api, Etag, IfMatch, Page, Paging, ReadSession, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Billing"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE)]
Sent = Annotated[str | None, Header(alias="If-Match", include_in_schema=False)]


def _created(model: Any) -> dict[int | str, dict[str, Any]]:
    return {201: {"model": model, "description": "Created"}}


@router.put(
    "/billing-profiles",
    response_model=bodies.BillingProfileRead,
    responses=_created(bodies.BillingProfileRead),
    summary="Set a billing profile",
)
async def put_profile(
    body: bodies.BillingProfilePut,
    principal: Finance,
    session: WriteSession,
    response: Response,
    if_match: IfMatch,
    etag: Etag,
    sent: Sent = None,
) -> BillingProfile:
    """Showback or chargeback, and what a business unit's charges are booked on, from an open period on.

    Creates the row of that period (201), or replaces it, which needs If-Match. Earlier ones stay.
    """
    profile, is_new = await billing.put_profile(session, body, if_match=if_match, conditional=sent is not None)
    response.status_code = 201 if is_new else 200
    return etag(profile)


@router.get("/billing-profiles", response_model=Page[bodies.BillingProfileRead], summary="List billing profiles")
async def list_profiles(
    principal: Reader, units: UnitScope, session: ReadSession, paging: Paging, business_unit_id: UUID | None = None
) -> Page[Any]:
    """With their history. Where a business unit has none, it is charged back."""
    query = select(BillingProfile)
    if units.visible is not None:
        query = query.where(BillingProfile.business_unit_id.in_(units.visible))
    if business_unit_id is not None:
        query = query.where(BillingProfile.business_unit_id == business_unit_id)
    return await paginate(session, query, BillingProfile.id, paging)


@router.put(
    "/billing-provider",
    response_model=bodies.BillingProviderRead,
    responses=_created(bodies.BillingProviderRead),
    summary="Set IT's side of the books",
)
async def put_provider(
    body: bodies.BillingProviderPut,
    principal: Finance,
    session: WriteSession,
    response: Response,
    if_match: IfMatch,
    etag: Etag,
    sent: Sent = None,
) -> BillingProvider:
    """Its cost centre, legal entity and accounts, from an open period on."""
    provider, is_new = await billing.put_provider(session, body, if_match=if_match, conditional=sent is not None)
    response.status_code = 201 if is_new else 200
    return etag(provider)


@router.get("/billing-provider", response_model=Page[bodies.BillingProviderRead], summary="List IT's side")
async def list_providers(principal: Finance, session: ReadSession, paging: Paging) -> Page[Any]:
    """With its history."""
    return await paginate(session, select(BillingProvider), BillingProvider.id, paging)


@router.put(
    "/intercompany-accounts",
    response_model=bodies.IntercompanyAccountsRead,
    responses=_created(bodies.IntercompanyAccountsRead),
    summary="Set intercompany accounts",
)
async def put_intercompany(
    body: bodies.IntercompanyAccountsPut,
    principal: Finance,
    session: WriteSession,
    response: Response,
    if_match: IfMatch,
    etag: Etag,
    sent: Sent = None,
) -> IntercompanyAccounts:
    """What is booked between IT's legal entity and another one, and the tax codes between them, from a period on."""
    pair, is_new = await billing.put_intercompany(session, body, if_match=if_match, conditional=sent is not None)
    response.status_code = 201 if is_new else 200
    return etag(pair)


@router.get(
    "/intercompany-accounts",
    response_model=Page[bodies.IntercompanyAccountsRead],
    summary="List intercompany accounts",
)
async def list_intercompany(principal: Finance, session: ReadSession, paging: Paging) -> Page[Any]:
    """With their history."""
    return await paginate(session, select(IntercompanyAccounts), IntercompanyAccounts.id, paging)


@router.put(
    "/service-credit-rules",
    response_model=bodies.ServiceCreditRuleRead,
    responses=_created(bodies.ServiceCreditRuleRead),
    summary="Set a service credit rule",
)
async def put_service_credit_rule(
    body: bodies.ServiceCreditRulePut,
    principal: Finance,
    session: WriteSession,
    response: Response,
    if_match: IfMatch,
    etag: Etag,
    sent: Sent = None,
) -> ServiceCreditRule:
    """What an offering gives back where it misses a commitment: percent of the period's recurring charges, by bands."""
    rule, is_new = await billing.put_service_credit_rule(session, body, if_match=if_match, conditional=sent is not None)
    response.status_code = 201 if is_new else 200
    return etag(rule)


@router.get(
    "/service-credit-rules", response_model=Page[bodies.ServiceCreditRuleRead], summary="List service credit rules"
)
async def list_service_credit_rules(
    principal: Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.SERVICE_OWNER, Role.FINANCE)],
    session: ReadSession,
    paging: Paging,
    offering_id: UUID | None = None,
) -> Page[Any]:
    """With their history."""
    query = select(ServiceCreditRule)
    if offering_id is not None:
        query = query.where(ServiceCreditRule.offering_id == offering_id)
    return await paginate(session, query, ServiceCreditRule.id, paging)
