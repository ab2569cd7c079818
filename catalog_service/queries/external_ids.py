"""External ids: how other systems name what the catalogue holds."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from services.errors import Fault, Invalid


class ExternalIdNotReadable(Invalid): ...


def split_external_id(text: str) -> tuple[str, str]:
    """From `system:id`. Raises ExternalIdNotReadable."""
    system, colon, identifier = text.partition(":")
    if not (system and colon and identifier):
        raise ExternalIdNotReadable(
            f"{text[:60]!r} is not an external id", faults=[Fault("external_id", "must be <system>:<id>")]
        )
    return system, identifier


async def taken_external_id(
    session: AsyncSession,
    table: Any,
    wanted: Iterable[tuple[str, str]],
) -> tuple[str, str] | None:
    """The first of `wanted` (system, id) that something in `table` holds already."""
    for key in wanted:
        if await session.get(table, key) is not None:
            return key
    return None
