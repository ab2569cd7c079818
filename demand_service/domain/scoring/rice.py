"""RICE: reach × impact × confidence ÷ effort (Intercom, McBride 2016)."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from demand_service.domain.scoring import inputs as reading
from demand_service.domain.scoring.score import Score, shown


class Rice:
    key = "rice"
    inputs = ("reach", "impact", "confidence", "effort")

    def score(self, inputs: Mapping[str, Any]) -> Score:
        """Reach in people per period, impact 0.25–3, confidence as a share (0.8), effort in person-months."""
        reading.require_names(inputs, self.inputs)
        read = reading.numbers(inputs, self.inputs)
        reading.require_size(read["effort"], "effort")
        gain = Fraction(read["reach"]) * Fraction(read["impact"]) * Fraction(read["confidence"])
        terms = {name: shown(value) for name, value in read.items()}
        terms["gain"] = shown(read["reach"] * read["impact"] * read["confidence"])
        return Score(gain / Fraction(read["effort"]), terms, "reach × impact × confidence ÷ effort")
