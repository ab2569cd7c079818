"""Cursors of lists whose order takes several columns: the place of the last item, to go on behind it."""

import base64
import binascii
import json
from collections.abc import Sequence

from services.errors import Fault
from services.http.paging import CursorNotReadable


def encoded(place: Sequence[str | None]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decoded(cursor: str, length: int) -> list[str | None]:
    """Raises CursorNotReadable."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise not_ours() from None
    if (
        not isinstance(place, list)
        or len(place) != length
        or any(each is not None and (not isinstance(each, str) or "\0" in each) for each in place)
        or place[0] is None
        or place[-1] is None
    ):
        raise not_ours()
    return place


def not_ours() -> CursorNotReadable:
    return CursorNotReadable(
        "the cursor is none that we gave out here", faults=[Fault("cursor", "pass next_cursor unchanged")]
    )
