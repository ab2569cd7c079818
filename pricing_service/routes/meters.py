"""Meters, what they measured, and the usage events behind it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request, Response
from sqlalchemy import ColumnElement, select

from pricing_service import queries
from pricing_service.domain.meters import Aggregation
from pricing_service.queries.metered import Asked, Window
from pricing_service.schemas import usage as bodies
from pricing_service.schemas.numbers import Instant
from pricing_service.tables import Meter, UsageEvent, UsagePolicy, UsageRejection
from pricing_service.use_cases.metering import events, meters
from services.errors import Fault, Invalid
from services.http import Api, Etag, Page, Paging, ReadSession, RequiredIfMatch, WriteSession, paginate
from services.identity import Principal, Role, UnitScope, may

router = Api(prefix="/v1", tags=["Usage"])
Finance = Annotated[Principal, may(Role.FINANCE)]
Operator = Annotated[Principal, may(Role.FINANCE, Role.INTEGRATION)]
Version = Annotated[int | None, Query(ge=1, le=10**9)]
Reader = Annotated[Principal, may(Role.CONSUMER, Role.DEMAND_LEADER, Role.FINANCE, Role.INTEGRATION)]
From = Annotated[Instant, Query(alias="from", description="The first instant", examples=["2026-11-01T00:00:00Z"])]
To = Annotated[Instant, Query(alias="to", description="The first instant after it")]


class UnknownAttribute(Invalid): ...


@router.post("/meters", status_code=201, response_model=bodies.MeterRead, summary="Declare a meter")
async def declare_meter(body: bodies.MeterDeclare, principal: Finance, session: WriteSession, etag: Etag) -> Meter:
    """Its first version, or its next one, by which events are read from now on. Nothing changed: the present one."""
    return etag(await meters.declare(session, body))


@router.get("/meters", response_model=Page[bodies.MeterRead], summary="List meters")
async def list_meters(
    principal: Reader, session: ReadSession, paging: Paging, key: str | None = Query(None, max_length=60)
) -> Page[Any]:
    """The newest version of each; of one `key` all its versions."""
    query = meters.newest_versions() if key is None else select(Meter).where(Meter.key == key)
    return await paginate(session, query, Meter.id, paging)


@router.get("/meters/{key}", response_model=bodies.MeterRead, summary="Read a meter")
async def read_meter(
    key: str,
    principal: Reader,
    session: ReadSession,
    etag: Etag,
    version: Version = None,
) -> Meter:
    """Its newest version, or an older one."""
    return etag(await meters.meter_named(session, key, version))


@router.get("/meters/{key}/usage", summary="Query usage by window")
async def query_usage(
    key: str,
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    start: From,
    end: To,
    window: Window = Window.PERIOD,
    business_unit_id: UUID | None = None,
    subscription_id: UUID | None = None,
    group_by: Annotated[str, Query(max_length=1000, description="Attributes of the meter, comma-separated")] = "",
) -> bodies.MeteredUsage:
    """What counts between two instants, exactly, as the meter aggregates: hours are UTC's, days and periods billing's.

    A meter that nobody declared sums. Of maxima, latest values and distinct counts neither windows nor groups add up.
    """
    if business_unit_id is not None:
        units.require(business_unit_id, pointer="business_unit_id")
    meter = await meters.newest(session, key)
    names = [name for name in group_by.split(",") if name]
    known = set() if meter is None else await meters.attributes(session, key)
    if unknown := [name for name in names if name not in known]:
        fault = Fault("group_by", f"must be of {', '.join(sorted(known)) or 'none'}")
        raise UnknownAttribute(f"{unknown[0][:60]!r} is no attribute of the meter", faults=[fault])
    aggregation = Aggregation.SUM if meter is None else Aggregation(meter.aggregation)
    asked = Asked(key, start, end, window, list(dict.fromkeys(names)), units.visible, business_unit_id, subscription_id)
    calendar = await queries.fiscal_calendar(session)
    items = await queries.metered_windows(session, asked, aggregation, calendar)
    return bodies.MeteredUsage(
        meter=key,
        unit=None if meter is None else meter.unit,
        aggregation=aggregation,
        items=[bodies.MeteredGroup.model_validate(item) for item in items],
    )


@router.get("/usage-events", response_model=Page[bodies.UsageEventRead], summary="List usage events")
async def list_usage_events(
    request: Request,
    response: Response,
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="`next_cursor` of the page before")] = None,
    business_unit_id: UUID | None = None,
    subscription_id: UUID | None = None,
    meter: Annotated[str | None, Query(max_length=256)] = None,
    source: Annotated[str | None, Query(max_length=256)] = None,
    counts: bool | None = None,
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
) -> Page[Any]:
    """Those of the business units in sight, in the order of source and id."""
    if business_unit_id is not None:
        units.require(business_unit_id, pointer="business_unit_id")
    conditions: list[ColumnElement[bool]] = []
    if units.visible is not None or business_unit_id is not None:
        conditions.append(queries.in_sight(units.visible, business_unit_id))
    equal: list[tuple[Any, Any]] = [
        (UsageEvent.subscription_id, subscription_id),
        (UsageEvent.source, source),
        (UsageEvent.counts, counts),
    ]
    conditions += [column == value for column, value in equal if value is not None]
    conditions += _between(start, end)
    if meter is not None:
        conditions.append(queries.read_by(meter))
    items, following = await events.page(session, conditions, limit=limit, cursor=cursor)
    if following is not None:
        url = request.url.include_query_params(cursor=following)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Page[Any].model_construct(items=items, next_cursor=following)


def _between(start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    bounds = [] if start is None else [UsageEvent.time >= start]
    return bounds if end is None else [*bounds, UsageEvent.time < end]


@router.get("/usage-events/by-id", summary="Read a usage event with its corrections")
async def read_usage_event(
    principal: Reader,
    units: UnitScope,
    session: ReadSession,
    source: Annotated[str, Query(min_length=1, max_length=256)],
    id: Annotated[str, Query(min_length=1, max_length=256)],
) -> bodies.UsageEventChain:
    """What was kept of it, whether it counts, and the chain of originals, voids and replacements that it stands in."""
    return await events.with_chain(session, source, id, units=units)


@router.get("/usage-rejections", response_model=Page[bodies.UsageRejectionRead], summary="List refused usage")
async def list_rejections(
    principal: Operator,
    session: ReadSession,
    paging: Paging,
    source: Annotated[str | None, Query(max_length=256)] = None,
) -> Page[Any]:
    """What came over the usage topic and was refused for good, the newest first; HTTP answers for itself."""
    query = select(UsageRejection)
    if source is not None:
        query = query.where(UsageRejection.source == source)
    return await paginate(session, query, UsageRejection.id, paging, newest_first=True)


@router.get("/usage-policy", response_model=bodies.UsagePolicyRead, summary="Read the usage policy")
async def read_policy(principal: Operator, session: ReadSession, etag: Etag) -> UsagePolicy:
    """How late usage may come, and how far producers' clocks may be ahead."""
    return etag(await meters.policy(session))


@router.put("/usage-policy", response_model=bodies.UsagePolicyRead, summary="Set the usage policy")
async def set_policy(
    body: bodies.UsagePolicyBody, principal: Finance, session: WriteSession, if_match: RequiredIfMatch, etag: Etag
) -> UsagePolicy:
    """Holds for what comes from now on; what was accepted stays."""
    return etag(await meters.set_policy(session, body, if_match=if_match))
