"""Conditions on cost rows: for pools, for views, and for which account of the ledger a charge belongs to.

A condition names a dimension (a FOCUS column, `account`, `cost_centre`, `origin`, `Source`, or `tag:<key>`) and one
test: `equals` (exactly), `in` (one of), `prefix` (begins with, upper and lower case being different), or `present`.
An absent value is equal to nothing and begins with nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pricing_service.domain.cost_rows import CostRow
from pricing_service.domain.focus_columns import OTHERS, TEXTS

# FOCUS columns that rows have as columns of their own; each other one stands in `other`.
FIELDS = {column: name for name, column in TEXTS.items()} | {
    "ChargeCategory": "charge_category",
    "ChargeClass": "charge_class",
    "BillingCurrency": "currency",
    "account": "account",
    "cost_centre": "cost_centre",
}
OWN_DIMENSIONS = ("account", "cost_centre", "origin", "Source")
OF_PROVIDER = re.compile(r"x_[A-Za-z0-9_]{1,120}", re.ASCII)


def is_column(name: str) -> bool:
    """Whether it is a dimension of costs, tags apart."""
    return name in FIELDS or name in OWN_DIMENSIONS or is_other(name)


def is_other(name: str) -> bool:
    """Whether it is a column that stands in `other`."""
    return name in OTHERS or OF_PROVIDER.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one dimension; exactly one of `one_of`, `prefix` and `present` is given."""

    dimension: str
    one_of: tuple[str, ...] | None = None
    prefix: str | None = None
    present: bool | None = None

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> "Condition":
        """From a rule as it is stored: {"column" or "tag", and "equals", "in", "prefix" or "present"}."""
        dimension = rule["column"] if rule.get("column") is not None else f"tag:{rule['tag']}"
        if rule.get("equals") is not None:
            return cls(dimension, one_of=(rule["equals"],))
        if rule.get("in") is not None:
            return cls(dimension, one_of=tuple(rule["in"]))
        if rule.get("prefix") is not None:
            return cls(dimension, prefix=rule["prefix"])
        return cls(dimension, present=bool(rule["present"]))

    def holds(self, row: CostRow) -> bool:
        value = value_of(row, self.dimension)
        if self.present is not None:
            return (value is not None) is self.present
        if value is None:
            return False
        if self.prefix is not None:
            return value.startswith(self.prefix)
        return value in (self.one_of or ())


def value_of(row: CostRow, dimension: str) -> str | None:
    """What a charge says of a dimension."""
    if dimension.startswith("tag:"):
        return row.tags.get(dimension[4:])
    if dimension in FIELDS:
        value: str | None = getattr(row, FIELDS[dimension])
        return value
    return row.other.get(dimension)
