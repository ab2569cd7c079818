"""What scorecards can ask of a service: the facts, by name, each of one kind.

A fact is unknown (None) where nobody has measured or said it yet; "none" and "unknown" are not the same:
a service without offerings has 0 published offerings, but the availability that it promises is unknown.
`docs/catalogue/scorecards.md` shows this table; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum

from catalog_service.domain.commitment import CommitmentKind


class FactKind(StrEnum):
    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"
    IDS = "ids"


FactValue = bool | int | Decimal | str | frozenset[str] | None
Facts = Mapping[str, FactValue]


@dataclass(frozen=True, slots=True)
class Fact:
    kind: FactKind
    meaning: str


FACTS: Mapping[str, Fact] = {
    "has_owner": Fact(FactKind.BOOLEAN, "a person owns it"),
    "has_description": Fact(FactKind.BOOLEAN, "its description says something"),
    "has_support_contact": Fact(FactKind.BOOLEAN, "it says whom to turn to"),
    "has_taxonomy": Fact(FactKind.BOOLEAN, "it hangs from a taxonomy node"),
    "taxonomy": Fact(FactKind.IDS, "its taxonomy node and all nodes above that"),
    "state": Fact(FactKind.TEXT, "its state in the portfolio"),
    "capabilities": Fact(FactKind.NUMBER, "how many business capabilities it provides"),
    "capability_ids": Fact(FactKind.IDS, "the business capabilities that it provides"),
    "published_offerings": Fact(FactKind.NUMBER, "how many of its offerings can be asked for"),
    "commitments": Fact(FactKind.NUMBER, "the fewest commitments of a published offering; unknown without one"),
    "availability_target": Fact(FactKind.NUMBER, "the lowest availability promised, in percent"),
    "lead_time_target": Fact(FactKind.NUMBER, "the longest lead time promised, in days of 24 hours"),
    "response_time_target": Fact(FactKind.NUMBER, "the longest response time promised, in minutes"),
    "support_hours_target": Fact(FactKind.NUMBER, "the fewest support hours a week promised"),
    "rto_target": Fact(FactKind.NUMBER, "the longest recovery time promised, in hours"),
    "rpo_target": Fact(FactKind.NUMBER, "the longest loss of data promised, in hours"),
    "commitments_kept": Fact(FactKind.NUMBER, "of those measured in its latest assessed month, percent that were kept"),
    "commitments_missed": Fact(FactKind.NUMBER, "how many of them were missed; unknown while nothing is assessed"),
    "nps": Fact(FactKind.NUMBER, "net promoter score, -100 to 100; unknown while it is withheld"),
    "nps_n": Fact(FactKind.NUMBER, "answers behind the NPS"),
    "csat": Fact(FactKind.NUMBER, "satisfied answers, in percent; unknown while it is withheld"),
    "csat_n": Fact(FactKind.NUMBER, "answers behind the CSAT"),
    "ces": Fact(FactKind.NUMBER, "customer effort score; unknown while it is withheld"),
    "ces_n": Fact(FactKind.NUMBER, "answers behind the CES"),
    "unit_cost_known": Fact(FactKind.BOOLEAN, "pricing has published what a unit of it costs"),
    "unit_cost_planned": Fact(FactKind.BOOLEAN, "pricing plans what a unit of it costs at present"),
    "active_subscriptions": Fact(FactKind.NUMBER, "subscriptions to its offerings that are active"),
    "suspended_subscriptions": Fact(FactKind.NUMBER, "subscriptions to its offerings that are suspended"),
    "days_since_last_revision": Fact(FactKind.NUMBER, "full days since a revision last went live; unknown before"),
    "requires": Fact(FactKind.NUMBER, "services that it cannot do without"),
    "uses": Fact(FactKind.NUMBER, "services that it uses, but can do without"),
    "dependents": Fact(FactKind.NUMBER, "services that depend on it directly"),
}

# The weakest of what the published offerings promise: how to compare, and in which unit it is told.
TARGETS: Mapping[CommitmentKind, tuple[str, str]] = {
    CommitmentKind.AVAILABILITY: ("availability_target", "percent"),
    CommitmentKind.LEAD_TIME: ("lead_time_target", "days"),
    CommitmentKind.RESPONSE_TIME: ("response_time_target", "minutes"),
    CommitmentKind.SUPPORT_HOURS: ("support_hours_target", "hours_per_week"),
    CommitmentKind.RTO: ("rto_target", "hours"),
    CommitmentKind.RPO: ("rpo_target", "hours"),
}
MORE_IS_BETTER = frozenset({CommitmentKind.AVAILABILITY, CommitmentKind.SUPPORT_HOURS})
_MINUTES = {"minutes": 1, "hours": 60, "days": 24 * 60}


def in_unit(target: Decimal, unit: str, wanted: str) -> Decimal:
    """`target` told in `wanted`; units that are no durations stay as they are. Exact but for thirds (28 digits)."""
    if unit == wanted or unit not in _MINUTES or wanted not in _MINUTES:
        return target
    return target * _MINUTES[unit] / _MINUTES[wanted]


def weakest(kind: CommitmentKind, targets: list[Decimal]) -> Decimal | None:
    """The least good of `targets`, all in one unit; None of none."""
    if not targets:
        return None
    return min(targets) if kind in MORE_IS_BETTER else max(targets)


def kept_percent(kept: int, missed: int) -> Decimal:
    """Rounded down to two decimals: 100 stays the word for all. At least one must have been assessed."""
    return (Decimal(100 * kept) / (kept + missed)).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
