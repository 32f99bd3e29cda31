"""A migrated world on a database, written to without a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest

from infra.database import Connection, connect
from infra.migrations import migrate
from infra.world import World
from streams.envelope import Envelope
from streams.store.observations import Batch, Observation, Origin, Written, copy_line, write_batch
from streams.store.partners import apply_agreement, apply_open_data
from streams.vocabulary.syndromes import syndrome_of
from tests.streams.stream_world import agreement

WORLD = World.named("exercise_store")
Store = Callable[[Iterable[Envelope]], Written]


@pytest.fixture
def connection(each_database: str) -> Iterator[Connection]:
    migrate(each_database, WORLD)
    with connect(each_database, WORLD) as opened:
        apply_open_data(opened)
        for key in ("sos", "chu", "ch", "lab"):
            apply_agreement(opened, agreement(key), "test")
        opened.commit()
        yield opened
        opened.rollback()


@pytest.fixture
def store(connection: Connection) -> Store:
    """Store envelopes in one transaction, as the intake does."""

    def write(envelopes: Iterable[Envelope]) -> Written:
        batch = Batch()
        for index, envelope in enumerate(envelopes):
            if envelope.kind == "snapshot":
                batch.snapshots.append(envelope)
                continue
            line = copy_line(envelope, syndrome_of(envelope.code, envelope.code_system))
            batch.observations.append(Observation(envelope, line, Origin("calls", 0, index, 0)))
        written = write_batch(connection, batch)
        connection.commit()
        return written

    return write
