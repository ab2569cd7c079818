"""Offerings: a service at a given level, ready to be asked for."""

from uuid import UUID

from fastapi import Response

from catalog_service import queries, schemas
from catalog_service.routes import Designer, Reader, Sight, sees_figures
from catalog_service.routes.observed import show_attainment, show_lead_times
from catalog_service.routes.prices import price_reads, service_costs, whose_price
from catalog_service.tables import Offering
from catalog_service.use_cases import offerings as use_cases
from services.http import Api, Etag, IfMatch, Now, ReadSession, RequiredIfMatch, WriteSession

router = Api(prefix="/v1", tags=["Offerings"])


@router.post("/offerings", response_model=schemas.OfferingRead, status_code=201, summary="Draft an offering")
async def create_offering(
    body: schemas.OfferingCreate, response: Response, session: WriteSession, etag: Etag, principal: Designer
) -> Offering:
    """A draft may have gaps. What it does have is checked: commitments, request form, fulfilment template."""
    offering = await use_cases.create_offering(session, body)
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
    if sees_figures(principal):
        detail.unit_cost = (await service_costs(session, [offering.service_id], now)).get(offering.service_id)
        detail.active_subscriptions = await queries.active_subscriptions(session, offering_id)
    return detail


@router.patch("/offerings/{offering_id}", response_model=schemas.OfferingRead, summary="Change a draft offering")
async def change_offering(
    offering_id: UUID,
    body: schemas.OfferingChange,
    session: WriteSession,
    etag: Etag,
    if_match: RequiredIfMatch,
    principal: Designer,
) -> Offering:
    """Fields that are left out stay as they are. 409 once it has been published."""
    return etag(await use_cases.change_offering(session, offering_id, body, if_match=if_match))


@router.post("/offerings/{offering_id}/publish", response_model=schemas.OfferingRead, summary="Publish an offering")
async def publish_offering(
    offering_id: UUID, session: WriteSession, now: Now, etag: Etag, if_match: IfMatch, principal: Designer
) -> Offering:
    """From now on it can be asked for, and no longer changed. 409 lists everything that is missing."""
    return etag(await use_cases.publish_offering(session, offering_id, if_match=if_match, now=now))


@router.post("/offerings/{offering_id}/retire", response_model=schemas.OfferingRead, summary="Retire an offering")
async def retire_offering(
    offering_id: UUID, session: WriteSession, now: Now, etag: Etag, if_match: IfMatch, principal: Designer
) -> Offering:
    """It can no longer be asked for; the subscriptions that there are go on."""
    return etag(await use_cases.retire_offering(session, offering_id, if_match=if_match, now=now))
