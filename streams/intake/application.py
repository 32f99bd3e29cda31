"""The Faust application of a world: one agent that takes raw bytes in batches from every observation topic.

Faust's own `take` acknowledges a batch also when the agent is cancelled in the middle of writing it. So the
stream is taken without acknowledgement and each event is acknowledged here, after the commit. Batches grow
while the database writes the one before: under load the batch is large, at rest an event waits at most
`within` seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import faust
import structlog
from tenacity import RetryError

from infra.world import World
from streams.intake.backlog import INTAKE_GROUP
from streams.intake.validation import GATEWAY_LETTERS, Message
from streams.intake.writing import BatchWriter
from streams.topics import OBSERVATION_TOPICS

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class BatchLimits:
    """How much is written at once.

    Attributes
    ----------
    messages
        Largest number of messages in a batch.
    size_bytes
        Bytes from which a batch is closed, since one message may hold hundreds of observations.
    within
        Seconds that an event may wait for others.
    """

    messages: int = 4000
    size_bytes: int = 4_000_000
    within: float = 0.2


def build_application(world: World, bootstrap: str, data_dir: str) -> Any:
    """Return the Faust application of a world, without agents; its consumer group is the world's own."""
    return faust.App(
        world.group(INTAKE_GROUP),
        broker=[f"kafka://{address}" for address in bootstrap.split(",")],
        datadir=data_dir,
        value_serializer="raw",
        key_serializer="raw",
        store="memory://",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        web_enabled=False,
        broker_commit_interval=1.0,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        stream_buffer_maxsize=8192,
        stream_wait_empty=False,
        autodiscover=False,
        loghandlers=[],
    )


class Intake:
    """The agent's state: what arrived and is not stored yet, and what is being stored.

    Parameters
    ----------
    world
        Its topics are read.
    writer
        Stores a batch, however long it takes.
    """

    def __init__(self, world: World, writer: BatchWriter, limits: BatchLimits | None = None) -> None:
        self._writer = writer
        self._limits = limits or BatchLimits()
        self._names = {world.topic(name): name for name in (*OBSERVATION_TOPICS, GATEWAY_LETTERS)}
        self._waiting: list[Any] = []
        self._size = 0
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._room = asyncio.Event()
        self.stored = 0

    def attach(self, application: Any) -> None:
        """Register the agent on the application."""
        topic = application.topic(*self._names, value_serializer="raw", key_serializer="raw")
        application.agent(topic, name="intake")(self._consume)

    async def _consume(self, stream: Any) -> None:
        storing = asyncio.create_task(self._store_for_ever())
        storing.add_done_callback(self._wake)
        try:
            async for event in stream.noack().events():
                if storing.done():
                    break
                self._waiting.append(event)
                self._size += len(event.value or b"")
                self._arrived.set()
                if len(self._waiting) >= self._limits.messages or self._size >= self._limits.size_bytes:
                    self._full.set()
                    self._room.clear()
                    await self._room.wait()
            await storing
        finally:
            storing.cancel()

    def _wake(self, storing: asyncio.Task[None]) -> None:
        self._room.set()

    async def _store_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            try:
                await asyncio.wait_for(self._full.wait(), self._limits.within)
            except TimeoutError:
                pass
            events, self._waiting, self._size = self._waiting, [], 0
            self._arrived.clear()
            self._full.clear()
            self._room.set()
            await self._store(events)

    async def _store(self, events: list[Any]) -> None:
        messages = [
            Message(m.topic, self._names[m.topic], m.partition, m.offset, e.value)
            for e in events
            for m in (e.message,)
        ]
        try:
            written = await asyncio.to_thread(self._writer.write, messages)
        except RetryError:
            log.warning("stopped_before_stored", messages=len(messages))
            raise
        for event in events:
            event.ack()
        self.stored += len(messages)
        log.debug(
            "batch_stored",
            messages=len(messages),
            observations=written.observations,
            dead_letters=written.dead_letters,
        )
