"""Retention is kept without anybody asking: by the world's clock, by one worker at a time."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import structlog
from structlog.typing import EventDict

from infra.database import Connection, advisory_lock
from infra.world_clock import set_clock
from streams.intake.retention import erase_what_expired, keep_retention
from tests.streams.store.conftest import WORLD, Store
from tests.streams.week import week_of_events


def _individuals(connection: Connection) -> int:
    row = connection.execute("SELECT count(*) FROM observation WHERE individual").fetchone()
    connection.commit()
    assert row is not None
    return int(row[0])


def test_what_expired_by_the_world_s_clock_is_erased(
    connection: Connection, store: Store, each_database: str
) -> None:
    store(week_of_events(WORLD.name, calls=50))
    set_clock(connection, datetime(2020, 12, 1, tzinfo=UTC), 0)
    connection.commit()
    assert erase_what_expired(each_database, WORLD) == 0
    before = _individuals(connection)
    set_clock(connection, datetime(2023, 9, 1, tzinfo=UTC), 0)
    connection.commit()
    with advisory_lock(connection, "retention"):
        connection.commit()
        assert erase_what_expired(each_database, WORLD) is None
        assert _individuals(connection) == before > 0
    connection.commit()
    assert (erase_what_expired(each_database, WORLD) or 0) > 50
    assert _individuals(connection) == 0


def test_a_database_that_is_away_is_waited_for() -> None:
    # In a thread of its own: the browser's driver keeps an event loop running in the first one.
    with structlog.testing.capture_logs() as lines, ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, _until_it_waited(lines)).result(30)


async def _until_it_waited(lines: list[EventDict]) -> None:
    away = "postgresql://127.0.0.1:1/none"
    task = asyncio.create_task(keep_retention(away, WORLD, first=0, period=0.01))
    while sum(line["event"] == "retention_waits" for line in lines) < 3:
        assert not task.done()
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
