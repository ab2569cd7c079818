"""The best set of 2,000 demands under a budget and a capacity, beside the relaxation of the same programme.

The reference is the linear relaxation in the same solver: the least that any exact method has to do, and a bound that
the answer is held against. Costs and values are to the cent, with fifty exclusions and fifty dependencies.
"""

from __future__ import annotations

import random
import time
from decimal import Decimal
from typing import Any

from demand_service.domain.portfolio import Candidate, Limits
from demand_service.portfolio_solver import best_set, relaxed

CANDIDATES = 2_000
SECONDS = 30.0


def run() -> list[dict[str, Any]]:
    return [_measured(seed) for seed in (3, 4, 5)]


def _measured(seed: int) -> dict[str, Any]:
    candidates, limits = _portfolio(seed)
    started, wall = time.process_time(), time.monotonic()
    best = best_set(candidates, limits, seconds=SECONDS)
    took, wall = time.process_time() - started, time.monotonic() - wall
    started = time.process_time()
    bound = relaxed(candidates, limits)
    reference = time.process_time() - started
    assert best.value <= bound, "no set can be worth more than the relaxation"
    return {
        "bench": f"best set, portfolio {seed}",
        "rows": CANDIDATES,
        "cpu_s": took,
        "rows_per_cpu_s": CANDIDATES / took,
        "reference": "its linear relaxation",
        "reference_cpu_s": reference,
        "ratio": reference / took,
        "wall_s": wall,
        "proven_optimal": best.proven_optimal,
        "chosen": len(best.chosen),
    }


def _portfolio(seed: int) -> tuple[list[Candidate], Limits]:
    chance = random.Random(seed)
    cents = lambda most: Decimal(chance.randint(1_000, most)) / 100  # noqa: E731  # read once, beside its use
    candidates = [
        Candidate(f"{n:05}", cents(30_000_000), cents(20_000_000), {"developer": Decimal(chance.randint(0, 120))})
        for n in range(CANDIDATES)
    ]
    pairs = range(0, 100, 2)
    return candidates, Limits(
        Decimal(20_000_000),
        {"developer": Decimal(15_000)},
        exclusions=tuple((f"{n:05}", f"{n + 1:05}") for n in pairs),
        needs=tuple((f"{n:05}", f"{n + 500:05}") for n in pairs),
    )
