"""Days on which fewer people are admitted for a reason that is no news: public holidays, and the end of the year.

Planned care stops on the public holidays of the law (Code du travail, art. L3133-1, in Moselle and Alsace L3134-13;
by `forecasting.public_holidays`), and some of it from 22 December to 2 January. Models know the week, hardly the
calendar; that a holiday came in lower than they said tells nothing of whether they can be trusted tomorrow. A fall
beyond what a holiday explains does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from forecasting.public_holidays import of_country, of_territories

COUNTRY = "FR"
YEAR_END = ((12, 22), (1, 2))
YEAR_END_SHARE, HOLIDAY_SHARE = 0.6, 0.35


def least_share(day: date, local: Collection[date] = ()) -> float:
    """Return down to which share of an ordinary day's admissions a day in France may fall without being news.

    Parameters
    ----------
    local
        Public holidays that a territory has beside the country's.

    >>> [least_share(date(2025, 11, d)) for d in (10, 11, 12)], least_share(date(2025, 12, 23))
    ([1.0, 0.35, 1.0], 0.6)
    """
    if day in _of_year(day.year) or day in local:
        return HOLIDAY_SHARE
    first, last = YEAR_END
    at = (day.month, day.day)
    return YEAR_END_SHARE if at >= first or at <= last else 1.0


def public_holidays(first: np.datetime64, last: np.datetime64) -> NDArray[np.datetime64]:
    """Return the public holidays of all of France from one day to another."""
    return of_country(COUNTRY, first, last)


def local_holidays(
    territories: Sequence[str], first: np.datetime64, last: np.datetime64
) -> dict[str, NDArray[np.datetime64]]:
    """Return those of Moselle, Alsace and overseas départements beside, by département."""
    return of_territories(COUNTRY, territories, first, last)


@lru_cache(maxsize=64)
def _of_year(year: int) -> frozenset[date]:
    found = of_country(COUNTRY, np.datetime64(f"{year}-01-01", "D"), np.datetime64(f"{year}-12-31", "D"))
    return frozenset(found.tolist())
