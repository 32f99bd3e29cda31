"""Delays with a known mean: by whole days to convolve an epidemic with, by seconds to place an event.

Days: a gamma distribution of given mean and standard deviation, discretised with weights proportional to the
density at whole days and then tilted (weights multiplied by exp(theta k)) so that the discrete mean is the stated
mean to 1e-9: a stated lead is then exactly the lead in the data.

>>> round(mean_of(gamma_days(6.0, 2.0)), 9)
6.0
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import optimize, stats

QUANTILES = 4096


@lru_cache(maxsize=256)
def gamma_days(mean: float, sd: float, longest: int = 40) -> np.ndarray:
    """Return the weights of 0, 1, … `longest` days, shape (longest + 1,), summing to 1.

    Raises
    ------
    ValueError
        When mean or sd is not positive, or the mean does not lie inside the support.
    """
    if not 0 < mean < longest or sd <= 0:
        raise ValueError(f"delay of mean {mean} and sd {sd} days: both positive, mean under {longest}")
    days = np.arange(longest + 1)
    edges = np.append(np.arange(longest + 1) - 0.5, longest + 0.5).clip(min=0)
    weights = np.diff(stats.gamma.cdf(edges, (mean / sd) ** 2, scale=sd**2 / mean)) + 1e-15

    def tilted(theta: float) -> np.ndarray:
        scaled: np.ndarray = weights * np.exp(theta * (days - mean))
        scaled /= scaled.sum()
        return scaled

    theta = optimize.brentq(lambda t: float(tilted(t) @ days) - mean, -3.0, 3.0, xtol=1e-13)
    return tilted(theta)


def mean_of(weights: np.ndarray) -> float:
    """Return the mean delay in days of weights on 0, 1, 2, … days."""
    return float(weights @ np.arange(len(weights)))


def delayed(series: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the causal convolution of a daily series with delay weights, shape of `series`.

    Sums term by term, so that a longer series gives the same bytes on the days both have.
    """
    out = np.zeros(len(series))
    for k, weight in enumerate(weights[: len(series)]):
        out[k:] += weight * series[: len(series) - k]
    return out


@lru_cache(maxsize=256)
def lognormal_seconds(mean_hours: float, cv: float, longest_hours: float) -> np.ndarray:
    """Return 4,096 quantiles, in whole seconds, of a lognormal of given mean (hours) and coefficient of variation."""
    variance = np.log1p(cv**2)
    levels = (np.arange(QUANTILES) + 0.5) / QUANTILES
    hours: np.ndarray = stats.lognorm.ppf(levels, np.sqrt(variance), scale=mean_hours * np.exp(-variance / 2))
    seconds: np.ndarray = np.round(np.minimum(hours, longest_hours) * 3600)
    return seconds.astype(np.int64)


def pick(table: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Return entries of a quantile table for uniforms in [0, 1)."""
    picked: np.ndarray = table[(uniform * len(table)).astype(np.int64)]
    return picked
