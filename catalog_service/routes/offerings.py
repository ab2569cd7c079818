"""Offerings: a service at a given level, ready to be asked for."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response

from catalog_service import queries, schemas
from catalog_service.routes import Designer, Identifier, Reader, Sight, System, sees_figures
from catalog_service.routes.observed import show_attainment, show_lead_times
from catalog_service.routes.prices import price_reads, service_costs, whose_price
from catalog_service.tables import Offering
from catalog_service.use_cases import answers
from catalog_service.use_cases import offering_versions as versions
from catalog_service.use_cases import offerings as use_cases
from services.http import Api, Etag, IfMatch, Now, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate

router = Api(prefix="/v1", tags=["Offerings"])


@router.post("/offerings", response_model=schemas.OfferingRead, status_code=201, summary="Draft an offering")
async def create_offering(
    body: schemas.OfferingCreate, response: Response, session: WriteSession, etag: Etag, principal: Designer
) -> Offering:
    """A draft may have gaps. What it does have is checked: commitments, request form, fulfilment template."""
    offering = await use_cases.create_offering(session, body, principal=principal)
    response.headers["Location"] = f"/v1/offerings/{offering.id}"
    return etag(offering)


@router.get("/offerings/{offering_id}", response_model=schemas.OfferingDetail, summary="Read an offering")
async def read_offering(
    offering_id: UUID, session: ReadSession, now: Now, etag: Etag, principal: Reader, sight: Sight
) -> schemas.OfferingDetail:
    """With its request form and what its users say; its price; for service owners and finance, cost and subscribers."""
    offering = etag(await queries.the_offering_for(session, offering_id, sight))
    detail = schemas.OfferingDetail.model_validate(offering)
    if (score := (await queries.scores(session, [offering.service_id])).get(offering.service_id)) is not None:
        detail.score = schemas.ScoreRead.model_validate(score)
    await show_lead_times(session, [detail])
    await show_attainment(session, detail)
    detail.price = (await price_reads(session, [offering_id], whose_price(principal, None), now)).get(offering_id)
    found = await queries.related(session, offering_id, queries.entitled(sight, lapsed=True))
    detail.related = [schemas.RelatedRead.model_validate(each) for each in found]
    if not sight.drafts:  # that there is something else behind an id is not theirs to know
        shown = {(each.kind, each.other_id) for each in detail.related}
        detail.relations = [line for line in detail.relations if (line.kind, line.other_id) in shown]
    if sees_figures(principal):
        detail.unit_cost = (await service_costs(session, [offering.service_id], now)).get(offering.service_id)
        detail.active_subscriptions = await queries.active_subscriptions(session, offering_id)
    return detail


@router.patch("/offerings/{offering_id}", response_model=schemas.OfferingRead, summary="Change an offering")
async def change_offering(
    offering_id: UUID,
    body: schemas.OfferingChange,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Offering:
    """Fields that are left out stay as they are. Once it is scheduled or published, its audience, the end of its
    window, its taxonomy node and its relations may change, and 409 names any other field."""
    offering = await use_cases.change_offering(
        session, offering_id, body, principal=principal, if_match=if_match, now=now
    )
    return etag(offering)


@router.put(
    "/offerings/by-external-id/{system}/{identifier:path}",
    response_model=schemas.OfferingRead,
    responses={201: {"model": schemas.OfferingRead, "description": "It is new"}},
    summary="Create or change an offering by its external id",
    openapi_extra={"x-upsert": True},
)
async def upsert_offering(
    system: System,
    identifier: Identifier,
    body: schemas.OfferingCreate,
    response: Response,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
) -> Offering:
    """201 if it is new, and then a draft, else 200; what the body leaves out stays as it is, external ids are added."""
    offering, new = await use_cases.upsert_offering(
        session, (system, identifier), body, principal=principal, if_match=if_match, now=now
    )
    response.status_code = 201 if new else 200
    response.headers["Location"] = f"/v1/offerings/{offering.id}"
    return etag(offering)


@router.post("/offerings/{offering_id}/publish", response_model=schemas.OfferingRead, summary="Publish an offering")
async def publish_offering(
    offering_id: UUID, session: WriteSession, now: Now, etag: Etag, if_match: IfMatch, principal: Designer
) -> Offering:
    """It can be asked for from now on, or is scheduled where valid_from is still to come. 409 lists everything that
    is missing, or names the version of the series whose window it meets."""
    return etag(await use_cases.publish_offering(session, offering_id, principal=principal, if_match=if_match, now=now))


@router.post(
    "/offerings/{offering_id}/unschedule", response_model=schemas.OfferingRead, summary="Take a scheduled offering back"
)
async def unschedule_offering(
    offering_id: UUID, session: WriteSession, etag: Etag, if_match: IfMatch, principal: Designer
) -> Offering:
    """It is a draft again, and can be changed."""
    return etag(await versions.unschedule(session, offering_id, principal=principal, if_match=if_match))


@router.post("/offerings/{offering_id}/retire", response_model=schemas.OfferingRead, summary="Retire an offering")
async def retire_offering(
    offering_id: UUID,
    session: WriteSession,
    now: Now,
    etag: Etag,
    if_match: IfMatch,
    principal: Designer,
    force: Annotated[bool, Query(description="Retire the bundles that hold it as well")] = False,
) -> Offering:
    """It can no longer be asked for; the subscriptions that there are go on. 409 names the bundles that hold it."""
    offering = await use_cases.retire_offering(
        session, offering_id, force=force, principal=principal, if_match=if_match, now=now
    )
    return etag(offering)


@router.post(
    "/offerings/{offering_id}/next",
    response_model=schemas.OfferingRead,
    status_code=201,
    summary="Draft an offering's next version",
)
async def draft_next_version(
    offering_id: UUID, response: Response, session: WriteSession, etag: Etag, principal: Designer
) -> Offering:
    """Like this one but for its window and external ids. When it goes live, the one before retires at that instant
    and its external ids go over. 409 while another version is a draft or scheduled."""
    offering = await versions.draft_next(session, offering_id, principal=principal)
    response.headers["Location"] = f"/v1/offerings/{offering.id}"
    return etag(offering)


@router.get(
    "/offerings/{offering_id}/versions", response_model=Page[schemas.VersionRead], summary="List an offering's versions"
)
async def list_versions(offering_id: UUID, session: ReadSession, paging: Paging, sight: Sight) -> Page[Any]:
    """Of the whole series, whichever of them is asked about; oldest first. Everyone sees those that are for them."""
    offering = await queries.the_offering_for(session, offering_id, sight)
    return await paginate(session, queries.versions(offering.series_id, sight), Offering.id, paging)


@router.post(
    "/offerings/{offering_id}/request-form/validations",
    response_model=schemas.FormVerdict,
    summary="Validate what a request would say",
)
async def validate_answers(
    offering_id: UUID, body: schemas.FormAnswers, session: ReadSession, sight: Sight
) -> schemas.FormVerdict:
    """Form, options and quantity held against the offering, for whoever may ask for it; nothing is kept. 409 while
    the offering has no request form."""
    offering = await queries.the_offering_for(session, offering_id, sight)
    faults = await answers.verdict(offering, body)
    return schemas.FormVerdict(valid=not faults, errors=[schemas.AnswerFault.model_validate(fault) for fault in faults])
