"""The order of a whole broadcast: counts for the days before the first live day, then event after event.

Days before the first live day come as count reports, with the growth that late events gave them; later days as
individual events. Stays present on the first live day, and those of the 45 days before it, are also told movement by
movement, so that the census and the lengths of stay are known from the start; they add nothing to the counts, since a
partner's report of a day is read instead of its events of that day.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from infra.errors import MeteoError
from streams.envelope import Envelope
from streams.simulator.events import LATEST_DAYS
from streams.simulator.reports import final_reports, growing_reports, report_envelopes
from streams.simulator.scenario import Scenario
from streams.simulator.simulation import Simulation, simulate
from streams.simulator.ward_reports import AHEAD_DAYS, announcements, census_envelopes
from streams.vocabulary.signals import signal as signal_named

STAYS_TOLD_DAYS = 45
TRIANGLE_DAYS = 120
# The world wakes on its first live day after the morning's reports.
FIRST_HOUR = time(8)
# Count reports of these signals have a topic of their own.
_OWN_TOPICS = ("capacity", "electives", "census")


def history_counts(
    scenario: Scenario, start: date, end: date, *, world: str = "demo", triangle_days: int = TRIANGLE_DAYS
) -> list[Envelope]:
    """Return the days [start, end) as aggregated count reports and censuses, in the order they became known.

    Parameters
    ----------
    triangle_days
        Days before `end` whose counts grow as late events came in; older days are reported once, in full.
    """
    simulation = simulate(scenario, start, end)
    out = _counts(simulation, triangle_days, world)
    out += census_envelopes(simulation, world, start, end)
    return sorted(out, key=_known)


def _counts(simulation: Simulation, triangle_days: int, world: str) -> list[Envelope]:
    """Return the count reports of a simulation: final ones of the older days, growing ones of the newer."""
    turn = max(simulation.end - timedelta(days=triangle_days), simulation.start)
    out: list[Envelope] = []
    if turn > simulation.start:
        older = replace(simulation, end=turn)
        out += report_envelopes(older, final_reports(older), world)
    if turn < simulation.end:
        newer = replace(simulation, start=turn)
        out += report_envelopes(newer, growing_reports(newer), world)
    return out


@dataclass(frozen=True)
class Broadcast:
    """Everything the partners of a scenario send about a period.

    Attributes
    ----------
    first_day
        First day told by individual events.
    days
        Number of days so told.
    history_days
        Days before it, told by counts.
    world
        World the envelopes are for.
    """

    scenario: Scenario
    first_day: date
    days: int
    history_days: int
    world: str

    @property
    def begins(self) -> datetime:
        """Moment at which the live part begins: 8:00 on the first live day."""
        local = datetime.combine(self.first_day, FIRST_HOUR, tzinfo=ZoneInfo(self.scenario.zone))
        return local.astimezone(UTC)

    @property
    def ends(self) -> datetime:
        """Moment at which the last live day ends."""
        return self._midnight(self.first_day + timedelta(days=self.days))

    @property
    def history_from(self) -> date:
        """First day told by counts."""
        return self.first_day - timedelta(days=self.history_days)

    @cached_property
    def simulation(self) -> Simulation:
        """The world from the first day of the history to some days after the last live one.

        Raises
        ------
        MeteoError
            When the history begins before the scenario.
        """
        longest = (self.first_day - self.scenario.start).days
        if self.history_days > longest:
            raise MeteoError(
                f"--history-days {self.history_days}: this scenario has {longest} days of past at most"
            )
        last = self.first_day + timedelta(days=self.days + AHEAD_DAYS + 1)
        return simulate(self.scenario, self.history_from, last)

    def envelopes(self, since: datetime | None = None) -> Iterator[Envelope]:
        """Yield everything in the order it became known, from what became known at `since` on."""
        live = replace(self.simulation, start=self.first_day, end=self.first_day + timedelta(days=self.days))
        told_from = max(self.first_day - timedelta(days=STAYS_TOLD_DAYS), self.scenario.start)
        events = live.envelopes(self.world, stays_from=told_from, since=since)
        everything = heapq.merge(self._reports(live.end, since), events, key=_known)
        return (e for e in everything if e.reported < self.ends)

    def _reports(self, end: date, since: datetime | None) -> list[Envelope]:
        """Return count reports of the history, and the bed offices' reports of the whole period."""
        whole, announced = self.simulation, end + timedelta(days=AHEAD_DAYS)
        start = self.history_from
        if since is not None:
            start = max(start, since.date() - timedelta(days=LATEST_DAYS))
        out: list[Envelope] = []
        if start < self.first_day:
            out += _counts(replace(whole, start=start, end=self.first_day), TRIANGLE_DAYS, self.world)
        out += census_envelopes(whole, self.world, start, end)
        out += announcements(whole, self.world, start, announced)
        return sorted((e for e in out if since is None or e.reported >= since), key=_known)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=ZoneInfo(self.scenario.zone)).astimezone(UTC)


def topic_of(envelope: Envelope) -> str:
    """Return the topic on which a partner sends an envelope."""
    own = signal_named(envelope.signal).topic
    return own if envelope.individual or own in _OWN_TOPICS else "counts"


def _known(envelope: Envelope) -> tuple[datetime, str, str]:
    return envelope.reported, envelope.partner, envelope.event_id
