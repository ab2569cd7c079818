"""Offerings: draft, publish, retire."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries, request_form
from catalog_service.domain import commitment, fulfilment, tier, validity
from catalog_service.domain import offering as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain.offering import AudienceKind, OfferingState
from catalog_service.events import OfferingPublished, OfferingRetired
from catalog_service.schemas import Audience, OfferingChange, OfferingCreate
from catalog_service.tables import Offering, OfferingAudience, OfferingExternalId, Service, TaxonomyNode
from catalog_service.use_cases import readiness
from catalog_service.use_cases.external_ids import ExternalIdTaken
from services.db import touch
from services.errors import Fault, Invalid
from services.events import current_thread, record
from services.http import check_version
from services.ids import uuid7


class ServiceUnknown(Invalid): ...


class TaxonomyNodeUnknown(Invalid): ...


DOCUMENTS = frozenset({"tier", "commitments", "request_form", "fulfilment"})
PLAIN = frozenset({"name", "description", "unit_of_measure", "taxonomy_node_id", "valid_from", "valid_until"})


async def create_offering(session: AsyncSession, body: OfferingCreate) -> Offering:
    """Save a draft. Raises ServiceUnknown, ServiceClosed, ExternalIdTaken and what `check_parts` raises."""
    service = await session.get(Service, body.service_id)
    if service is None:
        raise ServiceUnknown(f"no service {body.service_id}", faults=[Fault("/service_id", "there is no such service")])
    service_domain.require_open(service.state)
    check_parts(body)
    validity.check(body.valid_from, body.valid_until)
    await _require_node(session, body.taxonomy_node_id)
    keys = list(dict.fromkeys((key.system, key.id) for key in body.external_ids))
    if taken := await queries.taken_external_id(session, OfferingExternalId, keys):
        raise ExternalIdTaken(
            f"another offering is known as {taken[0]}:{taken[1]}", faults=[Fault("/external_ids", "is taken")]
        )
    values = columns_of(body)
    values["unit_of_measure"] = body.unit_of_measure or service.unit_of_measure
    offering_id = uuid7()
    offering = Offering(
        **values,
        id=offering_id,
        series_id=offering_id,
        number=1,
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
    changes = columns_of(body)
    for name, value in changes.items():
        setattr(offering, name, value)
    validity.check(offering.valid_from, offering.valid_until)
    await _require_node(session, changes.get("taxonomy_node_id"))
    if changes:
        touch(offering)
    return offering


def columns_of(body: OfferingCreate | OfferingChange) -> dict[str, Any]:
    """What `body` sets, as the table's columns: documents as JSON, the audience as its lines."""
    given = body.model_fields_set if isinstance(body, OfferingChange) else set(OfferingCreate.model_fields)
    columns = body.model_dump(mode="json", include=given & DOCUMENTS)
    columns |= {name: getattr(body, name) for name in given & PLAIN}
    if "audience" in given:
        columns["everyone"] = body.audience is not None and body.audience.everyone
        columns["audience_lines"] = audience_lines(body.audience)
    return columns


def audience_lines(audience: Audience | None) -> list[OfferingAudience]:
    if audience is None:
        return []
    units = [OfferingAudience(kind=AudienceKind.BUSINESS_UNIT, value=str(unit)) for unit in audience.business_unit_ids]
    return units + [OfferingAudience(kind=AudienceKind.ROLE, value=role.value) for role in audience.roles]


async def _require_node(session: AsyncSession, node_id: UUID | None) -> None:
    if node_id is not None and await session.get(TaxonomyNode, node_id) is None:
        raise TaxonomyNodeUnknown(
            f"no taxonomy node {node_id}", faults=[Fault("/taxonomy_node_id", "there is no such taxonomy node")]
        )


def check_parts(body: OfferingCreate | OfferingChange) -> None:
    """Raises TierInvalid, CommitmentsInvalid, RequestFormInvalid or FulfilmentInvalid for what `body` sets."""
    given = body.model_fields_set
    if body.tier is not None:
        tier.check([tier.Attribute(each.key, each.value, each.unit, each.better) for each in body.tier.listed])
    if "commitments" in given:
        commitment.check(
            [commitment.Commitment(part.kind, part.target, part.unit, part.percentile) for part in body.commitments]
        )
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
    to = domain.move(offering.state, OfferingState.PUBLISHED)
    await readiness.require_ready(session, offering, now)
    offering.state = to
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
