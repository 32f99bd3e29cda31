"""Running a replay: reports are published when the replayed world's clock reaches their moment.

The position (the moment up to which everything was published) is kept in the world's own database, so that a
replay that was stopped goes on where it stood. Publishing a stretch again changes nothing: identities are the same.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.types.json import Jsonb

from infra.database import Connection
from infra.errors import MeteoError
from infra.world import World
from infra.world_clock import set_clock
from streams.gateways.publisher import Publisher
from streams.replay.reports import Known

BOOKMARK = "replay"
PER_MESSAGE = 500
# At full speed the world's time goes on by this much at once.
_STRIDE = timedelta(days=1)
_TICK_SECONDS = 0.5


@dataclass(frozen=True)
class Bookmark:
    """Where a replay stands.

    Attributes
    ----------
    position
        Everything known up to this moment was published.
    paused
        Whether somebody asked it to wait.
    """

    position: datetime
    until: datetime
    paused: bool
    published: int
    territory: str = ""


def read_bookmark(connection: Connection) -> Bookmark | None:
    """Return where this world's replay stands; None when there was none."""
    row = connection.execute("SELECT document FROM bookmark WHERE name = %s", (BOOKMARK,)).fetchone()
    if row is None:
        return None
    told = row[0]
    return Bookmark(
        datetime.fromisoformat(told["position"]),
        datetime.fromisoformat(told["until"]),
        told["paused"],
        told["published"],
        told.get("territory", ""),
    )


def write_bookmark(connection: Connection, bookmark: Bookmark) -> None:
    """Keep where this world's replay stands; the pause that another process asked for is kept."""
    document = {
        "position": bookmark.position.isoformat(),
        "until": bookmark.until.isoformat(),
        "published": bookmark.published,
        "territory": bookmark.territory,
    }
    connection.execute(
        "INSERT INTO bookmark (name, document) VALUES (%s, %s || '{\"paused\": false}'::jsonb)"
        " ON CONFLICT (name) DO UPDATE SET document = bookmark.document || %s, changed = clock_timestamp()",
        (BOOKMARK, Jsonb(document), Jsonb(document)),
    )


def ask_pause(connection: Connection, paused: bool) -> Bookmark:
    """Ask this world's replay to wait, or to go on.

    Raises
    ------
    MeteoError
        When no replay was begun in this world.
    """
    connection.execute(
        "UPDATE bookmark SET document = document || %s, changed = clock_timestamp() WHERE name = %s",
        (Jsonb({"paused": paused}), BOOKMARK),
    )
    bookmark = read_bookmark(connection)
    if bookmark is None:
        raise MeteoError(
            "no replay was begun in this world; start one with `meteo replay DIR --from … --to …`"
        )
    return bookmark


def read_speed(text: str) -> float | None:
    """Return world seconds per second of `3600x`; None for `max`.

    Raises
    ------
    MeteoError
        When it is neither.
    """
    if text == "max":
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)x?", text)
    if found is None or float(found[1]) <= 0:
        raise MeteoError(f"--speed {text!r}: write 3600x (an hour a second) or max")
    return float(found[1])


class Replay:
    """One replay of sorted reports.

    Parameters
    ----------
    connection
        Autocommit connection inside the replayed world.
    known
        Reports sorted by when they became known.
    speed
        World seconds per second; None as fast as Kafka takes them.
    territory
        Whose reports these are; a bookmark of another one is not gone on from.
    """

    def __init__(
        self,
        world: World,
        connection: Connection,
        publisher: Publisher,
        known: list[Known],
        *,
        begin: datetime,
        until: datetime,
        speed: float | None,
        territory: str = "",
    ) -> None:
        self._world = world
        self._connection = connection
        self._publisher = publisher
        self._known = known
        self._moments = [when.reported for _, _, when in known]
        self._begin = begin
        self._until = until
        self._speed = speed
        self._stopping = threading.Event()
        self._published = 0
        self._territory = territory

    def stop(self) -> None:
        """Ask the replay to keep its place and end."""
        self._stopping.set()

    def run(self, advance: Callable[[datetime, int], None]) -> Bookmark:
        """Publish until the end or until stopped, and return where it stands.

        Parameters
        ----------
        advance
            Told the world's time and the number of reports published so far.

        Raises
        ------
        MeteoError
            When this world's bookmark is of another territory.
        """
        bookmark = read_bookmark(self._connection)
        if bookmark is not None:
            self._check_same(bookmark)
            # Starting is asking to go on: a pause that outlived its replay would wait without a word.
            ask_pause(self._connection, False)
        position = self._begin
        if bookmark is not None and self._begin < bookmark.position:
            position, self._published = bookmark.position, bookmark.published
        else:
            # What was known before the first moment is there from the start.
            self._publish_between(None, position)
        self._keep(position)
        for moment in self._moments_to_reach(position):
            self._publish_between(position, moment)
            position = moment
            self._keep(position)
            advance(position, self._published)
        set_clock(self._connection, position, 0.0)
        return Bookmark(position, self._until, self._paused(), self._published, self._territory)

    def _check_same(self, bookmark: Bookmark) -> None:
        if bookmark.territory not in ("", self._territory):
            raise MeteoError(
                f"world {self._world.name} replays territory {bookmark.territory}, not {self._territory}:"
                " --restart begins again in it, --world replay_other makes another"
            )

    def _moments_to_reach(self, position: datetime) -> Iterator[datetime]:
        while position < self._until and not self._stopping.is_set():
            if self._paused():
                set_clock(self._connection, position, 0.0)
                self._stopping.wait(_TICK_SECONDS)
                continue
            stride = _STRIDE
            if self._speed is not None:
                set_clock(self._connection, position, self._speed)
                self._stopping.wait(_TICK_SECONDS)
                stride = timedelta(seconds=_TICK_SECONDS * self._speed)
            position = min(position + stride, self._until)
            if self._speed is None:
                set_clock(self._connection, position, 0.0)
            yield position

    def _publish_between(self, after: datetime | None, until: datetime) -> None:
        first = 0 if after is None else bisect_right(self._moments, after)
        last = bisect_right(self._moments, until)
        envelopes = (
            report.envelope_reported(self._world.name, partner, when)
            for partner, report, when in self._known[first:last]
        )
        self._published += self._publisher.publish("counts", envelopes, per_message=PER_MESSAGE)
        self._publisher.flush()

    def _keep(self, position: datetime) -> None:
        write_bookmark(
            self._connection, Bookmark(position, self._until, False, self._published, self._territory)
        )

    def _paused(self) -> bool:
        bookmark = read_bookmark(self._connection)
        return bookmark is not None and bookmark.paused
