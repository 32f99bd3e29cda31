r"""Closures: what public holidays, the days squeezed between days off and the year's end do to a daily flow.

When theatres, practices and laboratories are shut, planned admissions stop and calls rise, for a reason that is no
news. Days are of a *kind*: a public holiday from Monday to Friday, the working day after one, a working day between
two days off, and the year's end (24 December to 2 January where Christmas and New Year are holidays). Each kind has a
factor on a flow. From the total :math:`Y` over all territories, the weekday factors :math:`w` of ordinary days and
the level :math:`L` of the ordinary days around, a local log-linear regression with tricube weights (Cleveland 1979,
doi:10.1080/01621459.1979.10481038),

.. math:: \log F_k = \frac{\sum_e \overline{\log (Y_t / w_t L_t)}_e}{n_k + \sigma^2 / \tau^2},

over the :math:`n_k` episodes of the kind: the posterior mean under a prior of no effect, with :math:`\tau` its usual
size and :math:`\sigma` how much one episode says, from the scatter of ordinary days. A flow is divided by its factors
before its level is read, and what is drawn is multiplied by those of its days. Territories may have holidays of their
own: a day that is not of one kind everywhere tells nothing of any, and is given the factors of its kinds.

>>> days = np.arange(np.datetime64("2025-11-10"), np.datetime64("2025-11-14"))
>>> kinds_of_day(days, np.array(["2025-11-11"], dtype="datetime64[D]")).tolist()
[3, 1, 2, 0]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.transforms import Floats

Dates = NDArray[np.datetime64]
Kinds = NDArray[np.int64]
ORDINARY, HOLIDAY, DAY_AFTER, SQUEEZED, YEAR_END = range(5)
SATURDAY = 5
AROUND_DAYS = 17
FEWEST_BEFORE_AND_AFTER = 4
FEWEST_DAYS = 56
SMALLEST_TOTAL = 5.0
USUAL_EFFECT = 0.15
BETWEEN_EPISODES = 0.05
SHUT = 0.35
"""Below this factor a day says nothing of its level: it is read as a gap."""
SMALLEST, LARGEST = 0.1, 2.5


def kinds_of_day(dates: Dates, holidays: Dates) -> Kinds:
    """Return the kind of each day, shape (time,).

    Parameters
    ----------
    holidays
        Public holidays, in any order; those within ten days of the first and the last day count.
    """
    days = dates.astype("datetime64[D]").astype(np.int64)
    grid = np.arange(days.min() - 10, days.max() + 11)
    off = np.isin(grid, holidays.astype("datetime64[D]").astype(np.int64))
    working = (_weekday(grid) < SATURDAY) & ~off
    kind = np.zeros(len(grid), dtype=np.int64)
    kind[1:][working[1:] & off[:-1]] = DAY_AFTER
    kind[1:-1][working[1:-1] & ~working[:-2] & ~working[2:]] = SQUEEZED
    kind[_year_end(grid, off) & ~off] = YEAR_END
    kind[off & (_weekday(grid) < SATURDAY)] = HOLIDAY
    return np.asarray(kind[days - grid[0]])


def closure_factors(values: Floats, dates: Dates, calendars: Sequence[Dates]) -> Floats:
    """Estimate the factor of each kind of day on a flow, shape (kind,); one where nothing is known of it.

    Parameters
    ----------
    values
        Shape (time, territory), NaN where unknown.
    calendars
        Public holidays of each territory, or one calendar for all, as `forecasting.panel.Panel.calendars`.
    """
    factor = np.ones(YEAR_END + 1)
    if not any(len(holidays) for holidays in calendars):
        return factor
    total, weekday = _total(values), _weekday(dates.astype("datetime64[D]").astype(np.int64))
    kinds = np.stack([kinds_of_day(dates, holidays) for holidays in calendars], axis=1)
    kind, usable = kinds[:, 0], np.isfinite(total) & (kinds == kinds[:, :1]).all(axis=1)
    ordinary = usable & (kind == ORDINARY)
    if ordinary.sum() < FEWEST_DAYS or total[ordinary].mean() < SMALLEST_TOTAL:
        return factor
    means = np.array([total[ordinary & (weekday == d)].mean() for d in range(7)])
    flat = np.log(total / np.maximum(means / means.mean(), 0.02)[weekday] + 0.5)
    said = np.array([_against_around(flat, t, ordinary) for t in range(len(flat))])
    scatter = float(np.nanvar(said[ordinary]))
    for k in range(HOLIDAY, YEAR_END + 1):
        mine = np.flatnonzero(usable & (kind == k) & np.isfinite(said))
        if len(mine):
            factor[k] = _shrunk(said[mine], dates[mine], scatter)
    return factor


def _shrunk(said: Floats, dates: Dates, scatter: float) -> float:
    """Posterior mean of a kind's factor from what each of its days says; days of one episode speak together."""
    episode = np.cumsum(np.diff(dates, prepend=dates[:1]).astype("timedelta64[D]").astype(int) > 4)
    means = np.array([said[episode == e].mean() for e in np.unique(episode)])
    noise = scatter * len(means) / len(said) + BETWEEN_EPISODES**2
    log_factor = means.sum() / (len(means) + noise / USUAL_EFFECT**2)
    return float(np.clip(np.exp(log_factor), SMALLEST, LARGEST))


