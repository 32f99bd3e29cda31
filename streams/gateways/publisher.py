"""The publisher: envelopes to Kafka, acknowledged by every replica and without duplicates from retries.

One envelope a message for live events; for backfill and replay many envelopes of one partition travel in one
message, because the stream's cost is per message. The partition is always that of each envelope's own key,
so all revisions of one event stay in order in one partition either way.

>>> with Publisher("127.0.0.1:9092", World.named("demo")) as publisher:  # doctest: +SKIP
...     publisher.publish("counts", envelopes, per_message=500)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from infra.errors import MeteoError
from infra.world import World
from streams.envelope import Envelope

# Below the broker's 1 MB limit of a message, with room for its framing.
LARGEST_MESSAGE = 900_000


class PublishError(MeteoError):
    """Kafka did not take a message."""


class Publisher:
    """An idempotent Kafka producer of one world.

    Parameters
    ----------
    bootstrap
        Kafka addresses, `host:port` separated by commas.
    world
        The world whose topics are written.
    delivery_timeout
        Seconds during which a message is retried before it is reported lost; a broker that restarts
        within it is not noticed.

    Raises
    ------
    PublishError
        When no broker answers.
    """

    def __init__(self, bootstrap: str, world: World, *, delivery_timeout: float = 300.0) -> None:
        self._world = world
        self._bootstrap = bootstrap
        self._failures: list[str] = []
        self._partitions: dict[str, int] = {}
        try:
            self._producer = KafkaProducer(
                bootstrap_servers=bootstrap.split(","),
                client_id=world.group("gateway"),
                enable_idempotence=True,
                acks="all",
                linger_ms=5,
                batch_size=256 * 1024,
                max_request_size=1_000_000,
                compression_type="gzip",
                allow_auto_create_topics=False,
                reconnect_backoff_max_ms=1000,
                request_timeout_ms=int(min(delivery_timeout / 2, 30) * 1000),
                delivery_timeout_ms=int(delivery_timeout * 1000),
            )
        except KafkaError as error:
            raise PublishError(f"no Kafka broker answers at {bootstrap}: {error}") from error

    def publish(self, topic: str, envelopes: Iterable[Envelope], *, per_message: int = 1) -> int:
        """Send envelopes to a topic of this world; delivery is certain only after `flush`.

        Parameters
        ----------
        topic
            Name of `streams.topics`, without the world's prefix.
        envelopes
            What to send; each must name this world.
        per_message
            Largest number of envelopes in one message.

        Returns
        -------
        int
            Number of envelopes handed over.

        Raises
        ------
        PublishError
            When an envelope is of another world, or an earlier message could not be delivered.
        """
        name, waiting, count = self._world.topic(topic), _Waiting(per_message), 0
        for envelope in envelopes:
            if envelope.world != self._world.name:
                raise PublishError(
                    f"event {envelope.event_id!r} is of world {envelope.world!r}, not {self._world.name!r}"
                )
            key = envelope.message_key
            body = envelope.model_dump_json(by_alias=True, exclude_none=True).encode()
            for full in waiting.add(self._partition_of(name, key), key, body):
                self._send(name, *full)
            count += 1
        for rest in waiting.rest():
            self._send(name, *rest)
        return count

    def publish_document(self, topic: str, key: str, document: Mapping[str, Any]) -> None:
        """Send one JSON document that is no observation: an agreement, a run request, a run, an alert."""
        name, raw = self._world.topic(topic), key.encode()
        self._send(name, self._partition_of(name, raw), raw, orjson.dumps(document))

    def send_bytes(self, topic: str, key: bytes, value: bytes) -> None:
        """Send bytes as they are, to put back what a dead letter kept."""
        name = self._world.topic(topic)
        self._send(name, self._partition_of(name, key), key, value)

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything handed over is acknowledged.

        Raises
        ------
        PublishError
            When a message could not be delivered.
        """
        try:
            self._producer.flush(timeout)
        except KafkaError as error:
            raise PublishError(f"Kafka at {self._bootstrap} did not acknowledge in time: {error}") from error
        self._raise_failures()

    def close(self) -> None:
        """Send what waits and close."""
        try:
            self.flush()
        finally:
            self._producer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._producer.close(timeout=1)

    def _partition_of(self, name: str, key: bytes) -> int:
        count = self._partitions.get(name)
        if count is None:
            try:
                count = len(self._producer.partitions_for(name) or ())
            except KafkaError as error:
                raise PublishError(f"topic {name}: {error}; make it with `meteo topics`") from error
            if not count:
                raise PublishError(f"topic {name} is not there; make the world's topics with `meteo topics`")
            self._partitions[name] = count
        return int((murmur2(key) & 0x7FFFFFFF) % count)

    def _send(self, name: str, partition: int, key: bytes, value: bytes) -> None:
        self._raise_failures()
        try:
            future = self._producer.send(name, value=value, key=key, partition=partition)
        except KafkaError as error:
            raise PublishError(f"topic {name}, key {key.decode(errors='replace')!r}: {error}") from error
        future.add_errback(self._note_failure, name, key)

    def _note_failure(self, name: str, key: bytes, error: BaseException) -> None:
        self._failures.append(f"topic {name}, key {key.decode(errors='replace')!r}: {error}")

    def _raise_failures(self) -> None:
        if self._failures:
            first, count = self._failures[0], len(self._failures)
            self._failures.clear()
            raise PublishError(f"{count} message(s) could not be delivered to Kafka, the first: {first}")


class _Waiting:
    """Bodies that wait, by partition, to travel together."""

    def __init__(self, per_message: int) -> None:
        self._per_message = per_message
        self._bodies: dict[int, list[bytes]] = {}
        self._keys: dict[int, bytes] = {}
        self._sizes: dict[int, int] = {}

    def add(self, partition: int, key: bytes, body: bytes) -> Iterable[tuple[int, bytes, bytes]]:
        if self._per_message <= 1:
            yield partition, key, body
            return
        if self._sizes.get(partition, 0) + len(body) > LARGEST_MESSAGE:
            yield self._take(partition)
        bodies = self._bodies.setdefault(partition, [])
        self._keys.setdefault(partition, key)
        bodies.append(body)
        self._sizes[partition] = self._sizes.get(partition, 2) + len(body) + 1
        if len(bodies) >= self._per_message:
            yield self._take(partition)

    def rest(self) -> Iterable[tuple[int, bytes, bytes]]:
        for partition in list(self._bodies):
            yield self._take(partition)

    def _take(self, partition: int) -> tuple[int, bytes, bytes]:
        self._sizes.pop(partition)
        key = self._keys.pop(partition)
        return partition, key, b"[" + b",".join(self._bodies.pop(partition)) + b"]"
