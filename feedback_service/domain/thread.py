"""Threads: a remark and the conversation that follows it, between its author and whoever answers for the service.

| state | author replies | IT replies | either closes |
|---|---|---|---|
| open (IT's turn) | open | answered | closed |
| answered (the author's turn) | open | answered | closed |
| closed | refused | refused | refused |

A notice of the system (an improvement shipped) may be added in any state and changes none.
"""

from enum import StrEnum

from services.errors import Conflict, Fault, Forbidden, Invalid, TooLarge

TEXT_MAX = 10_000
RATING_LOWEST, RATING_HIGHEST = 1, 5


class SubjectType(StrEnum):
    """What a thread may be about."""

    SERVICE = "service"
    OFFERING = "offering"


class ThreadState(StrEnum):
    OPEN = "open"
    ANSWERED = "answered"
    CLOSED = "closed"


class Speaker(StrEnum):
    AUTHOR = "author"
    OWNER = "owner"
    SYSTEM = "system"


class ThreadClosed(Conflict): ...


class NotInThisThread(Forbidden): ...


class TextTooLong(TooLarge): ...


class TextNotAcceptable(Invalid): ...


NEXT: dict[ThreadState, dict[Speaker, ThreadState]] = {
    ThreadState.OPEN: {Speaker.AUTHOR: ThreadState.OPEN, Speaker.OWNER: ThreadState.ANSWERED},
    ThreadState.ANSWERED: {Speaker.AUTHOR: ThreadState.OPEN, Speaker.OWNER: ThreadState.ANSWERED},
}


def speaker_of(*, is_author: bool, answers_for_it: bool) -> Speaker:
    """In which part somebody speaks; an author speaks as the author, whatever their office. Raises NotInThisThread."""
    if is_author:
        return Speaker.AUTHOR
    if answers_for_it:
        return Speaker.OWNER
    raise NotInThisThread("only the author of a thread and the owner of its service may speak in it")


def reply(state: ThreadState, speaker: Speaker) -> ThreadState:
    """The state after a reply. Raises ThreadClosed where nobody may speak any more."""
    turns = NEXT.get(state)
    if turns is None:
        raise ThreadClosed(f"the thread is {state}")
    return turns[speaker]


def close(state: ThreadState) -> ThreadState:
    if state not in NEXT:
        raise ThreadClosed(f"the thread is {state}")
    return ThreadState.CLOSED


def require_text(text: str, *, pointer: str = "/text") -> None:
    """Raise unless `text` can be kept: not blank, at most TEXT_MAX characters, no NUL (PostgreSQL stores none).

    Markup and script are text like any other: kept as written, and never anything but text to whoever shows it.
    """
    if len(text) > TEXT_MAX:
        message = f"a text has at most {TEXT_MAX} characters, not {len(text)}"
        raise TextTooLong(message, faults=[Fault(pointer, message)])
    if not text.strip():
        raise TextNotAcceptable("a text is needed", faults=[Fault(pointer, "is blank")])
    if "\x00" in text:
        raise TextNotAcceptable("a text cannot hold the NUL character", faults=[Fault(pointer, "holds U+0000")])
