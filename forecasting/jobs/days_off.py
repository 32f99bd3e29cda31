"""Days on which fewer people are admitted for a reason that is no news: public holidays, and the end of the year.

Planned care stops on the public holidays of the law (Code du travail, art. L3133-1, by the `holidays` package), and
most of it from 22 December to 2 January. Models know the week, hardly the calendar; that a holiday came in lower
than they said tells nothing of whether they can be trusted tomorrow.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays

YEAR_END = ((12, 22), (1, 2))


def is_day_off(day: date) -> bool:
    """Return whether fewer admissions than usual are to be expected of a day in France.

    >>> [is_day_off(date(2025, 11, d)) for d in (10, 11, 12)], is_day_off(date(2025, 12, 23))
    ([False, True, False], True)
    """
    first, last = YEAR_END
    at = (day.month, day.day)
    return at >= first or at <= last or day in _public_holidays(day.year)


@lru_cache(maxsize=64)
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("FR", years=[year]))
