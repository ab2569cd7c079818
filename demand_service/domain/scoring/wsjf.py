"""Weighted shortest job first: cost of delay ÷ job size (Reinertsen 2009; SAFe, "WSJF")."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from demand_service.domain.scoring import inputs as reading
from demand_service.domain.scoring.score import Score, shown


class Wsjf:
    key = "wsjf"
    inputs = ("business_value", "time_criticality", "risk_reduction", "job_size")

    def score(self, inputs: Mapping[str, Any]) -> Score:
        """Relative numbers, as of a Fibonacci scale. `risk_reduction` is risk reduction or opportunity."""
        reading.require_names(inputs, self.inputs)
        read = reading.numbers(inputs, self.inputs)
        reading.require_size(read["job_size"], "job_size")
        delay = read["business_value"] + read["time_criticality"] + read["risk_reduction"]
        terms = {name: shown(value) for name, value in read.items()} | {"cost_of_delay": shown(delay)}
        return Score(Fraction(delay) / Fraction(read["job_size"]), terms, "cost of delay ÷ job size")
