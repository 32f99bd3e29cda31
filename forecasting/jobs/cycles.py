"""When runs are due: the cycles of each civil day, told in the place's own time.

A cycle is named by the civil time it stands for, `2020-10-25T05:30`. On the day clocks go back an hour that
exists twice means its first; on the day they go forward an hour that does not exist means the moment that it
would have been.

>>> from datetime import UTC, datetime
>>> latest_due(datetime(2020, 10, 25, 12, 0, tzinfo=UTC), ("05:30", "13:30"), "Europe/Paris").name
'2020-10-25T05:30'
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

GRACE = timedelta(hours=1)


@dataclass(frozen=True, order=True)
class Cycle:
    """One cycle.

    Attributes
    ----------
    moment
        When it is due, UTC; also its as-of.
    name
        Civil time it stands for, to the minute.
    """

    moment: datetime
    name: str

    @property
    def hour(self) -> str:
        """Civil time of day: two runs agree when they are of the same hour."""
        return self.name[11:]


def cycle_on(day: date, at: str, zone: str) -> Cycle:
    """Return the cycle of a civil day and time of day."""
    local = datetime.combine(day, time.fromisoformat(at), tzinfo=ZoneInfo(zone))
    return Cycle(local.astimezone(UTC), f"{day.isoformat()}T{at}")


def cycles_between(after: datetime, until: datetime, times: Sequence[str], zone: str) -> list[Cycle]:
    """Return the cycles due after one moment and not after another, in order."""
    first = after.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    last = until.astimezone(ZoneInfo(zone)).date() + timedelta(days=1)
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return sorted(c for d in days for at in times if after < (c := cycle_on(d, at, zone)).moment <= until)


def latest_due(now: datetime, times: Sequence[str], zone: str) -> Cycle:
    """Return the newest cycle that is due."""
    return cycles_between(now - timedelta(days=2), now, times, zone)[-1]


def next_due(now: datetime, times: Sequence[str], zone: str) -> Cycle:
    """Return the cycle that comes next."""
    return cycles_between(now, now + timedelta(days=2), times, zone)[0]


def valid_until(as_of: datetime, times: Sequence[str], zone: str) -> datetime:
    """Return until when a bulletin holds: an hour after the next cycle, when its successor must be there."""
    return next_due(as_of, times, zone).moment + GRACE


def unscheduled(now: datetime, zone: str) -> Cycle:
    """Return the cycle name of a run that no cycle asked for: its own civil minute."""
    local = now.astimezone(ZoneInfo(zone))
    return Cycle(now.astimezone(UTC), local.strftime("%Y-%m-%dT%H:%M"))
