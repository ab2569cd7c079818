"""Relations and bundles: what is said is held against all that is said already, with nobody else adding to it."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.domain import relation as domain
from catalog_service.domain.fulfilment import find_cycle
from catalog_service.domain.offering import OfferingState
from catalog_service.domain.relation import DIRECTED, Edges, RelationKind
from catalog_service.domain.validity import Window
from catalog_service.schemas import BundleMember, Option, Relation
from catalog_service.tables import Offering
from services.errors import Conflict, Fault, Invalid, Refusal

_NO_END = datetime.max.replace(tzinfo=UTC)


class OfferingUnknown(Invalid): ...


class BundleNotReady(Conflict): ...


async def check_relations(session: AsyncSession, own: UUID, name: str, relations: Iterable[Relation]) -> None:
    """What the offering `own` is said to require, exclude and upgrade to.

    Raises RelationInvalid, OfferingUnknown, RelationContradiction, or RelationCycle with its path by name.
    """
    lines = [(line.kind, line.other_id) for line in relations]
    domain.check_lines(own, lines)
    await _require_offerings(session, [other for _, other in lines], "/relations/{}/other_id")
    if not lines:
        return
    await queries.hold_offering_graph(session)
    required: set[UUID] = set()
    excluded = {other for kind, other in lines if kind is RelationKind.EXCLUDES}
    for kind in DIRECTED:
        targets = [other for said, other in lines if said is kind]
        edges = await queries.relation_edges(session, kind, targets)
        await _refuse_cycle(
            session, own, name, targets, edges, domain.RelationCycle, f"{kind} leads back", "/relations"
        )
        if kind is RelationKind.REQUIRES:
            required = set(edges)
    barred = excluded | set(await queries.excluded_by(session, own))
    domain.require_no_contradiction(required, barred, await queries.offering_names(session, required & barred))
    # Whatever requires this one, also by way of others, from now on requires all that this one does.
    above = await queries.requirers(session, own)
    pairs = {(other, own) for other in above & excluded}
    pairs |= await queries.exclusions_between(session, above, required | {own}, without=own)
    domain.require_no_contradiction_above(
        pairs, await queries.offering_names(session, {each for pair in pairs for each in pair}) | {own: name}
    )


async def check_bundle(session: AsyncSession, own: UUID, name: str, bundle: Iterable[BundleMember]) -> None:
    """Raises BundleInvalid, OfferingUnknown, or BundleCycle with its path by name."""
    members = [item.offering_id for item in bundle]
    domain.check_members(own, members)
    await _require_offerings(session, members, "/bundle/{}/offering_id")
    if not members:
        return
    await queries.hold_offering_graph(session)
    edges = await queries.bundle_edges(session, members)
    await _refuse_cycle(session, own, name, members, edges, domain.BundleCycle, "the bundle holds itself", "/bundle")


async def require_sound(session: AsyncSession) -> None:
    """All relations and bundles at once, for whoever writes many: linear in their number.

    Raises RelationCycle, BundleCycle or RelationContradiction.
    """
    await queries.hold_offering_graph(session)
    for kind in DIRECTED:
        await _refuse_any_cycle(
            session, await queries.all_relations(session, kind), domain.RelationCycle, f"{kind} leads back"
        )
    await _refuse_any_cycle(session, await queries.all_bundles(session), domain.BundleCycle, "the bundle holds itself")
    if both := await queries.required_and_excluded(session):
        raise domain.RelationContradiction(f"{both[0]!r} requires {both[1]!r}, and one of them excludes the other")


async def _refuse_any_cycle(
    session: AsyncSession, edges: dict[UUID, list[UUID]], refusal: Callable[..., Refusal], what: str
) -> None:
    whole = {str(node): [str(further) for further in edges.get(node, ())] for node in queries.nodes_of(edges)}
    if path := find_cycle(whole):
        names = await queries.offering_names(session, map(UUID, path))
        raise refusal(f"{what}: {' -> '.join(names.get(UUID(each), each) for each in path)}")


async def require_add_ons(session: AsyncSession, own: UUID, options: list[Option]) -> None:
    """Raises OfferingUnknown for an add-on that is no offering, or is this one."""
    known = await queries.offering_names(session, (each.offering_id for each in options if each.offering_id))
    faults = [
        Fault(f"/options/{index}/offering_id", "is this offering" if option.offering_id == own else "does not exist")
        for index, option in enumerate(options)
        if option.offering_id is not None and (option.offering_id == own or option.offering_id not in known)
    ]
    if faults:
        raise OfferingUnknown("an add-on names an offering that there is none of", faults=faults)


async def bundle_gaps(session: AsyncSession, bundle: Offering) -> list[Fault]:
    """What keeps a bundle from being on offer: members of which no version is published, or that end before it.

    A member stands for its series: a version that takes over from it takes its place in the bundle too, and so must
    not end before the bundle either while it is scheduled.
    """
    if not bundle.members:
        return []
    ids = [member.member_id for member in bundle.members]
    on_offer = await queries.versions_on_offer(session, ids)
    shortest = {
        member_id: min(versions, key=lambda each: each.valid_until or _NO_END)
        for member_id, versions in on_offer.items()
        if any(version.state is OfferingState.PUBLISHED for version in versions)
    }
    names = await queries.offering_names(session, ids)
    windows = {
        member_id: Window(
            each.number, each.valid_from or each.published_at or each.created_at, each.valid_until, each.name
        )
        for member_id, each in shortest.items()
    }
    return domain.bundle_gaps(ids, windows, names, bundle.valid_until)


async def require_bundle(session: AsyncSession, bundle: Offering) -> None:
    """Raises BundleNotReady with what `bundle_gaps` finds."""
    if gaps := await bundle_gaps(session, bundle):
        raise BundleNotReady("what the bundle holds is not on offer as long as it is", faults=gaps)


async def _require_offerings(session: AsyncSession, ids: list[UUID], pointer: str) -> None:
    known = await queries.offering_names(session, ids)
    faults = [
        Fault(pointer.format(index), "there is no such offering") for index, each in enumerate(ids) if each not in known
    ]
    if faults:
        raise OfferingUnknown("it names an offering that does not exist", faults=faults)


async def _refuse_cycle(
    session: AsyncSession,
    own: UUID,
    name: str,
    targets: list[UUID],
    edges: Edges,
    refusal: Callable[..., Refusal],
    what: str,
    pointer: str,
) -> None:
    if path := domain.path_back(own, targets, edges):
        names = await queries.offering_names(session, path) | {own: name}
        said = " -> ".join(names.get(each, str(each)) for each in path)
        raise refusal(f"{what}: {said}", faults=[Fault(pointer, said)])
