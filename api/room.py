"""The reading room: what every route reads from — one pool, one clock, the newsroom and the shelf.

`published` decides what the public sees: public values change at cycles only, so runs on demand or on new data
are for those with a session. In a demonstration every run is public, since its data are invented or open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fastapi import Request

from api.live import News, Newsroom
from api.sessions import Sessions, signing_key
from api.shelf import Shelf
from forecasting import store
from forecasting.run import RunRecord, SeriesForecast, TerritoryBulletin
from infra.clock import Clock
from infra.database import Connection, open_pool
from infra.settings import Settings
from infra.world import World
from infra.world_clock import StoredClock

_CYCLES = frozenset({"cycle", "catch-up"})
_EVERY = frozenset({"cycle", "catch-up", "demand", "data"})
_CHANGES_ANSWERS = frozenset({"runs", "alerts", "agreements"})
_INSTANT = timedelta(microseconds=1)
# Runs between two cycles are at most one an hour and a few on demand.
_STEPS = 200


@dataclass
class ReadingRoom:
    """What a process serves from.

    Attributes
    ----------
    received
        Observations heard of on the live stream since `since`.
    """

    settings: Settings
    world: World
    database_url: str
    clock: Clock
    sessions: Sessions
    since: datetime
    shelf: Shelf = field(default_factory=Shelf)
    received: int = 0

    def __post_init__(self) -> None:
        self._published: dict[int, bool] = {}
        self.newsroom = Newsroom(self.database_url, self.world, self._heard)
        self.pool = open_pool(self.database_url, self.world, size=self.settings.database_pool_size)

    @classmethod
    def of(cls, settings: Settings, database_url: str) -> ReadingRoom:
        """Open the room of the world the settings name."""
        world = settings.this_world
        secure = settings.public_url.startswith("https://")
        clock = StoredClock(database_url, world)
        sessions = Sessions(signing_key(settings), world.name, secure=secure)
        return cls(settings, world, database_url, clock, sessions, clock.now())

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a connection for one answer."""
        with self.pool.connection(timeout=5.0) as connection:
            yield connection

    @property
    def published_reasons(self) -> frozenset[str]:
        """Reasons of the runs that anybody may see."""
        return _EVERY if self.world.kind == "demo" else _CYCLES

    def sees(self, record: RunRecord, *, private: bool) -> bool:
        """Return whether a run may be shown."""
        return private or record.reason in self.published_reasons

    def is_published(self, run_id: int) -> bool:
        """Return whether anybody may see the run of that number."""
        if run_id not in self._published:
            with self.connection() as connection:
                record = store.run(connection, run_id)
            self._published[run_id] = record is not None and self.sees(record, private=False)
        return self._published[run_id]

    async def open(self) -> None:
        """Start to listen."""
        await self.newsroom.open()

    async def close(self) -> None:
        """Stop listening and give the connections back."""
        await self.newsroom.close()
        self.pool.close()
        if isinstance(self.clock, StoredClock):
            self.clock.close()

    def _heard(self, bunch: Sequence[News]) -> None:
        self.shelf.listening = True
        for news in bunch:
            if news.topic == "observations":
                self.received += sum(int(n) for n in news.payload.get("signals", {}).values())
            elif news.topic in _CHANGES_ANSWERS:
                self.shelf.clear()


def room_of(request: Request) -> ReadingRoom:
    """Return the room of the application that got the request."""
    room: ReadingRoom = request.app.state.room
    return room


def shown_bulletin(
    room: ReadingRoom, connection: Connection, territory: str, as_of: datetime | None, *, private: bool
) -> tuple[RunRecord, TerritoryBulletin] | None:
    """Return the newest bulletin a reader may see: for the public, that of a published cycle."""
    for _ in range(_STEPS):
        found = store.latest_bulletin(connection, territory, as_of)
        if found is None or room.sees(found[0], private=private):
            return found
        as_of = found[0].as_of - _INSTANT
    return None


def shown_bulletins(
    room: ReadingRoom, connection: Connection, as_of: datetime | None, *, private: bool
) -> list[tuple[RunRecord, TerritoryBulletin]]:
    """Return the newest bulletin of every territory that a reader may see."""
    shown = []
    for record, bulletin in store.latest_bulletins(connection, as_of):
        if room.sees(record, private=private):
            shown.append((record, bulletin))
            continue
        older = shown_bulletin(room, connection, bulletin.territory, record.as_of - _INSTANT, private=private)
        if older is not None:
            shown.append(older)
    return shown


def series_of_run(
    connection: Connection, record: RunRecord, territory: str, target: str, facility: str = ""
) -> SeriesForecast | None:
    """Return a series of exactly that run, also where another run read at the same moment."""
    found = store.series(connection, territory, target, record.as_of, facility)
    if found is None:
        return None
    if found[0].id == record.id:
        return found[1]
    wanted = (territory, target, facility)
    same = (
        s
        for s in store.run_series(connection, record.id)
        if (s.territory, s.target.key, s.facility) == wanted
    )
    return next(same, None)
