r"""What a run falls back to when the models cannot answer: the level stays what it is, as unsure as its past.

With :math:`y_t` a count, :math:`m_t` the mean of its last seven known days and :math:`w` its weekday pattern of
eight weeks, a path is

.. math:: \sqrt{\ell_{t+h}} = \sqrt{m_t} + \sigma \sum_{k \le h} \varepsilon_k, \qquad
          y_{t+h} \sim \mathrm{NegBin}(\ell_{t+h} w_{t+h}, \phi),

:math:`\sigma` from past weekly changes of :math:`\sqrt m`, :math:`\phi` from the days' scatter about their level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
WEEK = 7
LEAST_DAYS = 21


def known_days(values: Floats) -> int:
    """Return how many days of a series are known."""
    return int(np.isfinite(values).sum())


def draw_persistence(
    values: Floats,
    weekdays: NDArray[np.int64],
    days: int,
    draws: int,
    rng: np.random.Generator,
    *,
    back: int = 0,
    stock: bool = False,
) -> Floats:
    """Draw days `-back` to `days` of a count that stays as it is.

    Parameters
    ----------
    values
        Days up to and including day 0, NaN where unknown, shape (time,).
    weekdays
        Weekday of each of those days, Monday 0, shape (time,).
    back
        Days before day 0 to return too.
    stock
        Whether the count is of what is present: then its level is its newest value, without a weekday pattern.

    Returns
    -------
    ndarray, shape (back + 1 + days, draw)
        Days that are known are the same in every draw.

    Raises
    ------
    ValueError
        When fewer than three weeks are known.
    """
    if known_days(values) < LEAST_DAYS:
        raise ValueError(f"only {known_days(values)} days are known, {LEAST_DAYS} are needed")
    last = int(np.flatnonzero(np.isfinite(values))[-1])
    seen = values[: last + 1]
    pattern = np.ones(WEEK) if stock else _weekday_pattern(seen, weekdays[: last + 1])
    level = seen if stock else _levels(seen / pattern[weekdays[: last + 1]])
    sigma = _daily_sigma(level)
    ahead = len(values) - 1 - last + days
    steps = np.cumsum(rng.normal(0.0, sigma, (ahead, draws)), axis=0)
    path = np.maximum(np.sqrt(level[-1]) + steps, 0.0) ** 2
    coming = (weekdays[last] + 1 + np.arange(ahead)) % WEEK
    mean = np.maximum(path * pattern[coming][:, None], 1e-9)
    if stock:
        drawn = mean
    else:
        size = _dispersion(seen, level, pattern[weekdays[: last + 1]])
        drawn = rng.poisson(mean * rng.gamma(size, 1.0 / size, mean.shape)).astype(float)
    filled = np.where(np.isfinite(seen), seen, level * pattern[weekdays[: last + 1]])
    known = np.repeat(np.nan_to_num(filled)[:, None], draws, axis=1)
    return np.vstack([known, drawn])[-(back + 1 + days) :]


def _weekday_pattern(values: Floats, weekdays: NDArray[np.int64]) -> Floats:
    recent, days = values[-8 * WEEK :], weekdays[-8 * WEEK :]
    overall = max(float(np.nanmean(recent)), 1e-9)
    sums = np.array([np.nansum(recent[days == d]) for d in range(WEEK)])
    counts = np.array([np.isfinite(recent[days == d]).sum() for d in range(WEEK)])
    # Shrunk by two weeks of no pattern, so that a thin series has none.
    factor = (sums + 2.0 * overall) / ((counts + 2.0) * overall)
    return np.asarray(factor / factor.mean())


def _levels(values: Floats) -> Floats:
    """Mean of the last seven days, where five of them are known, else the level before."""
    padded = np.concatenate([np.full(WEEK - 1, np.nan), values])
    windows = np.lib.stride_tricks.sliding_window_view(padded, WEEK)
    known = np.isfinite(windows).sum(axis=1)
    sums = np.nansum(windows, axis=1)
    means = np.where(known >= 5, sums / np.maximum(known, 1), np.nan)
    if not np.isfinite(means[-1]):
        means[-1] = np.nanmean(values[-2 * WEEK :]) if np.isfinite(values[-2 * WEEK :]).any() else values[-1]
    return means


def _daily_sigma(level: Floats) -> float:
    root = np.sqrt(level)
    change = root[WEEK:] - root[:-WEEK]
    known = change[np.isfinite(change)][-180:]
    weekly = float(np.sqrt(np.mean(known**2))) if len(known) >= WEEK else 0.3
    return float(max(weekly, 0.05) / np.sqrt(WEEK))


def _dispersion(values: Floats, level: Floats, factor: Floats) -> float:
    mean = level * factor
    known = np.isfinite(values) & np.isfinite(mean) & (mean > 0)
    if known.sum() < LEAST_DAYS:
        return 10.0
    seen, expected = values[known][-90:], mean[known][-90:]
    excess = float(np.sum((seen - expected) ** 2 - expected)) / float(np.sum(expected**2))
    return float(np.clip(1.0 / max(excess, 1e-3), 0.5, 1000.0))
