"""From Kafka to the counts: to the unit, whatever is repeated, shuffled or killed on the way."""

from __future__ import annotations

import random
import signal
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from streams.envelope import Envelope
from streams.store.counts import read_counts
from tests.streams.stream_world import StreamWorld
from tests.streams.week import LATER, MONDAY, daily, week_of_events

START, END = date(2020, 9, 1), date(2020, 9, 30)


@pytest.fixture
def stream(kafka_bootstrap: str, embedded_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)


def counts_of(stream: StreamWorld, name: str, syndrome: str, as_of: datetime) -> dict[date, float]:
    with stream.connect() as connection:
        frame = read_counts(
            connection,
            signals=[name],
            syndromes=[syndrome],
            places=["44"],
            start=START,
            end=END,
            as_of=as_of,
        )
    return {day.date(): value for day, value in zip(frame["reference_date"], frame["value"], strict=True)}


def assert_counts_equal(stream: StreamWorld, events: list[Envelope]) -> None:
    for as_of in (MONDAY + timedelta(days=3, hours=5), MONDAY + timedelta(days=7), LATER):
        for name, syndrome in (
            ("sos_calls", "all"),
            ("sos_calls", "covid"),
            ("sos_calls", "bronchiolitis"),
            ("admissions", "covid"),
            ("lab_positives", "covid"),
        ):
            assert counts_of(stream, name, syndrome, as_of) == daily(events, name, syndrome, as_of), (
                name,
                syndrome,
                as_of,
            )


def shuffled(events: list[Envelope], seed: int) -> list[Envelope]:
    return random.Random(seed).sample(events, len(events))


@pytest.fixture
def every_stream(kafka_bootstrap: str, each_database: str, tmp_path: Path) -> StreamWorld:
    return StreamWorld.made(kafka_bootstrap, each_database, tmp_path)


def test_a_week_of_events_is_counted_to_the_unit(every_stream: StreamWorld) -> None:
    events = week_of_events(every_stream.world.name)
    with every_stream.worker():
        every_stream.publish(events)
        every_stream.wait_until_read()
    assert every_stream.count() == len(events)
    assert every_stream.count("dead_letter") == 0
    assert_counts_equal(every_stream, events)


def test_twice_and_shuffled_is_the_same(stream: StreamWorld) -> None:
    events = week_of_events(stream.world.name, calls=600)
    with stream.worker():
        stream.publish(events)
        stream.wait_until_read()
        before = stream.content()
        stream.publish(shuffled([*events, *events], 1))
        stream.wait_until_read()
    assert stream.content() == before
    assert_counts_equal(stream, events)


def test_the_order_of_arrival_changes_nothing(
    kafka_bootstrap: str, embedded_database: str, tmp_path: Path
) -> None:
    contents = []
    for order in (2, 3):
        stream = StreamWorld.made(kafka_bootstrap, embedded_database, tmp_path)
        # The digest holds the content only, so two worlds may be compared.
        events = week_of_events(stream.world.name, calls=300)
        with stream.worker():
            stream.publish(shuffled(events, order))
            stream.wait_until_read()
        contents.append(stream.content())
    assert contents[0] == contents[1]


@pytest.mark.faults
def test_a_worker_killed_in_mid_stream_loses_and_doubles_nothing(stream: StreamWorld) -> None:
    events = week_of_events(stream.world.name, calls=6000)
    stream.publish(events)
    first = stream.start_worker()
    stream.wait_for_rows(1)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert stream.count() < len(events), "the worker was faster than the kill: send more events"
    with stream.worker():
        stream.wait_until_read()
    assert stream.count() == len(events)
    assert_counts_equal(stream, events)


def test_a_backfill_of_many_envelopes_in_a_message(stream: StreamWorld) -> None:
    events = [e for e in week_of_events(stream.world.name) if not e.individual]
    with stream.worker():
        stream.publish_counts(events * 3, per_message=50)
        stream.wait_until_read()
    assert stream.count() == len(events)
    assert_counts_equal(stream, events)
