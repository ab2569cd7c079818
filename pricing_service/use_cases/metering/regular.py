"""What nearly every large batch is made of: events of one form, read by a typed decoder instead of as any JSON.

A batch in which something else stands is None here, and is read as JSON (`bodies`). `lane` says of what is read whether
it is regular in its values too.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from pricing_service.domain.usage import USAGE_TYPE

assert USAGE_TYPE == "itaas.usage.v1"  # a Literal cannot be made of a variable


class RegularData(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    meter: str
    quantity: str


class RegularEvent(msgspec.Struct, gc=False):
    """Its attributes that count; others may stand beside them."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: Literal["itaas.usage.v1"]
    time: str
    subject: str
    data: RegularData


_array = msgspec.json.Decoder(list[RegularEvent])
_one = msgspec.json.Decoder(RegularEvent)


def of_array(body: bytes) -> Sequence[RegularEvent] | None:
    try:
        return _array.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def of_lines(block: bytes) -> Sequence[RegularEvent] | None:
    try:
        return _one.decode_lines(block)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
