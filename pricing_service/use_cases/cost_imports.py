"""Importing a FOCUS file: streamed, in chunks with a checkpoint, invisible until the last of them.

The upload is copied to a temporary file, unpacked on the way through, hashed once, then parsed in batches on a
thread. Rows belong to the import from the first chunk on, but count only through snapshots, which the last
chunk writes: one per billing period of the file, each of which supersedes the source's earlier one.
"""

import asyncio
import gzip
import hashlib
import io
import os
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, cast
from uuid import UUID

from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from pricing_service.domain.focus import CostBasis, CostRow, EmptyLines, FocusReader, Item, RowFault, bounded_lines
from pricing_service.tables import CostImport, CostImportFault, CostSnapshot
from pricing_service.tables import CostRow as CostRowTable
from pricing_service.work import jobs
from services.clock import utc_now
from services.db import exact_sum, touch
from services.db.chassis_tables import Job
from services.db.database import is_outage
from services.errors import Fault, Invalid, Refusal, TooLarge, Unavailable
from services.http import Upload, plain
from services.ids import uuid7
from services.money import exact_total
from services.work import JobRun
from services.work.jobs import QUEUED, JobCancelled
from services.work.jobs import RUNNING as AT_WORK

BATCH_ROWS = 2_000
BATCH_CHARACTERS = 4 << 20
MAX_UNPACKED_TIMES, MAX_UNPACKED_MORE = 200, 64 << 20
KEPT_FAULTS = 1_000
_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
# Of the table, not of the entity: the ORM would group rows by which of their columns are null, into small statements.
_INSERT_ROWS = insert(cast(Table, CostRowTable.__table__))

RUNNING, READY, FAILED = "running", "ready", "failed"


class UploadEmpty(Invalid): ...


class EncodingNotSupported(Invalid): ...


class GzipUnreadable(Invalid): ...


class UnpackedTooLarge(TooLarge): ...


class NoReadableRows(Invalid): ...


async def start_import(session: AsyncSession, upload: Upload, *, source: str, cost_basis: CostBasis) -> Job:
    """Queue the import of an upload. Raises UploadEmpty or EncodingNotSupported."""
    if not upload.size:
        raise UploadEmpty("the upload is empty", faults=[Fault("", "send a FOCUS CSV as the body")])
    if upload.encoding not in (None, "", "identity", "gzip"):
        raise EncodingNotSupported(
            f"content encoding {upload.encoding[:40]!r} is not supported",
            faults=[Fault("Content-Encoding", "must be gzip or absent")],
        )
    payload = {"source": source, "cost_basis": cost_basis.value}
    return await jobs.start(session, "cost-import", payload=payload, input=upload)


