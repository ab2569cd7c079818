"""Importing a catalogue, all or nothing: read, check and compare, write.

    file ──► entries on disk, their names in memory     (every fault of the text, with its line)
         ──► checked, compared: a plan on disk           (every fault of the content, with its line)
         ──► written in one transaction                  (not in a dry run, nor if there was a fault)

Until that transaction nothing of it is in the database, so that a process that dies leaves nothing behind: the job
begins anew. Progress counts each entry once a pass, and is durable with each portion; there the job can be cancelled.
"""

import asyncio
import tempfile
from itertools import islice
from typing import Any, BinaryIO, cast

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from catalog_service.documents import NotReadable
from catalog_service.use_cases.import_checks import Checks, Plan
from catalog_service.use_cases.import_names import Names
from catalog_service.use_cases.import_reading import Reading, read
from catalog_service.use_cases.import_rows import CatalogueChanged
from catalog_service.use_cases.import_rules import Actor
from catalog_service.use_cases.import_writes import Writes
from catalog_service.work import jobs
from services.clock import utc_now
from services.db.chassis_tables import Job
from services.errors import Fault, Invalid, TooLarge
from services.http import Upload
from services.identity import Principal, Role
from services.work import JobRun

MAX_IMPORT_BYTES = 256 << 20
JSON_TYPES = frozenset({"application/json"})
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
_READ_AT_ONCE = 1_000


class ImportEmpty(Invalid): ...


class ImportTooLarge(TooLarge): ...


class MediaTypeNotSupported(Invalid): ...


class EncodingNotSupported(Invalid): ...


class CatalogueNotValid(Invalid): ...


async def start_import(
    session: AsyncSession,
    upload: Upload,
    *,
    media_type: str,
    dry_run: bool,
    entities: bool | None,
    principal: Principal,
) -> Job:
    """Queue an import. Raises ImportEmpty, ImportTooLarge, MediaTypeNotSupported, EncodingNotSupported."""
    if not upload.size:
        raise ImportEmpty("the upload is empty", faults=[Fault("", "send a catalogue as the body")])
    if upload.size > MAX_IMPORT_BYTES:
        raise ImportTooLarge(f"a catalogue has at most {MAX_IMPORT_BYTES} bytes; send it in parts")
    if upload.encoding not in (None, "", "identity"):
        raise EncodingNotSupported(
            f"content encoding {upload.encoding[:40]!r} is not supported",
            faults=[Fault("Content-Encoding", "must be absent")],
        )
    plain_type = media_type.partition(";")[0].strip().lower()
    if plain_type not in JSON_TYPES | YAML_TYPES:
        raise MediaTypeNotSupported(
            f"{plain_type[:60]!r} is not a catalogue's media type",
            faults=[Fault("Content-Type", "must be application/yaml or application/json")],
        )
    payload = {
        "dry_run": dry_run,
        "json": plain_type in JSON_TYPES,
        "entities": entities,
        "person_id": principal.person_id,
        "admin": principal.has(Role.ADMIN),
    }
    return await jobs.start(session, "catalogue-import", payload=payload, input=upload)


@jobs.handler("catalogue-import")
async def import_catalogue(run: JobRun) -> dict[str, Any]:
    """The job: see the module's docstring. Raises CatalogueNotValid with every fault, CatalogueChanged."""
    if run.checkpoint is not None:  # it died between its last chunk and its end
        return cast(dict[str, Any], run.checkpoint["result"])
    reading = Reading()
    try:
        await _read(run, reading)
        names = Names(reading)
        checks = Checks(reading, names, Actor(run.payload["person_id"], run.payload["admin"]))
        try:
            await _check(run, reading, names, checks)
            return await _write(run, reading, names, checks.plan)
        finally:
            checks.plan.close()
    finally:
        reading.close()


async def _read(run: JobRun, reading: Reading) -> None:
    with tempfile.TemporaryFile() as file:
        async for block in run.input():
            await asyncio.to_thread(file.write, block)
        await asyncio.to_thread(file.flush)
        entries = read(cast(BinaryIO, file), reading, is_json=run.payload["json"], entities=run.payload["entities"])
        try:
            while numbers := await asyncio.to_thread(lambda: list(islice(entries, _READ_AT_ONCE))):
                async with run.chunk():
                    run.advance(done=numbers[-1])
        except NotReadable as error:
            reading.faults.add(error.line, "", error.message)
            _refuse(reading)


async def _check(run: JobRun, reading: Reading, names: Names, checks: Checks) -> None:
    passes = 2 if run.payload["dry_run"] else 3
    total = reading.count * passes
    async with run.reading() as session:
        await names.place_entries(session)
        async for done in checks.run(session):
            if done % _READ_AT_ONCE < 200 or done == reading.count:
                async with run.chunk():
                    run.advance(done=reading.count + done, total=total)
    _refuse(reading)


def _refuse(reading: Reading) -> None:
    count = reading.faults.count
    if count:
        what = "1 fault" if count == 1 else f"{count} faults"
        raise CatalogueNotValid(f"the file has {what}; nothing of it was imported", faults=reading.faults.shown())


async def _write(run: JobRun, reading: Reading, names: Names, plan: Plan) -> dict[str, Any]:
    result = _result(run, reading, plan)
    if run.payload["dry_run"]:
        return result
    try:
        async with run.chunk() as session:
            if plan.total("created") + plan.total("updated"):
                await Writes(session, plan, names, now=utc_now()).run()
            run.advance(done=3 * reading.count, total=3 * reading.count, checkpoint={"result": result})
    except IntegrityError as error:
        raise CatalogueChanged("something that the file refers to was deleted while it was checked") from error
    return result


def _result(run: JobRun, reading: Reading, plan: Plan) -> dict[str, Any]:
    changes = plan.total("created") + plan.total("updated")
    return {
        "dry_run": run.payload["dry_run"],
        "created": plan.total("created"),
        "updated": plan.total("updated"),
        "unchanged": plan.total("unchanged"),
        "counts": {section: counts for section, counts in plan.counts.items() if any(counts.values())},
        "skipped": reading.skipped,
        "diff": plan.diff,
        "more": changes - len(plan.diff),
    }
