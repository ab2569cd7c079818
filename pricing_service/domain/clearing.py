"""Clearing: the ledger's rows of an account that a source details do not count; what differs has to be explained.

    residual    = ledger − detail
    unexplained = residual − what was explained

By default a residual counts as cost: then the cost of the account is what the ledger says. Left out is what the
ledger has too much, or what counts in another period.
"""

from decimal import Decimal
from enum import StrEnum

from services.errors import Conflict, Fault, Invalid
from services.money import EXACT


class Treatment(StrEnum):
    COST = "cost"
    LEFT_OUT = "left-out"


class NothingToExplain(Conflict): ...


class ExplanationExceedsResidual(Invalid): ...


def explained_amount(unexplained: Decimal, asked: Decimal | None) -> Decimal:
    """What an explanation explains: all that is left, or the part that was asked for, which has its sign.

    Raises NothingToExplain, ExplanationExceedsResidual.
    """
    if not unexplained:
        raise NothingToExplain("nothing of the account is unexplained")
    if asked is None:
        return unexplained
    left = EXACT.subtract(unexplained, asked)
    if not asked or (asked < 0) != (unexplained < 0) or (left and (left < 0) != (unexplained < 0)):
        raise ExplanationExceedsResidual(
            f"{asked:f} is no part of the unexplained {unexplained:f}",
            faults=[Fault("/amount", f"must lie between 0 and {unexplained:f}")],
        )
    return asked
