"""Importing a file of costs: streamed, in chunks with a checkpoint, invisible until the last of them.

The upload is copied to a temporary file, unpacked on the way through, hashed once, then parsed in batches on a
thread. Rows belong to the import from the first chunk on, but count only through snapshots, which the last chunk
writes: one per billing month and fiscal period of the file, each of which supersedes the source's earlier one. For
a closed period there is none; what differs is booked after it (`cost_restatements`).
"""

import asyncio
import io
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service import queries
from pricing_service.domain.calendar import FiscalCalendar
from pricing_service.domain.cost_rows import CostBasis, CostRow, EmptyLines, Origin, RowFault
from pricing_service.domain.cost_terms import SourceKind, SourceTerms, agree_on_basis
from pricing_service.domain.csv_rows import Item, RowReader, bounded_lines
from pricing_service.domain.focus import FocusReader
from pricing_service.domain.ledger import LedgerMapping, LedgerReader
from pricing_service.tables import CostDelivery, CostImport, CostImportFault, CostSource
from pricing_service.tables import CostRow as CostRowTable
from pricing_service.use_cases import cost_import_leftovers, cost_restatements, cost_sources, cost_uploads
from pricing_service.use_cases.cost_import_leftovers import READY, RUNNING
from pricing_service.use_cases.cost_restatements import Slot
from pricing_service.use_cases.periods import share_books
from pricing_service.work import jobs
from services.db import touch
from services.db.bulk import insert_many
from services.db.chassis_tables import Job
from services.db.database import is_outage
from services.db.upsert import upsert
from services.errors import Conflict, Fault, Invalid, Refusal, Unavailable
from services.http import Upload, plain
from services.ids import uuid7
from services.money import exact_total
from services.work import JobRun
from services.work.jobs import JobCancelled

BATCH_ROWS = 2_000
BATCH_CHARACTERS = 4 << 20
MAX_UNPACKED_MORE = 64 << 20
KEPT_FAULTS = 1_000
ROWS = cast(Table, CostRowTable.__table__)
_COLUMNS = (
    *("import_id", "line", "origin", "cleared_by"),
    *(name.removesuffix("_json") for name in CostRow._fields),
)


class NoReadableRows(Invalid): ...


class SourceNotDeclared(Conflict): ...


class WrongKindOfSource(Conflict): ...


async def start_import(session: AsyncSession, upload: Upload, *, source: str, cost_basis: CostBasis | None) -> Job:
    """Queue the import of a FOCUS file.

    Raises UploadEmpty, EncodingNotSupported, WrongKindOfSource, or CostBasisContradicts where the source is declared
    with another basis, or is not and none is given.
    """
    cost_uploads.check(upload, "send a FOCUS CSV as the body")
    declared = await cost_sources.source_named(session, source)
    if declared is not None and declared.kind != SourceKind.FOCUS:
        raise WrongKindOfSource(f"{source} is a ledger", faults=[Fault("source", "send it to /v1/ledger-imports")])
    terms: dict[str, Any] = {}
    if declared is not None and declared.declared:
        basis = agree_on_basis(CostBasis(declared.cost_basis), cost_basis)
        terms = cost_sources.terms_of(declared)
    else:
        basis = agree_on_basis(None, cost_basis)
    payload = {"source": source, "kind": SourceKind.FOCUS, "cost_basis": basis.value, "terms": terms, "mapping": {}}
    return await jobs.start(session, "cost-import", payload=payload, input=upload)


async def start_ledger_import(session: AsyncSession, upload: Upload, *, source: str) -> Job:
    """Queue the import of a ledger. Raises UploadEmpty, EncodingNotSupported, SourceNotDeclared, WrongKindOfSource."""
    cost_uploads.check(upload, "send the ledger's CSV as the body")
    declared: CostSource | None = await cost_sources.source_named(session, source)
    if declared is None:
        raise SourceNotDeclared(
            f"nobody has said how to read {source}",
            faults=[Fault("source", f"declare it with its mapping: PUT /v1/cost-sources/{source}")],
        )
    if declared.kind != SourceKind.LEDGER:
        raise WrongKindOfSource(f"{source} is no ledger", faults=[Fault("source", "send it to /v1/cost-imports")])
    payload = {
        "source": source,
        "kind": SourceKind.LEDGER,
        "cost_basis": declared.cost_basis,
        "terms": cost_sources.terms_of(declared),
        "mapping": declared.mapping,
    }
    return await jobs.start(session, "cost-import", payload=payload, input=upload)


