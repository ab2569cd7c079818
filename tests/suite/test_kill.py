"""kill -9 in the middle of the loop, again and again: no event is lost, and none is applied twice."""

import asyncio
import os
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from services.commands.drive import clients_for, loaded_sample
from services.loop import drive_loop
from tests.suite.harness import EmbeddedSuite

KILLS = int(os.environ.get("ITAAS_KILLS", "8"))  # `.ci/run` asks for 20
MANY_KILLS = int(os.environ.get("ITAAS_MANY_KILLS", "60"))
APPS = ("catalog", "demand", "pricing", "feedback", "gateway")

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(480)]


async def test_kills_at_random_points_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    await _kill_again_and_again(tmp_path, KILLS)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_many_kills(tmp_path: Path) -> None:
    await _kill_again_and_again(tmp_path, MANY_KILLS)


async def _kill_again_and_again(tmp_path: Path, wanted: int) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    suite = EmbeddedSuite(tmp_path / "data", sample=False)  # loaded once, below, and not at each start
    kills = loops = 0
    with suite:
        async with clients_for(suite.url, suite.data_dir) as client_for:
            await loaded_sample(client_for, lambda line: None)
            while kills < wanted:
                lines: list[str] = []
                loop = asyncio.create_task(drive_loop(client_for, lines.append))
                for _ in range(4):
                    await asyncio.wait({loop}, timeout=chance.uniform(0.02, 1.2))
                    if loop.done() or kills == wanted:
                        break
                    suite.kill()
                    kills += 1
                    await asyncio.to_thread(suite.start)
                await loop  # raises LoopFailed at the first step, sum or event that is missing
                loops += 1
        assert suite.stop() == 0
    print(f"{kills} kills in {loops} loops")
    _check_the_stores(suite.data_dir, loops)


def _rows(data_dir: Path, app: str, query: str) -> list[Any]:
    with sqlite3.connect(data_dir / f"{app}.db") as database:
        database.create_collation("DECIMAL", lambda a, b: (a > b) - (a < b))
        return database.execute(query).fetchall()


def _check_the_stores(data_dir: Path, loops: int) -> None:
    for app in APPS:
        assert _rows(data_dir, app, "SELECT count(*) FROM outbox") == [(0,)], f"{app}: events were left behind"
        assert _rows(data_dir, app, "SELECT topic, reason FROM dead_letter") == [], f"{app}: events were refused"
    log = _rows(data_dir, "events", "SELECT topic, partition, offset, key, headers FROM record ORDER BY position")
    # Whatever was published more than once (a crash between acknowledgement and deletion) is archived once.
    published = {_header(headers, "ce_id") for _, _, _, _, headers in log}
    archived = Counter(id for (id,) in _rows(data_dir, "gateway", "SELECT id FROM archived_event"))
    assert archived.keys() == published
    assert set(archived.values()) == {1}
    # One effect of each: every one of a loop's three demands has one quote, one order, one subscription, one survey.
    effects = [("demand", "demand"), ("demand", "fulfilment_order"), ("demand", "subscription"), ("pricing", "quote")]
    for app, table in [*effects, ("feedback", "invitation")]:
        assert _rows(data_dir, app, f"SELECT count(*) FROM {table}") == [(3 * loops,)], table
    # Order per key: what is seen first of each event of a key rises in sequence.
    seen: set[str] = set()
    last: dict[str, int] = {}
    for topic, _, _, key, headers in log:
        event_id, sequence = _header(headers, "ce_id"), int(_header(headers, "ce_sequence"))
        if event_id in seen:
            continue
        seen.add(event_id)
        assert sequence > last.get(f"{topic}/{key}", 0), f"{topic}/{key} is out of order"
        last[f"{topic}/{key}"] = sequence


def _header(headers: str, name: str) -> str:
    import json

    value: str = json.loads(headers)[name]
    return value
