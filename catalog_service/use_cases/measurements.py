"""Measurements come in: each is checked by itself and kept for good under the name that its source gave it.

The same (source, id) again is a duplicate, whatever it says the second time; the answer tells where it says something
else. A correction names its original, which no longer counts from then on, whichever of the two comes first; it is
corrected once: who corrects again corrects the correction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.domain.commitment import CommitmentKind
from catalog_service.domain.measurement import (
    CorrectionNotPossible,
    Limits,
    Measured,
    MeasurementNotReadable,
    Reported,
    SourceReserved,
    TargetUnknown,
    measured,
    reject,
)
from catalog_service.domain.months import Month, months_of
from catalog_service.queries import attainment as queries
from catalog_service.schemas.measurements import MeasurementOutcome, MeasurementReport, Outcome
from catalog_service.tables import Measurement, Offering
from catalog_service.use_cases import measurement_bodies as bodies
from catalog_service.use_cases import measurement_targets as targets
from catalog_service.use_cases.attainment_policy import policy_in_force
from catalog_service.use_cases.attainment_timers import wake
from catalog_service.use_cases.measurement_targets import Target
from catalog_service.use_cases.ownership import require_ownership
from services.db.upsert import upsert
from services.errors import Fault, Refusal
from services.http.problems import describe
from services.identity import Principal, Role
from services.ids import uuid7

FIRST = datetime(1970, 1, 1, tzinfo=UTC)
RESERVED = "/itaas/"  # or else somebody could take the name of an order before demand measures it
CONTENT_DIFFERS = "content differs from what was kept under this id"
WAITS = "waits for its original"
NO_LONGER_COUNTS = "does not count: it is voided or replaced already"
_ROWS_AN_INSERT = 400
_SAID = (
    "original_source",
    "original_id",
    "service_id",
    "offering_id",
    "subscription_id",
    "business_unit_id",
    "commitment",
    "starts_at",
    "ends_at",
    "state",
    "up_seconds",
    "total_seconds",
    "value",
    "planned",
)


class Ref(NamedTuple):
    source: str
    id: str


@dataclass(slots=True)
class _Batch:
    """A request on its way: what each report says, and what became of it so far."""

    raws: Sequence[object]
    by: Principal | None
    now: datetime
    limits: Limits
    alone: bool = False
    outcomes: dict[int, MeasurementOutcome] = field(default_factory=dict)
    reports: dict[int, MeasurementReport] = field(default_factory=dict)
    rows: dict[Ref, dict[str, Any]] = field(default_factory=dict)  # of those that may be kept
    first: dict[Ref, int] = field(default_factory=dict)  # where each of them stands

    def say(self, index: int, outcome: Outcome, status: int, **more: Any) -> None:
        source, id_ = (bodies.named(self.raws[index], name) for name in ("source", "id"))
        self.outcomes[index] = MeasurementOutcome(
            index=index, source=source, id=id_, outcome=outcome, status=status, **more
        )

    def refuse(self, index: int, refusal: Refusal, *, within: bool = True) -> None:
        """`within`: the refusal's pointer is into the report, whatever that came in."""
        pointer = refusal.faults[0].pointer if refusal.faults else ""
        pointer = bodies.place(pointer, self.raws[index]) if within else pointer
        if self.alone:
            detail = bodies.readable(refusal.detail)
            raise type(refusal)(detail, faults=[Fault(pointer, detail)] if pointer else ())
        problem = describe(refusal)
        self.say(
            index,
            Outcome.REJECTED,
            problem["status"],
            reason=bodies.readable(problem["detail"]),
            refusal=problem["type"].rpartition(":")[2],
            pointer=pointer,
        )


