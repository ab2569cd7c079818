"""What differs between two JSON documents, by JSON pointer (RFC 6901).

Members of objects are compared by name. Lists of plain values are aligned as texts are (the longest runs in common
stay), so that one line put in at the top is one addition and not a change of every line. A pointer leads into the
newer document for what was added or changed, into the older one for what was removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Difference:
    op: Literal["added", "removed", "changed"]
    pointer: str
    old: Any = None
    new: Any = None


def differences(old: Any, new: Any, pointer: str = "") -> list[Difference]:
    """In the order of the documents. Their depth is that of our own bodies, so that recursion is bounded."""
    return list(_compared(old, new, pointer))


def _compared(old: Any, new: Any, pointer: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in [*old, *(name for name in new if name not in old)]:
            place = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in new:
                yield Difference("removed", place, old=old[name])
            elif name not in old:
                yield Difference("added", place, new=new[name])
            else:
                yield from _compared(old[name], new[name], place)
    elif _is_plain_list(old) and _is_plain_list(new):
        yield from _aligned(old, new, pointer)
    elif type(old) is not type(new) or old != new:
        yield Difference("changed", pointer, old=old, new=new)


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(item, dict | list) for item in value)


def _aligned(old: list[Any], new: list[Any], pointer: str) -> Iterator[Difference]:
    for tag, i, i_end, j, j_end in SequenceMatcher(
        None, _told_apart(old), _told_apart(new), autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        both = min(i_end - i, j_end - j)
        for step in range(both):
            yield Difference("changed", f"{pointer}/{j + step}", old=old[i + step], new=new[j + step])
        for place in range(i + both, i_end):
            yield Difference("removed", f"{pointer}/{place}", old=old[place])
        for place in range(j + both, j_end):
            yield Difference("added", f"{pointer}/{place}", new=new[place])


def _told_apart(values: list[Any]) -> list[tuple[type, Any]]:
    """In Python true equals 1; in JSON it does not."""
    return [(type(value), value) for value in values]
