"""Keyset pages: `?limit=` and `&cursor=`, answered with `items` and `next_cursor`, and a Link header.

The key is a unique column in whose order the list stands, as a rule the UUIDv7 id: the oldest first, and the last
page costs what the first one does.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Integer, Select
from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import Fault, Invalid

T = TypeVar("T")


class CursorNotReadable(Invalid): ...


class Page(BaseModel, Generic[T]):
    items: Sequence[T]
    next_cursor: str | None = Field(description="Pass it as `cursor` to get the next page; null on the last one")


class _Paging:
    def __init__(
        self,
        request: Request,
        response: Response,
        limit: Annotated[int, Query(ge=1, le=200, description="Items on a page")] = 50,
        cursor: Annotated[str | None, Query(max_length=200, description="`next_cursor` of the page before")] = None,
    ) -> None:
        self._request = request
        self._response = response
        self.limit = limit
        self.after = None if cursor is None else _decoded(cursor)

    def link(self, cursor: str) -> None:
        url = self._request.url.include_query_params(cursor=cursor)
        self._response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'

    def next_page(self, position: int) -> str:
        """The cursor of the page behind `position` in an order of the list's own, told in the Link header as well."""
        cursor = _encoded(position)
        self.link(cursor)
        return cursor

    def position(self) -> int | None:
        """What `next_page` was given for this page. Raises CursorNotReadable for a cursor of another list."""
        if self.after is not None and self.after.int >= 1 << 63:
            raise CursorNotReadable(
                "the cursor is none that we gave out here", faults=[Fault("cursor", "pass next_cursor unchanged")]
            )
        return None if self.after is None else self.after.int


Paging = Annotated[_Paging, Depends(_Paging)]


async def paginate(
    session: AsyncSession, query: Select[Any], key: Any, paging: _Paging, *, newest_first: bool = False
) -> Page[Any]:
    """The page of `query` (a select of one entity) that `paging` asks for, in the order of `key`.

    `key` is a column of UUIDs, or of row numbers.
    """
    if paging.after is not None:
        after = _position(paging.after, key)
        query = query.where(key < after if newest_first else key > after)
    rows = list(
        (await session.scalars(query.order_by(key.desc() if newest_first else key).limit(paging.limit + 1))).unique()
    )
    cursor = None
    if len(rows) > paging.limit:
        rows.pop()
        cursor = _encoded(getattr(rows[-1], key.key))
        paging.link(cursor)
    return Page[Any].model_construct(items=rows, next_cursor=cursor)


def _encoded(key: UUID | int) -> str:
    """A row number travels as the UUID of the same value, so that all cursors look alike."""
    uuid = UUID(int=key) if isinstance(key, int) else key
    return base64.urlsafe_b64encode(uuid.bytes).decode().rstrip("=")


def _position(after: UUID, key: Any) -> UUID | int:
    if not isinstance(key.type, Integer):
        return after
    if after.int >= 1 << 63:
        raise CursorNotReadable(
            "the cursor is none that we gave out here", faults=[Fault("cursor", "pass next_cursor unchanged")]
        )
    return after.int


def _decoded(cursor: str) -> UUID:
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error) as error:
        raise CursorNotReadable(
            "the cursor is none that we gave out", faults=[Fault("cursor", "pass next_cursor unchanged")]
        ) from error
