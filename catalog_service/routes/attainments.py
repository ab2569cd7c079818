"""What became of promises: shown to whom they were made, assessed when their period is over."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from catalog_service.domain.attainment import AttainmentState, percentile_of
from catalog_service.domain.commitment import Commitment
from catalog_service.domain.months import Month, month_named, month_of
from catalog_service.queries import attainment as queries
from catalog_service.queries import the_offering_for
from catalog_service.routes import Reader, Sight
from catalog_service.schemas import attainments as bodies
from catalog_service.tables import Attainment, AttainmentPolicy, Offering
from catalog_service.use_cases import attainment_policy
from catalog_service.use_cases import attainments as use_cases
from services.http import (
    Api,
    Etag,
    JobRead,
    Now,
    Page,
    Paging,
    ReadSession,
    RequiredIfMatch,
    WriteSession,
    accepted_job,
    paginate,
)
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Attainment"])
Keeper = Annotated[Principal, may(Role.SERVICE_OWNER, Role.FINANCE, Role.INTEGRATION)]


@router.get(
    "/offerings/{offering_id}/attainments",
    response_model=bodies.OfferingAttainments,
    summary="List what became of an offering's commitments",
)
async def list_offering_attainments(
    offering_id: UUID,
    session: ReadSession,
    now: Now,
    principal: Reader,
    sight: Sight,
    units: UnitScope,
    periods: Annotated[int, Query(ge=1, le=36, description="How many, up to the last one that is over")] = 12,
) -> bodies.OfferingAttainments:
    """The newest first. What was measured for one business unit or subscription alone, its own units see."""
    offering = await the_offering_for(session, offering_id, sight)
    last = month_of(now).after(-1)
    months = [last.after(-back) for back in range(periods)]
    rows = await queries.attainments_of(session, offering_id, [month.name for month in months], units)
    items = [item for month in months for item in _of_month(offering, month, rows)]
    return bodies.OfferingAttainments(offering_id=offering_id, items=items)


def _of_month(offering: Offering, month: Month, rows: Any) -> list[bodies.AttainmentRead]:
    """What is known of the month, and what was promised in it but not measured."""
    if use_cases.promised_in(offering, month) is None:
        return []
    items: list[bodies.AttainmentRead] = []
    for commitment in map(Commitment.of, offering.commitments):
        known = [row for row in rows if row.period == month.name and row.commitment is commitment.kind]
        if not any(row.scope == queries.EVERYBODY for row in known):
            items.append(_not_measured(commitment, month))
        items += [bodies.AttainmentRead.model_validate(row) for row in known]
    return items


def _not_measured(commitment: Commitment, month: Month) -> bodies.AttainmentRead:
    return bodies.AttainmentRead(
        commitment=commitment.kind,
        period=month.name,
        promised=commitment.target,
        unit=commitment.unit,
        percentile=percentile_of(commitment),
        state=AttainmentState.NOT_MEASURED,
        attained=None,
        n=0,
    )


@router.get("/attainments", response_model=Page[bodies.AttainmentOfOffering], summary="List attainments")
async def list_attainments(
    session: ReadSession,
    paging: Paging,
    principal: Keeper,
    period: Annotated[str | None, Query(max_length=20, description="A calendar month, such as 2026-10")] = None,
    state: AttainmentState | None = None,
    service_id: UUID | None = None,
    offering_id: UUID | None = None,
) -> Page[Any]:
    """Of all offerings, as assessed last; `state=missed` is what service credits come from."""
    if period is not None:
        period = month_named(period, pointer="period").name
    query = queries.attainments(period=period, state=state, service_id=service_id, offering_id=offering_id)
    return await paginate(session, query, Attainment.id, paging)


@router.post("/attainments/assess", response_model=JobRead, status_code=202, summary="Assess a period")
async def assess(
    body: bodies.AssessmentWanted,
    response: Response,
    session: WriteSession,
    now: Now,
    principal: Annotated[Principal, may(Role.SERVICE_OWNER, Role.FINANCE)],
) -> JobRead:
    """At once, whatever its grace; again, it tells only what comes out otherwise. 409 while the period goes on."""
    return accepted_job(response, await use_cases.start_assessment(session, body.period, now=now))


@router.get("/attainment-policy", response_model=bodies.AttainmentPolicyRead, summary="Read the attainment policy")
async def read_policy(principal: Keeper, session: ReadSession, etag: Etag) -> AttainmentPolicy:
    """When periods are assessed, and how late measurements may come."""
    return etag(await attainment_policy.policy_in_force(session))


@router.put("/attainment-policy", response_model=bodies.AttainmentPolicyRead, summary="Set the attainment policy")
async def set_policy(
    body: bodies.AttainmentPolicyBody,
    principal: Annotated[Principal, may(Role.ADMIN)],
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
) -> AttainmentPolicy:
    """For periods that are assessed from now on; a timer that was set for less waits longer by itself."""
    return etag(await attainment_policy.set_policy(session, body, if_match=if_match))