@jobs.handler("cost-import")
async def import_costs(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring."""
    if run.checkpoint is not None and run.checkpoint.get("finished"):  # it died between its last chunk and its end
        return await _result(run, UUID(run.checkpoint["import_id"]), unchanged=False)
    source, basis = run.payload["source"], CostBasis(run.payload["cost_basis"])
    with tempfile.TemporaryFile() as upload:
        async for block in run.input():
            await asyncio.to_thread(upload.write, block)
        plain_file, limit = await asyncio.to_thread(_unpacked, cast(BinaryIO, upload))
        sha256, lines = await asyncio.to_thread(_hashed, plain_file, limit)
        if run.checkpoint is None:
            await _clear_up(run, source)
        if run.checkpoint is None and (earlier := await _same_in_force(run, source, basis, sha256)) is not None:
            return await _result(run, earlier, unchanged=True)
        text = io.TextIOWrapper(plain_file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        reader = FocusReader(bounded_lines(text), basis)
        import_id = await _begun(run, source, basis, sha256)
        try:
            rejected = await _store(run, import_id, reader, lines)
            await _put_in_force(run, import_id, source, rejected, lines)
        except (Refusal, JobCancelled) as error:
            if not is_outage(error):
                await _abandon(run, import_id)
            raise
    return await _result(run, import_id, unchanged=False)


def _unpacked(upload: BinaryIO) -> tuple[BinaryIO, int]:
    """The plain text, and how many bytes of it are believed: columns of costs compress well, but not without end."""
    size = upload.seek(0, os.SEEK_END)
    upload.seek(0)
    magic = upload.read(2)
    upload.seek(0)
    if magic != _GZIP_MAGIC:
        return upload, size
    return cast(BinaryIO, gzip.GzipFile(fileobj=upload, mode="rb")), size * MAX_UNPACKED_TIMES + MAX_UNPACKED_MORE


def _hashed(file: BinaryIO, limit: int) -> tuple[str, int]:
    """SHA-256 and number of lines of the plain text; reads it to its end, so that a broken gzip shows here."""
    digest, lines, size = hashlib.sha256(), 0, 0
    try:
        while block := file.read(_BLOCK):
            size += len(block)
            if size > limit:
                raise UnpackedTooLarge(
                    f"the gzip file unpacks to more than {limit} bytes, "
                    f"which is {MAX_UNPACKED_TIMES} times its size and {MAX_UNPACKED_MORE >> 20} MiB"
                )
            digest.update(block)
            lines += block.count(b"\n")
    except (OSError, EOFError, zlib.error) as error:
        raise GzipUnreadable(f"the gzip file cannot be unpacked: {error}") from error
    file.seek(0)
    return digest.hexdigest(), lines


async def _same_in_force(run: JobRun, source: str, basis: CostBasis, sha256: str) -> UUID | None:
    """The import of the same content, if all that it said still counts."""
    async with run.reading() as session:
        superseded = select(CostSnapshot.import_id).where(CostSnapshot.superseded_by.is_not(None))
        found: UUID | None = await session.scalar(
            select(CostImport.id)
            .where(
                CostImport.source == source,
                CostImport.content_sha256 == sha256,
                CostImport.cost_basis == basis,
                CostImport.state == READY,
                CostImport.id.not_in(superseded),
            )
            .order_by(CostImport.id.desc())
            .limit(1)
        )
        return found


async def _begun(run: JobRun, source: str, basis: CostBasis, sha256: str) -> UUID:
    if run.checkpoint is not None:
        return UUID(run.checkpoint["import_id"])
    import_id = uuid7()
    async with run.chunk() as session:
        session.add(
            CostImport(
                id=import_id,
                version=1,
                source=source,
                cost_basis=basis,
                content_sha256=sha256,
                state=RUNNING,
                rows=0,
                rejected_count=0,
                billed_cost=exact_total([]),
                effective_cost=exact_total([]),
                periods=[],
            )
        )
        run.advance(done=0, checkpoint={"import_id": str(import_id), "records": 0, "rejected": 0})
    return import_id


@dataclass(frozen=True, slots=True)
class _Batch:
    records: int
    line: int
    rows: list[dict[str, Any]]
    faults: list[RowFault]


async def _store(run: JobRun, import_id: UUID, reader: FocusReader, lines: int) -> int:
    """Store what is left of the file after the checkpoint, batch by batch; returns the number of rejected rows."""
    assert run.checkpoint is not None
    done, rejected = run.checkpoint["records"], run.checkpoint["rejected"]
    basis = CostBasis(run.payload["cost_basis"])
    items = iter(reader)
    await asyncio.to_thread(_skip, items, done)
    while (batch := await asyncio.to_thread(_next_batch, reader, items, import_id, basis)).records:
        kept = batch.faults[: max(KEPT_FAULTS - rejected, 0)]
        async with run.chunk() as session:
            if batch.rows:
                await session.execute(_INSERT_ROWS, batch.rows)
            if kept:
                faults = [
                    {"import_id": import_id, "number": number, "line": fault.line, "reason": fault.reason[:500]}
                    for number, fault in enumerate(kept, rejected)
                ]
                await session.execute(insert(CostImportFault), faults)
            done, rejected = done + batch.records, rejected + len(batch.faults)
            checkpoint = {"import_id": str(import_id), "records": done, "rejected": rejected}
            run.advance(done=batch.line - 1, total=max(lines, batch.line) - 1, checkpoint=checkpoint)
    return int(rejected)


def _skip(records: Iterator[object], count: int) -> None:
    for _ in islice(records, count):
        pass


def _next_batch(reader: FocusReader, items: Iterator[Item], import_id: UUID, basis: CostBasis) -> _Batch:
    """What the next chunk stores: so many rows, or fewer where they are long or far apart."""
    rows: list[dict[str, Any]] = []
    faults: list[RowFault] = []
    records, line, enough = 0, 1, reader.characters + BATCH_CHARACTERS
    for item in islice(items, BATCH_ROWS):
        records += 1
        if isinstance(item, EmptyLines):
            line = item.line
        elif isinstance(item, RowFault):
            line = item.line
            faults.append(item)
        else:
            line = item[0]
            rows.append(_columns(import_id, basis, *item))
        if reader.characters >= enough:
            break
    return _Batch(records, line, rows, faults)


def _columns(import_id: UUID, basis: CostBasis, line: int, row: CostRow) -> dict[str, Any]:
    same = {name: getattr(row, name) for name in CostRow.__slots__}
    month = row.billing_period
    return same | {
        "import_id": import_id,
        "line": line,
        "billing_month": month,
        "period": month,
        "cost": row.cost(basis),
    }


async def _put_in_force(run: JobRun, import_id: UUID, source: str, rejected: int, lines: int) -> None:
    """The last chunk: the import's snapshots appear, and what they replace goes, in one transaction."""
    async with run.chunk() as session:
        if not await run.claim(session, f"cost-source:{source}"):
            raise Unavailable(f"another import of {source} is just ending")
        rows, costs, billed, effective = (
            func.count(),
            *(
                exact_sum(column)
                for column in (CostRowTable.cost, CostRowTable.billed_cost, CostRowTable.effective_cost)
            ),
        )
        of_import = CostRowTable.import_id == import_id
        columns = (CostRowTable.period, func.min(CostRowTable.currency), rows, costs, billed, effective)
        query = select(*columns).where(of_import).group_by(CostRowTable.period).order_by(CostRowTable.period)
        groups = (await session.execute(query)).all()
        if not groups:
            faults = await session.scalars(
                select(CostImportFault).where(CostImportFault.import_id == import_id).limit(20)
            )
            raise NoReadableRows(
                f"the file holds no row that can be read; {rejected} were rejected",
                faults=[Fault(f"line {fault.line}", fault.reason) for fault in faults],
            )
        for period, currency, count, cost, _, _ in groups:
            await _supersede(session, import_id, source, period, currency, count, cost)
        stored = await session.get_one(CostImport, import_id)
        stored.state = READY
        stored.currency = groups[0][1]
        stored.rows = sum(group[2] for group in groups)
        stored.rejected_count = rejected
        stored.billed_cost = exact_total([group[4] for group in groups])
        stored.effective_cost = exact_total([group[5] for group in groups])
        stored.periods = [group[0] for group in groups]
        touch(stored)
        done = max(lines - 1, stored.rows + rejected)
        run.advance(done=done, total=done, checkpoint={"import_id": str(import_id), "finished": True})


async def _supersede(
    session: AsyncSession, import_id: UUID, source: str, period: str, currency: str, rows: int, cost: Any
) -> None:
    same = (CostSnapshot.source == source, CostSnapshot.period == period)
    last = await session.scalar(select(func.max(CostSnapshot.number)).where(*same)) or 0
    await session.execute(
        update(CostSnapshot).where(*same, CostSnapshot.superseded_by.is_(None)).values(superseded_by=import_id)
    )
    session.add(
        CostSnapshot(
            import_id=import_id,
            period=period,
            source=source,
            number=last + 1,
            rows=rows,
            cost=cost,
            currency=currency,
            taken_at=utc_now(),
        )
    )


async def _abandon(run: JobRun, import_id: UUID) -> None:
    """Nothing of a failed or cancelled import stays but its faults."""
    async with run.chunk(clearing_up=True) as session:
        await _fail(session, import_id, rejected=(run.checkpoint or {}).get("rejected", 0))


async def _fail(session: AsyncSession, import_id: UUID, *, rejected: int) -> None:
    await session.execute(delete(CostRowTable).where(CostRowTable.import_id == import_id))
    stored = await session.get_one(CostImport, import_id)
    stored.state = FAILED
    stored.rejected_count = rejected
    touch(stored)


async def left_behind(session: AsyncSession, imports: Sequence[CostImport]) -> set[UUID]:
    """Those of `imports` that are running, but that no job works on: it failed before it could take them back."""
    running = {stored.id for stored in imports if stored.state == RUNNING}
    if not running:
        return running
    at_work = select(Job.checkpoint).where(Job.kind == "cost-import", Job.state.in_([QUEUED, AT_WORK]))
    checkpoints = await session.scalars(at_work)
    return running - {UUID(checkpoint["import_id"]) for checkpoint in checkpoints if checkpoint is not None}


async def _clear_up(run: JobRun, source: str) -> None:
    """Take back what failed imports of the source have left behind; theirs was a job that could not."""
    of_source = select(CostImport).where(CostImport.source == source, CostImport.state == RUNNING)
    async with run.reading() as session:
        if not await left_behind(session, list(await session.scalars(of_source))):
            return
    async with run.chunk() as session:
        if not await run.claim(session, f"cost-source:{source}"):
            return  # another import of the source is at it, or just ending; there will be a next one
        # Locked, so that an import which is just being abandoned keeps its job until its job has been looked at.
        for import_id in await left_behind(session, list(await session.scalars(of_source.with_for_update()))):
            checkpoint = await session.scalar(
                select(Job.checkpoint).where(
                    Job.kind == "cost-import", Job.checkpoint["import_id"].as_string() == str(import_id)
                )
            )
            await _fail(session, import_id, rejected=(checkpoint or {}).get("rejected", 0))


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
    }


async def faults_of(session: AsyncSession, import_id: UUID) -> list[CostImportFault]:
    query = select(CostImportFault).where(CostImportFault.import_id == import_id).order_by(CostImportFault.number)
    return list(await session.scalars(query))
