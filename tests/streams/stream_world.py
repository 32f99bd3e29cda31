"""A world of its own on real services, and a worker of it in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.database import Connection, connect
from infra.migrations import migrate
from infra.world import World
from streams.envelope import Envelope
from streams.gateways.publisher import Publisher
from streams.intake.backlog import wait_until_read
from streams.store.partners import Agreement, apply_agreement, apply_open_data
from streams.topics import ensure_topics
from streams.vocabulary.signals import SIGNAL_KEYS
from streams.vocabulary.signals import signal as signal_of

_WORKER = "from streams.worker_commands import worker; worker()"


@dataclass(frozen=True)
class StreamWorld:
    """A migrated world with its topics and partners."""

    bootstrap: str
    database_url: str
    world: World
    folder: Path

    @classmethod
    def made(cls, bootstrap: str, database_url: str, folder: Path, partitions: int = 3) -> StreamWorld:
        world = World.named(f"exercise_{uuid.uuid4().hex[:10]}")
        migrate(database_url, world)
        ensure_topics(bootstrap, world, partitions)
        made = cls(bootstrap, database_url, world, folder)
        with made.connect() as connection:
            apply_open_data(connection)
            for key in ("sos", "chu", "ch", "lab"):
                apply_agreement(connection, agreement(key), "test")
        return made

    def connect(self, *, autocommit: bool = False) -> Connection:
        return connect(self.database_url, self.world, autocommit=autocommit)

    def publish(self, envelopes: Iterable[Envelope]) -> None:
        with Publisher(self.bootstrap, self.world) as publisher:
            for envelope in envelopes:
                publisher.publish(topic_of(envelope), [envelope])

    def publish_counts(self, envelopes: Iterable[Envelope], *, per_message: int) -> None:
        with Publisher(self.bootstrap, self.world) as publisher:
            publisher.publish("counts", envelopes, per_message=per_message)

    def publish_bytes(self, topic: str, values: Iterable[bytes]) -> None:
        with Publisher(self.bootstrap, self.world) as publisher:
            for value in values:
                publisher.send_bytes(topic, b"test", value)

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        process = self.start_worker()
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start_worker(self) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "METEO_WORLD": self.world.name,
            "METEO_DATABASE_URL": self.database_url,
            "METEO_KAFKA_BOOTSTRAP": self.bootstrap,
            "METEO_DATA_DIR": str(self.folder),
            "METEO_LOG_FORMAT": "json",
            "METEO_LOG_LEVEL": "debug",
        }
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-c", _WORKER], env=environment, stdout=log, stderr=log)

    def wait_until_read(self, timeout: float = 90) -> None:
        wait_until_read(self.bootstrap, self.world, timeout=timeout)

    def count(self, table: str = "observation") -> int:
        with self.connect() as connection:
            row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        assert row is not None
        return int(row[0])

    def wait_for_rows(self, least: int, table: str = "observation", timeout: float = 60) -> None:
        deadline = time.monotonic() + timeout
        while self.count(table) < least:
            assert time.monotonic() < deadline, f"{self.count(table)} rows of {least}"
            time.sleep(0.05)

    def content(self) -> list[tuple[object, ...]]:
        """Return every stored revision without the moment of its recording."""
        with self.connect() as connection:
            return connection.execute(
                "SELECT partner, event_id, source_version, digest, kind, signal, syndrome, place, facility, unit,"
                " age_band, reference_date, reference_end, occurred, value, stay_token, reported, superseded"
                " FROM observation ORDER BY partner, event_id, source_version, digest"
            ).fetchall()


def topic_of(envelope: Envelope) -> str:
    return signal_of(envelope.signal).topic if envelope.individual else "counts"


def agreement(key: str, **more: object) -> Agreement:
    return Agreement.model_validate(
        {
            "key": key,
            "name": key.upper(),
            "kind": "hospital",
            "signals": sorted(SIGNAL_KEYS),
            "group": "hospitals" if key in ("chu", "ch") else None,
            "precedence": 10,
            **more,
        }
    )
