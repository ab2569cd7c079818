"""Who sees what of the catalogue: always a condition of the query, never a filter over what was read.

| caller | sees |
|---|---|
| who designs, costs or advises (`sees_drafts`) | everything |
| approver | what has been live and any business unit may ask for; role lines of the audience count |
| consumer | what has been live, is in its validity window, and has an audience that the caller belongs to |

An offering whose audience names business units is for these, all above them and all below them: what the faculty may
have, its departments may, and whoever stands for the faculty sees what one of its departments may have.
An offering without any audience is nobody's but the designers'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, CompoundSelect, and_, exists, or_, select, true, union
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.offering import OfferingState
from catalog_service.domain.service import ServiceState
from catalog_service.tables import Offering, OfferingAudience, Service
from services.errors import Fault, Forbidden, NotFound
from services.identity import KnownBusinessUnit, Principal, Role

# What those see who only use the catalogue: nothing that is still being designed, everything that has been live.
SEEN_OFFERINGS = (OfferingState.PUBLISHED, OfferingState.RETIRED)
# Said the other way round where lists are walked along their key: of `IN` SQLite makes an index search and a sort.
_UNSEEN_OFFERINGS = tuple(state for state in OfferingState if state not in SEEN_OFFERINGS)
SEEN_SERVICES = (ServiceState.PUBLISHED, ServiceState.PENDING_RETIREMENT, ServiceState.RETIRED)


class BusinessUnitNotYours(Forbidden): ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What one caller may see, settled once a request. None: whatever the units, whatever the roles."""

    drafts: bool
    units: frozenset[UUID] | None
    roles: frozenset[str] | None
    now: datetime
    business_unit_id: UUID | None = None  # the one that was asked for


def sees_drafts(principal: Principal) -> bool:
    """Those who design, cost or advise see what is not live yet; everyone else sees what can be asked for."""
    return principal.has(Role.SERVICE_OWNER, Role.FINANCE, Role.DEMAND_LEADER, Role.INTEGRATION)


async def sight_of(
    session: AsyncSession, principal: Principal, *, now: datetime, business_unit_id: UUID | None = None
) -> Sight:
    """What `principal` sees; with `business_unit_id`, of that what the unit may ask for.

    Raises BusinessUnitNotYours where the unit is neither the caller's nor below one of theirs.
    """
    drafts = sees_drafts(principal)
    roles = None if drafts else frozenset(principal.roles)
    if business_unit_id is not None:
        if not principal.sees_all_units and not drafts:
            above = await _related(session, [business_unit_id], below=False)
            if not above & principal.business_units:
                raise BusinessUnitNotYours(
                    f"business unit {business_unit_id} is not yours",
                    faults=[Fault("business_unit_id", "is not your business unit, nor below it")],
                )
        return Sight(drafts, await _related(session, [business_unit_id]), roles, now, business_unit_id)
    if drafts or principal.sees_all_units:
        return Sight(drafts, None, roles, now)
    return Sight(drafts, await _related(session, principal.business_units), roles, now)


async def _related(session: AsyncSession, roots: Iterable[UUID], *, below: bool = True) -> frozenset[UUID]:
    """`roots`, what is above and (unless told otherwise) below them. UNION, so that a cycle ends the walk."""
    units = list(roots)
    if not units:
        return frozenset()
    table = KnownBusinessUnit
    upward = select(table.id, table.parent_id).where(table.id.in_(units)).cte("upward", recursive=True)
    upward = upward.union(select(table.id, table.parent_id).join(upward, table.id == upward.c.parent_id))
    found = select(upward.c.id)
    if below:
        downward = select(table.id).where(table.id.in_(units)).cte("downward", recursive=True)
        downward = downward.union(select(table.id).join(downward, table.parent_id == downward.c.id))
        return frozenset(units).union((await session.scalars(found.union(select(downward.c.id)))).all())
    return frozenset(units).union((await session.scalars(found)).all())


def entitled(sight: Sight, *, lapsed: bool = False) -> ColumnElement[bool]:
    """The condition on `Offering`. With `lapsed`, what the caller could ask for once is seen still."""
    audience = _fits(sight)
    if sight.drafts:
        return audience
    opened = or_(Offering.valid_from.is_(None), Offering.valid_from <= sight.now)
    conditions = [Offering.state.not_in(_UNSEEN_OFFERINGS), opened, audience]
    if not lapsed:
        conditions.append(or_(Offering.valid_until.is_(None), Offering.valid_until > sight.now))
    return and_(*conditions)


def _fits(sight: Sight) -> ColumnElement[bool]:
    if sight.drafts and sight.units is None:
        return true()
    units = None if sight.units is None else sorted(str(unit) for unit in sight.units)
    by_unit = _line("business_unit", units)
    if sight.roles is None:
        return or_(Offering.everyone, by_unit, and_(_line("role"), ~_line("business_unit")))
    by_role = _line("role", sorted(sight.roles))
    return or_(
        Offering.everyone,
        and_(by_unit, or_(by_role, ~_line("role"))),
        and_(by_role, ~_line("business_unit")),
    )


def could_see(sight: Sight) -> CompoundSelect[UUID] | None:
    """Ids of what may be for a caller whom few offerings may be for, by indexes alone; None where that is no help."""
    if sight.units is None or sight.roles is None:
        return None
    line, units = OfferingAudience, sorted(str(unit) for unit in sight.units)
    return union(
        select(Offering.id).where(Offering.everyone.is_(True)),
        select(line.offering_id).where(line.kind == "business_unit", line.value.in_(units)),
        select(line.offering_id).where(line.kind == "role", line.value.in_(sorted(sight.roles))),
    )


def _line(kind: str, values: list[str] | None = None) -> ColumnElement[bool]:
    """Whether the offering's audience has a line of `kind` (with one of `values`)."""
    line = select(OfferingAudience.offering_id).where(
        OfferingAudience.offering_id == Offering.id, OfferingAudience.kind == kind
    )
    return exists(line if values is None else line.where(OfferingAudience.value.in_(values)))


def entitled_service(sight: Sight) -> ColumnElement[bool]:
    """The condition on `Service`: it has been live, and what is offered of it, if anything, is for the caller too."""
    if sight.drafts and sight.units is None:
        return true()
    offered = select(Offering.id).where(Offering.service_id == Service.id)
    mine = exists(offered.where(entitled(sight, lapsed=True)))
    if sight.drafts:
        return mine
    return and_(Service.state.in_(SEEN_SERVICES), or_(mine, ~exists(offered.where(Offering.state.in_(SEEN_OFFERINGS)))))


async def the_offering_for(session: AsyncSession, offering_id: UUID, sight: Sight) -> Offering:
    """Raises NotFound, also for one that exists but is not for the caller to see."""
    query = select(Offering).where(Offering.id == offering_id, entitled(sight, lapsed=True))
    offering: Offering | None = (await session.scalars(query)).unique().one_or_none()
    if offering is None:
        raise NotFound(f"no offering {offering_id}")
    return offering


async def the_service_for(session: AsyncSession, service_id: UUID, sight: Sight) -> Service:
    """Raises NotFound, also for one that exists but is not for the caller to see."""
    service = await session.scalar(select(Service).where(Service.id == service_id, entitled_service(sight)))
    if service is None:
        raise NotFound(f"no service {service_id}")
    return service
