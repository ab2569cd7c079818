"""The lane of regular events: from JSON straight to a line of PostgreSQL's COPY, with nothing made in between.

Regular is what nearly every event of a large batch is: a reading of an undeclared meter, of a subscription that has
not ended, in plain characters, its time in UTC, without a fault. The lane recognises it by looking at the texts alone,
at a third of what `domain.usage.take` costs (ADR-0016); whatever it does not recognise takes that way, which also
knows every fault by name. A test holds the two together.

A batch in which all events have the regular form is looked at column by column: one pattern over all ids, one over all
times, the earliest and the latest of them. That takes a sixth of looking at one event after the other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pricing_service.domain.calendar import UTC_ZONE
from pricing_service.domain.usage import MAX_KEY, USAGE_TYPE, Ref, Rules
from pricing_service.use_cases.metering.regular import RegularEvent

_TIME_FORM = r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z"
_QUANTITY_FORM = r"\d{1,13}(?:\.\d{1,20})?"
_TIME, _QUANTITY = re.compile(_TIME_FORM, re.ASCII), re.compile(_QUANTITY_FORM, re.ASCII)
# Of a whole column, each value with a line feed behind it.
_TIMES, _QUANTITIES = (re.compile(f"(?:{form}\n)*", re.ASCII) for form in (_TIME_FORM, _QUANTITY_FORM))
_KEYS = re.compile(f"(?:[ !#-\\[\\]-~]{{1,{MAX_KEY}}}\n)*")  # what stands for itself in COPY and in JSON


def _unescaped(text: str) -> bool:
    """Whether it stands for itself in COPY's text format."""
    return text.isascii() and text.isprintable() and "\\" not in text


def _all_of(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    """Whether all values have the form of a column; a line feed within one would be counted."""
    column = "\n".join(values)
    return column.count("\n") == len(values) - 1 and pattern.fullmatch(column + "\n") is not None


class _Metered(NamedTuple):
    """What the lines of one subscription and meter share."""

    columns: str
    first_day: str


class Lane:
    """Of one batch; texts are compared as such, since RFC 3339 sorts by time."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._oldest, self._newest = f"{rules.oldest:%Y-%m-%dT%H:%M:%S}", f"{rules.newest:%Y-%m-%dT%H:%M:%S}"
        self._utc = rules.zone is UTC_ZONE
        self._days: dict[str, str | None] = {}
        self._metered: dict[tuple[str, str], _Metered | None] = {}
        self._sources: set[str] = set()

    def line(self, event: Any) -> tuple[Ref, str] | None:
        """What names a regular event, and its columns up to `counts` in COPY's text format; None for all others."""
        try:
            source, id_, time, data = event["source"], event["id"], event["time"], event["data"]
            quantity, of = data["quantity"], (event["subject"], data["meter"])
            if event["type"] != USAGE_TYPE or event["specversion"] != "1.0" or len(data) != 2:
                return None
            second = time[:19]
            if not (
                _TIME.fullmatch(time)
                and _QUANTITY.fullmatch(quantity)
                and self._oldest < second < self._newest
                and (source in self._sources or self._is_plain(source))
                and id_
                and len(id_) <= MAX_KEY
                and _unescaped(id_)
            ):
                return None
            metered = self._metered[of] if of in self._metered else self._look_up(of)
            at = time[:10] if self._utc else time[:16]
            day = self._days[at] if at in self._days else self._day(at)
        except (KeyError, TypeError, AttributeError):
            return None
        if metered is None or day is None or day < metered.first_day:
            return None
        return Ref(source, id_), f"{source}\t{id_}\t0\t{time}\t{day}\t{metered.columns}\t{quantity}\t\\N\t\\N\tt"

    def lines(self, events: Sequence[RegularEvent], of: Sequence[tuple[str, str]]) -> tuple[list[str], date] | None:
        """The same columns of all events, each of another (source, id), and the earliest day among them.

        `of` are their subjects and meters. None if one of the events is not regular.
        """
        ids, times = [event.id for event in events], [event.time for event in events]
        quantities, sources = [event.data.quantity for event in events], [event.source for event in events]
        keys = ids if len(set(sources)) == 1 else list(zip(sources, ids, strict=True))
        if not (
            _all_of(_KEYS, ids)
            and _all_of(_KEYS, list(set(sources)))
            and _all_of(_TIMES, times)
            and _all_of(_QUANTITIES, quantities)
            and self._oldest < min(times)[:19]
            and max(times)[:19] < self._newest
            and len(set(keys)) == len(events)
        ):
            return None
        metered = {each: self._metered[each] if each in self._metered else self._look_up(each) for each in set(of)}
        shown = 10 if self._utc else 16
        day_of = {at: self._day(at) for at in {time[:shown] for time in times}}
        if None in metered.values() or None in day_of.values():
            return None
        columns = {each: place.columns for each, place in metered.items() if place is not None}
        first_day = {each: place.first_day for each, place in metered.items() if place is not None}
        earliest = min(day for day in day_of.values() if day is not None)
        if max(first_day.values()) > earliest and any(
            (day_of[time[:shown]] or "") < first_day[each] for time, each in zip(times, of, strict=True)
        ):
            return None
        lines = [
            f"{source}\t{id_}\t0\t{time}\t{day_of[time[:shown]]}\t{columns[each]}\t{quantity}\t\\N\t\\N\tt"
            for source, id_, time, each, quantity in zip(sources, ids, times, of, quantities, strict=True)
        ]
        return lines, date.fromisoformat(earliest)

    def _is_plain(self, source: Any) -> bool:
        plain = type(source) is str and 0 < len(source) <= MAX_KEY and _unescaped(source)
        if plain:
            self._sources.add(source)
        return plain

    def _look_up(self, of: tuple[str, str]) -> _Metered | None:
        subject, meter = of
        found = self._rules.subscriptions.get(subject)
        metered = None
        if found is not None and meter in found.priced and meter not in self._rules.meters and _unescaped(meter):
            metered = None if found.ended_at else _Metered(f"{found.id}\t{meter}\t0", str(found.first_day))
        self._metered[of] = metered
        return metered

    def _day(self, at: str) -> str | None:
        """The day of a date in UTC, or of a minute elsewhere; None where there is no such date."""
        try:
            if self._utc:
                day = date.fromisoformat(at)
            else:
                day = datetime.fromisoformat(at).replace(tzinfo=UTC).astimezone(self._rules.zone).date()
        except ValueError:
            self._days[at] = None
        else:
            self._days[at] = str(day)
        return self._days[at]


def whole(lines: Sequence[str], *, arrival: int, now: datetime) -> str:
    """The lines with what they have in common: when they were received, and the number of their arrival."""
    end = f"\t{now}\t{arrival}\n"
    return end.join(lines) + end if lines else ""


def days_of(lines: Iterable[str]) -> Iterator[tuple[UUID, date]]:
    """Of which subscriptions and days the lines tell, each once."""
    for day, subscription in {tuple(line.split("\t", 6)[4:6]) for line in lines}:
        yield UUID(subscription), date.fromisoformat(day)
