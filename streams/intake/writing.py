"""Writing: messages into the database, for as long as it takes, and never acknowledged before.

A database that went away is waited for. A row that the database itself refuses is found by halving the batch
and becomes a dead letter, so one poisonous row neither stops the stream nor takes its neighbours with it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, sleep_using_event, stop_when_event_set
from tenacity.wait import wait_exponential

from infra.database import Connection, connect
from infra.errors import MeteoError
from infra.world import World
from streams.intake.validation import Message, MessageReader
from streams.store.dead_letters import DeadLetter
from streams.store.observations import Batch, Written, write_batch
from streams.store.partners import AgreementInForce, agreements_in_force

log = structlog.get_logger(__name__)

_AGREEMENTS_SECONDS = 30.0


class BatchWriter:
    """Reads and stores batches of messages over one connection, which it opens again when it broke.

    Parameters
    ----------
    database_url, world
        Where to store.
    longest_wait
        Seconds between two tries while the database is away.
    """

    def __init__(self, database_url: str, world: World, *, longest_wait: float = 5.0) -> None:
        self._database_url = database_url
        self._world = world
        self._longest_wait = longest_wait
        self._connection: Connection | None = None
        self._stopping = threading.Event()
        self._agreements: dict[str, AgreementInForce] = {}
        self._agreements_read = float("-inf")

    def stop(self) -> None:
        """End the waiting for a database that does not come back; the batch stays unacknowledged."""
        self._stopping.set()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def write(self, messages: Sequence[Message]) -> Written:
        """Store messages and return when they are committed.

        Raises
        ------
        tenacity.RetryError
            Only when stopped while the database was away: nothing may be acknowledged then.
        """
        retrying = Retrying(
            retry=retry_if_exception_type((psycopg.Error, MeteoError)),
            wait=wait_exponential(multiplier=0.1, max=self._longest_wait),
            stop=stop_when_event_set(self._stopping),
            before_sleep=self._before_sleep,
            sleep=sleep_using_event(self._stopping),
        )
        return retrying(self._write_once, messages)

    def _write_once(self, messages: Sequence[Message]) -> Written:
        connection = self._connected()
        batch, misses = self._read(messages)
        if misses or time.monotonic() - self._agreements_read > _AGREEMENTS_SECONDS:
            # The agreement may have been applied since: look once before refusing anything.
            self._load_agreements(connection)
            batch, _ = self._read(messages)
        return self._store(connection, batch)

    def _read(self, messages: Sequence[Message]) -> tuple[Batch, int]:
        batch, reader = Batch(), MessageReader(self._world.name, self._agreements)
        for message in messages:
            reader.read(message, batch)
        return batch, reader.misses

    def _load_agreements(self, connection: Connection) -> None:
        self._agreements = agreements_in_force(connection)
        self._agreements_read = time.monotonic()
        connection.commit()

    def _store(self, connection: Connection, batch: Batch) -> Written:
        try:
            with connection.transaction():
                return write_batch(connection, batch)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return self._store_in_halves(connection, batch, error)

    def _store_in_halves(self, connection: Connection, batch: Batch, error: psycopg.Error) -> Written:
        observations = batch.observations
        if not observations:
            raise error
        if len(batch) == 1:
            letter = _poison(batch, error)
            return self._store(connection, Batch(dead_letters=[letter], partitions=batch.partitions))
        middle = len(observations) // 2
        first = Batch(observations[:middle], partitions=batch.partitions)
        second = Batch(observations[middle:], partitions=batch.partitions)
        rest = Batch([], batch.snapshots, batch.dead_letters, batch.resolved, batch.partitions)
        done = [self._store(connection, part) for part in (first, second, rest) if len(part)]
        return Written(sum(w.observations for w in done), sum(w.dead_letters for w in done))

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._database_url, self._world)
            self._load_agreements(self._connection)
        return self._connection

    def _before_sleep(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("database_waits", attempt=state.attempt_number, error=str(error))
        # The next try begins on a connection whose state is known.
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _poison(batch: Batch, error: psycopg.Error) -> DeadLetter:
    observation = batch.observations[0]
    envelope, origin = observation.envelope, observation.origin
    body = envelope.model_dump_json(by_alias=True).encode()
    letter = DeadLetter(
        stage="stream",
        reason=f"the database refuses it: {str(error).splitlines()[0]}",
        size_bytes=len(body),
        payload=body,
        partner=envelope.partner,
        partition=origin.partition,
        offset=origin.offset,
        place_in_input=f"item {origin.index + 1}",
    )
    return replace(letter, topic=origin.topic.rpartition(".")[2])
