"""Days on which fewer people are admitted for a reason that is no news: public holidays, and the end of the year.

Planned care stops on the public holidays of the law (Code du travail, art. L3133-1, by the `holidays` package), and
some of it from 22 December to 2 January. Models know the week, hardly the calendar; that a holiday came in lower
than they said tells nothing of whether they can be trusted tomorrow. A fall beyond what a holiday explains does.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays
import numpy as np
from numpy.typing import NDArray

YEAR_END = ((12, 22), (1, 2))
YEAR_END_SHARE, HOLIDAY_SHARE = 0.6, 0.35


def least_share(day: date) -> float:
    """Return down to which share of an ordinary day's admissions a day in France may fall without being news.

    >>> [least_share(date(2025, 11, d)) for d in (10, 11, 12)], least_share(date(2025, 12, 23))
    ([1.0, 0.35, 1.0], 0.6)
    """
    if day in _public_holidays(day.year):
        return HOLIDAY_SHARE
    first, last = YEAR_END
    at = (day.month, day.day)
    return YEAR_END_SHARE if at >= first or at <= last else 1.0


def public_holidays(first: np.datetime64, last: np.datetime64) -> NDArray[np.datetime64]:
    """Return the public holidays of France between two days."""
    years = range(int(str(first)[:4]), int(str(last)[:4]) + 1)
    days = sorted(day for year in years for day in _public_holidays(year))
    found = np.array(days, dtype="datetime64[D]")
    return found[(found >= first) & (found <= last)]


@lru_cache(maxsize=64)
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", years=[year]))
