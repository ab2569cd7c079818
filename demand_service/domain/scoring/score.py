"""A score: what came out, from which terms, by which formula. Rounded once, at the end, half to even."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Score:
    """`exact` is unrounded; `terms` are for reading."""

    exact: Fraction
    terms: Mapping[str, Any]
    formula: str

    @property
    def rounded(self) -> Decimal:
        return two_places(self.exact)


class Method(Protocol):
    """One way to score: a key, the inputs that it needs, and the score of them."""

    @property
    def key(self) -> str: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...

    def score(self, inputs: Mapping[str, Any]) -> Score: ...


def two_places(value: Fraction) -> Decimal:
    """`value` to two places, half to even; `round` of a Fraction is exact."""
    return Decimal(round(value * 100)).scaleb(-2)


def shown(value: Decimal) -> str:
    """Without trailing zeros: a product of what was sent may have gathered some."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
