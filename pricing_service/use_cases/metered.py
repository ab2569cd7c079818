"""What was metered of many subscriptions in a period, as rating asks for it: by window of each of them.

Meters that add up are summed once for all, between the days on which any window begins or ends. Maximum, latest and
distinct values do not add up, and charges by matrix need the attributes: both are read per window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import chain, pairwise
from uuid import UUID

from sqlalchemy import and_
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain import rating as domain
from pricing_service.domain.meters import ADDITIVE
from pricing_service.domain.periods import Period
from pricing_service.domain.prices import Cell, Matrix
from pricing_service.domain.rating import Window
from pricing_service.tables import UsageEvent
from pricing_service.use_cases.holdings import Subject
from services.money import exact_total

ZERO = Decimal(0)
_IDS_A_QUERY = 5_000  # below the parameters that either database takes
Days = tuple[date, date]  # half-open
_WindowKey = tuple[UUID, str, Days]  # subscription, meter


@dataclass(frozen=True, slots=True)
class Metered:
    """What counted when `cut` was the latest arrival."""

    cut: int
    windows: Mapping[UUID, Sequence[Window]]
    stretches: Sequence[Days]
    sums: Mapping[UUID, Mapping[tuple[str, date], Decimal]]
    windowed: Mapping[_WindowKey, Decimal]
    cells: Mapping[_WindowKey, Sequence[Cell]]

    def quantity(self, subscription_id: UUID, window: Window, meter: str) -> Decimal:
        whole = self.windowed.get((subscription_id, meter, (window.start, window.end)))
        if whole is not None:
            return whole
        sums = self.sums.get(subscription_id, {})
        inside = (start for start, end in self.stretches if window.start <= start and end <= window.end)
        return exact_total([sums[meter, start] for start in inside if (meter, start) in sums])

    def by_attributes(self, subscription_id: UUID, window: Window, meter: str) -> Sequence[Cell]:
        return self.cells.get((subscription_id, meter, (window.start, window.end)), ())

    def unpriced(self, subscription_id: UUID) -> list[tuple[str, Days]]:
        """Meters and stretches of days of usage that no charge prices."""
        windows = self.windows[subscription_id]
        ends = dict(self.stretches)
        return [
            (meter, (start, ends[start]))
            for meter, start in sorted(self.sums.get(subscription_id, {}))
            if not any(_prices(window, meter, start) for window in windows)
        ]


def _prices(window: Window, meter: str, day: date) -> bool:
    return window.start <= day < window.end and any(charge.meter == meter for charge in window.plan.charges)


async def read_metered(session: AsyncSession, period: Period, subjects: Sequence[Subject], cut: int) -> Metered:
    """The usage of all `subjects` in the period, as counted at `cut`."""
    windows = {subject.subscription.id: domain.windows(period, subject.holding, subject.plans) for subject in subjects}
    every = list(chain.from_iterable(windows.values()))
    inner = {day for window in every for day in (window.start, window.end) if period.first_day < day < period.end_day}
    edges = [period.first_day, *sorted(inner), period.end_day]
    aggregated = await queries.aggregations(session)
    whole = {key for key, aggregation in aggregated.items() if aggregation not in ADDITIVE}
    sums: queries.StretchSums = {}
    windowed: dict[_WindowKey, Decimal] = {}
    cells: dict[_WindowKey, list[Cell]] = {}
    for first in range(0, len(subjects), _IDS_A_QUERY):
        ids = [subject.subscription.id for subject in subjects[first : first + _IDS_A_QUERY]]
        of = and_(queries.counted_at(cut), UsageEvent.subscription_id.in_(ids))
        sums |= await queries.metered_by_stretch(session, ids, edges, cut)
        for days, meters in _by_window(every, lambda window: whole & _meters(window)).items():
            windowed |= {(id_, meter, days): ZERO for id_ in ids for meter in meters}
            found = await queries.metered_quantities(session, of, days, aggregated, meters=meters)
            windowed |= {(id_, meter, days): each[()] for (id_, meter), each in found.items()}
        for days, meters in _by_window(every, _by_matrix).items():
            found = await queries.metered_quantities(session, of, days, aggregated, meters=meters, by_attributes=True)
            for (id_, meter), by in found.items():
                cells[id_, meter, days] = [Cell(quantity, dict(pairs)) for pairs, quantity in by.items()]
    return Metered(cut, windows, list(pairwise(edges)), sums, windowed, cells)


def _by_window(every: Sequence[Window], meters_of: Callable[[Window], set[str]]) -> dict[Days, set[str]]:
    wanted: dict[Days, set[str]] = {}
    for window in every:
        if meters := meters_of(window):
            wanted.setdefault((window.start, window.end), set()).update(meters)
    return wanted


def _meters(window: Window) -> set[str]:
    return {charge.meter for charge in window.plan.charges if charge.meter is not None}


def _by_matrix(window: Window) -> set[str]:
    return {
        charge.meter
        for charge in window.plan.charges
        if charge.meter is not None and isinstance(charge.charge.model, Matrix)
    }
