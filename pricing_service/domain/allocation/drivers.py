"""Drivers: by what a pool, a tower or a service is shared, and what happens where that is not known.

| kind | a receiver's weight |
|---|---|
| fixed | what the model says |
| volume | the service's volume of the period: its practical capacity, or what is subscribed of it |
| usage | what a meter counted; without a meter, subscribed quantities weighted by active days |
| headcount | heads of the business units that hold the service, or the statistic "headcount" |
| statistic | a figure given for the period (square metres, tickets, full-time equivalents) |
| cost_weighted | the cost that it has received so far |
| even | the same for each |

A driver that is unknown or sums to zero gives way to the declared fallback. Where there is none, or it is of no
use either, the cost stays where it is, visibly, with the reason: sharing never stops.

Givers and receivers are called `pool:<name>`, `tower:<name>`, `service:<id>` and `unit:<id>`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

SUBSCRIBED = ""  # the name under which `Measures.usage` holds subscribed quantities
HEADCOUNT = "headcount"
Weights = Mapping[str, Decimal]
_NOTHING: Weights = {}


class DriverKind(StrEnum):
    FIXED = "fixed"
    VOLUME = "volume"
    USAGE = "usage"
    HEADCOUNT = "headcount"
    STATISTIC = "statistic"
    COST_WEIGHTED = "cost_weighted"
    EVEN = "even"


class Basis(StrEnum):
    """Which of the two declared ways shared the cost."""

    DRIVER = "driver"
    FALLBACK = "fallback"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DriverRule:
    kind: DriverKind
    meter: str | None = None  # of a usage driver; None: what is subscribed
    statistic: str | None = None  # of a statistic driver

    def __str__(self) -> str:
        if self.kind is DriverKind.USAGE:
            return "subscribed quantities" if self.meter is None else f"usage of {self.meter}"
        return f"statistic {self.statistic}" if self.kind is DriverKind.STATISTIC else self.kind.value


@dataclass(frozen=True, slots=True)
class Measures:
    """What a period offers to share by: receiver → number. `known` are the receivers that exist in it."""

    known: frozenset[str]
    volumes: Weights = field(default_factory=dict)
    usage: Mapping[str, Weights] = field(default_factory=dict)  # by meter, and SUBSCRIBED
    headcounts: Weights = field(default_factory=dict)
    statistics: Mapping[str, Weights] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Node:
    """Who gives cost on, and by what. `receivers` None: whoever the driver measures."""

    key: str
    driver: DriverRule
    receivers: Weights | None = None  # of a fixed driver the weights; of the others only the keys count
    fallback: DriverRule | None = None
    by_rules: bool = False  # a pool whose rows are picked by rules

    @property
    def waits(self) -> bool:
        """Whether it must know what others of its step have given before it can give."""
        rules = (self.driver, self.fallback)
        return any(rule is not None and rule.kind is DriverKind.COST_WEIGHTED for rule in rules)


@dataclass(frozen=True, slots=True)
class Shared:
    """The weights that were used, all positive; empty with the reason where there are none."""

    weights: Weights
    basis: Basis
    rule: DriverRule | None
    reason: str | None  # why the driver was of no use; None where it was used


def base_of(node: Node, measures: Measures, received: Weights, admits: Callable[[str], bool]) -> Shared:
    """What `node` is shared by, among the receivers that `admits` lets pass."""
    weights, reason = _usable(node.driver, node.receivers, measures, received, admits)
    if reason is None:
        return Shared(weights, Basis.DRIVER, node.driver, None)
    if node.fallback is not None:
        known = node.receivers
        if known is not None:
            known = {r: w for r, w in known.items() if not r.startswith("service:") or r in measures.known}
        weights, no_use = _usable(node.fallback, known, measures, received, admits)
        if no_use is None:
            return Shared(weights, Basis.FALLBACK, node.fallback, reason)
        reason = f"{reason}; nor does its fallback ({node.fallback}) help: {no_use}"
    return Shared({}, Basis.NONE, None, reason)


def _usable(
    rule: DriverRule, receivers: Weights | None, measures: Measures, received: Weights, admits: Callable[[str], bool]
) -> tuple[Weights, str | None]:
    if receivers is not None:
        stranger = next((r for r in receivers if r.startswith("service:") and r not in measures.known), None)
        if stranger is not None:
            unpublished = stranger.removeprefix("service:")
            return {}, f"its driver names a service that the catalogue has not published: {unpublished}"
    measured, unknown = _measured(rule, receivers, measures, received)
    if not measured:
        return {}, unknown
    negative = next((receiver for receiver, weight in measured.items() if weight < 0), None)
    if negative is not None:
        return {}, f"its driver ({rule}) is negative for {negative}"
    positive = {receiver: weight for receiver, weight in measured.items() if weight}
    if not positive:
        return {}, "its driver sums to zero"
    admitted = {receiver: weight for receiver, weight in positive.items() if admits(receiver)}
    return admitted, None if admitted else "its driver has weights only for what the method does not let it give to"


def _measured(
    rule: DriverRule, receivers: Weights | None, measures: Measures, received: Weights
) -> tuple[Weights, str]:
    match rule.kind:
        case DriverKind.FIXED:
            return receivers or {}, "its driver sums to zero"
        case DriverKind.EVEN:
            among = measures.known if receivers is None else receivers
            return {receiver: Decimal(1) for receiver in sorted(among)}, "there is nobody to share it among"
        case DriverKind.VOLUME:
            return _of(measures.volumes, receivers), "its driver is volume, but no volume is known"
        case DriverKind.USAGE:
            unknown = "its driver is usage, but nothing is subscribed"
            if rule.meter is not None:
                unknown = f"its driver is usage, but nothing of {rule.meter} is known"
            return _of(measures.usage.get(rule.meter or SUBSCRIBED, _NOTHING), receivers), unknown
        case DriverKind.HEADCOUNT:
            given = _of(measures.statistics.get(HEADCOUNT, _NOTHING), receivers, measures.known)
            return given or _of(measures.headcounts, receivers), "its driver is headcount, but no headcount is known"
        case DriverKind.STATISTIC:
            assert rule.statistic is not None
            statistic = _of(measures.statistics.get(rule.statistic, _NOTHING), receivers, measures.known)
            return statistic, f"its driver is the statistic {rule.statistic!r}, which is not given for its receivers"
        case DriverKind.COST_WEIGHTED:
            return _of(received, receivers, measures.known), "its driver is cost_weighted, but no cost was received yet"


def _of(measured: Weights, receivers: Weights | None, known: frozenset[str] | None = None) -> Weights:
    """Of what was measured the part that concerns the receivers; where all may receive, those that are known."""
    if receivers is not None:
        return {receiver: measured[receiver] for receiver in receivers if receiver in measured}
    return {receiver: weight for receiver, weight in measured.items() if known is None or receiver in known}
