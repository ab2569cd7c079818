"""Marks: what a document consists of, in its order, each with the line that it stands on.

YAML and JSON come to the same marks, so that whatever reads them need not know which it was.
"""

import math
import re
from typing import Any, NamedTuple

from services.errors import Invalid

MAP, MAP_END, LIST, LIST_END, SCALAR, DOCUMENT = "{", "}", "[", "]", "=", "---"
DEEPEST = 64  # levels of nesting
LONGEST_NUMBER = 300  # characters: floats end at 309 digits
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Mark(NamedTuple):
    """`value` is that of a scalar; `fault` says what is wrong with it, where it can be passed over."""

    kind: str
    value: Any
    line: int
    fault: str | None = None


class NotReadable(Invalid):
    """The text ends being YAML or JSON at `line`: nothing after it can be read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


def scalar(value: Any, line: int) -> Mark:
    """A scalar; one that JSON or a database cannot hold becomes null with a fault."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        return Mark(SCALAR, None, line, "holds NUL or half a character")
    if isinstance(value, float) and not math.isfinite(value):
        return Mark(SCALAR, None, line, "is no number in JSON")
    return Mark(SCALAR, value, line)
