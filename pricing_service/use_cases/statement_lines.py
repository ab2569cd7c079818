"""A statement and its lines, as the other use cases need them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.tables import Statement, StatementLine
from services.errors import NotFound
from services.identity import Units


async def statement_in_sight(session: AsyncSession, statement_id: UUID, units: Units) -> Statement:
    statement = await session.get(Statement, statement_id)
    if statement is None:
        raise NotFound(f"no statement {statement_id}")
    units.require(statement.business_unit_id)
    return statement


async def locked(session: AsyncSession, statement_id: UUID) -> Statement:
    """The statement, held until the transaction ends. Raises NotFound."""
    statement = await session.get(Statement, statement_id, with_for_update=True, populate_existing=True)
    if statement is None:
        raise NotFound(f"no statement {statement_id}")
    return statement


async def lines_of(session: AsyncSession, statement_id: UUID) -> list[StatementLine]:
    query = select(StatementLine).where(StatementLine.statement_id == statement_id).order_by(StatementLine.position)
    return list(await session.scalars(query))


async def line_of(session: AsyncSession, statement: Statement, line_id: UUID) -> StatementLine:
    """Raises NotFound."""
    line = await session.get(StatementLine, line_id)
    if line is None or line.statement_id != statement.id:
        raise NotFound(f"statement {statement.id} has no line {line_id}")
    return line
