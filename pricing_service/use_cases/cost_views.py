"""Cost views: from the words of a query to sums, and to the rows behind them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, or_
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.schemas.costs import CostGroup, CostRowRead, CostTotal, CostView
from pricing_service.tables import CostRow, CostSnapshot
from pricing_service.use_cases.cursors import decoded, encoded, not_ours
from services.errors import Fault, Invalid
from services.http import Page

MOST_DIMENSIONS = 8
ROW_COLUMNS = (CostRow, CostSnapshot.source, CostSnapshot.corrects)
COLUMNS = [column.name for column in CostRow.__table__.columns]


class PeriodNeeded(Invalid): ...


class PeriodsReversed(Invalid): ...


class FilterUnreadable(Invalid): ...


class TooManyDimensions(Invalid): ...


async def span(session: AsyncSession, period: str | None, first: str | None, last: str | None) -> tuple[str, str]:
    """The first and last period of a view. Raises PeriodNeeded, PeriodsReversed, PeriodUnreadable."""
    calendar = await queries.fiscal_calendar(session)
    if period is not None:
        if first is not None or last is not None:
            raise PeriodNeeded("ask for a period, or from one to another", faults=[Fault("period", "or from and to")])
        return (str(calendar.parse(period, pointer="period")),) * 2
    if first is None or last is None:
        raise PeriodNeeded("ask for a period, or from one to another", faults=[Fault("period", "is missing")])
    begin, end = calendar.parse(first, pointer="from"), calendar.parse(last, pointer="to")
    if end < begin:
        raise PeriodsReversed(f"{end} lies before {begin}", faults=[Fault("to", f"must not lie before {begin}")])
    return str(begin), str(end)


def conditions(filters: Sequence[str]) -> tuple[ColumnElement[bool], ...]:
    """Of one dimension any of the values, of several all. Raises FilterUnreadable, UnknownDimension."""
    wanted: dict[str, list[str]] = {}
    for text in filters:
        name, sign, value = text.partition("=")
        if not sign:
            raise FilterUnreadable(
                f"{text[:60]!r} is no filter", faults=[Fault("filter", "must be <dimension>=<value>")]
            )
        wanted.setdefault(name, []).append(value)
    found = []
    for name, values in wanted.items():
        column = queries.dimension(name, "filter")
        given = [value for value in values if value]
        tests = [column.in_(given)] if given else []
        found.append(or_(*tests, column.is_(None)) if "" in values else and_(*tests))
    return tuple(found)


async def view(
    session: AsyncSession,
    periods: tuple[str, str],
    group_by: Sequence[str],
    filters: Sequence[str],
    *,
    limit: int,
    cursor: str | None,
) -> CostView:
    """Exact sums by any dimensions. Raises UnknownDimension, FilterUnreadable, TooManyDimensions."""
    names = _dimensions(group_by)
    question = queries.CostQuestion(*periods, names, conditions(filters))
    after = None if cursor is None else decoded(cursor, len(names) + 2)
    groups = await queries.cost_groups(session, question, limit, after=after)
    more = len(groups) > limit
    groups = groups[:limit]
    return CostView(
        period=periods[0] if periods[0] == periods[1] else None,
        first=periods[0],
        last=periods[1],
        group_by=",".join(names),
        dimensions=list(names),
        items=[
            CostGroup(
                **_sums_alone(sums), period=place[0], key=place[1], keys=dict(zip(names, place[1:-1], strict=True))
            )
            for place, sums in groups
        ],
        more=more,
        next_cursor=encoded(groups[-1][0]) if more else None,
        totals=[CostTotal(**total) for total in await queries.cost_totals(session, question)],
    )


def _sums_alone(sums: dict[str, Any]) -> dict[str, Any]:
    return {name: sums[name] for name in ("currency", "rows", *queries.SUMMED)}


def _dimensions(group_by: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    for text in group_by:
        # A tag's key may hold a comma; two dimensions in one parameter are for names alone.
        names += [text] if text.startswith("tag:") else text.split(",")
    names = list(dict.fromkeys(names))
    if not 1 <= len(names) <= MOST_DIMENSIONS:
        raise TooManyDimensions(
            f"at most {MOST_DIMENSIONS} dimensions at once", faults=[Fault("group_by", "names too many")]
        )
    return tuple(names)


def rows_of_periods(periods: tuple[str, str], *, cleared: bool) -> Select[Any]:
    """What counts in the periods, or the ledger rows that do not because a source details them."""
    return queries.counting(*ROW_COLUMNS).where(
        CostSnapshot.period >= periods[0],
        CostSnapshot.period <= periods[1],
        CostRow.cleared_by.is_not(None) if cleared else CostRow.cleared_by.is_(None),
    )


async def rows(
    session: AsyncSession,
    query: Select[Any],
    filters: Sequence[str],
    *,
    import_id: UUID | None = None,
    limit: int,
    cursor: str | None,
) -> Page[CostRowRead]:
    """Row by row of a select of ROW_COLUMNS, in the order of import and line.

    Raises UnknownDimension, FilterUnreadable.
    """
    query = query.where(*conditions(filters))
    if import_id is not None:
        query = query.where(CostRow.import_id == import_id)
    if cursor is not None:
        last, line = _row_place(cursor)
        query = query.where(or_(CostRow.import_id > last, and_(CostRow.import_id == last, CostRow.line > line)))
    found = (await session.execute(query.order_by(CostRow.import_id, CostRow.line).limit(limit + 1))).all()
    items = [_row(row, source, corrects) for row, source, corrects in found[:limit]]
    more = len(found) > limit
    next_cursor = encoded((str(items[-1].import_id), str(items[-1].line))) if more else None
    return Page[CostRowRead](items=items, next_cursor=next_cursor)


def _row(row: CostRow, source: str, corrects: str | None) -> CostRowRead:
    columns = {name: getattr(row, name) for name in COLUMNS}
    return CostRowRead.model_validate({**columns, "source": source, "corrects": corrects})


def _row_place(cursor: str) -> tuple[UUID, int]:
    import_id, line = decoded(cursor, 2)
    try:
        return UUID(import_id or ""), int(line or "") if len(line or "") <= 18 else 0
    except ValueError:
        raise not_ours() from None
