"""Messages a second from Kafka to committed rows, against a bare aiokafka, orjson and `COPY`.

    make bench
    python -m tests.bench.bench_intake --bootstrap HOST:PORT --database postgresql://… [--events 50000]

The yardstick reads the same messages with aiokafka, parses them with orjson and copies them as text into one
table with the same columns and indexes: no validation, no identity, no revisions. Both read what lies in
Kafka already, the worker's start not counted. A row is a committed observation.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from aiokafka import AIOKafkaConsumer

from infra.database import connect
from streams.envelope import Envelope
from streams.gateways.publisher import Publisher
from streams.store.observations import COLUMNS
from tests.streams.stream_world import StreamWorld
from tests.streams.week import MONDAY, call, count_report

_BATCH = 4000
_EVENTS = 50_000


def single_events(world: str, count: int) -> Iterator[Envelope]:
    for number in range(count):
        yield call(world, number, MONDAY + timedelta(seconds=number * 11 % 604_800))


def count_reports(world: str, count: int) -> Iterator[Envelope]:
    for number in range(count):
        day = (MONDAY + timedelta(days=number % 400)).date()
        yield count_report(world, day, number % 97, MONDAY, event_id=f"series-{number // 400}|{day}")


def publish(stream: StreamWorld, events: int, per_message: int) -> str:
    topic = "calls" if per_message == 1 else "counts"
    made = single_events if per_message == 1 else count_reports
    with Publisher(stream.bootstrap, stream.world) as publisher:
        publisher.publish(topic, made(stream.world.name, events), per_message=per_message)
    return topic


def measure_engine(stream: StreamWorld, events: int) -> float:
    """Return committed rows a second, from the first to the last."""

    def rows() -> int:
        found = connection.execute("SELECT count(*) FROM observation").fetchone()
        return int(found[0]) if found else 0

    with stream.worker(), stream.connect(autocommit=True) as connection:
        while not (before := rows()):
            time.sleep(0.02)
        began = time.perf_counter()
        # Seldom, since counting takes the database's time from what is measured.
        while (stored := rows()) < events:
            time.sleep(0.2)
        return (stored - before) / (time.perf_counter() - began)


def bare_line(event: dict[str, Any]) -> str:
    """Return a row as the yardstick writes it: the fields as they came."""
    row = {**event, "reference_date": event["reference_start"][:10], "reference_end": "2030-01-01"}
    row |= {"digest": "\\\\x00", "syndrome": event.get("code") or "other", "individual": "t"}
    row |= {"sex": "all", "agreement_version": "1", "simulated": "f", "value": event.get("value", 1)}
    return "\t".join("\\N" if row.get(c) is None else str(row[c]) for c in COLUMNS) + "\n"


async def read_bare(stream: StreamWorld, topic: str, events: int) -> float:
    columns = ", ".join(COLUMNS)
    consumer = AIOKafkaConsumer(
        stream.world.topic(topic),
        bootstrap_servers=stream.bootstrap,
        group_id=stream.world.group("bare"),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    rows, began = 0, 0.0
    with connect(stream.database_url, stream.world) as connection:
        while rows < events:
            polled = await consumer.getmany(timeout_ms=200, max_records=_BATCH)
            began = began or time.perf_counter()
            lines: list[str] = []
            for messages in polled.values():
                for message in messages:
                    document = orjson.loads(message.value)
                    lines += map(bare_line, document if isinstance(document, list) else [document])
            if lines:
                with connection.cursor().copy(f"COPY bare ({columns}) FROM STDIN") as copy:
                    copy.write("".join(lines))
                connection.commit()
                await consumer.commit()
                rows += len(lines)
    elapsed = time.perf_counter() - began
    await consumer.stop()
    return rows / elapsed


def measure_bare(stream: StreamWorld, topic: str, events: int) -> float:
    """Return rows a second of the yardstick."""
    with stream.connect() as connection:
        connection.execute("CREATE TABLE bare (LIKE observation INCLUDING ALL)")
        # The yardstick makes no digest, so its identity cannot be unique.
        connection.execute("ALTER TABLE bare DROP CONSTRAINT bare_pkey")
        connection.execute("CREATE INDEX ON bare (partner, event_id, source_version, digest, reference_date)")
    return asyncio.run(read_bare(stream, topic, events))


def machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {platform.python_version()}"
    )


def measure(bootstrap: str, database: str, events: int) -> list[str]:
    """Return the lines of the report."""
    lines = [f"intake: {machine()}", "messages        engine rows/s   bare rows/s   ratio"]
    for label, per_message in (("one event each", 1), ("500 each", 500)):
        with tempfile.TemporaryDirectory() as folder:
            stream = StreamWorld.made(bootstrap, database, Path(folder), partitions=4)
            topic = publish(stream, events, per_message)
            engine = measure_engine(stream, events)
            bare = measure_bare(stream, topic, events)
        lines.append(f"{label:15} {engine:13.0f} {bare:13.0f} {engine / bare:7.2f}")
    return lines


@pytest.mark.bench
@pytest.mark.timeout(900)
def test_intake_against_a_bare_consumer(kafka_bootstrap: str, each_database: str) -> None:
    """Print the figures; a measurement is no assertion on time."""
    sys.stdout.write("\n" + "\n".join(measure(kafka_bootstrap, each_database, _EVENTS)) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--events", type=int, default=_EVENTS)
    chosen = parser.parse_args()
    sys.stdout.write("\n".join(measure(chosen.bootstrap, chosen.database, chosen.events)) + "\n")


if __name__ == "__main__":
    main()
