"""News leaves by the outbox, and what was refused comes back after a fix."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest
from kafka import KafkaConsumer

from streams.gateways.publisher import Publisher
from streams.store.dead_letters import list_dead_letters, retry_dead_letter
from streams.store.partners import agreements_in_force, apply_agreement
from tests.streams.stream_world import StreamWorld, agreement
from tests.streams.week import MONDAY, call


@pytest.fixture
def stream(kafka_bootstrap: str, embedded_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)


def wait_for_news(stream: StreamWorld) -> None:
    deadline = time.monotonic() + 60
    with stream.connect(autocommit=True) as connection:
        while connection.execute("SELECT 1 FROM outbox WHERE published IS NULL").fetchone():
            assert time.monotonic() < deadline
            time.sleep(0.1)


def read_topic(stream: StreamWorld, name: str) -> list[dict[str, object]]:
    consumer = KafkaConsumer(
        stream.world.topic(name),
        bootstrap_servers=stream.bootstrap,
        auto_offset_reset="earliest",
        consumer_timeout_ms=3000,
    )
    found = [orjson.loads(message.value) for message in consumer]
    consumer.close()
    return found


def test_each_partners_news_is_published_once_and_in_order(stream: StreamWorld) -> None:
    with stream.connect() as connection:
        again = apply_agreement(connection, agreement("sos"), "test")
        changed = apply_agreement(connection, agreement("sos", threshold=5), "test")
    assert (again.version, changed.version) == (1, 2)
    with stream.worker():
        wait_for_news(stream)
    news = read_topic(stream, "agreements")
    assert sorted(str(n["key"]) for n in news) == [
        "ch",
        "chu",
        "drees",
        "lab",
        "sentinelles",
        "sos",
        "sos",
        "spf",
    ]
    assert [n["version"] for n in news if n["key"] == "sos"] == [1, 2]


def test_a_dead_letter_is_told_and_comes_back_after_the_fix(stream: StreamWorld) -> None:
    refused = call(stream.world.name, 1, MONDAY, partner="newcomer")
    with stream.worker():
        stream.publish([refused])
        stream.wait_until_read()
        wait_for_news(stream)
        (told,) = read_topic(stream, "dead-letters")
        assert told["reason"] == "unknown partner 'newcomer': apply its agreement, then retry"
        assert "payload" not in told
        with (
            stream.connect() as connection,
            Publisher(stream.bootstrap, stream.world) as publisher,
        ):
            (letter,) = list_dead_letters(connection)
            retry_dead_letter(connection, publisher, letter.id)
            connection.commit()
            stream.wait_until_read()
            # Nothing was mended: the same letter stands again, under a new number.
            (again,) = list_dead_letters(connection)
            assert again.id != letter.id
            apply_agreement(connection, agreement("newcomer"), "test")
            connection.commit()
            retry_dead_letter(connection, publisher, again.id)
            connection.commit()
            stream.wait_until_read()
            assert list_dead_letters(connection) == []
    assert stream.count() == 1
    with stream.connect() as connection:
        assert agreements_in_force(connection)["newcomer"].version == 1
        newest = connection.execute(
            "SELECT payload FROM outbox WHERE topic = 'observations' ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert newest is not None
    assert newest[0] == {
        "partner": "newcomer",
        "signals": {"sos_calls": 1},
        "places": ["44"],
        "newest_reference": "2020-09-07",
    }
