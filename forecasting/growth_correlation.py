"""Growth of two series set against each other at every lag, with what chance alone would show.

Growth is that of a moving mean, so level is left out:

    g_t = log(s_t + c) - log(s_{t-h} + c),      r(L) = corr( x[t - L], y[t] ).

The noise level counts the effective number of observations of autocorrelated series (Bartlett 1946,
doi:10.2307/2983611) and allows for the search over lags; resamples are circular moving blocks (Künsch 1989,
doi:10.1214/aos/1176347265).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]

FEWEST_PAIRS = 28
"""Days known of both series below which a correlation is none."""


def smoothed_growth(values: Floats, *, window: int = 7, step: int = 7, offset: float | None = None) -> Floats:
    """Log growth over a step of the moving mean over a window.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        Counts or rates, NaN for unknown.
    window : int
        Steps of the trailing mean; more than half of them must be known.
    step : int
        Steps over which growth is taken.
    offset : float, optional
        Added before the logarithm; by default half a count, or a twentieth of the series' mean if that is
        less, so that rates are not flattened.

    Returns
    -------
    ndarray, shape (time, ...)
        NaN where a mean is unknown.
    """
    known = np.isfinite(values)
    total = _trailing_sum(np.where(known, values, 0.0), window)
    number = _trailing_sum(known.astype(np.float64), window)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(number > window / 2, total / number, np.nan)
        typical = np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0)
    small = np.where(np.isfinite(typical), np.minimum(0.5, np.maximum(typical, 0.0) / 20 + 1e-9), 0.5)
    added = small if offset is None else np.full_like(small, offset)
    level = np.log(np.maximum(mean, 0.0) + added)
    growth = np.full(values.shape, np.nan)
    growth[step:] = level[step:] - level[:-step]
    return growth


@dataclass(frozen=True)
class Correlograms:
    """How growth of a signal and of the target go together, by lag and territory.

    Attributes
    ----------
    correlation : ndarray, shape (lag, territory)
        NaN where fewer than `FEWEST_PAIRS` days are known of both.
    noise : ndarray, shape (territory,)
        Correlation that unrelated series reach by chance, one time in twenty.
    pairs, best : ndarray of int, shape (territory,)
        Days behind the best lag, and that lag.
    resampled_lag, resampled_strength : ndarray, shape (resample, territory)
        Best lag of each resample, and its correlation at the best lag of all days.
    """

    correlation: Floats
    noise: Floats
    pairs: NDArray[np.int64]
    best: NDArray[np.int64]
    resampled_lag: Floats
    resampled_strength: Floats


def correlograms(x: Floats, y: Floats, days: Floats, max_lag: int, memory: int) -> Correlograms:
    """Correlate growth of a signal with that of the target, lag by lag.

    Parameters
    ----------
    x, y : ndarray, shape (time, territory)
        Growth of the signal and of the target, NaN where unknown.
    days : ndarray, shape (resample, time)
        Of `resampled_days`.
    max_lag : int
        Longest lag, in steps.
    memory : int
        Steps over which smoothing alone makes growth resemble itself.
    """
    steps, people = y.shape
    whole = np.ones((1, steps))
    correlation = np.empty((max_lag + 1, people))
    pairs = np.empty((max_lag + 1, people))
    resampled = np.empty((max_lag + 1, days.shape[0], people))
    for lag in range(max_lag + 1):
        leading = np.full(x.shape, np.nan)
        leading[lag:] = x[: steps - lag]
        moments = _moments(leading, y)
        correlation[lag], pairs[lag] = (part[0] for part in _correlation(whole, moments))
        resampled[lag], _ = _correlation(days, moments)
    enough = pairs >= FEWEST_PAIRS
    ranked = np.where(enough & np.isfinite(correlation), correlation, -np.inf)
    best = ranked.argmax(axis=0)
    lags = np.where(np.isfinite(resampled), resampled, -np.inf).argmax(axis=0).astype(np.float64)
    columns = np.arange(people)
    count = pairs[best, columns]
    return Correlograms(
        np.where(enough, correlation, np.nan),
        _noise_level(x, y, count, max_lag, memory),
        count.astype(np.int64),
        best,
        lags,
        resampled[best, :, columns].T,
    )


def _moments(x: Floats, y: Floats) -> tuple[Floats, ...]:
    both = np.isfinite(x) & np.isfinite(y)
    a, b = np.where(both, x, 0.0), np.where(both, y, 0.0)
    return both.astype(np.float64), a, b, a * b, a * a, b * b


def _correlation(weights: Floats, moments: tuple[Floats, ...]) -> tuple[Floats, Floats]:
    n, a, b, ab, aa, bb = (weights @ part for part in moments)
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = ab / n - (a / n) * (b / n)
        spread = np.sqrt(np.maximum(aa / n - (a / n) ** 2, 0.0) * np.maximum(bb / n - (b / n) ** 2, 0.0))
        # A flat series has no growth to share; rounding must not turn it into a correlation.
        r = np.where(spread > 1e-12, cov / spread, np.nan)
    return r, n


def _noise_level(x: Floats, y: Floats, count: Floats, max_lag: int, memory: int) -> Floats:
    """Correlation that unrelated series as smooth as these reach at their best lag, one time in twenty."""
    shared = np.ones(y.shape[1])
    for lag in range(1, 2 * memory):
        shared += 2.0 * _autocorrelation(x, lag) * _autocorrelation(y, lag)
    shared = np.maximum(shared, 1.0)
    effective = np.maximum(count / shared, 4.0)
    # Neighbouring lags see nearly the same pairs: one try for each stretch over which the series agree with
    # themselves.
    tries = 1.0 + max_lag / shared
    noise: Floats = np.tanh(ndtri(1.0 - 0.05 / tries) / np.sqrt(np.maximum(effective - 3.0, 1.0)))
    return noise


def _autocorrelation(series: Floats, lag: int) -> Floats:
    shifted = np.full(series.shape, np.nan)
    shifted[lag:] = series[:-lag]
    r, _ = _correlation(np.ones((1, series.shape[0])), _moments(shifted, series))
    known: Floats = np.nan_to_num(r[0])
    return known


def resampled_days(steps: int, block: int, resamples: int, rng: np.random.Generator) -> Floats:
    """How often each day is in each circular moving-block resample, shape (resample, time)."""
    blocks = -(-steps // block)
    starts = rng.integers(0, steps, (resamples, blocks))
    days = (starts[:, :, None] + np.arange(block)).reshape(resamples, -1)[:, :steps] % steps
    counts = np.zeros((resamples, steps))
    np.add.at(counts, (np.arange(resamples)[:, None], days), 1.0)
    return counts


def _trailing_sum(values: Floats, window: int) -> Floats:
    total = np.cumsum(values, axis=0)
    out = total.copy()
    out[window:] = total[window:] - total[:-window]
    return out
