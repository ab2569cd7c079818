"""What the things of an import are together: two trees, the dependencies of services, the relations of offerings.

Each is read whole, as pairs of ids; what the file says replaces what was there, and then circles are looked for.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service import queries
from catalog_service.documents import FaultList
from catalog_service.domain import interchange, relation
from catalog_service.domain.fulfilment import find_cycle
from catalog_service.domain.relation import DIRECTED, RelationKind
from catalog_service.queries.whole import all_dependencies, whole_tree
from catalog_service.use_cases.import_names import TABLES
from catalog_service.use_cases.import_reading import Place
from services.errors import Fault, Refusal

Edges = dict[UUID, list[UUID]]
TREES = ("taxonomy", "capabilities")
_BUNDLE = "bundle"


class Graphs:
    """The graphs of the catalogue as they would be after the import."""

    def __init__(self) -> None:
        self._trees: dict[str, dict[UUID, tuple[UUID | None, str]]] = {}
        self._dependencies: Edges = {}
        self._offerings: dict[str, Edges] = {}
        self._changed: set[UUID] = set()

    @property
    def bundles(self) -> Edges:
        return self._offerings[_BUNDLE]

    async def load(self, session: AsyncSession) -> None:
        for name in TREES:
            self._trees[name] = await whole_tree(session, TABLES[name][0])
        self._dependencies = await all_dependencies(session)
        self._offerings = {kind: await queries.all_relations(session, kind) for kind in RelationKind}
        self._offerings[_BUNDLE] = await queries.all_bundles(session)

    def put_node(self, tree: str, node: UUID, new: Mapping[str, Any]) -> None:
        self._trees[tree][node] = (None if new["parent_id"] is None else UUID(new["parent_id"]), new["name"])

    def put_service(self, service_id: UUID, new: Mapping[str, Any]) -> list[Fault]:
        """Returns what is wrong with the dependencies by themselves."""
        needed = self._dependencies[service_id] = [UUID(each["on_id"]) for each in new["dependencies"]]
        faults = []
        for number, on_id in enumerate(needed):
            if on_id == service_id:
                faults.append(Fault(f"/dependencies/{number}/on_id", "is the service itself"))
            elif on_id in needed[:number]:
                faults.append(Fault(f"/dependencies/{number}/on_id", "is named already"))
        return faults

    def put_offering(self, offering_id: UUID, new: Mapping[str, Any], *, changed: bool) -> list[Fault]:
        """Returns what is wrong with its relations and its bundle by themselves."""
        if changed:
            self._changed.add(offering_id)
        lines = [(relation.RelationKind(line["kind"]), UUID(line["other_id"])) for line in new["relations"]]
        members = [UUID(item["offering_id"]) for item in new["bundle"]]
        for kind in RelationKind:
            self._offerings[kind][offering_id] = [other for said, other in lines if said is kind]
        self._offerings[_BUNDLE][offering_id] = members
        faults = [
            *_told(relation.check_lines, offering_id, lines),
            *_told(relation.check_members, offering_id, members),
        ]
        faults += [
            Fault(f"/options/{number}/offering_id", "is this offering")
            for number, option in enumerate(new["options"])
            if option["offering_id"] == str(offering_id)
        ]
        return faults

    def check(self, places: Mapping[str, Mapping[int, Place]], faults: FaultList) -> None:
        """Of each graph one circle is told at a time, by the entries that it goes through."""
        for name, nodes in self._trees.items():
            _, stuck = interchange.parents_first({node: parent_id for node, (parent_id, _) in nodes.items()})
            circle, twins = set(stuck), set(interchange.namesakes(nodes))
            for place in places[name].values():
                if place.id in circle:
                    faults.add(place.line, f"{place.pointer}/parent_id", "is below itself")
                if place.id in twins:
                    faults.add(place.line, f"{place.pointer}/name", "is the name of another one beside it")
        _tell(
            self._dependencies,
            places["services"],
            faults,
            "dependencies",
            "services would depend on each other in a circle",
        )
        for kind in DIRECTED:
            _tell(self._offerings[kind], places["offerings"], faults, "relations", f"{kind} leads back")
        _tell(self._offerings[_BUNDLE], places["offerings"], faults, "bundle", "the bundle holds itself")
        self._tell_contradictions(places["offerings"], faults)

    def _tell_contradictions(self, places: Mapping[int, Place], faults: FaultList) -> None:
        """Nobody could ask for an offering that requires, also by way of others, what must not be held with it."""
        known = {place.id: place for place in places.values()}
        barred: dict[UUID, set[UUID]] = defaultdict(set)
        for offering_id, others in self._offerings[RelationKind.EXCLUDES].items():
            for other in others:
                barred[offering_id].add(other)
                barred[other].add(offering_id)
        requires = self._offerings[RelationKind.REQUIRES]
        for offering_id, apart in barred.items():
            for path in relation.paths(offering_id, requires, apart - {offering_id}):
                place = next((known[one] for one in path if one in self._changed), None)
                if place is not None:
                    said = " -> ".join(_called(one, known) for one in path)
                    faults.add(place.line, f"{place.pointer}/relations", f"is required and excluded: {said}")


def circle_of(edges: Edges) -> list[str]:
    """The first circle of `edges`, without the arrows from a thing to itself; [] if there is none."""
    nodes: dict[str, list[str]] = {}
    for node, further in edges.items():
        nodes[str(node)] = [str(each) for each in further if each != node]
        for each in further:
            nodes.setdefault(str(each), [])
    return find_cycle(nodes)


def _tell(edges: Edges, places: Mapping[int, Place], faults: FaultList, field: str, what: str) -> None:
    path = circle_of(edges)
    if not path:
        return
    known = {str(place.id): place for place in places.values()}
    place = next((known[one] for one in path if one in known), None)
    if place is not None:
        told = " -> ".join(known[one].pointer if one in known else one for one in path)
        faults.add(place.line, f"{place.pointer}/{field}", f"{what}: {told}")


def _called(thing_id: UUID, known: Mapping[UUID | None, Place]) -> str:
    return f"{known[thing_id].pointer} (line {known[thing_id].line})" if thing_id in known else str(thing_id)


def _told(check: Callable[..., None], *values: Any) -> list[Fault]:
    try:
        check(*values)
    except Refusal as refusal:
        return list(refusal.faults)
    return []
