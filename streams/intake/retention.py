"""Retention kept by itself: one worker at a time erases what the agreements no longer keep.

How long is each agreement's own matter (`streams.store.erasure`); here is only that nobody has to remember it.
"""

from __future__ import annotations

import asyncio

import psycopg
import structlog

from infra.database import advisory_lock, connect
from infra.errors import MeteoError
from infra.world import World
from infra.world_clock import read_clock
from streams.store.erasure import erase_expired

log = structlog.get_logger(__name__)

PERIOD_SECONDS = 6 * 3600.0
# A worker that starts has a backlog to read first.
FIRST_SECONDS = 600.0
_LOCK = "retention"


def erase_what_expired(database_url: str, world: World) -> int | None:
    """Erase the events whose agreed time is over; return their number, None when another worker is at it.

    Raises
    ------
    MeteoError, psycopg.Error
        When the database does not answer; nothing is erased by half.
    """
    with (
        connect(database_url, world, autocommit=True) as connection,
        advisory_lock(connection, _LOCK) as held,
    ):
        if not held:
            return None
        with connection.transaction():
            return erase_expired(connection, read_clock(connection))


async def keep_retention(
    database_url: str, world: World, *, first: float = FIRST_SECONDS, period: float = PERIOD_SECONDS
) -> None:
    """Erase what expired after `first` seconds, then every `period`, until cancelled; a database gone is waited for."""
    await asyncio.sleep(first)
    while True:
        try:
            erased = await asyncio.to_thread(erase_what_expired, database_url, world)
            if erased:
                log.info("events_erased", events=erased, reason="retention")
        except (MeteoError, psycopg.Error) as error:
            log.warning("retention_waits", error=str(error))
        await asyncio.sleep(period)
