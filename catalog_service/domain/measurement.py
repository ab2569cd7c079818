"""One measurement of a commitment, as somebody reports it and as it is held against the promise.

| commitment | is reported as | and kept as |
|---|---|---|
| availability | an interval that was up or down; or the seconds that were up, of how many, in an interval | the same |
| response_time, lead_time, rto, rpo | a duration, and the instant at which it ended | seconds |
| support_hours | the hours that were staffed in an interval | hours |

Whatever is marked as planned is left out of the reckoning.

MeasurementRejected
├── MeasurementNotReadable  a field is missing, or has no place in a measurement of this kind
├── UnitNotOfKind
├── ValueOutOfRange         negative, longer than its interval, or a duration of more than ten years
├── IntervalNotPossible     it ends before it starts, or lasts longer than a year
├── MeasurementInFuture, MeasurementTooLate
├── SourceReserved          what the suite measures itself is named by it alone
├── TargetNotReadable, TargetUnknown   what was measured
└── CorrectionNotPossible   of itself, of what is corrected already, or of a void
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TypeVar

from catalog_service.domain.commitment import PERCENTILES, CommitmentKind
from catalog_service.domain.spans import Span
from services.errors import Fault, Invalid
from services.money import EXACT

T = TypeVar("T")
SECONDS: Mapping[str, Decimal] = {
    "seconds": Decimal(1),
    "minutes": Decimal(60),
    "hours": Decimal(3_600),
    "days": Decimal(86_400),
}
LONGEST = timedelta(days=366)
LONGEST_DAYS = 3_660  # that a response, delivery or recovery took: far longer than anybody promises
LONGEST_SECONDS = Decimal(LONGEST_DAYS * 86_400)
SINGLE = frozenset(PERCENTILES)  # kinds that are measured one by one


class MeasurementRejected(Invalid):
    """`faults` hold one JSON pointer into the measurement."""

    @property
    def pointer(self) -> str:
        return self.faults[0].pointer if self.faults else ""


class MeasurementNotReadable(MeasurementRejected): ...


class UnitNotOfKind(MeasurementRejected): ...


class ValueOutOfRange(MeasurementRejected): ...


class IntervalNotPossible(MeasurementRejected): ...


class MeasurementInFuture(MeasurementRejected): ...


class MeasurementTooLate(MeasurementRejected): ...


class SourceReserved(MeasurementRejected): ...


class TargetNotReadable(MeasurementRejected): ...


class TargetUnknown(MeasurementRejected): ...


class CorrectionNotPossible(MeasurementRejected): ...


class Watched(StrEnum):
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Reported:
    commitment: CommitmentKind | None
    at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    state: Watched | None = None
    up_seconds: Decimal | None = None
    total_seconds: Decimal | None = None
    value: Decimal | None = None
    unit: str | None = None
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """`value` is in seconds, of support hours in hours. An instant is a span without a length."""

    commitment: CommitmentKind
    span: Span
    state: Watched | None = None
    up_seconds: Decimal | None = None
    total_seconds: Decimal | None = None
    value: Decimal | None = None
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """`oldest` ≤ its end, its end ≤ `newest`."""

    oldest: datetime
    newest: datetime


def reject(kind: type[MeasurementRejected], pointer: str, detail: str) -> MeasurementRejected:
    return kind(detail, faults=[Fault(pointer, detail)])


def measured(reported: Reported, limits: Limits) -> Measured:
    """What a report means. Raises a MeasurementRejected that names the field."""
    kind = reported.commitment
    if kind is None:
        raise reject(MeasurementNotReadable, "/commitment", "commitment says what was measured")
    if kind in SINGLE:
        return _single(kind, reported, limits)
    span = _interval(kind, reported, limits)
    if kind is CommitmentKind.SUPPORT_HOURS:
        return _support_hours(reported, span)
    return _availability(reported, span)


def _single(kind: CommitmentKind, reported: Reported, limits: Limits) -> Measured:
    _only(kind, reported, "at", "value", "unit")
    at = _needed(kind, "at", reported.at)
    unit = _needed(kind, "unit", reported.unit)
    value = _needed(kind, "value", reported.value)
    if unit not in SECONDS:
        raise reject(UnitNotOfKind, "/unit", f"{kind} is measured in {', '.join(SECONDS)}, not in {unit[:40]!r}")
    seconds = EXACT.multiply(value, SECONDS[unit])
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise reject(ValueOutOfRange, "/value", f"value must be a duration from 0 to {LONGEST_DAYS} days")
    _in_time("at", at, limits)
    return Measured(kind, Span(at, at), value=seconds, planned=reported.planned)


def _interval(kind: CommitmentKind, reported: Reported, limits: Limits) -> Span:
    start, end = _needed(kind, "starts_at", reported.starts_at), _needed(kind, "ends_at", reported.ends_at)
    if end <= start:
        raise reject(IntervalNotPossible, "/ends_at", "ends_at must be after starts_at")
    if end - start > LONGEST:
        raise reject(IntervalNotPossible, "/ends_at", "an interval lasts 366 days at the most; report it in parts")
    _in_time("ends_at", end, limits)
    return Span(start, end)


def _support_hours(reported: Reported, span: Span) -> Measured:
    kind = CommitmentKind.SUPPORT_HOURS
    _only(kind, reported, "starts_at", "ends_at", "value", "unit")
    hours, unit = _needed(kind, "value", reported.value), _needed(kind, "unit", reported.unit)
    if reported.planned:
        raise reject(MeasurementNotReadable, "/planned", "hours that were staffed are no maintenance")
    if unit != "hours":
        raise reject(UnitNotOfKind, "/unit", f"{kind} are measured in hours, not in {unit[:40]!r}")
    if not 0 <= Fraction(hours) * 3_600_000_000 <= span.microseconds:
        raise reject(ValueOutOfRange, "/value", "value must be from 0 to the hours that the interval has")
    return Measured(kind, span, value=hours)


def _availability(reported: Reported, span: Span) -> Measured:
    kind = CommitmentKind.AVAILABILITY
    if reported.state is not None:
        _only(kind, reported, "starts_at", "ends_at", "state")
        return Measured(kind, span, state=reported.state, planned=reported.planned)
    _only(kind, reported, "starts_at", "ends_at", "up_seconds", "total_seconds")
    if reported.up_seconds is None and reported.total_seconds is None:
        raise reject(
            MeasurementNotReadable, "/state", "availability needs state (up or down), or up_seconds and total_seconds"
        )
    total = _needed(kind, "total_seconds", reported.total_seconds)
    up = _needed(kind, "up_seconds", reported.up_seconds)
    if not 0 < Fraction(total) * 1_000_000 <= span.microseconds:
        raise reject(ValueOutOfRange, "/total_seconds", "total_seconds must be above 0, and fit into the interval")
    if not 0 <= up <= total:
        raise reject(ValueOutOfRange, "/up_seconds", "up_seconds must be from 0 to total_seconds")
    return Measured(kind, span, up_seconds=up, total_seconds=total, planned=reported.planned)


def _needed(kind: CommitmentKind, name: str, value: T | None) -> T:
    if value is None:
        raise reject(MeasurementNotReadable, f"/{name}", f"a measurement of {kind} needs {name}")
    return value


def _only(kind: CommitmentKind, reported: Reported, *names: str) -> None:
    every = ("at", "starts_at", "ends_at", "state", "up_seconds", "total_seconds", "value", "unit")
    for name in every:
        if name not in names and getattr(reported, name) is not None:
            raise reject(MeasurementNotReadable, f"/{name}", f"{name} has no place in this measurement of {kind}")


def _in_time(name: str, instant: datetime, limits: Limits) -> None:
    if instant > limits.newest:
        detail = f"{name} lies in the future: it may be {limits.newest:%FT%TZ} at the latest"
        raise reject(MeasurementInFuture, f"/{name}", detail)
    if instant < limits.oldest:
        raise reject(
            MeasurementTooLate, f"/{name}", f"{name} is too long ago: it may be from {limits.oldest:%FT%TZ} on"
        )
