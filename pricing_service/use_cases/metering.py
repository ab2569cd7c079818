"""What was metered in the windows of subscriptions, as each meter aggregates, and by attributes where a matrix asks."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, and_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from pricing_service import queries
from pricing_service.domain.prices import Cell, Matrix
from pricing_service.domain.rating import Window
from pricing_service.queries import Attributes
from pricing_service.tables import UsageEvent

ZERO = Decimal(0)
Days = tuple[date, date]


class Metering:
    """Quantities by subscription, meter and half-open days."""

    def __init__(
        self,
        quantities: Mapping[Days, Mapping[tuple[UUID, str], Mapping[Attributes, Decimal]]],
        cells: Mapping[Days, Mapping[tuple[UUID, str], Mapping[Attributes, Decimal]]],
    ) -> None:
        self._quantities, self._cells = quantities, cells

    def quantity(self, subscription_id: UUID, window: Window, meter: str) -> Decimal:
        return self._quantities[window.start, window.end].get((subscription_id, meter), {}).get((), ZERO)

    def cells(self, subscription_id: UUID, window: Window, meter: str) -> list[Cell]:
        by = self._cells.get((window.start, window.end), {}).get((subscription_id, meter), {})
        return [Cell(quantity, dict(attributes)) for attributes, quantity in by.items()]


async def metering(
    session: AsyncSession,
    windows: Mapping[UUID, Sequence[Window]],
    of: ColumnElement[bool] | InstrumentedAttribute[bool],
) -> Metering:
    """Everything that the windows of these subscriptions price; `of` says which events count."""
    meters: dict[Days, set[str]] = {}
    by_attributes: dict[Days, set[str]] = {}
    for window in (window for found in windows.values() for window in found):
        days = window.start, window.end
        for charge in window.plan.charges:
            if charge.meter is not None:
                meters.setdefault(days, set()).add(charge.meter)
                if isinstance(charge.charge.model, Matrix):
                    by_attributes.setdefault(days, set()).add(charge.meter)
    aggregated = await queries.aggregations(session) if meters else {}
    which = and_(of, UsageEvent.subscription_id.in_(list(windows)))
    quantities: dict[Days, dict[tuple[UUID, str], dict[Attributes, Decimal]]] = {}
    cells: dict[Days, dict[tuple[UUID, str], dict[Attributes, Decimal]]] = {}
    for days, wanted in meters.items():
        quantities[days] = await queries.metered_quantities(session, which, days, aggregated, meters=wanted)
    for days, wanted in by_attributes.items():
        cells[days] = await queries.metered_quantities(
            session, which, days, aggregated, meters=wanted, by_attributes=True
        )
    return Metering(quantities, cells)
