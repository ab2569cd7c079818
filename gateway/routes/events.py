"""The archive: one thread as a tree, and a search over all events."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query

from gateway import queries
from gateway.domain.resources import resource_path
from gateway.domain.trace import in_causal_order
from gateway.schemas import EventRead, Trace, TracedEvent
from gateway.tables import ArchivedEvent
from services.http import Api, Page, Paging, ReadSession, paginate
from services.identity import Principal, Role, UnitScope, may

TRACE_LIMIT = 2_000
CORRELATION_ID = r"^[A-Za-z0-9._:-]{1,64}$"
TYPE_PATTERN = r"^[a-z0-9.*-]{1,200}$"

router = Api(prefix="/events/v1", tags=["Events"])
Reader = Annotated[Principal, may(*Role)]


def _sight(principal: Principal, units: UnitScope) -> queries.Sight:
    """Events of no unit (offerings, unit costs, scores) are for everyone who works on them: all but mere consumers."""
    return queries.Sight(units.visible, without_unit=bool(principal.roles - {Role.CONSUMER}))


@router.get("/trace/{correlation_id}", response_model=Trace, summary="Read one value loop as a tree")
async def read_trace(
    correlation_id: Annotated[str, Path(pattern=CORRELATION_ID, description="As in the header Correlation-Id")],
    session: ReadSession,
    principal: Reader,
    units: UnitScope,
) -> Trace:
    """Every event of one thread across all services, in causal order, as far as you may see them.

    Events arrive shortly after what they tell of, so that a thread may still grow; one that is not known (yet) is
    empty. Consumers and demand-centre leaders see the events of their business units and the units below; all but
    consumers also see those that belong to no unit.
    """
    events, truncated = await queries.thread(session, correlation_id, _sight(principal, units), limit=TRACE_LIMIT)
    traced = []
    for event, depth in in_causal_order(events):
        resource = resource_path(event.type, event.subject)
        read = EventRead.model_validate(event)
        links = {} if resource is None else {"resource": resource}
        traced.append(TracedEvent(**dict(read), depth=depth, links=links))
    return Trace(correlation_id=correlation_id, events=traced, truncated=truncated)


@router.get("/events", response_model=Page[EventRead], summary="Search the archive of events")
async def list_events(
    session: ReadSession,
    principal: Reader,
    units: UnitScope,
    paging: Paging,
    event_type: Annotated[
        str | None,
        Query(alias="type", pattern=TYPE_PATTERN, description="`*` stands for anything", examples=["itaas.pricing.*"]),
    ] = None,
    subject: Annotated[UUID | None, Query(description="The aggregate that the events are about")] = None,
    correlation_id: Annotated[str | None, Query(pattern=CORRELATION_ID)] = None,
    business_unit_id: Annotated[UUID | None, Query(description="One business unit in your sight")] = None,
) -> Page[Any]:
    """Events in the order in which they were archived, the oldest first, as far as you may see them."""
    if business_unit_id is not None:
        units.require(business_unit_id, pointer="business_unit_id")
    query = queries.matching(
        _sight(principal, units),
        type_pattern=event_type,
        subject=subject,
        correlation_id=correlation_id,
        business_unit_id=business_unit_id,
    )
    return await paginate(session, query, ArchivedEvent.stream_id, paging)
