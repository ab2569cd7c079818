"""Allocation in steps: pools give to towers and services, towers to services, services to business units.

Within a step the model's method decides who may give to whom:

    direct       to later steps only
    step_down    also to those of its own step that come after it, in the model's order or one derived from it
    reciprocal   also to each other: simultaneous equations, solved exactly (`equations`)

Cost that is shared by cost received (cost_weighted) waits until the others of its step have given; under
reciprocal it may therefore not give back to them.

Each pool's cost is followed through all steps on its own, as a thread: it is split at every node by the largest
remainder, so that what leaves a node is what entered it, to the last unit, and what a service carries is known
by pool. A thread remembers how well it is attributed: by a rule, by a driver, or only spread; the weakest step
counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from pricing_service.domain.allocation.drivers import Basis, DriverKind, Measures, Node, Shared, base_of
from pricing_service.domain.allocation.equations import (
    Equations,
    Fractions,
    derived_order,
    exponent_of,
    mark_closed_circles,
    trimmed,
)
from pricing_service.domain.allocation.methods import Method
from services.errors import TooLarge
from services.money import exact_total, largest_remainder

MOST_FLOWS = 200_000  # all of a run are held in memory, and stored


class Attribution(StrEnum):
    RULE = "rule"  # a rule picks the rows for one service
    DRIVER = "driver"
    SPREAD = "spread"  # evenly, or by a fallback

    def worse(self, other: "Attribution") -> "Attribution":
        return max(self, other, key=_RANKED.index)


_RANKED = list(Attribution)


class TooManyFlows(TooLarge): ...


class Thread(NamedTuple):
    """Cost of one pool, with the weakest attribution on its way so far."""

    pool: str
    attribution: Attribution


@dataclass(frozen=True, slots=True)
class Flow:
    """What of a pool's cost went from one node to another. Under reciprocal: where it ended, by whatever way."""

    giver: str
    receiver: str
    pool: str
    attribution: Attribution
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Given:
    """A node after its step: `own` + `received` = what it gave away + `left`. `gross` is x of the equations."""

    key: str
    own: Decimal
    received: Decimal
    gross: Fraction
    shared: Shared
    left: Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reached[service]` by thread. The sum of all of it and of what nodes have `left` is the sum of the pools."""

    nodes: tuple[Given, ...]
    flows: tuple[Flow, ...]
    reached: Mapping[str, Mapping[Thread, Decimal]]
    left: Mapping[str, Mapping[Thread, Decimal]]

    def of(self, service: str) -> Decimal:
        return exact_total(list(self.reached.get(service, {}).values()))


class _Ledger:
    """Who holds what while costs move."""

    def __init__(self) -> None:
        self.held: dict[str, dict[Thread, Decimal]] = {}
        self.flows: list[Flow] = []

    def total(self, key: str) -> Decimal:
        return exact_total(list(self.held.get(key, {}).values()))

    def totals(self) -> dict[str, Decimal]:
        return {key: self.total(key) for key in self.held}

    def add(self, key: str, thread: Thread, amount: Decimal) -> None:
        held = self.held.setdefault(key, {})
        held[thread] = exact_total([held[thread], amount]) if thread in held else amount

    def give(self, giver: str, fractions: Fractions, attribution: Attribution, places: int) -> None:
        """Raises TooManyFlows."""
        if len(self.flows) + len(self.held.get(giver, {})) * len(fractions) > MOST_FLOWS:
            raise TooManyFlows(
                f"following each pool's cost to each service takes more than {MOST_FLOWS} flows; "
                "let fewer pools feed fewer towers and services"
            )
        for thread, amount in self.held.pop(giver, {}).items():
            own = -exponent_of(amount)
            parts = largest_remainder(amount, fractions, places=max(places, own))
            weaker = Thread(thread.pool, thread.attribution.worse(attribution))
            for receiver, part in parts.items():
                share = trimmed(part, least=own)
                self.add(receiver, weaker, share)
                self.flows.append(Flow(giver, receiver, weaker.pool, weaker.attribution, share))


def share_out(
    method: Method,
    levels: Sequence[Sequence[Node]],
    costs: Mapping[str, Decimal],
    measures: Measures,
    *,
    places: int,
    order: Sequence[str] = (),
) -> Outcome:
    """Share `costs` (by pool key) down the levels; amounts have `places` decimals (or the cost's own, if more).

    `order` names the nodes for step-down. Raises CircularModel where step-down has no order and nodes feed each other.
    """
    ledger = _Ledger()
    for pool, cost in costs.items():
        ledger.add(pool, Thread(pool.partition(":")[2], Attribution.RULE), cost)
    done: list[Given] = []
    for place, level in enumerate(levels):
        rank = {key: index for index, block in enumerate(blocks(method, level, order)) for key in block}
        nodes = {node.key: node for node in level}
        for block in blocks(method, level, order):
            done += _share_block(method, [nodes[key] for key in block], rank, ledger, measures, costs, places, place)
    givers = {node.key for level in levels for node in level}
    reached = {key: threads for key, threads in ledger.held.items() if key not in givers}
    left = {key: threads for key, threads in ledger.held.items() if key in givers}
    return Outcome(tuple(done), tuple(ledger.flows), reached, left)


def blocks(method: Method, level: Sequence[Node], order: Sequence[str] = ()) -> list[list[str]]:
    """The nodes of a step in the order in which they give; those of one block give at once. Raises CircularModel."""
    early = [node.key for node in level if not node.waits]
    late = [node.key for node in level if node.waits]
    if method is Method.RECIPROCAL:
        return [*([early] if early else []), *([key] for key in late)]
    if method is Method.DIRECT:
        return [[key] for key in (*early, *late)]
    keys = {node.key for node in level}
    if order:
        return [[key] for key in order if key in keys]
    gives = {node.key: {r: Fraction(1) for r in node.receivers or () if r in keys and r != node.key} for node in level}
    return [[key] for key in derived_order([*early, *late], gives)]


def _share_block(
    method: Method,
    block: Sequence[Node],
    rank: Mapping[str, int],
    ledger: _Ledger,
    measures: Measures,
    costs: Mapping[str, Decimal],
    places: int,
    level: int,
) -> list[Given]:
    here = rank[block[0].key]

    def admits(receiver: str) -> bool:
        at = rank.get(receiver)
        if at is None:
            return True
        return method is not Method.DIRECT and (at > here or (at == here and len(block) > 1))

    received = ledger.totals() if any(node.waits for node in block) else {}
    shared = {node.key: base_of(node, measures, received, admits) for node in block}
    bases: dict[str, Fractions] = {k: {r: Fraction(w) for r, w in s.weights.items()} for k, s in shared.items()}
    reasons: dict[str, str] = {k: s.reason or "" for k, s in shared.items() if not s.weights}
    if len(block) > 1:
        outside = {receiver for weights in bases.values() for receiver in weights} - set(bases)
        mark_closed_circles(list(bases), outside, bases, reasons)
    open_nodes = [key for key in bases if key not in reasons]
    entered = {key: ledger.total(key) for key in bases}
    equations = Equations(open_nodes, bases)
    grosses, ends = equations.gross({key: Fraction(total) for key, total in entered.items()}), equations.ends()
    weakest = _weakest(block, shared, bases, open_nodes, level)
    for key in open_nodes:
        ledger.give(key, dict(sorted(ends[key].items())), weakest[key], places)
    return [
        _given(
            node.key, shared[node.key], reasons.get(node.key), costs.get(node.key, Decimal(0)), entered, grosses, ledger
        )
        for node in block
    ]


def _given(
    key: str,
    shared: Shared,
    reason: str | None,
    own: Decimal,
    entered: Mapping[str, Decimal],
    grosses: Mapping[str, Fraction],
    ledger: _Ledger,
) -> Given:
    left = ledger.total(key)
    into = left if reason is not None else entered[key]  # a node that gives nothing on may be given to meanwhile
    if reason is not None and shared.weights:
        shared = Shared({}, Basis.NONE, None, reason)  # its weights only lead round in a circle
    return Given(key, own, exact_total([into, own.copy_negate()]), grosses[key], shared, left)


def _weakest(
    block: Sequence[Node],
    shared: Mapping[str, Shared],
    bases: Mapping[str, Fractions],
    open_nodes: Sequence[str],
    level: int,
) -> dict[str, Attribution]:
    """Per node the weakest attribution among itself and whom of its block its cost passes through."""
    own = {node.key: _attribution(node, shared[node.key], level) for node in block}
    weakest = {key: own[key] for key in open_nodes}
    for _ in open_nodes:
        for key in open_nodes:
            for receiver in bases[key]:
                if receiver in weakest and receiver != key:
                    weakest[key] = weakest[key].worse(weakest[receiver])
    return weakest


def _attribution(node: Node, shared: Shared, level: int) -> Attribution:
    assert shared.rule is not None or not shared.weights
    if shared.rule is None:
        return Attribution.SPREAD
    only = next(iter(shared.weights)) if len(shared.weights) == 1 else ""
    declared = shared.rule.kind in (DriverKind.FIXED, DriverKind.EVEN)
    if shared.basis is Basis.DRIVER and declared and level == 0 and node.by_rules and only.startswith("service:"):
        return Attribution.RULE
    if shared.basis is Basis.FALLBACK or (shared.rule.kind is DriverKind.EVEN and not only):
        return Attribution.SPREAD
    return Attribution.DRIVER


@dataclass(frozen=True, slots=True)
class Consumed:
    """What a service's cost became: a share per business unit, and what no unit took."""

    service: str
    shared: Shared
    shares: Mapping[str, Decimal]
    left: Decimal


def share_among_units(
    services: Sequence[tuple[Node, Measures]], costs: Mapping[str, Decimal], *, places: int
) -> list[Consumed]:
    """The last step: each service's cost goes to business units, those shared by cost received last."""
    received: dict[str, Decimal] = {}
    done: list[Consumed] = []
    for node, measures in sorted(services, key=lambda pair: pair[0].waits):  # sort is stable
        cost = costs[node.key]
        shared = base_of(node, measures, received, lambda _: True)
        if not shared.weights:
            done.append(Consumed(node.key, shared, {}, cost))
            continue
        own = -exponent_of(cost)
        weights = dict(sorted(shared.weights.items()))
        parts = largest_remainder(cost, weights, places=max(places, own))
        shares = {unit: trimmed(part, least=own) for unit, part in parts.items()}
        for unit, share in shares.items():
            received[unit] = exact_total([received.get(unit, Decimal(0)), share])
        done.append(Consumed(node.key, shared, shares, Decimal(0)))
    return sorted(done, key=lambda consumed: consumed.service)


def by_service(outcome: Outcome, pools: Iterable[str]) -> dict[str, dict[str, Decimal]]:
    """pool → service → what of the pool's cost ended there."""
    shares: dict[str, dict[str, Decimal]] = {pool: {} for pool in pools}
    for service, threads in sorted(outcome.reached.items()):
        for thread, amount in threads.items():
            row = shares[thread.pool]
            row[service] = exact_total([row.get(service, Decimal(0)), amount])
    return shares
