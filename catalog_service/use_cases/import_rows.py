"""Rows of an import: those that are there must be as they were when compared; JSON becomes what columns take."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Enum, Uuid, select
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.interchange import parents_first
from services.db.types import UtcInstant
from services.errors import Conflict

_PORTION = 400


class CatalogueChanged(Conflict): ...


async def loaded(session: AsyncSession, table: Any, records: Sequence[Mapping[str, Any]]) -> dict[UUID, Any]:
    """The rows of `records` that were there; each must be as it was when it was compared."""
    versions = {UUID(each["id"]): each["version"] for each in records if each["version"] is not None}
    if not versions:
        return {}
    rows = {row.id: row for row in await session.scalars(select(table).where(table.id.in_(list(versions))))}
    for thing_id, version in versions.items():
        if thing_id not in rows or rows[thing_id].version != version:
            raise CatalogueChanged(f"{table.__tablename__} {thing_id} was changed while the file was checked")
    return rows


def columns(table: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values as the columns of `table` take them."""
    return {name: _stored(table.__table__.c[name].type, value) for name, value in fields.items()}


def assign(row: Any, fields: Mapping[str, Any]) -> None:
    for name, value in columns(type(row), fields).items():
        setattr(row, name, value)


def _stored(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, UtcInstant):
        return datetime.fromisoformat(value)
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if isinstance(kind, Uuid):
        return UUID(value)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class(value)
    return value


def add_names(row: Any, table: Any, names: Sequence[Mapping[str, str]] | None) -> None:
    """External ids are added; none is taken away."""
    there = {(each.system, each.id) for each in row.external_ids}
    for each in names or ():
        if (each["system"], each["id"]) not in there:
            row.external_ids.append(table(**each))


def nodes_in_order(records: list[Any]) -> list[Any]:
    """New nodes after their new parents; the foreign key is checked row by row."""
    by_id = {UUID(each["id"]): each for each in records}
    parents = {
        thing_id: UUID(each["fields"]["parent_id"]) if each["fields"].get("parent_id") else None
        for thing_id, each in by_id.items()
    }
    placed, _ = parents_first(parents)
    return [by_id[thing_id] for thing_id in placed]


def portions(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _PORTION):
        yield items[start : start + _PORTION]
