"""An allocation model as it is laid out, and what makes one wrong.

| refusal | when |
|---|---|
| DuplicateName | two pools or towers share a name, or a service or business unit stands twice in one list |
| UnknownReceiver | a node gives to a pool or tower that the model does not have |
| StepBackwards | a tower gives to a pool |
| CircularModel | under step_down without an order, nodes of a step feed each other |
| UnknownPool | the order does not name each pool and tower once |
| DriverDoesNotFit | the driver measures no such receiver, or waits for whom it is to give to |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pricing_service.domain.allocation.drivers import DriverKind, DriverRule, Node
from pricing_service.domain.allocation.equations import CircularModel
from pricing_service.domain.allocation.methods import Method, UnknownPool, UnknownReceiver
from pricing_service.domain.allocation.model import DuplicateName
from pricing_service.domain.allocation.steps import blocks
from services.errors import Fault, Invalid, Refusal

# What only services have: a tower or a pool holds no subscription, no usage and no heads.
_OF_SERVICES = frozenset({DriverKind.VOLUME, DriverKind.USAGE, DriverKind.HEADCOUNT})


class StepBackwards(Invalid): ...


class DriverDoesNotFit(Invalid): ...


@dataclass(frozen=True, slots=True)
class Layout:
    """Pools, towers, and how services are shared among business units: `consumption`, with `exceptions` by service."""

    method: Method
    pools: tuple[Node, ...]
    towers: tuple[Node, ...] = ()
    consumption: Node = field(default=Node("service:", DriverRule(DriverKind.USAGE)))
    exceptions: Mapping[str, Node] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def consumption_of(self, service: str) -> Node:
        rule = self.exceptions.get(service, self.consumption)
        return Node(service, rule.driver, rule.receivers, rule.fallback)

    @property
    def rules(self) -> list[DriverRule]:
        """All drivers and fallbacks that a run may need measures for."""
        nodes = (*self.pools, *self.towers, self.consumption, *self.exceptions.values())
        return [rule for node in nodes for rule in (node.driver, node.fallback) if rule is not None]

    @property
    def meters(self) -> list[str]:
        return sorted({rule.meter for rule in self.rules if rule.meter is not None})


def check(layout: Layout) -> None:
    """Raises the refusals above; each names its field."""
    where = {node.key: f"/pools/{index}" for index, node in enumerate(layout.pools)}
    names: dict[str, str] = {}
    for at, nodes in (("/pools", layout.pools), ("/towers", layout.towers)):
        for index, node in enumerate(nodes):
            name = node.key.partition(":")[2]
            if name in names:
                raise _refused(DuplicateName, f"{name!r} is named twice", f"{at}/{index}/name", "is taken in the model")
            names[name] = node.key
            where[node.key] = f"{at}/{index}"
    for node in (*layout.pools, *layout.towers):
        _check_node(layout, node, where)
    _check_order(layout, names)
    _check_circles(layout)


def _refused(kind: type[Refusal], detail: str, pointer: str, message: str) -> Refusal:
    return kind(detail, faults=[Fault(pointer, message)])


def _check_node(layout: Layout, node: Node, where: Mapping[str, str]) -> None:
    at = where[node.key]
    rules = [("driver", node.driver), *([] if node.fallback is None else [("fallback", node.fallback)])]
    for index, receiver in enumerate(node.receivers or ()):
        kind, _, name = receiver.partition(":")
        pointer = f"{at}/receivers/{index}"
        if kind != "service" and receiver not in where:
            raise _refused(UnknownReceiver, f"{node.key}: there is no {kind} {name!r}", pointer, f"no such {kind}")
        if kind == "pool" and node.key.startswith("tower:"):
            raise _refused(StepBackwards, f"{node.key} gives back to {receiver}", pointer, "a tower gives to no pool")
        for field_name, rule in rules:
            if kind != "service" and rule.kind in _OF_SERVICES:
                raise _refused(
                    DriverDoesNotFit,
                    f"{node.key}: {rule} measures services, not {receiver}; use a statistic",
                    f"{at}/{field_name}/kind",
                    f"measures services, but {receiver} is to receive by it",
                )
    if node.receivers is None:
        for field_name, rule in rules:
            if rule.kind is DriverKind.FIXED:
                pointer = f"{at}/{field_name}/kind"
                raise _refused(DriverDoesNotFit, f"{node.key}: fixed without receivers", pointer, "needs receivers")
    if layout.method is Method.RECIPROCAL and node.waits:
        level = layout.towers if node.key.startswith("tower:") else layout.pools
        rank = {key: place for place, block in enumerate(blocks(layout.method, level)) for key in block}
        for index, receiver in enumerate(node.receivers or ()):
            if receiver in rank and rank[receiver] <= rank[node.key]:
                raise _refused(
                    DriverDoesNotFit,
                    f"{node.key} waits for what {receiver} gives, and so cannot give to it",
                    f"{at}/receivers/{index}",
                    "gives before a cost_weighted driver knows its weights",
                )


def _check_order(layout: Layout, names: Mapping[str, str]) -> None:
    order = [key.partition(":")[2] for key in layout.order]
    if not order:
        return
    for index, name in enumerate(order):
        if name not in names:
            raise _refused(UnknownPool, f"the order names {name!r}", f"/order/{index}", "no such pool or tower")
        if name in order[:index]:
            raise _refused(DuplicateName, f"the order names {name!r} twice", f"/order/{index}", "stands there twice")
    missing = sorted(set(names) - set(order))
    if missing:
        raise _refused(UnknownPool, f"the order lacks {missing[0]!r}", "/order", f"lacks {missing[0]!r}")


def _check_circles(layout: Layout) -> None:
    for at, level in (("/pools", layout.pools), ("/towers", layout.towers)):
        try:
            blocks(layout.method, level, layout.order)
        except CircularModel as refusal:
            faults = [Fault(at, refusal.faults[0].message), Fault("/order", "name one, or use reciprocal")]
            raise CircularModel(refusal.detail, faults=faults) from refusal


def keys_of(names: Sequence[str], pools: Sequence[Node], towers: Sequence[Node]) -> tuple[str, ...]:
    """The keys of names in an order; one that nobody has stays as it is, for `check` to refuse."""
    known = {node.key.partition(":")[2]: node.key for node in (*pools, *towers)}
    return tuple(known.get(name, f"pool:{name}") for name in names)