async def ingest(
    session: AsyncSession, raws: Sequence[object], *, by: Principal | None, now: datetime, alone: bool = False
) -> list[MeasurementOutcome]:
    """Keep what is right and new; an answer for each, in their order. `by` None is another app of the suite.

    `alone` raises the refusal of the one report that there is, in place of an answer that tells of it.
    """
    policy = await policy_in_force(session)
    # What the suite itself tells is of the time that it tells it for, however late it is heard.
    oldest = FIRST if by is None else now - timedelta(days=policy.max_late_days)
    limits = Limits(oldest, now + timedelta(seconds=policy.max_ahead_seconds))
    batch = _Batch(raws, by, now, limits, alone)
    for index, raw in enumerate(raws):
        try:
            batch.reports[index] = bodies.report_of(raw)
        except Refusal as refusal:
            batch.refuse(index, refusal, within=False)
    present = await queries.measurements_by_ref(session, (_ref(each) for each in batch.reports.values()))
    originals = await _originals(session, batch)
    of_services = [row.service_id for row in originals.values() if row.service_id is not None]
    known = await targets.known(session, list(batch.reports.values()), of_services)
    taken = await queries.corrected(session, (named for each in batch.reports.values() if (named := _original(each))))
    twice: list[int] = []
    for index, report in batch.reports.items():
        ref = _ref(report)
        if ref in present or ref in batch.rows:
            twice.append(index)
            continue
        try:
            row = _row(batch, report, known, originals, taken)
        except Refusal as refusal:
            batch.refuse(index, refusal)
            continue
        batch.rows[ref], batch.first[ref] = row, index
        if (original := _original(report)) is not None:
            taken.add(original)
    await _insert(session, batch)
    await _answer(session, batch, twice, present, known, originals)
    await wake(session, _months(batch, originals), now=now, grace_days=policy.grace_days)
    return [batch.outcomes[index] for index in range(len(raws))]


async def _originals(session: AsyncSession, batch: _Batch) -> dict[tuple[str, str], Measurement]:
    return await queries.measurements_by_ref(
        session, (named for each in batch.reports.values() if (named := _original(each)) is not None)
    )


def _row(
    batch: _Batch,
    report: MeasurementReport,
    known: targets.Known,
    originals: dict[tuple[str, str], Measurement],
    taken: set[tuple[str, str]],
) -> dict[str, Any]:
    """What is kept of a report. Raises MeasurementRejected, NotYourService."""
    if batch.by is not None and report.source.startswith(RESERVED):
        raise reject(SourceReserved, "/source", f"sources below {RESERVED} are the suite's own; name yours")
    original = _original(report)
    if original is not None:
        _check_correction(batch, report, original, known, originals, taken)
    row: dict[str, Any] = dict.fromkeys(_SAID) | {"planned": False}
    if original is not None:
        row["original_source"], row["original_id"] = original
    if report.voids is not None:
        extra = report.model_fields_set - {"source", "id", "voids"}
        if extra:
            raise reject(MeasurementNotReadable, f"/{min(extra)}", "a void names its original and says nothing else")
        return row
    target = known.target(report)
    _check_owner(batch.by, known, target.service_id)
    said = measured(_reported(report), batch.limits)
    return row | _kept(target, said)


def _check_correction(
    batch: _Batch,
    report: MeasurementReport,
    original: Ref,
    known: targets.Known,
    originals: dict[tuple[str, str], Measurement],
    taken: set[tuple[str, str]],
) -> None:
    where = "/voids" if report.voids is not None else "/replaces"
    if report.voids is not None and report.replaces is not None:
        raise reject(MeasurementNotReadable, "/replaces", "a report voids or replaces, not both")
    if original == _ref(report):
        raise reject(CorrectionNotPossible, where, "the report names itself as its original")
    if original in taken:
        raise reject(CorrectionNotPossible, where, "the original is corrected already: correct its correction")
    before = originals.get(original)
    in_batch = batch.rows.get(original)
    commitment = before.commitment if before is not None else None if in_batch is None else in_batch["commitment"]
    if (before is not None or in_batch is not None) and commitment is None:
        raise reject(CorrectionNotPossible, where, "the original is a void, which is final: report anew")
    if before is not None and before.service_id is not None:
        _check_owner(batch.by, known, before.service_id)
    elif before is None and in_batch is None and not _measures_anything(batch.by):
        raise reject(TargetUnknown, where, "there is no such report")


def _measures_anything(by: Principal | None) -> bool:
    return by is None or by.has(Role.INTEGRATION)


def _check_owner(by: Principal | None, known: targets.Known, service_id: UUID) -> None:
    if by is not None and not _measures_anything(by):
        require_ownership(known.services[service_id], by)


def _kept(target: Target, said: Measured) -> dict[str, Any]:
    return {
        "service_id": target.service_id,
        "offering_id": target.offering_id,
        "subscription_id": target.subscription_id,
        "business_unit_id": target.business_unit_id,
        "commitment": said.commitment,
        "starts_at": said.span.start,
        "ends_at": said.span.end,
        "state": said.state,
        "up_seconds": said.up_seconds,
        "total_seconds": said.total_seconds,
        "value": said.value,
        "planned": said.planned,
    }