@jobs.handler("cost-import")
async def import_costs(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring."""
    if run.checkpoint is not None and run.checkpoint.get("finished"):  # it died between its last chunk and its end
        return await _result(run, UUID(run.checkpoint["import_id"]), unchanged=False)
    source = run.payload["source"]
    with tempfile.TemporaryFile() as upload:
        async for block in run.input():
            await asyncio.to_thread(upload.write, block)
        unpacked = await asyncio.to_thread(cost_uploads.unpacked, cast(BinaryIO, upload), MAX_UNPACKED_MORE)
        sha256, lines = await asyncio.to_thread(cost_uploads.hashed, unpacked)
        if run.checkpoint is None:
            await cost_import_leftovers.clear_up(run, source)
        if run.checkpoint is None and (earlier := await _same_in_force(run, sha256)) is not None:
            return await _result(run, earlier, unchanged=True)
        async with run.reading() as session:
            calendar = await queries.fiscal_calendar(session)
            details = await cost_sources.detailed(session)
        reader = _reader(run.payload, unpacked.file, calendar)
        import_id = await _begun(run, sha256)
        try:
            rejected = await _store(run, import_id, reader, lines, details)
            await _put_in_force(run, import_id, source, rejected, lines)
        except (Refusal, JobCancelled) as error:
            if not is_outage(error):
                await cost_import_leftovers.abandon(run, import_id)
            raise
    return await _result(run, import_id, unchanged=False)


def _reader(payload: dict[str, Any], file: BinaryIO, calendar: FiscalCalendar) -> RowReader:
    mapping = payload.get("mapping") or {}
    text = io.TextIOWrapper(file, encoding=mapping.get("encoding") or "utf-8-sig", errors="surrogateescape", newline="")
    terms = SourceTerms.of({**(payload.get("terms") or {}), "cost_basis": payload["cost_basis"]})
    if payload.get("kind") == SourceKind.LEDGER:
        return LedgerReader(bounded_lines(text), terms, LedgerMapping.of(mapping), calendar)
    return FocusReader(bounded_lines(text), terms, calendar)


def _terms(payload: dict[str, Any]) -> dict[str, Any]:
    """What decides, beside a file's content, what its rows say."""
    return {"terms": payload.get("terms") or {}, "mapping": payload.get("mapping") or {}}


async def _same_in_force(run: JobRun, sha256: str) -> UUID | None:
    """The import of the same content on the same terms, if it still has the last word on all that it said."""
    async with run.reading() as session:
        same = select(CostImport).where(
            CostImport.source == run.payload["source"],
            CostImport.content_sha256 == sha256,
            CostImport.cost_basis == run.payload["cost_basis"],
            CostImport.state == READY,
        )
        through = await queries.closed_through(session) or ""
        for stored in await session.scalars(same.order_by(CostImport.id.desc()).limit(20)):
            if stored.terms and stored.terms != _terms(run.payload):
                continue
            if any(each["period"] > through for each in stored.booked):
                continue  # what it had to book elsewhere can now stand in the period itself
            last_word = select(CostDelivery.billing_month).where(CostDelivery.import_id == stored.id)
            if set(await session.scalars(last_word)) == set(stored.periods):
                return stored.id
    return None


async def _begun(run: JobRun, sha256: str) -> UUID:
    if run.checkpoint is not None:
        return UUID(run.checkpoint["import_id"])
    import_id = uuid7()
    async with run.chunk() as session:
        session.add(
            CostImport(
                id=import_id,
                version=1,
                source=run.payload["source"],
                kind=run.payload.get("kind", SourceKind.FOCUS),
                cost_basis=run.payload["cost_basis"],
                terms=_terms(run.payload),
                content_sha256=sha256,
                state=RUNNING,
                rows=0,
                rejected_count=0,
                billed_cost=exact_total([]),
                effective_cost=exact_total([]),
                periods=[],
                booked=[],
            )
        )
        run.advance(done=0, checkpoint={"import_id": str(import_id), "records": 0, "rejected": 0})
    return import_id


@dataclass(slots=True)
class _Sums:
    """Of the rows of one billing month and fiscal period. Ledger rows that a source details are in `rows` alone."""

    rows: int = 0
    cost: list[Decimal] = field(default_factory=list)
    billed: list[Decimal] = field(default_factory=list)
    effective: list[Decimal] = field(default_factory=list)

    def noted(self, before: Sequence[Any]) -> list[Any]:
        """Together with what the checkpoint already has of it."""
        rows, *sums = before
        added = (self.cost, self.billed, self.effective)
        totals = [plain(exact_total([Decimal(one), *more])) for one, more in zip(sums, added, strict=True)]
        return [rows + self.rows, *totals]


@dataclass(frozen=True, slots=True)
class _Batch:
    records: int
    line: int
    rows: list[tuple[Any, ...]]
    faults: list[RowFault]
    sums: dict[str, _Sums]


async def _store(run: JobRun, import_id: UUID, reader: RowReader, lines: int, details: dict[str, str]) -> int:
    """Store what is left of the file after the checkpoint, batch by batch; returns the number of rejected rows."""
    assert run.checkpoint is not None
    done, rejected = run.checkpoint["records"], run.checkpoint["rejected"]
    sums: dict[str, list[Any]] = dict(run.checkpoint.get("sums", {}))
    is_ledger = run.payload.get("kind") == SourceKind.LEDGER
    items = iter(reader)
    await asyncio.to_thread(_skip, items, done)
    while (batch := await asyncio.to_thread(_next_batch, reader, items, import_id, details, is_ledger)).records:
        kept = batch.faults[: max(KEPT_FAULTS - rejected, 0)]
        for slot, added in batch.sums.items():
            sums[slot] = added.noted(sums.get(slot, [0, "0", "0", "0"]))
        async with run.chunk() as session:
            await insert_many(session, ROWS, _COLUMNS, batch.rows)
            if kept:
                faults = [
                    {"import_id": import_id, "number": number, "line": fault.line, "reason": fault.reason[:500]}
                    for number, fault in enumerate(kept, rejected)
                ]
                await session.execute(insert(CostImportFault), faults)
            done, rejected = done + batch.records, rejected + len(batch.faults)
            checkpoint = {
                "import_id": str(import_id),
                "records": done,
                "rejected": rejected,
                "sums": sums,
                "currency": reader.currency,
            }
            run.advance(done=batch.line - 1, total=max(lines, batch.line) - 1, checkpoint=checkpoint)
    return int(rejected)


def _skip(records: Iterator[object], count: int) -> None:
    for _ in islice(records, count):
        pass


def _next_batch(
    reader: RowReader, items: Iterator[Item], import_id: UUID, details: dict[str, str], is_ledger: bool
) -> _Batch:
    """What the next chunk stores: so many rows, or fewer where they are long or far apart."""
    rows: list[tuple[Any, ...]] = []
    faults: list[RowFault] = []
    sums: dict[tuple[str, str], _Sums] = {}
    records, line, enough = 0, 1, reader.characters + BATCH_CHARACTERS
    origin = Origin.LEDGER.value if is_ledger else Origin.FOCUS.value
    for item in islice(items, BATCH_ROWS):
        records += 1
        if isinstance(item, EmptyLines):
            line = item.line
        elif isinstance(item, RowFault):
            line = item.line
            faults.append(item)
        else:
            line, row = item
            cleared_by = details.get(row.account or "") if is_ledger else None
            rows.append((import_id, line, origin, cleared_by, *row))
            of_slot = sums.get(row[:2])
            if of_slot is None:
                of_slot = sums[row[:2]] = _Sums()
            of_slot.rows += 1
            if cleared_by is None:
                of_slot.cost.append(row.cost)
            of_slot.billed.append(row.billed_cost)
            of_slot.effective.append(row.effective_cost)
        if reader.characters >= enough:
            break
    return _Batch(records, line, rows, faults, {" ".join(slot): each for slot, each in sums.items()})


class _Moved(Exception):
    """While corrections were staged, something else came to count: they have to be computed again."""


async def _put_in_force(run: JobRun, import_id: UUID, source: str, rejected: int, lines: int) -> None:
    """Corrections of closed periods are staged first; then the import counts, in one transaction."""
    while True:
        try:
            await _try_to_put_in_force(run, import_id, source, rejected, lines)
            return
        except _Moved:
            continue


async def _try_to_put_in_force(run: JobRun, import_id: UUID, source: str, rejected: int, lines: int) -> None:
    assert run.checkpoint is not None
    sums: dict[str, list[Any]] = run.checkpoint.get("sums", {})
    currency = run.checkpoint.get("currency")
    if not sums or currency is None:
        async with run.reading() as session:
            faults = (await faults_of(session, import_id))[:20]
        raise NoReadableRows(
            f"the file holds no row that can be read; {rejected} were rejected",
            faults=[Fault(f"line {fault.line}", fault.reason) for fault in faults],
        )
    slots = {Slot(import_id, month, period): sums[f"{period} {month}"] for period, month in map(str.split, sums)}
    if run.checkpoint.get("staged"):
        async with run.chunk() as session:
            await cost_import_leftovers.delete_rows(session, run.checkpoint["staged"])
            run.advance(checkpoint={name: value for name, value in run.checkpoint.items() if name != "staged"})
    async with run.reading() as session:
        calendar = await queries.fiscal_calendar(session)
        plan = await cost_restatements.plan(session, source, list(slots), currency, calendar)
    staged = await cost_restatements.stage(run, plan, calendar)
    async with run.chunk() as session:
        if not await run.claim(session, f"cost-source:{source}"):
            raise Unavailable(f"another import of {source} is just ending")
        await share_books(session)
        if plan != await cost_restatements.plan(session, source, list(slots), currency, calendar):
            raise _Moved
        await cost_restatements.supersede(session, plan.superseded, import_id)
        for slot in plan.counting:
            rows, cost, *_ = slots[slot]
            await cost_restatements.take_snapshot(
                session, slot, source=source, rows=rows, cost=Decimal(cost), currency=currency
            )
        for one in staged:
            booked = Slot(one.correction_id, one.booking.billing_month, one.booking.into)
            await cost_restatements.take_snapshot(
                session,
                booked,
                source=source,
                rows=one.rows,
                cost=one.cost,
                currency=one.booking.currency,
                corrects=one.booking.corrects,
            )
        stored = await session.get_one(CostImport, import_id)
        stored.state = READY
        stored.currency = currency
        stored.rows = sum(each[0] for each in slots.values())
        stored.rejected_count = rejected
        stored.billed_cost = exact_total([Decimal(each[2]) for each in slots.values()])
        stored.effective_cost = exact_total([Decimal(each[3]) for each in slots.values()])
        stored.periods = sorted({slot.billing_month for slot in slots})
        stored.booked = [one.shown() for one in staged]
        touch(stored)
        await _have_the_last_word(session, stored)
        await cost_sources.follow_import(session, stored)
        done = max(lines - 1, stored.rows + rejected)
        run.advance(done=done, total=done, checkpoint={"import_id": str(import_id), "finished": True})


async def _have_the_last_word(session: AsyncSession, stored: CostImport) -> None:
    said = [{"source": stored.source, "billing_month": month, "import_id": stored.id} for month in stored.periods]
    statement = upsert(session, CostDelivery).values(said)
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["source", "billing_month"], set_={"import_id": statement.excluded.import_id}
        )
    )


async def _result(run: JobRun, import_id: UUID, *, unchanged: bool) -> dict[str, Any]:
    async with run.reading() as session:
        stored = await session.get_one(CostImport, import_id)
        faults = await faults_of(session, import_id)
    return {
        "import_id": str(import_id),
        "source": stored.source,
        "cost_basis": stored.cost_basis,
        "unchanged": unchanged,
        "rows": stored.rows,
        "rejected": [{"line": fault.line, "reason": fault.reason} for fault in faults],
        "rejected_count": stored.rejected_count,
        "billed_cost": plain(stored.billed_cost),
        "effective_cost": plain(stored.effective_cost),
        "currency": stored.currency,
        "periods": stored.periods,
        "booked": stored.booked,
    }


async def faults_of(session: AsyncSession, import_id: UUID) -> list[CostImportFault]:
    query = select(CostImportFault).where(CostImportFault.import_id == import_id).order_by(CostImportFault.number)
    return list(await session.scalars(query))
