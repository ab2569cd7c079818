"""Alignments of leaders to business units, by whole days, both ends included.

Invalid
└── EndsBeforeItStarts
Conflict
└── AlignedAlready        one leader is aligned with one business unit once at a time
"""

from collections.abc import Iterable
from datetime import date

from services.errors import Conflict, Fault, Invalid


class EndsBeforeItStarts(Invalid): ...


class AlignedAlready(Conflict): ...


def require_span(starts_on: date, ends_on: date | None) -> None:
    if ends_on is not None and ends_on < starts_on:
        raise EndsBeforeItStarts(
            f"it ends on {ends_on}, before it starts on {starts_on}",
            faults=[Fault("/ends_on", f"must be {starts_on} or later")],
        )


def require_free(starts_on: date, ends_on: date | None, others: Iterable[tuple[date, date | None]]) -> None:
    """`others` are the leader's other alignments with the same unit. Raises AlignedAlready if a day is shared."""
    for other_start, other_end in others:
        if (other_end is None or starts_on <= other_end) and (ends_on is None or other_start <= ends_on):
            told = f"{other_start} to {other_end}" if other_end else f"{other_start} on"
            raise AlignedAlready(
                f"the leader is aligned with this business unit from {told} already",
                faults=[Fault("/starts_on", "overlaps another alignment")],
            )


def in_force(starts_on: date, ends_on: date | None, *, today: date) -> bool:
    return starts_on <= today and (ends_on is None or today <= ends_on)
