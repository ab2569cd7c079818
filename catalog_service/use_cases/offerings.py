"""Offerings: draft, publish, retire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries, request_form
from catalog_service.domain import commitment, fulfilment
from catalog_service.domain import offering as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain.offering import OfferingState, Readiness
from catalog_service.events import OfferingPublished, OfferingRetired
from catalog_service.schemas import OfferingChange, OfferingCreate
from catalog_service.tables import Offering, OfferingExternalId, Service
from catalog_service.use_cases.services import ExternalIdTaken
from services.db import touch
from services.errors import Fault, Invalid
from services.events import current_thread, record
from services.http import check_version
from services.ids import uuid7


class ServiceUnknown(Invalid): ...


async def create_offering(session: AsyncSession, body: OfferingCreate) -> Offering:
    """Save a draft. Raises ServiceUnknown, ServiceClosed, ExternalIdTaken and what `check_parts` raises."""
    service = await session.get(Service, body.service_id)
    if service is None:
        raise ServiceUnknown(f"no service {body.service_id}", faults=[Fault("/service_id", "there is no such service")])
    service_domain.require_open(service.state)
    check_parts(body)
    keys = list(dict.fromkeys((key.system, key.id) for key in body.external_ids))
    if taken := await queries.taken_external_id(session, OfferingExternalId, keys):
        raise ExternalIdTaken(
            f"another offering is known as {taken[0]}:{taken[1]}", faults=[Fault("/external_ids", "is taken")]
        )
    values = body.model_dump(mode="json", exclude={"service_id", "external_ids"})
    values["unit_of_measure"] = body.unit_of_measure or service.unit_of_measure
    offering_id = uuid7()
    offering = Offering(
        **values,
        id=offering_id,
        series_id=offering_id,
        number=1,
        everyone=False,
        options=[],
        bundle=[],
        service_id=service.id,
        service=service,
        state=OfferingState.DRAFT,
        external_ids=[OfferingExternalId(system=system, id=identifier) for system, identifier in keys],
    )
    touch(offering)
    session.add(offering)
    await session.flush()
    return offering


async def change_offering(
    session: AsyncSession, offering_id: UUID, body: OfferingChange, *, if_match: frozenset[int] | None
) -> Offering:
    offering = await queries.the_offering(session, offering_id)
    check_version(offering, if_match)
    domain.require_draft(offering.state)
    check_parts(body)
    changes: dict[str, Any] = body.model_dump(mode="json", exclude_unset=True)
    for name, value in changes.items():
        setattr(offering, name, value)
    if changes:
        touch(offering)
    return offering


def check_parts(body: OfferingCreate | OfferingChange) -> None:
    """Raises CommitmentsInvalid, RequestFormInvalid or FulfilmentInvalid for what `body` sets."""
    given = body.model_fields_set
    if "commitments" in given:
        commitment.check([commitment.Commitment(part.kind, part.target, part.unit) for part in body.commitments])
    if "fulfilment" in given:
        fulfilment.check(
            [
                fulfilment.TaskTemplate(task.key, task.name, tuple(task.depends_on), task.role)
                for task in body.fulfilment
            ]
        )
    if body.request_form is not None:
        request_form.check(body.request_form)


async def publish_offering(
    session: AsyncSession, offering_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Offering:
    """Raises OfferingNotReady with the full list of what is missing."""
    offering = await queries.the_offering(session, offering_id)
    check_version(offering, if_match)
    offering.state = domain.publish(
        offering.state,
        Readiness(
            service_state=offering.service.state,
            description=offering.description,
            tier=offering.tier is not None,
            commitments=len(offering.commitments),
            request_form=offering.request_form is not None,
            fulfilment=len(offering.fulfilment),
        ),
    )
    if not offering.audience:
        offering.everyone = True  # what is published without an audience is for everybody
    offering.published_at = now
    # The service must not leave while this is being published: its version is checked in the same transaction.
    touch(offering.service)
    record(session, offering, OfferingPublished, thread=current_thread())
    return offering


async def retire_offering(
    session: AsyncSession, offering_id: UUID, *, if_match: frozenset[int] | None, now: datetime
) -> Offering:
    """Nobody can ask for it any more; subscriptions that there are go on."""
    offering = await queries.the_offering(session, offering_id)
    check_version(offering, if_match)
    offering.state = domain.move(offering.state, OfferingState.RETIRED)
    offering.retired_at = now
    record(session, offering, OfferingRetired, thread=current_thread())
    return offering
