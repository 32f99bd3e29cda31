"""News as it happens: one listener per process hears the database and tells every open stream.

News is a row of the outbox, written in the transaction that made it; its id is the `Last-Event-ID` of the live
stream (WHATWG HTML, server-sent events). The listener keeps the newest rows in the order they arrived, so a
reader that lost the connection goes on where it was; an older place is read from the table.

Ids are given at the insert and seen at the commit, so a row may appear after one with a higher id, however long its
transaction took. The outbox marks a row once it has published it, which is after its commit: a row marked before its
place was written was told before it too. Who goes on from the table is therefore told again all earlier rows but those:
news may come twice, never not at all, and its id tells.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import psycopg.sql
import structlog

from infra.world import World

log = structlog.get_logger(__name__)

KEPT = 5000
_RETRY_SECONDS = 1.0
# Where no relay publishes, rows are not marked: then the last hour counts, longer than any transaction with news takes.
UNMARKED_SECONDS = 3600
_ROW = "id, topic, key, payload, public"
_THESE = psycopg.sql.SQL("id = ANY(%(ids)s)")
_PLACE = "(SELECT created FROM outbox WHERE id = %(n)s)"
_AROUND = psycopg.sql.SQL(
    "id > %(n)s OR (id < %(n)s AND"
    " CASE WHEN published IS NULL THEN created > {place} - make_interval(secs => %(s)s) ELSE published > {place} END)"
).format(place=psycopg.sql.SQL(_PLACE))


@dataclass(frozen=True)
class News:
    """One row of the outbox.

    Attributes
    ----------
    public
        Whether anybody may hear of it.
    """

    id: int
    topic: str
    key: str
    payload: dict[str, Any]
    public: bool


class Newsroom:
    """Hears the outbox and lets any number of readers follow it.

    Parameters
    ----------
    database_url, world
        Whose outbox.
    heard
        Called with every bunch of news before the readers get it.
    """

    def __init__(
        self, database_url: str, world: World, heard: Callable[[Sequence[News]], None] = lambda news: None
    ) -> None:
        self._database_url = database_url
        self._world = world
        self._heard = heard
        self._kept: deque[News] = deque(maxlen=KEPT)
        self._arrived = 0
        self._bell = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.listening = False
        self.closed = False
        self.readers = 0

    async def open(self) -> None:
        """Begin to listen, in the background."""
        self._task = asyncio.create_task(self._listen_for_ever(), name="newsroom")

    async def close(self) -> None:
        """End every stream and stop listening."""
        self.closed = True
        async with self._bell:
            self._bell.notify_all()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def follow(self, after: int | None = None) -> AsyncIterator[News]:
        """Yield news from now on, or from behind the row with number `after`.

        Ends when the newsroom closes. A place that this process did not hear is read from the table, with the
        earlier news that may have been committed after it.
        """
        place = self._arrived
        sent: frozenset[int] = frozenset()
        if after is not None:
            missed, place = await self._missed(after)
            for news in missed:
                yield news
            sent = frozenset(news.id for news in missed)
        self.readers += 1
        try:
            while not self.closed:
                bunch, place = self._since(place)
                for news in bunch:
                    if news.id not in sent:
                        yield news
                async with self._bell:
                    if place == self._arrived and not self.closed:
                        await self._bell.wait()
        finally:
            self.readers -= 1

    def _since(self, place: int) -> tuple[list[News], int]:
        count = min(self._arrived - place, len(self._kept))
        return (list(self._kept)[-count:] if count else []), self._arrived

    async def _missed(self, after: int) -> tuple[list[News], int]:
        ids = [news.id for news in self._kept]
        if after in ids:
            return [], self._arrived - (len(ids) - 1 - ids.index(after))
        place = self._arrived
        async with await self._connect() as connection:
            return await self._rows_around(connection, after), place

    async def _listen_for_ever(self) -> None:
        while not self.closed:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.warning("newsroom_cut_off", error=str(error).strip())
            self.listening = False
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen(self) -> None:
        newest = max((news.id for news in self._kept), default=None)
        async with await self._connect() as connection:
            await connection.execute("LISTEN meteo_outbox")
            # What was written while nobody listened: from the newest known, or nothing at first start.
            if newest is not None:
                known = {news.id for news in self._kept}
                rows = await self._rows_around(connection, newest)
                await self._tell([news for news in rows if news.id not in known])
            self.listening = True
            await self._tell([])
            while not self.closed:
                ids = await self._heard_ids(connection)
                if ids:
                    await self._tell(await self._rows(connection, _THESE, {"ids": ids}))

    async def _heard_ids(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> list[int]:
        """Wait for at least one notification and take those that came with it."""
        ids = []
        async for notify in connection.notifies(timeout=10.0, stop_after=1):
            schema, _, number = notify.payload.partition("/")
            if schema == self._world.schema:
                ids.append(int(number))
        return ids

    async def _tell(self, bunch: list[News]) -> None:
        self._heard(bunch)
        async with self._bell:
            self._kept.extend(bunch)
            self._arrived += len(bunch)
            self._bell.notify_all()

    async def _connect(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        options = f"-c search_path={self._world.schema},public -c timezone=UTC"
        return await psycopg.AsyncConnection.connect(self._database_url, autocommit=True, options=options)

    async def _rows_around(
        self, connection: psycopg.AsyncConnection[tuple[Any, ...]], number: int
    ) -> list[News]:
        """Return the news behind a row, and those just before it, which may have been committed after it."""
        return await self._rows(connection, _AROUND, {"n": number, "s": UNMARKED_SECONDS})

    async def _rows(
        self,
        connection: psycopg.AsyncConnection[tuple[Any, ...]],
        condition: psycopg.sql.Composable,
        values: Mapping[str, object],
    ) -> list[News]:
        query = psycopg.sql.SQL("SELECT {} FROM outbox WHERE {} ORDER BY id LIMIT {}").format(
            psycopg.sql.SQL(_ROW), condition, KEPT
        )
        rows = await (await connection.execute(query, values)).fetchall()
        return [News(*row) for row in rows]
