"""The best set of demands under a budget and a capacity: what it is, and whether a set is one (ADR 0032).

Maximise Σ value·x, x of 0 or 1, under Σ cost·x ≤ budget and Σ days[skill]·x ≤ capacity[skill] for each skill, with
x = 1 for what must be in, x_a + x_b ≤ 1 for what excludes each other and x_a ≤ x_b for what needs something else.
`portfolio_solver` finds it; what it answers is checked here in decimals before anybody sees it.

    Conflict
    ├── NoSetFits             the must-haves alone break a limit or a rule
    └── SolverUnsure          the answer did not survive the check in decimals
    Invalid
    ├── CandidateUnknown      a must-have, exclusion or dependency names what is no candidate
    └── NumbersTooFarApart    the scaled coefficients are beyond what a double counts exactly
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from services.errors import Conflict, Fault, Invalid
from services.money import exact_total

SHOWN_MISSES = 10


class Nature(StrEnum):
    RUN = "run"
    CHANGE = "change"


class NoSetFits(Conflict): ...


class SolverUnsure(Conflict): ...


class CandidateUnknown(Invalid): ...


class NumbersTooFarApart(Invalid): ...


@dataclass(frozen=True, slots=True)
class Candidate:
    id: str
    value: Decimal
    cost: Decimal
    days: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """`capacity` in person-days per skill; a skill that it does not name is not limited."""

    budget: Decimal | None
    capacity: Mapping[str, Decimal] = field(default_factory=dict)
    must: frozenset[str] = frozenset()
    exclusions: tuple[tuple[str, str], ...] = ()
    needs: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A candidate that is left out: what it lacks beside the chosen set, and the value it would have to gain."""

    id: str
    value: Decimal
    lacks: Mapping[str, Decimal]
    barred_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """What is left of a limit, and what one more unit of it is worth in the relaxation (0 where some is left)."""

    name: str
    limit: Decimal
    used: Decimal
    left: Decimal
    worth_per_unit: Decimal


@dataclass(frozen=True, slots=True)
class Best:
    chosen: tuple[str, ...]
    value: Decimal
    cost: Decimal
    proven_optimal: bool
    bound: Decimal
    misses: tuple[NearMiss, ...]
    shadows: tuple[Shadow, ...]


def require_known(candidates: Sequence[Candidate], limits: Limits) -> None:
    """Raises CandidateUnknown, naming each."""
    known = {candidate.id for candidate in candidates}
    faults = [Fault("/must_have", f"{each} is no candidate") for each in sorted(limits.must - known)]
    for name, pairs in (("exclusions", limits.exclusions), ("dependencies", limits.needs)):
        for place, pair in enumerate(pairs):
            faults += [Fault(f"/{name}/{place}", f"{each} is no candidate") for each in pair if each not in known]
    if faults:
        raise CandidateUnknown("what is named is no candidate", faults=faults[:50])


def check(chosen: Sequence[Candidate], limits: Limits) -> None:
    """In decimals: the solver counts in doubles."""
    ids = {candidate.id for candidate in chosen}
    broken = [name for name, limit, used in usage(chosen, limits) if used > limit]
    broken += [f"{a} and {b}" for a, b in limits.exclusions if a in ids and b in ids and a != b]
    broken += [f"{a} without {b}" for a, b in limits.needs if a in ids and b not in ids]
    broken += sorted(limits.must - ids)
    if broken:
        raise SolverUnsure(f"the answer breaks {', '.join(broken[:5])}")


def usage(chosen: Sequence[Candidate], limits: Limits) -> list[tuple[str, Decimal, Decimal]]:
    rows = []
    if limits.budget is not None:
        rows.append(("budget", limits.budget, exact_total([candidate.cost for candidate in chosen])))
    for skill, limit in sorted(limits.capacity.items()):
        used = exact_total([candidate.days.get(skill, Decimal(0)) for candidate in chosen])
        rows.append((f"capacity/{skill}", limit, used))
    return rows


def misses(ordered: Sequence[Candidate], chosen: Sequence[Candidate], limits: Limits) -> tuple[NearMiss, ...]:
    """Nearest first: what lacks the smallest share of a limit, then the most valuable."""
    ids = {candidate.id for candidate in chosen}
    left = {name: limit - used for name, limit, used in usage(chosen, limits)}
    sizes = {name: limit for name, limit, _ in usage(chosen, limits)}
    found = []
    for candidate in ordered:
        if candidate.id in ids or candidate.value <= 0:
            continue
        wanted = {"budget": candidate.cost} | {f"capacity/{skill}": days for skill, days in candidate.days.items()}
        lacks = {name: wanted[name] - left[name] for name in left if wanted.get(name, Decimal(0)) > left[name]}
        barred = [b if a == candidate.id else a for a, b in limits.exclusions if candidate.id in (a, b)]
        barred = [each for each in barred if each in ids]
        barred += [b for a, b in limits.needs if a == candidate.id and b not in ids]
        share = max((lacks[name] / sizes[name] if sizes[name] else Decimal("Infinity") for name in lacks), default=0)
        found.append((bool(barred), share, -candidate.value, candidate.id, lacks, tuple(barred), candidate.value))
    found.sort(key=lambda row: row[:4])
    return tuple(NearMiss(row[3], row[6], row[4], row[5]) for row in found[:SHOWN_MISSES])
