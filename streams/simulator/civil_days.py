"""Civil days of a place: their instants, weekdays, public holidays and school holidays.

Public holidays are France's by law (Code du travail, art. L3133-1, by the `holidays` package). School holidays are
approximated by fixed dates near zone B's (All Saints, Christmas, winter, spring, summer): the exact ones are an
order each year, and an epidemic model needs only about when the classrooms are empty.

>>> CivilDays(date(2025, 12, 24), 3, "Europe/Paris").public_holiday.tolist()
[False, True, False]
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import holidays
import numpy as np

# (month, day) of first and last day without school.
_SCHOOL_HOLIDAYS = (
    ((10, 19), (11, 3)),
    ((12, 21), (12, 31)),
    ((1, 1), (1, 4)),
    ((2, 15), (3, 2)),
    ((4, 12), (4, 27)),
    ((7, 5), (8, 31)),
)


@dataclass(frozen=True)
class CivilDays:
    """Consecutive civil days of one time zone.

    Attributes
    ----------
    first
        First day.
    length
        Number of days.
    zone
        Civil time zone.
    """

    first: date
    length: int
    zone: str

    @cached_property
    def dates(self) -> tuple[date, ...]:
        """The days."""
        return tuple(self.first + timedelta(days=i) for i in range(self.length))

    @cached_property
    def midnights(self) -> np.ndarray:
        """Seconds since 1970 (UTC) at which each day begins, then the end of the last: shape (length + 1,)."""
        zone = ZoneInfo(self.zone)
        days = (*self.dates, self.first + timedelta(days=self.length))
        return np.array([int(datetime.combine(d, time(), tzinfo=zone).timestamp()) for d in days], np.int64)

    @cached_property
    def weekday(self) -> np.ndarray:
        """Day of the week, Monday 0, shape (length,)."""
        return (np.arange(self.length) + self.first.weekday()) % 7

    @cached_property
    def day_of_year(self) -> np.ndarray:
        """Day of the year from 1, shape (length,)."""
        return np.array([d.timetuple().tm_yday for d in self.dates])

    @cached_property
    def public_holiday(self) -> np.ndarray:
        """Whether each day is a public holiday, shape (length,)."""
        years = range(self.first.year, self.dates[-1].year + 1)
        off = holidays.country_holidays("FR", years=years)
        return np.array([d in off for d in self.dates])

    @cached_property
    def school_holiday(self) -> np.ndarray:
        """Whether schools are closed, about, shape (length,)."""
        keys = [(d.month, d.day) for d in self.dates]
        return np.array([any(a <= k <= b for a, b in _SCHOOL_HOLIDAYS) for k in keys])

    @cached_property
    def day_kind(self) -> np.ndarray:
        """Weekday 0 to 6, a public holiday counting as a Sunday, shape (length,)."""
        return np.where(self.public_holiday, 6, self.weekday)

    @property
    def ordinal(self) -> int:
        """Ordinal of the first day."""
        return self.first.toordinal()

    def index(self, day: date) -> int:
        """Return the position of a day, which may lie outside."""
        return (day - self.first).days

    def instant(self, position: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Return the instant at `seconds` (of 86,400) through each day, which has 23 or 25 hours twice a year."""
        length = self.midnights[position + 1] - self.midnights[position]
        moment: np.ndarray = self.midnights[position] + seconds * length // 86400
        return moment

    def civil_index(self, seconds: np.ndarray) -> np.ndarray:
        """Return the position of the civil day that holds each instant (seconds since 1970, UTC)."""
        return np.searchsorted(self.midnights, seconds, side="right") - 1
