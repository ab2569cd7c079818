"""Disputes and credit notes: what of a statement line can be claimed, and what can be given back.

    dispute       open ──► rejected | upheld
    credit note   stands for good; a wrong one is reversed by a note of its own, once

A line can be given back once in all, whatever the number of credit notes, and not what a later statement took back
already. What is not above zero cannot be given back.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from pricing_service.domain.statement import StatementState
from services.errors import Conflict, Fault, Invalid
from services.money import EXACT, exact_total, exponent, largest_remainder


class DisputeState(StrEnum):
    OPEN = "open"
    REJECTED = "rejected"
    UPHELD = "upheld"


class CreditOrigin(StrEnum):
    MANUAL = "manual"
    DISPUTE = "dispute"
    SERVICE_CREDIT = "service_credit"
    REVERSAL = "reversal"


class DisputeNotOpen(Conflict): ...


class LineAlreadyDisputed(Conflict): ...


class ClaimNotPossible(Invalid): ...


class AwardNotPossible(Invalid): ...


class CreditNotPossible(Invalid): ...


class CreditExceedsLine(Conflict): ...


class StatementNotCreditable(Conflict): ...


class CreditNoteNotReversible(Conflict): ...


def creditable(amount: Decimal, credited: Decimal, *, charged: Decimal, given_back: Decimal) -> Decimal:
    """What of a line can still be given back (≥ 0).

    `amount` and `credited` are the line's own; `charged` is what all issued lines of the same charge, split and
    period come to, `given_back` what credit notes took off them: what a later statement took back already, since the
    usage was corrected, is not given back once more.
    """
    return max(min(EXACT.subtract(amount, credited), EXACT.subtract(charged, given_back)), Decimal(0))


def check_claim(
    claimed: Decimal, currency: str, line_currency: str, *, left: Decimal, disputed: bool, pointer: str = "/claimed"
) -> None:
    """Raises LineAlreadyDisputed, ClaimNotPossible."""
    if disputed:
        raise LineAlreadyDisputed("the line has an open dispute already")
    fault = _amount_fault(claimed, currency, line_currency)
    if fault is None and claimed > left:
        fault = f"is more than the {left:f} {line_currency} of the line that can be claimed"
    if fault is not None:
        raise ClaimNotPossible(f"the claim {fault}", faults=[Fault(pointer, fault)])


def resolve(
    state: DisputeState,
    outcome: DisputeState,
    *,
    claimed: Decimal,
    amount: Decimal | None,
    award_currency: str,
    currency: str,
) -> Decimal:
    """What is awarded (0 where it is rejected): in full unless `amount` says less.

    Raises DisputeNotOpen, AwardNotPossible.
    """
    if state is not DisputeState.OPEN:
        raise DisputeNotOpen(f"the dispute is {state} already")
    if outcome is DisputeState.OPEN:
        raise AwardNotPossible("a dispute is rejected or upheld", faults=[Fault("/outcome", "is no resolution")])
    if outcome is DisputeState.REJECTED:
        if amount is not None:
            raise AwardNotPossible("a rejected dispute awards nothing", faults=[Fault("/amount", "leave it out")])
        return Decimal(0)
    if amount is None:
        return claimed
    fault = _amount_fault(amount, award_currency, currency)
    if fault is None and amount > claimed:
        fault = f"is more than the {claimed:f} {currency} that was claimed"
    if fault is not None:
        raise AwardNotPossible(f"the award {fault}", faults=[Fault("/amount", fault)])
    return amount


def check_statement(state: StatementState) -> None:
    """Raises StatementNotCreditable for a draft, which is mended by rating anew."""
    if state is StatementState.DRAFT:
        raise StatementNotCreditable("the statement is a draft: mend what it bills and rate the period anew")


def check_credits(
    wanted: Mapping[UUID, Decimal], left: Mapping[UUID, Decimal], currency: str, *, pointers: Mapping[UUID, str]
) -> None:
    """Each amount against what is left of its line. Raises CreditNotPossible, CreditExceedsLine."""
    wrong = [
        Fault(pointers[line], fault)
        for line, amount in wanted.items()
        if (fault := _amount_fault(amount, currency, currency)) is not None
    ]
    if wrong:
        raise CreditNotPossible(f"{wrong[0].pointer} {wrong[0].message}", faults=wrong)
    beyond = [
        Fault(pointers[line], f"is more than the {left[line]:f} {currency} that is left of the line")
        for line, amount in wanted.items()
        if amount > left[line]
    ]
    if beyond:
        raise CreditExceedsLine(f"{beyond[0].pointer} {beyond[0].message}", faults=beyond)


def spread(amount: Decimal, left: Mapping[UUID, Decimal], currency: str) -> dict[UUID, Decimal]:
    """`amount` over lines by what is left of each, to the last unit and never beyond any of them."""
    open_lines = {line: rest for line, rest in left.items() if rest > 0}
    amount = min(amount, exact_total(list(open_lines.values())))
    if amount <= 0:
        return {}
    shares = largest_remainder(amount, open_lines, places=exponent(currency))
    return {line: share for line, share in shares.items() if share}


def check_reversal(origin: CreditOrigin, *, reversed_already: bool) -> None:
    """Raises CreditNoteNotReversible."""
    if origin is CreditOrigin.REVERSAL:
        raise CreditNoteNotReversible("a reversal is not reversed; issue a credit note instead")
    if reversed_already:
        raise CreditNoteNotReversible("the credit note is reversed already")


def number(series: str, year: int, count: int) -> str:
    return f"{series}-{year}-{count:06}"


def _amount_fault(amount: Decimal, currency: str, line_currency: str) -> str | None:
    if currency != line_currency:
        return f"is in {currency}, the line in {line_currency}"
    if amount <= 0:
        return "must be more than 0"
    places = amount.normalize(EXACT).as_tuple().exponent
    if isinstance(places, int) and -places > exponent(currency):
        return f"has more decimals than {currency}"
    return None
