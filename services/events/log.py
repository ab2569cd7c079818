"""The event log, as the suite sees it: topics of partitions, appended to by key, read by consumer groups.

Two implementations keep this protocol, and one contract suite holds both to it (tests/contracts/test_event_log.py):
`embedded_log` (SQLite) and `kafka_log` (Apache Kafka). Delivery is at least once, in order per key.
"""

import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.errors import Unavailable
from services.events.envelope import Message

PARTITIONS = 12  # of every topic, never changed: a key would move and lose its order
# The largest record that topics and clients of Kafka take, and a message's largest value: what is left between the
# two is for its key, its headers (a dead letter has more of them than its event had) and Kafka's framing.
MAX_RECORD_BYTES = 8_388_608
MAX_MESSAGE_BYTES = MAX_RECORD_BYTES - 65_536
USAGE_TOPIC = "itaas.usage"
USAGE_RETENTION_SECONDS = 14 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int = PARTITIONS
    retention_seconds: int | None = None  # None: for ever


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Record:
    """A message in its place in the log."""

    partition: Partition
    offset: int
    key: str
    headers: dict[str, str]
    value: bytes
    appended_at: datetime


class AppendFailed(Unavailable):
    """The log did not take everything: the messages at the indexes `acknowledged` are safe, the rest perhaps not."""

    def __init__(self, acknowledged: Collection[int], reason: str) -> None:
        super().__init__(f"the event log acknowledged {len(acknowledged)} messages, but not all: {reason}")
        self.acknowledged = frozenset(acknowledged)


class UnknownTopic(Unavailable):
    """A topic is not there (yet): `itaas migrate` makes topics."""


class Subscription(Protocol):
    """One member of a consumer group. Not for use by several tasks at once."""

    async def poll(self, *, limit: int, timeout: float) -> list[Record]:
        """Up to `limit` records of the partitions this member holds, in order within each; [] after `timeout` s."""
        ...

    async def commit(self, positions: Mapping[Partition, int]) -> None:
        """Make the next offset to read of each partition durable for the group."""
        ...

    async def rewind(self, partition: Partition, offset: int) -> None:
        """Read `partition` again from `offset`; no-op if this member no longer holds it."""
        ...

    async def pause(self, partition: Partition) -> None: ...

    async def resume(self, partition: Partition) -> None: ...

    async def close(self) -> None:
        """Leave the group; the others take over its partitions."""
        ...


class EventLog(Protocol):
    async def create_topics(self, topics: Sequence[Topic]) -> list[str]:
        """Make those that are missing and return their names."""
        ...

    async def append(self, messages: Sequence[Message]) -> None:
        """Append in order and return once all are durable. Raises AppendFailed."""
        ...

    def subscribe(self, group: str, topics: Sequence[str]) -> "contextlib.AbstractAsyncContextManager[Subscription]":
        """Join `group`; its first member starts at the beginning of the topics."""
        ...

    async def ends(self, topic: str) -> dict[Partition, int]:
        """The offset that each partition's next message will get."""
        ...

    async def committed(self, group: str, topic: str) -> dict[Partition, int]:
        """The group's durable position per partition (0 where it has none)."""
        ...

    def read(
        self, topic: str, *, until: Mapping[Partition, int], start: Mapping[Partition, int] | None = None
    ) -> AsyncIterator[Record]:
        """From `start` (or the beginning) up to, not including, `until`: in order per partition, groupless."""
        ...

    async def close(self) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    """The embedded log's partitioner, and the outbox's shard of a key."""
    from zlib import crc32

    return crc32(key.encode()) % partitions
