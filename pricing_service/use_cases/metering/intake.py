"""Single events of many requests, kept together: while one transaction is under way the next ones' events gather.

A request is answered once its events are committed, as if it had a transaction of its own; it only shares the
commit. If the shared transaction fails, each request is tried alone, so that nobody pays for another's event.
"""

import asyncio
from weakref import WeakKeyDictionary

from pricing_service.use_cases.metering.bodies import Batch
from pricing_service.use_cases.metering.ingest import Accepted, Answer, ingest, ingest_batch
from services.clock import utc_now
from services.db import Database
from services.db.database import is_outage

MOST_TOGETHER = 500  # events
_intakes: "WeakKeyDictionary[Database, Intake]" = WeakKeyDictionary()


class Intake:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[list[object], asyncio.Future[list[Answer]]]] = []
        self._task: asyncio.Task[None] | None = None

    async def take(self, batch: Batch) -> Accepted | list[Answer]:
        """What became of the events, once that is durable."""
        if len(batch) >= MOST_TOGETHER:
            async with self._database.transaction() as session:
                return await ingest_batch(session, batch, now=utc_now())
        answered: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.append((batch.events, answered))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await answered

    async def _run(self) -> None:
        while self._waiting:
            together: list[tuple[list[object], asyncio.Future[list[Answer]]]] = []
            count = 0
            for events, answered in self._waiting:
                if together and count + len(events) > MOST_TOGETHER:
                    break
                together.append((events, answered))
                count += len(events)
            del self._waiting[: len(together)]
            await self._keep(together)

    async def _keep(self, together: list[tuple[list[object], "asyncio.Future[list[Answer]]"]]) -> None:
        try:
            answers = await self._at_once([event for events, _ in together for event in events])
        except Exception as error:
            # Whatever it is, it may belong to one of them alone: each then hears of its own.
            if len(together) == 1 or is_outage(error):
                for _, answered in together:
                    _end(answered, error)
            else:
                for one in together:
                    await self._keep([one])
            return
        at = 0
        for events, answered in together:
            _end(answered, answers[at : at + len(events)])
            at += len(events)

    async def _at_once(self, events: list[object]) -> list[Answer]:
        async with self._database.transaction() as session:
            return await ingest(session, events, now=utc_now())


def _end(answered: "asyncio.Future[list[Answer]]", result: list[Answer] | Exception) -> None:
    if answered.done():  # its client has left
        return
    if isinstance(result, Exception):
        answered.set_exception(result)
    else:
        answered.set_result(result)


def intake_of(database: Database) -> Intake:
    found = _intakes.get(database)
    if found is None:
        found = _intakes[database] = Intake(database)
    return found
