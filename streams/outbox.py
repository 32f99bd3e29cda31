"""The outbox: news written in the transaction that made it, then published to Kafka in order, at least once.

Whoever stores something worth telling calls `announce` inside the same transaction, so that there is never
news without a fact nor a fact without news. One relay of each world, under a lock, publishes waiting rows in
the order of their ids; the API wakes on `NOTIFY` and uses the id as `Last-Event-ID`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import structlog
from psycopg.types.json import Jsonb

from infra.database import Connection, advisory_lock, connect
from infra.errors import MeteoError
from infra.world import World
from streams.topics import TOPICS

if TYPE_CHECKING:
    from streams.gateways.publisher import Publisher

log = structlog.get_logger(__name__)

_KAFKA_TOPICS = frozenset(t.name for t in TOPICS)
_BATCH = 500
_KEPT = timedelta(days=7)


def announce(
    connection: Connection, topic: str, key: str, payload: Mapping[str, Any], *, public: bool
) -> int:
    """Write one piece of news; it exists when the caller commits.

    Parameters
    ----------
    topic
        A topic of `streams.topics`, or a word only the live page listens to (`observations`).
    key
        Message key: partner, territory.
    payload
        JSON document: keys and parameters, never sentences.
    public
        Whether anybody may see it on the live stream.

    Returns
    -------
    int
        The news' id, which orders the live stream.
    """
    row = connection.execute(
        "INSERT INTO outbox (topic, key, payload, public) VALUES (%s, %s, %s, %s) RETURNING id",
        (topic, key, Jsonb(dict(payload)), public),
    ).fetchone()
    if row is None:
        raise MeteoError("the outbox did not number a piece of news")
    return int(row[0])


def publish_waiting(connection: Connection, publisher: Publisher) -> int:
    """Publish one batch of waiting news in order and mark it published; return how many.

    A row is marked only after Kafka acknowledged it, so a crash publishes it again rather than never.
    """
    rows = connection.execute(
        "SELECT id, topic, key, payload FROM outbox WHERE published IS NULL ORDER BY id LIMIT %s", (_BATCH,)
    ).fetchall()
    if not rows:
        return 0
    for number, topic, key, payload in rows:
        if topic in _KAFKA_TOPICS:
            publisher.publish_document(topic, key, {"news_id": number, **payload})
    publisher.flush()
    connection.execute(
        "UPDATE outbox SET published = clock_timestamp() WHERE id = ANY(%s)", ([row[0] for row in rows],)
    )
    return len(rows)


def forget_published(connection: Connection) -> int:
    """Delete news that was published more than a week ago; return how many."""
    return connection.execute(
        "DELETE FROM outbox WHERE published < clock_timestamp() - %s", (_KEPT,)
    ).rowcount


class Relay(threading.Thread):
    """The thread of a worker that publishes news while it holds the world's relay lock.

    Parameters
    ----------
    pause
        Seconds between two looks when nothing waits.
    """

    def __init__(self, database_url: str, bootstrap: str, world: World, *, pause: float = 0.5) -> None:
        super().__init__(name="outbox-relay", daemon=True)
        self._database_url = database_url
        self._brokers = bootstrap
        self._world = world
        self._pause = pause
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Ask the thread to end, and wait for it."""
        self._stopping.set()
        self.join(timeout=10)

    def run(self) -> None:
        """Publish until stopped; a database or broker that went away is waited for."""
        while not self._stopping.is_set():
            try:
                self._hold_and_publish()
            except (psycopg.Error, MeteoError) as error:
                log.warning("outbox_waits", error=str(error))
            self._stopping.wait(2.0)

    def _hold_and_publish(self) -> None:
        # The API writes no news to Kafka and must not need its driver to read the store.
        from streams.gateways.publisher import Publisher

        with (
            connect(self._database_url, self._world, autocommit=True) as connection,
            advisory_lock(connection, "outbox-relay") as held,
        ):
            if not held:
                return
            with Publisher(self._brokers, self._world, delivery_timeout=30) as publisher:
                forget_published(connection)
                while not self._stopping.is_set():
                    if publish_waiting(connection, publisher) < _BATCH:
                        self._stopping.wait(self._pause)