def _against_around(flat: Floats, t: int, ordinary: NDArray[np.bool_]) -> float:
    """Log distance of a day from the level of the ordinary days around it; NaN where too few are known."""
    first = max(0, t - AROUND_DAYS)
    near = first + np.flatnonzero(ordinary[first : t + AROUND_DAYS + 1])
    near = near[near != t]
    if min((near < t).sum(), (near > t).sum()) < FEWEST_BEFORE_AND_AFTER:
        return float("nan")
    x = (near - t) / (AROUND_DAYS + 1.0)
    weight = (1.0 - np.abs(x) ** 3) ** 3
    total, first_moment, second = weight.sum(), (weight * x).sum(), (weight * x**2).sum()
    level = (second * (weight * flat[near]).sum() - first_moment * (weight * x * flat[near]).sum()) / (
        total * second - first_moment**2
    )
    return float(flat[t] - level)


def _total(values: Floats) -> Floats:
    """Sum over the territories that report at all, NaN on days on which one of them does not."""
    known = np.isfinite(values)
    live = known.mean(axis=0) > 0.5
    return np.where(known[:, live].all(axis=1) & live.any(), np.nansum(values[:, live], axis=1), np.nan)


def _year_end(grid: Kinds, off: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Days from Christmas Eve to the day after New Year, where both are holidays."""
    found = np.zeros(len(grid), dtype=bool)
    for at in np.flatnonzero(off[:-7] & off[7:]):
        if str(np.datetime64(int(grid[at]), "D"))[5:] == "12-25":
            found[max(at - 1, 0) : at + 9] = True
    return found


def _weekday(days: Kinds) -> Kinds:
    # 1 January 1970 was a Thursday; Monday is 0.
    return np.asarray((days + 3) % 7)


def closed_on(factors: Floats, dates: Dates, calendars: Sequence[Dates]) -> Floats:
    """Return the factor of each day from those of its kinds, shape (time, calendar).

    Parameters
    ----------
    factors
        As of `closure_factors`.
    calendars
        Public holidays of each territory, or one calendar for all.
    """
    if np.all(factors == 1.0):
        return np.ones((len(dates), len(calendars)))
    return np.stack([factors[kinds_of_day(dates, holidays)] for holidays in calendars], axis=1)


def opened(values: Floats, factor_of_day: Floats) -> Floats:
    """Return a flow as if no day had been a closure, shape (time, territory); a day as good as shut is a gap.

    Parameters
    ----------
    factor_of_day
        As of `closed_on`, shape (time, territory), or (time, 1) where all have the same.
    """
    if np.all(factor_of_day == 1.0):
        return values
    return np.asarray(values / np.where(factor_of_day < SHUT, np.nan, factor_of_day))


def closed(draws: Floats, factor: float, whole: bool, rng: np.random.Generator) -> Floats:
    """Multiply draws of a day by its factor; of whole numbers each is kept, or doubled, by chance."""
    if factor == 1.0:
        return draws
    if not whole:
        return draws * factor
    counts = np.maximum(draws, 0.0).astype(np.int64)
    sure = int(factor)
    return np.asarray(sure * counts + rng.binomial(counts, factor - sure), dtype=float)
