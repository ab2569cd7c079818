"""Offerings: draft, publish, retire."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries, request_form
from catalog_service.domain import commitment, fulfilment, options, tier, validity
from catalog_service.domain import offering as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain.offering import AudienceKind, OfferingState
from catalog_service.domain.relation import ends_before
from catalog_service.events import OfferingChanged
from catalog_service.schemas import Audience, OfferingChange, OfferingCreate
from catalog_service.tables import (
    BundleItem,
    Offering,
    OfferingAudience,
    OfferingRelation,
    Service,
)
from catalog_service.use_cases import offering_versions as versions
from catalog_service.use_cases import readiness
from catalog_service.use_cases.answers import rule_of
from catalog_service.use_cases.external_ids import (
    OFFERINGS,
    Key,
    add_keys,
    keys_of,
    known_as,
    nothing_to_match,
    require_free,
)
from catalog_service.use_cases.offering_graph import (
    check_bundle,
    check_relations,
    require_add_ons,
    require_bundle,
)
from catalog_service.use_cases.ownership import require_ownership
from services.db import touch
from services.errors import Conflict, Fault, Invalid
from services.events import current_thread, record
from services.http import check_version
from services.identity import Principal
from services.ids import uuid7


class ServiceUnknown(Invalid): ...


class OfferingOfAnotherService(Conflict): ...


class AudienceNeeded(Invalid): ...


DOCUMENTS = frozenset({"tier", "commitments", "request_form", "fulfilment", "options"})
PLAIN = frozenset({"name", "description", "unit_of_measure", "taxonomy_node_id", "valid_from", "valid_until"})


async def create_offering(
    session: AsyncSession, body: OfferingCreate, *, principal: Principal, first: Key | None = None
) -> Offering:
    """Save a draft. Raises ServiceUnknown, ServiceClosed, ExternalIdTaken and what `checked_columns` raises."""
    service = await session.get(Service, body.service_id)
    if service is None:
        raise ServiceUnknown(f"no service {body.service_id}", faults=[Fault("/service_id", "there is no such service")])
    require_ownership(service, principal)
    service_domain.require_open(service.state)
    keys = keys_of(body.external_ids, first=first)
    await require_free(session, OFFERINGS, keys)
    offering_id = uuid7()
    values = await checked_columns(session, body, fields_of(body), own=offering_id, name=body.name)
    values["unit_of_measure"] = body.unit_of_measure or service.unit_of_measure
    validity.check(body.valid_from, body.valid_until)
    offering = Offering(
        **values,
        id=offering_id,
        series_id=offering_id,
        number=1,
        service_id=service.id,
        service=service,
        state=OfferingState.DRAFT,
        external_ids=[OFFERINGS.row(key) for key in keys],
    )
    touch(offering)
    session.add(offering)
    await session.flush()
    return offering


async def change_offering(
    session: AsyncSession,
    offering_id: UUID,
    body: OfferingChange,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Offering:
    """Any field of a draft; of one that is on offer its audience, end, taxonomy node and relations.

    Raises OfferingImmutable, AudienceNeeded, WindowOver, WindowsOverlap, OfferingInBundles and what
    `checked_columns` raises.
    """
    offering = await queries.the_offering(session, offering_id)
    require_ownership(offering.service, principal)
    check_version(offering, if_match)
    await _put(session, offering, body, now=now)
    return offering


async def upsert_offering(
    session: AsyncSession,
    key: Key,
    body: OfferingCreate,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> tuple[Offering, bool]:
    """The offering that is known by `key`, and whether it is new. What `body` leaves out stays as it is.

    Raises what `create_offering` and `change_offering` raise, and OfferingOfAnotherService.
    """
    offering = await known_as(session, OFFERINGS, key)
    if offering is None:
        nothing_to_match(OFFERINGS, key, if_match)
        return await create_offering(session, body, principal=principal, first=key), True
    require_ownership(offering.service, principal)
    check_version(offering, if_match)
    if body.service_id != offering.service_id:
        raise OfferingOfAnotherService(
            f"{key[0]}:{key[1]} is an offering of the service {offering.service_name} ({offering.service_id})",
            faults=[Fault("/service_id", "an offering stays with its service")],
        )
    named = await add_keys(session, OFFERINGS, offering, keys_of(body.external_ids))
    await _put(session, offering, body, named=named, now=now)
    return offering, False


async def _put(
    session: AsyncSession,
    offering: Offering,
    body: OfferingCreate | OfferingChange,
    *,
    named: bool = False,
    now: datetime,
) -> None:
    """What `body` says and is not so yet; `named` if its external ids have changed."""
    said_of_it = body.model_fields_set - {"service_id", "external_ids"}
    if body.unit_of_measure is None:
        said_of_it = said_of_it - {"unit_of_measure"}
    given = {name for name in said_of_it if said(body, name) != said(offering, name)}
    domain.require_changeable(offering.state, given)
    columns = await checked_columns(session, body, given, own=offering.id, name=offering.name)
    for name, value in columns.items():
        setattr(offering, name, value)
    validity.check(offering.valid_from, offering.valid_until)
    if offering.state is not OfferingState.DRAFT:
        if "audience" in given and body.audience is None:
            raise AudienceNeeded("it is on offer, and so for somebody", faults=[Fault("/audience", "must be given")])
        if "valid_until" in given:
            with session.no_autoflush:  # the version is raised once, with the event
                await _move_end(session, offering, now=now)
    if (given or named) and offering.state is OfferingState.PUBLISHED:
        record(session, offering, OfferingChanged, thread=current_thread())
    elif given or named:
        touch(offering)


async def _move_end(session: AsyncSession, offering: Offering, *, now: datetime) -> None:
    await queries.hold_offering_graph(session)
    validity.require_ahead(offering.valid_until, now=now)
    await versions.require_room(session, offering, now=now)
    await _require_as_long_as_bundles(session, offering)
    if offering.state is OfferingState.PUBLISHED:
        versions.wake_at_end(session, offering)


async def _require_as_long_as_bundles(session: AsyncSession, offering: Offering) -> None:
    """Raises OfferingInBundles: a version stands in for its series in the bundles that hold any version of it."""
    if offering.valid_until is not None:
        bundles = await queries.bundles_on_offer(session, offering.series_id)
        domain.require_retirable([each.name for each in bundles if ends_before(offering.valid_until, each.valid_until)])


def said(source: Offering | OfferingCreate | OfferingChange, name: str) -> Any:
    """A field in a form in which a body and an offering can be compared."""
    value = getattr(source, name)
    if value is None or name in PLAIN:
        return value
    if name == "audience":
        return value.everyone, {str(unit) for unit in value.business_unit_ids}, {str(role) for role in value.roles}
    if name == "relations":
        return {(str(line.kind), line.other_id) for line in value}
    if name == "bundle":
        return [(item.offering_id, item.quantity) for item in value]
    return source.model_dump(mode="json", include={name})[name] if isinstance(source, BaseModel) else value


async def checked_columns(
    session: AsyncSession, body: OfferingCreate | OfferingChange, given: AbstractSet[str], *, own: UUID, name: str
) -> dict[str, Any]:
    """What `body` sets of the offering `own`, as `columns_of` has it, held against what else there is."""
    check_parts(body, given)
    if "taxonomy_node_id" in given:
        await queries.require_taxonomy_node(session, body.taxonomy_node_id)
    if "options" in given:
        await require_add_ons(session, own, body.options)
    if "relations" in given:
        await check_relations(session, own, name, body.relations)
    if "bundle" in given:
        await check_bundle(session, own, name, body.bundle)
    return columns_of(body, given)


def columns_of(body: OfferingCreate | OfferingChange, given: AbstractSet[str] | None = None) -> dict[str, Any]:
    """What `body` sets as the table's columns: documents as JSON, lines as rows. `given` are the fields to set: by
    default those that a change says, and all of a new one."""
    given = fields_of(body) if given is None else given
    columns = body.model_dump(mode="json", include=set(given & DOCUMENTS))
    columns |= {name: getattr(body, name) for name in given & PLAIN}
    if "audience" in given:
        columns["everyone"] = body.audience is not None and body.audience.everyone
        columns["audience_lines"] = audience_lines(body.audience)
    if "relations" in given:
        lines = sorted((line.kind, line.other_id) for line in body.relations)
        columns["relations"] = [OfferingRelation(kind=kind, other_id=other) for kind, other in lines]
    if "bundle" in given:
        columns["bundle"] = [BundleItem(item.offering_id, item.quantity) for item in body.bundle]
    return columns


def fields_of(body: OfferingCreate | OfferingChange) -> AbstractSet[str]:
    return body.model_fields_set if isinstance(body, OfferingChange) else OfferingCreate.model_fields.keys()


def audience_lines(audience: Audience | None) -> list[OfferingAudience]:
    if audience is None:
        return []
    units = [OfferingAudience(kind=AudienceKind.BUSINESS_UNIT, value=str(unit)) for unit in audience.business_unit_ids]
    return units + [OfferingAudience(kind=AudienceKind.ROLE, value=role.value) for role in audience.roles]


def check_parts(body: OfferingCreate | OfferingChange, given: AbstractSet[str] | None = None) -> None:
    """Raises TierInvalid, CommitmentsInvalid, RequestFormInvalid, FulfilmentInvalid or OptionsInvalid for what is
    `given`: see `columns_of`."""
    given = fields_of(body) if given is None else given
    if "tier" in given and body.tier is not None:
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
    if "request_form" in given and body.request_form is not None:
        request_form.check(body.request_form)
    if "options" in given:
        options.check([rule_of(option) for option in body.options])


async def publish_offering(
    session: AsyncSession,
    offering_id: UUID,
    *,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Offering:
    """Now, or where its window begins later: then.

    Raises OfferingNotReady with the full list of what is missing, TierDisagrees, BundleNotReady, WindowOver,
    WindowsOverlap, and OfferingInBundles where it would end before a bundle that it takes a place in.
    """
    await queries.hold_offering_graph(session)  # no member leaves meanwhile, and no bundle comes
    offering = await queries.the_offering(session, offering_id)
    require_ownership(offering.service, principal)
    check_version(offering, if_match)
    to = domain.publish(offering.state, opens=offering.valid_from, now=now)
    await readiness.require_ready(session, offering, now)
    validity.require_ahead(offering.valid_until, now=now)
    await versions.require_comparable(session, offering)
    await require_bundle(session, offering)
    await versions.require_room(session, offering, now=now)
    await _require_as_long_as_bundles(session, offering)
    # The service must not leave while this is being published: its version is checked in the same transaction.
    touch(offering.service)
    if to is OfferingState.PUBLISHED:
        await versions.go_live(session, offering, now=now)
    else:
        offering.state = to
        versions.wake_at_beginning(session, offering)
    return offering


async def retire_offering(
    session: AsyncSession,
    offering_id: UUID,
    *,
    force: bool,
    principal: Principal,
    if_match: frozenset[int] | None,
    now: datetime,
) -> Offering:
    """Nobody can ask for it any more; subscriptions that there are go on. With `force` its bundles go with it.

    Raises OfferingInBundles, which names the bundles.
    """
    await queries.hold_offering_graph(session)
    offering = await queries.the_offering(session, offering_id)
    require_ownership(offering.service, principal)
    check_version(offering, if_match)
    domain.move(offering.state, OfferingState.RETIRED)
    bundles = await queries.bundles_on_offer(session, offering.series_id)
    if not force:
        domain.require_retirable([bundle.name for bundle in bundles])
    versions.retire(session, offering, now=now)
    for bundle in bundles:
        await _retire_with(session, bundle, principal=principal, now=now)
    return offering


async def _retire_with(session: AsyncSession, bundle: Offering, *, principal: Principal, now: datetime) -> None:
    """A bundle whose member goes: off the offer, and with it what holds it in turn."""
    require_ownership(bundle.service, principal)
    if bundle.state is OfferingState.SCHEDULED:
        bundle.state = domain.unschedule(bundle.state)
        return
    if bundle.state is OfferingState.PUBLISHED:  # it may have gone already, by way of another of its members
        versions.retire(session, bundle, now=now)
        for above in await queries.bundles_on_offer(session, bundle.series_id):
            await _retire_with(session, above, principal=principal, now=now)
