"""NDJSON: a line is an event or says why it is none, wherever the blocks of the body are cut."""

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing_service.use_cases.metering.bodies import LINES, Unreadable, kind_of, lines


async def read(*blocks: bytes) -> list[Any]:
    async def body() -> AsyncIterator[bytes]:
        for block in blocks:
            yield block

    at_once = [event async for some in lines(body(), typed=True) for event in some.events]
    assert [event async for some in lines(body(), typed=False) for event in some.events] == at_once
    return at_once


@pytest.mark.anyio
async def test_lines_and_what_is_none() -> None:
    body = b'{"a": 1}\n\n  {"b": 0.10}  \r\n{"c":\n2}\n{"d": 3}{"e": 4}\n[1,\n2]\n\xff\n"ok"\n{"f": NaN}'
    found = await read(body)
    assert [str(each) if isinstance(each, dict) else type(each).__name__ for each in found] == [
        *("{'a': 1}", "{'b': Decimal('0.10')}", "Unreadable", "Unreadable", "Unreadable", "Unreadable", "Unreadable"),
        *("Unreadable", "str", "{'f': 'NaN'}"),
    ]
    assert kind_of({"content-type": "application/x-ndjson; charset=utf-8"}) == LINES


_values = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9) | st.booleans(), max_size=3)


@pytest.mark.anyio
@given(events=st.lists(_values, max_size=8), cuts=st.lists(st.integers(0, 300), max_size=4), ascii=st.booleans())
async def test_blocks_may_be_cut_anywhere(events: list[Any], cuts: list[int], ascii: bool) -> None:
    body = b"".join(json.dumps(event, ensure_ascii=ascii).encode() + b"\n" for event in events)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    assert await read(*(body[a:b] for a, b in pairwise(places))) == events
    assert not any(isinstance(event, Unreadable) for event in events)
