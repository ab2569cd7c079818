"""Finding the best set of a portfolio by HiGHS: exactly, and the same each time (ADR 0032).

Coefficients are integers (money and days scaled by their smallest place), HiGHS runs with both gaps at zero, on one
thread and with one seed, over candidates in the order of their ids. Among best sets the cheapest is taken that a
second, short programme finds.
"""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Decimal
from math import isfinite, lcm
from typing import Any

from demand_service.domain.portfolio import (
    Best,
    Candidate,
    Limits,
    NoSetFits,
    NumbersTooFarApart,
    Shadow,
    SolverUnsure,
    check,
    misses,
    require_known,
    usage,
)
from services.money import exact_total

_EXACT = 2**53


def best_set(candidates: Sequence[Candidate], limits: Limits, *, seconds: float = 20) -> Best:
    """The best set; `proven_optimal` is False where `seconds` ran out, and `bound` then says how good one could be.

    CPU-bound: call it in a thread.
    """
    require_known(candidates, limits)
    ordered = sorted(candidates, key=lambda candidate: candidate.id)
    programme = _Programme(ordered, limits)
    picked, proven, bound = programme.solve(seconds=seconds)
    chosen = tuple(candidate for candidate, x in zip(ordered, picked, strict=True) if x)
    check(chosen, limits)
    value = exact_total([candidate.value for candidate in chosen])
    if proven and bound < value:
        raise SolverUnsure("the solver's bound is below what it found")
    return Best(
        tuple(candidate.id for candidate in chosen),
        value,
        exact_total([candidate.cost for candidate in chosen]),
        proven,
        value if proven else bound,
        misses(ordered, chosen, limits),
        programme.shadows(chosen),
    )


def relaxed(candidates: Sequence[Candidate], limits: Limits) -> Decimal:
    """What the set would be worth if parts of a candidate could be had, to four places: no whole set is worth more."""
    require_known(candidates, limits)
    return _Programme(sorted(candidates, key=lambda candidate: candidate.id), limits).relaxation()


