"""Value against effort: which of the four corners, and value ÷ effort for the order within one."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from demand_service.domain.scoring import inputs as reading
from demand_service.domain.scoring.score import Score, shown

HALFWAY = Decimal(5)  # of a scale from 1 to 10
QUADRANTS = {
    (True, False): "quick_win",
    (True, True): "big_bet",
    (False, False): "fill_in",
    (False, True): "time_sink",
}


class ValueEffort:
    key = "value_effort"
    inputs = ("value", "effort")
    limits = ("value_limit", "effort_limit")

    def score(self, inputs: Mapping[str, Any]) -> Score:
        """High is above the limit, which is 5 unless `value_limit` or `effort_limit` says otherwise."""
        reading.require_names(inputs, self.inputs, self.limits)
        given = dict.fromkeys(self.limits, HALFWAY) | dict(inputs)
        read = reading.numbers(given, [*self.inputs, *self.limits])
        reading.require_size(read["effort"], "effort")
        corner = (read["value"] > read["value_limit"], read["effort"] > read["effort_limit"])
        terms = {name: shown(value) for name, value in read.items()} | {"quadrant": QUADRANTS[corner]}
        return Score(Fraction(read["value"]) / Fraction(read["effort"]), terms, "value ÷ effort")
