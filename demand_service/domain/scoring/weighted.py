"""Weighted criteria: Σ weight × value ÷ Σ weight, with criteria and weights as data."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from demand_service.domain.scoring import inputs as reading
from demand_service.domain.scoring.score import Score, shown
from services.errors import Fault, Invalid

MOST_CRITERIA = 50


class CriteriaMalformed(Invalid): ...


class WeightsAreZero(Invalid): ...


class Weighted:
    key = "weighted"
    inputs = ("criteria",)

    def score(self, inputs: Mapping[str, Any]) -> Score:
        """`criteria` is `{name: {"weight", "value"}}`; the weights need not add up to anything."""
        reading.require_names(inputs, self.inputs)
        criteria = inputs["criteria"]
        if not isinstance(criteria, Mapping) or not 1 <= len(criteria) <= MOST_CRITERIA:
            message = f"must be an object of 1 to {MOST_CRITERIA} criteria"
            raise CriteriaMalformed(f"criteria {message}", faults=[Fault("/inputs/criteria", message)])
        read: dict[str, tuple[Decimal, Decimal]] = {}
        for name, criterion in criteria.items():
            at = f"/inputs/criteria/{reading.pointer(name)}"
            if not isinstance(criterion, Mapping) or set(criterion) != {"weight", "value"}:
                raise CriteriaMalformed(
                    f"criterion {name[:100]!r} needs a weight and a value",
                    faults=[Fault(at, "must have weight and value, and nothing else")],
                )
            weight = reading.number(criterion["weight"], f"{at}/weight")
            read[name] = (weight, reading.number(criterion["value"], f"{at}/value"))
        weights = sum((Fraction(weight) for weight, _ in read.values()), Fraction(0))
        if weights == 0:
            raise WeightsAreZero("every weight is zero", faults=[Fault("/inputs/criteria", "need a weight above zero")])
        total = sum((Fraction(weight) * Fraction(value) for weight, value in read.values()), Fraction(0))
        parts = {
            name: {"weight": shown(weight), "value": shown(value), "contribution": shown(weight * value)}
            for name, (weight, value) in read.items()
        }
        return Score(total / weights, {"criteria": parts}, "Σ weight × value ÷ Σ weight")
