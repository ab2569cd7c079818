"""Versions of an offering: the next one drafted from the last, live at the beginning of its window, over at its end.

The two timers only wake these rules; a rule compares `now` itself, so that a timer that is late, early or twice
does no harm. At most one version of a series is published at any time.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import offering as domain
from catalog_service.domain import service as service_domain
from catalog_service.domain import tier, validity
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.domain.validity import Window
from catalog_service.events import OfferingPublished, OfferingRetired
from catalog_service.tables import Offering, OfferingAudience, OfferingMember, OfferingRelation
from catalog_service.use_cases.offering_graph import bundle_gaps
from catalog_service.use_cases.ownership import require_ownership
from catalog_service.work import timers
from services import context
from services.db import touch
from services.errors import Conflict
from services.events import current_thread, record
from services.http import check_version
from services.identity import Principal
from services.ids import uuid7

OPENS, CLOSES = "offering-opens", "offering-closes"


class TierDisagrees(Conflict): ...


async def draft_next(session: AsyncSession, offering_id: UUID, *, principal: Principal) -> Offering:
    """The next version of the series as a draft, like this one but for its window and external ids.

    Raises OpenVersionExists, ServiceClosed. External ids go over when it goes live.
    """
    offering = await queries.the_offering(session, offering_id)
    require_ownership(offering.service, principal)
    service_domain.require_open(offering.service.state)
    versions = await hold_series(session, offering.series_id)
    draft = Offering(
        id=uuid7(),
        service_id=offering.service_id,
        service=offering.service,
        series_id=offering.series_id,
        number=domain.next_number((each.number, each.state) for each in versions),
        state=OfferingState.DRAFT,
        name=offering.name,
        description=offering.description,
        unit_of_measure=offering.unit_of_measure,
        tier=offering.tier,
        commitments=offering.commitments,
        request_form=offering.request_form,
        fulfilment=offering.fulfilment,
        options=offering.options,
        taxonomy_node_id=offering.taxonomy_node_id,
        everyone=offering.everyone,
        audience_lines=[OfferingAudience(kind=line.kind, value=line.value) for line in offering.audience_lines],
        relations=[OfferingRelation(kind=line.kind, other_id=line.other_id) for line in offering.relations],
        members=[
            OfferingMember(member_id=each.member_id, position=each.position, quantity=each.quantity)
            for each in offering.members
        ],
        external_ids=[],
    )
    touch(draft)
    session.add(draft)
    await session.flush()
    return draft


async def hold_series(session: AsyncSession, series_id: UUID, *, changed: Offering | None = None) -> list[Offering]:
    """All versions; whoever else changes the series in the meantime is refused, as the first version is touched.

    `changed` is the version whose own number is raised anyway.
    """
    versions = await queries.series(session, series_id)
    if versions[0] is not changed:
        touch(versions[0])
    return versions


async def require_comparable(session: AsyncSession, offering: Offering) -> None:
    """Raises TierDisagrees where a sibling that is on offer means something else by an attribute's key."""
    siblings = {name: attributes_of(theirs) for name, theirs in await queries.siblings_on_offer(session, offering)}
    if faults := tier.disagreements(attributes_of(offering.tier), siblings):
        raise TierDisagrees(f"offerings of one service are compared: {faults[0].message}", faults=faults)


def attributes_of(stored: dict[str, Any] | None) -> list[tier.Attribute]:
    return [
        tier.Attribute(each["key"], each["value"], each["unit"], each["better"] and tier.Better(each["better"]))
        for each in (stored or {"attributes": []})["attributes"]
    ]


async def require_room(session: AsyncSession, offering: Offering, *, now: datetime) -> None:
    """Raises WindowsOverlap, naming another version of the series that is on offer at the same time."""
    versions = await hold_series(session, offering.series_id, changed=offering)
    on_offer = [each for each in versions if each.id != offering.id and each.state in queries.ON_OFFER]
    validity.require_room(window_of(offering, now=now), [window_of(each, now=now) for each in on_offer])


def window_of(offering: Offering, *, now: datetime) -> Window:
    """Without a beginning of its own it begins with its publication: `now`, if that is being decided."""
    begins = offering.valid_from or offering.published_at or now
    return Window(offering.number, begins, offering.valid_until, offering.name)


async def go_live(session: AsyncSession, offering: Offering, *, now: datetime) -> None:
    """Publish it: the version before it retires at this instant, and hands over its external ids."""
    with session.no_autoflush:  # the version is raised once, with the event
        versions = await queries.series(session, offering.series_id)
    offering.state = domain.move(offering.state, OfferingState.PUBLISHED)
    offering.published_at = now
    for before in reversed([each for each in versions if each.id != offering.id]):
        moved = _hand_over(before, offering)
        if before.state is OfferingState.PUBLISHED:
            retire(session, before, now=now)
        elif moved:
            touch(before)
    wake_at_end(session, offering)
    record(session, offering, OfferingPublished, thread=current_thread())


def _hand_over(before: Offering, after: Offering) -> bool:
    """The external ids of systems that know `after` by none. Also of a version that is over: its name outlives it."""
    own = {key.system for key in after.external_ids}
    moving = [key for key in before.external_ids if key.system not in own]
    for key in moving:
        before.external_ids.remove(key)
        after.external_ids.append(key)
    return bool(moving)


def wake_at_beginning(session: AsyncSession, offering: Offering) -> None:
    assert offering.valid_from is not None
    payload = {"offering_id": str(offering.id), "by": context.current().actor_id}
    timers.set(session, OPENS, due_at=offering.valid_from, payload=payload)


def wake_at_end(session: AsyncSession, offering: Offering) -> None:
    if offering.valid_until is not None:
        timers.set(session, CLOSES, due_at=offering.valid_until, payload={"offering_id": str(offering.id)})


async def unschedule(
    session: AsyncSession, offering_id: UUID, *, principal: Principal, if_match: frozenset[int] | None
) -> Offering:
    """Back to a draft, before it has gone live. Raises OfferingTransitionRefused."""
    offering = await queries.the_offering(session, offering_id)
    require_ownership(offering.service, principal)
    check_version(offering, if_match)
    await hold_series(session, offering.series_id, changed=offering)
    offering.state = domain.unschedule(offering.state)
    return offering


@timers.handler(OPENS)
async def open_offering(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """Take a scheduled offering live. What can no longer be offered becomes a draft again."""
    offering = await session.get_one(Offering, UUID(payload["offering_id"]))
    if offering.state is not OfferingState.SCHEDULED or offering.valid_from is None or now < offering.valid_from:
        return
    context.current().actor_id = payload.get("by")  # who scheduled it is who took it live
    over = offering.valid_until is not None and offering.valid_until <= now
    if over or offering.service.state is not ServiceState.PUBLISHED or await bundle_gaps(session, offering):
        offering.state = domain.unschedule(offering.state)
        return
    touch(offering.service)
    await go_live(session, offering, now=now)


@timers.handler(CLOSES)
async def close_offering(session: AsyncSession, payload: dict[str, Any], now: datetime) -> None:
    """Retire an offering whose window has ended."""
    offering = await session.get_one(Offering, UUID(payload["offering_id"]))
    ended = offering.valid_until is not None and offering.valid_until <= now
    if offering.state is OfferingState.PUBLISHED and ended:
        retire(session, offering, now=now)


def retire(session: AsyncSession, offering: Offering, *, now: datetime) -> None:
    offering.state = domain.move(offering.state, OfferingState.RETIRED)
    offering.retired_at = now
    record(session, offering, OfferingRetired, thread=current_thread())
