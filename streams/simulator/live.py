"""The broadcast of a scenario into a world: agreements, then the past at once, then the present at the world's speed.

Where it stands is the world's own bookmark: everything known before `published_until` has been acknowledged by the
broker. After a stop of any kind it goes on from there, and so does the world's clock; what is sent twice is stored
once. At `max` speed the clock steps with what is sent instead of running.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from psycopg.types.json import Jsonb

from infra.database import Connection, advisory_lock
from infra.errors import MeteoError
from infra.world_clock import read_clock, set_clock
from streams.envelope import Envelope
from streams.gateways.publisher import Publisher
from streams.simulator.agreements import agreements_of
from streams.simulator.history import Broadcast, topic_of
from streams.store.partners import apply_agreement

BOOKMARK = "simulator"
PAST_PER_MESSAGE = 500
# Largest step of world time between two acknowledgements.
STEP = timedelta(hours=1)
_TICK_SECONDS = 0.25

Report = Callable[[datetime, int], None]


@dataclass(frozen=True)
class Position:
    """Where a broadcast stands.

    Attributes
    ----------
    published_until
        What became known before this moment is published; None before the beginning.
    history_complete
        Whether the past is published.
    history_observations
        Number of observations of the past.
    """

    published_until: datetime | None = None
    history_complete: bool = False
    history_observations: int = 0


def speed_of(text: str) -> float | None:
    """Read a speed: `1440x` is a day a minute, `max` (None) as fast as the broker takes it.

    Raises
    ------
    MeteoError
        When the text is neither.
    """
    if text == "max":
        return None
    try:
        speed = float(text.removesuffix("x"))
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1_000_000:
        raise MeteoError(f"--speed {text!r}: write 1x, 1440x (a day a minute) or max")
    return speed


class Live:
    """One broadcast into the world of a connection.

    Parameters
    ----------
    connection
        Connection to the world's database, committing each statement.
    publisher
        Producer of the world's topics.
    report
        Told the world's time reached and the number of observations sent by this process.
    """

    def __init__(
        self, connection: Connection, publisher: Publisher, broadcast: Broadcast, report: Report
    ) -> None:
        self._connection = connection
        self._publisher = publisher
        self._broadcast = broadcast
        self._report = report
        self._sent = 0
        self.position = self._read_position()

    def run(self, speed: float | None) -> None:
        """Publish until the last live day ends; on any interruption the world's clock stops where it stands.

        Raises
        ------
        MeteoError
            When another simulation runs in this world, or another scenario was begun in it.
        """
        with advisory_lock(self._connection, BOOKMARK) as held:
            if not held:
                raise MeteoError(
                    f"another simulation is running in world {self._broadcast.world!r}: stop it first"
                )
            self._apply_agreements()
            waiting = _Waiting(self._broadcast.envelopes(self.position.published_until))
            if not self.position.history_complete:
                self._publish_past(waiting)
            try:
                self._publish_present(waiting, speed)
            finally:
                self._stand_still()

    def _apply_agreements(self) -> None:
        with self._connection.transaction():
            for agreement in agreements_of(self._broadcast.scenario):
                apply_agreement(self._connection, agreement, "meteo simulate")

    def _publish_past(self, waiting: _Waiting) -> None:
        """Publish what was known before the live part, the world's clock standing at its beginning."""
        begins = self._broadcast.begins
        set_clock(self._connection, begins, 0.0)
        # The past is counted from its first observation, so an interrupted past is sent again from there.
        self._sent = 0
        self._send(self._counted(waiting.until(begins)), PAST_PER_MESSAGE)
        self._move(Position(begins, True, self._sent))

    def _counted(self, envelopes: Iterable[Envelope]) -> Iterator[Envelope]:
        for number, envelope in enumerate(envelopes, start=1):
            if number % 5000 == 0:
                self._report(envelope.reported, number)
            yield envelope

    def _publish_present(self, waiting: _Waiting, speed: float | None) -> None:
        reached, ends = self.position.published_until or self._broadcast.begins, self._broadcast.ends
        set_clock(self._connection, reached, speed or 0.0)
        while reached < ends:
            now = reached + STEP if speed is None else read_clock(self._connection).now()
            if now <= reached:
                time.sleep(_TICK_SECONDS)
                continue
            reached = min(now, reached + STEP, ends)
            self._send(waiting.until(reached), PAST_PER_MESSAGE if speed is None else 1)
            self._move(replace(self.position, published_until=reached))
            if speed is None:
                set_clock(self._connection, reached, 0.0)
            elif reached == now:
                time.sleep(_TICK_SECONDS)

    def _send(self, envelopes: Iterable[Envelope], per_message: int) -> None:
        for topic, group in groupby(envelopes, key=topic_of):
            self._sent += self._publisher.publish(topic, group, per_message=per_message)
        self._publisher.flush()

    def _move(self, position: Position) -> None:
        document = {
            "plan": plan_of(self._broadcast),
            "published_until": position.published_until.isoformat() if position.published_until else None,
            "history_complete": position.history_complete,
            "history_observations": position.history_observations,
        }
        self._connection.execute(
            "INSERT INTO bookmark (name, document) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE SET document = excluded.document, changed = clock_timestamp()",
            (BOOKMARK, Jsonb(document)),
        )
        self.position = position
        if position.published_until:
            self._report(position.published_until, self._sent)

    def _read_position(self) -> Position:
        row = self._connection.execute(
            "SELECT document FROM bookmark WHERE name = %s", (BOOKMARK,)
        ).fetchone()
        if row is None:
            return Position()
        document: dict[str, Any] = row[0]
        if document["plan"] != plan_of(self._broadcast):
            raise MeteoError(
                f"world {self._broadcast.world!r} holds another simulation ({_told(document['plan'])}); "
                "repeat its options to go on, or choose another world with --world"
            )
        until = document["published_until"]
        return Position(
            datetime.fromisoformat(until) if until else None,
            document["history_complete"],
            document["history_observations"],
        )

    def _stand_still(self) -> None:
        """Stop the world's clock at what is published, so that nothing grows old while nobody sends."""
        if not self._connection.closed:
            set_clock(self._connection, self.position.published_until or self._broadcast.begins, 0.0)


class _Waiting:
    """The envelopes not sent yet, taken up to a moment at a time."""

    def __init__(self, envelopes: Iterator[Envelope]) -> None:
        self._envelopes = envelopes
        self._next: Envelope | None = next(envelopes, None)

    def until(self, moment: datetime) -> Iterator[Envelope]:
        """Yield those known before a moment."""
        while self._next is not None and self._next.reported < moment:
            yield self._next
            self._next = next(self._envelopes, None)


def plan_of(broadcast: Broadcast) -> dict[str, str | int]:
    """Return what must be the same for a broadcast to be resumed; it may be prolonged."""
    return {
        "scenario": broadcast.scenario.name,
        "from": broadcast.first_day.isoformat(),
        "seed": broadcast.scenario.seed,
        "territory": broadcast.scenario.territory,
        "history_days": broadcast.history_days,
    }


def _told(plan: dict[str, Any]) -> str:
    return ", ".join(f"--{key.replace('_', '-')} {value}" for key, value in plan.items())
