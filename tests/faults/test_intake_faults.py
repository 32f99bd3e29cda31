"""What goes away comes back: broker and database are stopped in mid-stream, and the counts are still equal."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.services.cluster import PostgresCluster
from infra.services.kafka import KafkaBroker
from infra.services.postgres import WheelPrograms
from streams.gateways.publisher import Publisher
from tests.e2e.test_intake import assert_counts_equal
from tests.streams.stream_world import StreamWorld, topic_of
from tests.streams.week import week_of_events

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    # kafka-python leaves the sockets of refused connections to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[KafkaBroker]:
    with KafkaBroker(tmp_path / "kafka") as broker:
        yield broker


@pytest.fixture
def own_database(tmp_path: Path) -> Iterator[PostgresCluster]:
    with PostgresCluster(tmp_path / "postgres", WheelPrograms()) as database:
        yield database


def test_a_broker_that_was_stopped_and_started(
    own_broker: KafkaBroker, embedded_database: str, tmp_path: Path
) -> None:
    stream = StreamWorld.made(own_broker.bootstrap, embedded_database, tmp_path)
    events = week_of_events(stream.world.name, calls=2000)
    half = len(events) // 2
    with stream.worker(), Publisher(stream.bootstrap, stream.world) as publisher:
        for event in events[:half]:
            publisher.publish(topic_of(event), [event])
        publisher.flush()
        stream.wait_for_rows(half // 2)
        own_broker.stop()
        # The gateway goes on while the broker is away: its client keeps and retries.
        sending = threading.Thread(
            target=lambda: [publisher.publish(topic_of(event), [event]) for event in events[half:]]
        )
        sending.start()
        own_broker.start()
        sending.join(60)
        publisher.flush()
        stream.wait_until_read(150)
    assert stream.count() == len(events)
    assert_counts_equal(stream, events)


def test_a_database_that_was_stopped_and_started(
    kafka_bootstrap: str, own_database: PostgresCluster, tmp_path: Path
) -> None:
    stream = StreamWorld.made(kafka_bootstrap, own_database.url(), tmp_path)
    events = week_of_events(stream.world.name, calls=3000)
    half = len(events) // 2
    with stream.worker():
        stream.publish(events[:half])
        stream.wait_for_rows(1)
        own_database.stop()
        stream.publish(events[half:])
        own_database.start()
        stream.wait_until_read(150)
    assert stream.count() == len(events)
    assert_counts_equal(stream, events)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_kills_again_and_again(kafka_bootstrap: str, own_database: PostgresCluster, tmp_path: Path) -> None:
    stream = StreamWorld.made(kafka_bootstrap, own_database.url(), tmp_path)
    rng = random.Random(5)
    events = week_of_events(stream.world.name, calls=20_000)
    stream.publish(rng.sample([*events, *events], 2 * len(events)))
    for kill in range(8):
        workers = [stream.start_worker() for _ in range(1 + kill % 2)]
        stream.wait_for_rows(min((kill + 1) * len(events) // 10, len(events)), timeout=120)
        for worker in workers:
            worker.kill()
            worker.wait()
        if kill % 3 == 2:
            own_database.kill()
            own_database.start()
    with stream.worker(), stream.worker():
        stream.wait_until_read(240)
    assert stream.count() == len(events)
    assert_counts_equal(stream, events)
