"""The clock of a world, shared by all its processes through the world's own database.

A world without a row in `clock` lives in the machine's time. Otherwise the row anchors world time to machine
time at a speed, so an accelerated demonstration or a replay tells every process the same hour, also after a
restart.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime

import psycopg
import structlog

from infra.clock import PARIS, AnchoredClock, Clock, SystemClock, civil_date
from infra.database import Connection, connect
from infra.errors import MeteoError
from infra.world import World

log = structlog.get_logger(__name__)


def read_clock(connection: Connection) -> Clock:
    """Return the clock of the connection's world as it is set now."""
    row = connection.execute("SELECT anchor_real, anchor_world, speed FROM clock").fetchone()
    return AnchoredClock(*row) if row else SystemClock()


def set_clock(connection: Connection, world_time: datetime, speed: float) -> None:
    """Set the world's time from this moment on; committed by the caller.

    Parameters
    ----------
    world_time
        What the world's clock shows now, aware.
    speed
        World seconds per machine second; 0 pauses the world.
    """
    connection.execute(
        "INSERT INTO clock (anchor_real, anchor_world, speed) VALUES (%s, %s, %s)"
        " ON CONFLICT (singleton) DO UPDATE SET anchor_real = excluded.anchor_real,"
        " anchor_world = excluded.anchor_world, speed = excluded.speed",
        (datetime.now(UTC), world_time, speed),
    )


class StoredClock:
    """A `Clock` that follows the world's row, re-read at most once in `refresh` seconds.

    While the database is away the last known setting goes on.
    """

    def __init__(self, database_url: str, world: World, *, refresh: float = 1.0) -> None:
        self._database_url = database_url
        self._world = world
        self._refresh = refresh
        self._lock = threading.Lock()
        self._clock: Clock = SystemClock()
        self._read_at = float("-inf")
        self._connection: Connection | None = None

    def now(self) -> datetime:
        """Return the world's present moment in UTC."""
        return self._current().now()

    def today(self, zone: str = PARIS) -> date:
        """Return the civil date of `zone` in the world."""
        return civil_date(self.now(), zone)

    def close(self) -> None:
        """Close the clock's own connection."""
        with self._lock:
            self._drop()

    def _current(self) -> Clock:
        with self._lock:
            if time.monotonic() - self._read_at >= self._refresh:
                self._read_at = time.monotonic()
                self._reread()
            return self._clock

    def _reread(self) -> None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(self._database_url, self._world, autocommit=True)
            self._clock = read_clock(self._connection)
        except (psycopg.Error, MeteoError) as error:
            log.warning("clock_not_read", error=str(error))
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except psycopg.Error as error:
                log.debug("clock_connection_lost", error=str(error))
            self._connection = None
