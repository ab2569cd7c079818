"""Stretches of time, half-open, and what they cover together: nothing is counted twice.

Lengths are whole microseconds, the resolution of the clock, so that no sum of them is ever rounded.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple


class Span(NamedTuple):
    """From `start` until before `end`."""

    start: datetime
    end: datetime

    @property
    def microseconds(self) -> int:
        return (self.end - self.start) // timedelta(microseconds=1)


def clipped(span: Span, window: Span) -> Span | None:
    """What of `span` lies in `window`, if anything."""
    start, end = max(span.start, window.start), min(span.end, window.end)
    return Span(start, end) if start < end else None


def merged(spans: Iterable[Span], window: Span) -> list[Span]:
    """What `spans` cover of `window`: in order, and apart from each other."""
    apart: list[Span] = []
    for span in sorted(part for each in spans if (part := clipped(each, window)) is not None):
        if apart and span.start <= apart[-1].end:
            apart[-1] = Span(apart[-1].start, max(apart[-1].end, span.end))
        else:
            apart.append(span)
    return apart


def without(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """`spans` less what `others` cover; both merged, so that one walk along both is enough."""
    holes, left, first = list(others), list[Span](), 0
    for span in spans:
        start = span.start
        while first < len(holes) and holes[first].end <= start:
            first += 1
        for hole in islice(holes, first, None):
            if hole.start >= span.end:
                break
            if start < hole.start:
                left.append(Span(start, hole.start))
            start = max(start, hole.end)
        if start < span.end:
            left.append(Span(start, span.end))
    return left


def total(spans: Iterable[Span]) -> int:
    """In microseconds."""
    return sum(span.microseconds for span in spans)
