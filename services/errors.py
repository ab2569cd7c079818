"""Refusals: why a request or an event is turned down, in words that know nothing of HTTP.

Domain and use-case code raises one of the categories below, or better a subclass whose name *is*
the refusal (`class QuoteNotAcceptable(Conflict)`). `services.http.problems` holds the one table that
maps categories to RFC 9457 problems; the subclass's name becomes the problem's stable `type`.

    Refusal
    ├── Invalid             the input can never be right (names its fields)
    ├── NotFound            what it names does not exist, or not for this caller
    ├── Conflict            right input, wrong state (names the state)
    │   └── StaleWrite      somebody else changed it first
    ├── Unauthenticated     nobody we know
    ├── Forbidden           known, but may not
    ├── PreconditionFailed  If-Match names an older version
    ├── PreconditionRequired  If-Match is missing
    ├── TooLarge            more bytes, rows or items than the limit allows
    ├── TooMany             slower, please
    └── Unavailable         a dependency or a queue is exhausted; the same request may pass later

A consumer treats every refusal but `Unavailable` as final: the event goes to the dead letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with the input: where (a JSON pointer into the body, or a parameter's name), and why."""

    pointer: str
    message: str


class Refusal(Exception):
    """Base of all refusals. `faults` name the single fields; `str(refusal)` is the sentence for a person."""

    def __init__(self, detail: str, *, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)


class Invalid(Refusal): ...


class NotFound(Refusal): ...


class Conflict(Refusal): ...


class StaleWrite(Conflict): ...


class Unauthenticated(Refusal): ...


class Forbidden(Refusal): ...


class PreconditionFailed(Refusal): ...


class PreconditionRequired(Refusal): ...


class TooLarge(Refusal): ...


class TooMany(Refusal): ...


class Unavailable(Refusal): ...