class _Programme:
    """The integer programme in HiGHS' terms."""

    def __init__(self, ordered: Sequence[Candidate], limits: Limits) -> None:
        self.ordered, self.limits = ordered, limits
        self.place = {candidate.id: column for column, candidate in enumerate(ordered)}
        self.value_scale = _scale(candidate.value for candidate in ordered)
        self.values = [_whole(candidate.value, self.value_scale) for candidate in ordered]
        self.cost_scale = _scale(candidate.cost for candidate in ordered)
        self.costs = [_whole(candidate.cost, self.cost_scale) for candidate in ordered]
        self.rows: list[tuple[str, list[int], int, int]] = []
        if limits.budget is not None:
            self.rows.append(("budget", self.costs, _floor(limits.budget, self.cost_scale), self.cost_scale))
        for skill, limit in sorted(limits.capacity.items()):
            days = [candidate.days.get(skill, Decimal(0)) for candidate in ordered]
            scale = _scale(days)
            self.rows.append((f"capacity/{skill}", [_whole(each, scale) for each in days], _floor(limit, scale), scale))
        for name, numbers in [("values", self.values), *((row[0], row[1]) for row in self.rows)]:
            if sum(map(abs, numbers)) >= _EXACT:
                raise NumbersTooFarApart(f"{name} add up to more than 2^53 of their smallest place")

    def solve(self, *, seconds: float) -> tuple[list[bool], bool, Decimal]:
        import highspy

        model = self._model(integer=True)
        model.setOptionValue("time_limit", seconds)
        model.run()
        status = model.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            raise NoSetFits("no set fits: the must-haves alone break a limit, an exclusion or a dependency")
        info = model.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            raise NoSetFits("no set was found within the time given; allow more of it")
        picked = [x > 0.5 for x in model.getSolution().col_value]
        proven = status == highspy.HighsModelStatus.kOptimal
        # Without a bound yet, no set is worth more than all that is worth something.
        highest = (
            info.mip_dual_bound + 0.5 if isfinite(info.mip_dual_bound) else sum(filter(lambda v: v > 0, self.values))
        )
        bound = Decimal(int(highest)) / self.value_scale
        if not proven:
            return picked, False, bound
        total = sum(value for value, x in zip(self.values, picked, strict=True) if x)
        return self._cheapest(picked, total), True, Decimal(total) / self.value_scale

    def _cheapest(self, picked: list[bool], total: int) -> list[bool]:
        """Of the sets of the same value, the one of the least cost that a short search finds."""
        import highspy

        model = self._model(integer=True)
        columns = [column for column, value in enumerate(self.values) if value]
        model.addRow(total, total, len(columns), columns, [self.values[column] for column in columns])
        model.changeObjectiveSense(highspy.ObjSense.kMinimize)
        for column, cost in enumerate(self.costs):
            model.changeColCost(column, cost)
        # By nodes, not by the clock, so that the same question has the same answer on a busy machine.
        model.setOptionValue("mip_max_nodes", 50)
        model.run()
        info = model.getInfo()
        if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
            return picked
        cheaper = [x > 0.5 for x in model.getSolution().col_value]
        return min((picked, cheaper), key=lambda xs: sum(cost for cost, x in zip(self.costs, xs, strict=True) if x))

    def relaxation(self) -> Decimal:
        model = self._model(integer=False)
        model.run()
        bound = Decimal(repr(float(model.getInfo().objective_function_value))) / self.value_scale
        return bound.quantize(Decimal("0.0001"), rounding=ROUND_CEILING)

    def shadows(self, chosen: Sequence[Candidate]) -> tuple[Shadow, ...]:
        """Duals of the relaxation, in value per unit of the limit."""
        model = self._model(integer=False)
        model.run()
        duals = model.getSolution().row_dual
        found = []
        for (_, _, _, scale), dual, (name, limit, used) in zip(
            self.rows, duals, usage(chosen, self.limits), strict=False
        ):
            worth = Decimal(repr(abs(float(dual)))) * scale / self.value_scale
            found.append(Shadow(name, limit, used, limit - used, worth.quantize(Decimal("0.0001"))))
        return tuple(found)

    def _model(self, *, integer: bool) -> Any:
        import highspy

        model = highspy.Highs()  # type: ignore[no-untyped-call]
        model.setOptionValue("output_flag", False)
        model.setOptionValue("threads", 1)
        model.setOptionValue("random_seed", 0)
        model.setOptionValue("mip_rel_gap", 0.0)
        model.setOptionValue("mip_abs_gap", 0.0)
        model.setOptionValue("mip_feasibility_tolerance", 1e-9)
        for column, candidate in enumerate(self.ordered):
            model.addVar(1 if candidate.id in self.limits.must else 0, 1)
            model.changeColCost(column, self.values[column])
            if integer:
                model.changeColIntegrality(column, highspy.HighsVarType.kInteger)
        model.changeObjectiveSense(highspy.ObjSense.kMaximize)
        for _, numbers, limit, _ in self.rows:
            columns = [column for column, number in enumerate(numbers) if number]
            model.addRow(-highspy.kHighsInf, limit, len(columns), columns, [numbers[column] for column in columns])
        for a, b in self.limits.exclusions:
            if a != b:
                model.addRow(-highspy.kHighsInf, 1, 2, [self.place[a], self.place[b]], [1, 1])
        for a, b in self.limits.needs:
            if a != b:
                model.addRow(-highspy.kHighsInf, 0, 2, [self.place[a], self.place[b]], [1, -1])
        return model


def _scale(numbers: Any) -> int:
    """What makes every one of them an integer."""
    return lcm(*(number.as_integer_ratio()[1] for number in numbers), 1)


def _whole(number: Decimal, scale: int) -> int:
    numerator, denominator = number.as_integer_ratio()
    return numerator * (scale // denominator)


def _floor(limit: Decimal, scale: int) -> int:
    """A limit finer than what it limits is cut to it, which excludes nothing."""
    numerator, denominator = limit.as_integer_ratio()
    return numerator * scale // denominator
