"""Importing a catalogue of many offerings: from the upload to rows that count, beside reading and inserting alone.

The reference loads the same YAML with PyYAML's safe loader (libyaml) and inserts one row of JSON for each offering
into SQLite. Each size runs in a process of its own, so that its peak is its own: `grown_mib` is the peak resident
memory above that of the running app before the import. `export_s` and `export_mib` are of the export afterwards.
"""

import asyncio
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import yaml

from catalog_service.app import definition
from catalog_service.documents import YamlWriter
from services import logs
from services.testing import ServiceHarness
from tests.catalog_service.samples import OFFERING

SIZES = (2_000, 10_000)
OFFERINGS_EACH = 5
YAML = {"Content-Type": "application/yaml"}


def run(*, largest: int = SIZES[-1]) -> list[dict[str, Any]]:
    rows = []
    for size in (size for size in SIZES if size <= largest):
        made = subprocess.run([sys.executable, "-m", __name__, str(size)], capture_output=True, text=True, check=False)
        if made.returncode:
            raise RuntimeError(made.stderr)
        rows.append(json.loads(made.stdout.splitlines()[-1]))
    return rows


def document(offerings: int) -> Iterator[str]:
    """Piece by piece, so that the bench itself holds none of it."""
    writer = YamlWriter()
    yield writer.begin({"itaas_catalogue": 1})
    yield writer.begin_section("services")
    for number in range(offerings // OFFERINGS_EACH):
        service = {"key": f"service-{number}", "name": f"Service {number}", "unit_of_measure": "piece"}
        yield writer.entry(service | {"description": "What it does, for whom, and since when. " * 5})
        yield writer.begin_inner("offerings")
        for each in range(OFFERINGS_EACH):
            names = [{"system": "bench", "id": f"offering-{number}-{each}"}]
            yield writer.inner(OFFERING | {"name": f"Offering {number}.{each}", "external_ids": names})
        yield writer.end_inner()
        yield writer.end_entry()
    yield writer.end_section()
    yield writer.end()


async def _blocks(file: Path) -> AsyncIterator[bytes]:
    with file.open("rb") as content:
        while block := content.read(1 << 16):
            yield block


async def measured(folder: Path, offerings: int) -> dict[str, Any]:
    file = folder / "catalogue.yaml"
    with file.open("w", encoding="utf-8") as text:
        text.writelines(document(offerings))
    async with ServiceHarness(definition, folder) as service, service.client(["admin"]) as client:
        await client.get("/v1/export")
        before, peak = _cpu_seconds(), _peak_mib()
        begun = time.monotonic()
        answer = await client.post("/v1/imports", content=_blocks(file), headers=YAML)
        job = await service.finished_job(answer.json()["id"], seconds=900)
        ours, took, grown = _cpu_seconds() - before, time.monotonic() - begun, _peak_mib() - peak
        assert job.state == "succeeded", job.problem
        assert job.result is not None
        assert job.result["counts"]["offerings"]["created"] == offerings
        peak, before = _peak_mib(), _cpu_seconds()
        size = 0
        async with client.stream("GET", "/v1/export") as export:
            async for block in export.aiter_bytes():
                size += len(block)
        export_s, export_mib = _cpu_seconds() - before, _peak_mib() - peak
    reference = _reference(file, folder / "reference.db")
    return {
        "bench": "catalogue import, SQLite",
        "rows": offerings,
        "cpu_s": ours,
        "rows_per_cpu_s": offerings / ours,
        "reference": "yaml.load and one insert each",
        "reference_cpu_s": reference,
        "ratio": reference / ours,
        "seconds": took,
        "grown_mib": grown,
        "file_mib": file.stat().st_size / 2**20,
        "export_cpu_s": export_s,
        "export_grown_mib": export_mib,
    }


def _reference(file: Path, database: Path) -> float:
    begun = time.process_time()
    with file.open("rb") as text:
        loaded = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE offering (id INTEGER PRIMARY KEY, body TEXT)")
    for service in loaded["services"]:
        for offering in service["offerings"]:
            connection.execute("INSERT INTO offering (body) VALUES (?)", [json.dumps(offering)])
    connection.commit()
    connection.close()
    return time.process_time() - begun


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    logs.configure("error", "console")
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(asyncio.run(measured(Path(place), int(sys.argv[1])))))
