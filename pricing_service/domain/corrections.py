"""Which usage events count, after voids and replacements: a function of what is there, not of its order.

    a reading          is in force
    a correction       is in force once its original is there and in force, and if it wins among those of that original
    an event counts    if it is in force, is no void, and nothing corrects it

Of several corrections of one original a void wins; of several replacements the one whose id is the greatest text
(ids that grow with time make that the last one). Naming the replacement itself, a chain, is the plain way to
correct a correction. Nothing corrects a void. Events that name each other in a circle are never in force.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pricing_service.domain.usage import Kind, Ref


class Correction(NamedTuple):
    ref: Ref
    kind: Kind
    original: Ref


def winner(rivals: Iterable[Correction]) -> Correction:
    """The one of several corrections of the same original that has effect."""
    return max(rivals, key=lambda each: (each.kind is Kind.VOIDED, each.ref.id, each.ref.source))


def in_force(present: Iterable[Ref], corrections: Iterable[Correction]) -> set[Ref]:
    """Of the events that are there (corrections among them) those that are in force."""
    there = set(present)
    of_original: Mapping[Ref, list[Correction]] = _by_original(corrections)
    correcting = {each.ref: each for rivals in of_original.values() for each in rivals}
    reached = [ref for ref in there if ref not in correcting]
    found = set(reached)
    while reached:
        ref = reached.pop()
        void = ref in correcting and correcting[ref].kind is Kind.VOIDED
        if not void and ref in of_original:
            won = winner(of_original[ref]).ref
            if won in there and won not in found:
                found.add(won)
                reached.append(won)
    return found


def counting(present: Iterable[Ref], corrections: Iterable[Correction]) -> set[Ref]:
    """Of the events that are there those that count."""
    corrections = list(corrections)
    voids = {each.ref for each in corrections if each.kind is Kind.VOIDED}
    corrected = {each.original for each in corrections}
    return in_force(present, corrections) - voids - corrected


def _by_original(corrections: Iterable[Correction]) -> dict[Ref, list[Correction]]:
    found: dict[Ref, list[Correction]] = defaultdict(list)
    for each in corrections:
        found[each.original].append(each)
    return found
