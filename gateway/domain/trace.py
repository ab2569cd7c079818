"""One value loop's events as a tree: what led to what.

An event's `causation_id` is the id of the event, or of the request, that led to it. An event whose cause is not
among those at hand (a request, or an event that this caller may not see) is a root.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Protocol, TypeVar


class Caused(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def causation_id(self) -> str | None: ...

    @property
    def time(self) -> datetime: ...


E = TypeVar("E", bound=Caused)


def in_causal_order(events: Iterable[E]) -> list[tuple[E, int]]:
    """Each event with its depth: roots by time, and after each event what it led to, by time again.

    Nothing is lost: events that (by somebody's mistake) cause each other in a circle hang below the earliest.
    """
    by_time: Sequence[E] = sorted(events, key=lambda event: (event.time, event.id))
    ids = {event.id for event in by_time}
    led_to: dict[str, list[E]] = {}
    roots: list[E] = []
    for event in by_time:
        if event.causation_id in ids and event.causation_id != event.id:
            led_to.setdefault(str(event.causation_id), []).append(event)
        else:
            roots.append(event)
    ordered: list[tuple[E, int]] = []
    seen: set[int] = set()
    for root in (*roots, *by_time):  # whatever no root leads to lies on a circle
        ordered.extend(_walk(root, led_to, seen))
    return ordered


def _walk(root: E, led_to: dict[str, list[E]], seen: set[int]) -> Iterator[tuple[E, int]]:
    """Depth first, without recursion: a chain may be longer than Python's stack."""
    waiting = [(root, 0)]
    while waiting:
        event, depth = waiting.pop()
        if id(event) in seen:
            continue
        seen.add(id(event))
        yield event, depth
        waiting.extend((effect, depth + 1) for effect in reversed(led_to.get(event.id, ())))
