"""The one clock: a process asks it for the time, and nothing else.

A world may live in another time than ours (a replay of 2020, an accelerated demonstration), so the time is
the world's and is injected. Times are UTC; a person's day is the civil date of a place.

>>> FixedClock(datetime(2020, 11, 1, 23, 30, tzinfo=UTC)).today("Europe/Paris")
datetime.date(2020, 11, 2)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

PARIS = "Europe/Paris"


class Clock(Protocol):
    """Anything that tells the world's time."""

    def now(self) -> datetime:
        """Return the world's present moment, aware, in UTC."""
        ...

    def today(self, zone: str = PARIS) -> date:
        """Return the civil date of `zone` at the world's present moment."""
        ...


class SystemClock:
    """The machine's clock, for worlds that live in our time."""

    def now(self) -> datetime:
        """Return the machine's present moment in UTC."""
        return datetime.now(UTC)

    def today(self, zone: str = PARIS) -> date:
        """Return the civil date of `zone`."""
        return civil_date(self.now(), zone)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for tests and for recomputing a run."""

    moment: datetime

    def now(self) -> datetime:
        """Return the fixed moment."""
        return self.moment.astimezone(UTC)

    def today(self, zone: str = PARIS) -> date:
        """Return the civil date of `zone` at the fixed moment."""
        return civil_date(self.moment, zone)


@dataclass(frozen=True)
class AnchoredClock:
    """A clock that runs at `speed` from an anchor pair of real and world time.

    Attributes
    ----------
    anchor_real, anchor_world
        The same instant told by the machine and by the world, both aware.
    speed
        World seconds per real second; 0 means paused.
    """

    anchor_real: datetime
    anchor_world: datetime
    speed: float

    def now(self) -> datetime:
        """Return the world's present moment in UTC."""
        elapsed = datetime.now(UTC) - self.anchor_real
        return (self.anchor_world + elapsed * self.speed).astimezone(UTC)

    def today(self, zone: str = PARIS) -> date:
        """Return the civil date of `zone` in the world."""
        return civil_date(self.now(), zone)


def civil_date(moment: datetime, zone: str = PARIS) -> date:
    """Return the calendar day a person in `zone` would write at `moment` (aware)."""
    return moment.astimezone(ZoneInfo(zone)).date()


def end_of_day(day: date, zone: str = PARIS) -> datetime:
    """Return the last microsecond of the civil `day`, in UTC: what a bare date means as an as-of."""
    midnight = datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone))
    return midnight.astimezone(UTC) - timedelta(microseconds=1)


def parse_as_of(text: str, zone: str = PARIS) -> datetime:
    """Read an as-of: an ISO instant with offset, or a bare date meaning the end of that civil day.

    Raises
    ------
    ValueError
        When the text is neither, or an instant without offset.
    """
    try:
        if len(text) == 10:
            return end_of_day(date.fromisoformat(text), zone)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no moment ({error}): write 2020-11-01, or 2020-11-01T08:00+01:00"
        ) from None
    if moment.tzinfo is None:
        raise ValueError(f"as-of {text!r} has no offset: write 2020-11-01T08:00+01:00, or the bare date")
    return moment.astimezone(UTC)