async def _insert(session: AsyncSession, batch: _Batch) -> None:
    """A row that another transaction was quicker with is left out here, and told as a duplicate by the caller."""
    columns: list[Any] = [Measurement.source, Measurement.event_id]
    kept: set[Ref] = set()
    for some in queries.parts(batch.rows.items(), _ROWS_AN_INSERT):
        values = [
            row | {"id": uuid7(), "source": ref.source, "event_id": ref.id, "received_at": batch.now}
            for ref, row in some
        ]
        insert = upsert(session, Measurement).values(values).on_conflict_do_nothing().returning(*columns)
        kept |= {Ref(*row) for row in await session.execute(insert)}
    batch.rows = {ref: row for ref, row in batch.rows.items() if ref in kept}


async def _answer(
    session: AsyncSession,
    batch: _Batch,
    twice: list[int],
    present: dict[tuple[str, str], Measurement],
    known: targets.Known,
    originals: dict[tuple[str, str], Measurement],
) -> None:
    gone = await queries.corrected(session, batch.rows)
    for ref, row in batch.rows.items():
        report = batch.reports[batch.first[ref]]
        original = _original(report)
        note = None
        if ref in gone:
            note = NO_LONGER_COUNTS
        elif original is not None and original not in originals and original not in batch.rows:
            note = WAITS
        elif row["commitment"] is not None and (promises := known.promises(row["offering_id"])) is not None:
            kind = row["commitment"].value
            note = None if kind in promises else f"kept, but not assessed: the offering promises no {kind}"
        batch.say(batch.first[ref], Outcome.ACCEPTED if original is None else Outcome.CORRECTED, status=201, note=note)
    outrun = [ref for ref in batch.first if ref not in batch.rows]
    present = present | await queries.measurements_by_ref(session, [*outrun, *batch.rows]) if twice or outrun else {}
    for index in [*twice, *(batch.first[ref] for ref in outrun)]:
        report = batch.reports[index]
        found = present.get(_ref(report))
        if found is None:  # not itself, but another correction of its original was quicker
            where = "/voids" if report.voids is not None else "/replaces"
            batch.refuse(index, reject(CorrectionNotPossible, where, "the original is corrected already"))
            continue
        try:
            said = _row(batch, report, known, originals, set())
            same = all(getattr(found, name) == said[name] for name in _SAID)
        except Refusal:
            same = False
        batch.say(index, Outcome.DUPLICATE, status=200, note=None if same else CONTENT_DIFFERS)


def _months(batch: _Batch, originals: dict[tuple[str, str], Measurement]) -> set[Month]:
    """The periods of what is new, and of what no longer counts."""
    months: set[Month] = set()
    for ref, row in batch.rows.items():
        if row["starts_at"] is not None:
            months.update(months_of(row["starts_at"], row["ends_at"]))
        original = originals.get(_original(batch.reports[batch.first[ref]]) or ref)
        if original is not None and original.starts_at is not None and original.ends_at is not None:
            months.update(months_of(original.starts_at, original.ends_at))
    return months


def _ref(report: MeasurementReport) -> Ref:
    return Ref(report.source, report.id)


def _original(report: MeasurementReport) -> Ref | None:
    named = report.voids or report.replaces
    return None if named is None else Ref(named.source, named.id)


def _reported(report: MeasurementReport) -> Reported:
    return Reported(
        commitment=report.commitment,
        at=report.at,
        starts_at=report.starts_at,
        ends_at=report.ends_at,
        state=report.state,
        up_seconds=report.up_seconds,
        total_seconds=report.total_seconds,
        value=report.value,
        unit=report.unit,
        planned=report.planned,
    )


async def measure_order(
    session: AsyncSession,
    *,
    source: str,
    order_id: UUID,
    offering_id: UUID,
    fulfilled_at: datetime,
    lead_time_days: Decimal,
    now: datetime,
) -> None:
    """Demand's own figure, as a measurement of the lead time that the offering promises, if it promises one."""
    offering = await session.get(Offering, offering_id)
    kind = CommitmentKind.LEAD_TIME.value
    if offering is None or all(each["kind"] != kind for each in offering.commitments):
        return
    report = {
        "source": source,
        "id": str(order_id),
        "offering_id": str(offering_id),
        "commitment": kind,
        "at": fulfilled_at,
        "value": lead_time_days,
        "unit": "days",
    }
    await ingest(session, [report], by=None, now=now, alone=True)
