"""When an offering can be asked for: half-open windows, and versions of one series that take over from each other.

A window is [begins, ends). Without an end it is open, and yields to the next version: that one's beginning is its
end. So versions may follow each other without anybody typing an end, while two ends that were typed and contradict
each other are refused.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.errors import Conflict, Fault, Invalid


@dataclass(frozen=True, slots=True)
class Window:
    """`number` is the version's place in its series, `name` what a refusal calls it."""

    number: int
    begins: datetime
    ends: datetime | None = None
    name: str = ""

    def admits(self, now: datetime) -> bool:
        return self.begins <= now and (self.ends is None or now < self.ends)


class WindowEmpty(Invalid): ...


class WindowOver(Conflict): ...


class WindowsOverlap(Conflict): ...


def check(valid_from: datetime | None, valid_until: datetime | None) -> None:
    """Raises WindowEmpty if nothing lies between the two."""
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise WindowEmpty(
            f"a window from {valid_from:%FT%TZ} to {valid_until:%FT%TZ} holds nothing",
            faults=[Fault("/valid_until", "must be after valid_from")],
        )


def require_ahead(valid_until: datetime | None, *, now: datetime) -> None:
    """Raises WindowOver if the window has ended by `now`: whoever wants the end now retires the offering."""
    if valid_until is not None and valid_until <= now:
        raise WindowOver(
            f"the window ended at {valid_until:%FT%TZ}", faults=[Fault("/valid_until", "must still be to come")]
        )


def overlap(one: Window, other: Window) -> bool:
    """Whether there is an instant at which both versions would be valid."""
    earlier, later = sorted((one, other), key=lambda window: window.number)
    if earlier.ends is None and earlier.begins < later.begins:
        return False  # the open one ends where the later version begins
    one_first = one.ends is None or other.begins < one.ends
    other_first = other.ends is None or one.begins < other.ends
    return one_first and other_first


def require_room(window: Window, others: Iterable[Window]) -> None:
    """Raises WindowsOverlap, naming the first other version whose window it meets."""
    for other in sorted(others, key=lambda each: each.number):
        if overlap(window, other):
            end = "on" if other.ends is None else f"until {other.ends:%FT%TZ}"
            raise WindowsOverlap(
                f"version {other.number} {other.name!r} is valid from {other.begins:%FT%TZ} {end}",
                faults=[Fault("/valid_from", f"meets the window of version {other.number}")],
            )


def meetings(windows: Sequence[Window]) -> list[tuple[int, int]]:
    """Which of `windows` meet, by their places in it: of each that meets one beginning before it, one such pair.

    Windows in the order of their beginnings need to be held against three before them alone: the closed one that
    ends last, the open one of the highest number, and the last one.
    """
    found = []
    closed: int | None = None
    open_: int | None = None
    last: int | None = None
    for place in sorted(range(len(windows)), key=lambda each: (windows[each].begins, windows[each].number)):
        window = windows[place]
        for other in (closed, open_, last):
            if other is not None and overlap(windows[other], window):
                found.append((other, place))
                break
        last = place
        if window.ends is None:
            open_ = place if open_ is None or windows[open_].number < window.number else open_
        elif closed is None or (windows[closed].ends or window.ends) < window.ends:
            closed = place
    return found
