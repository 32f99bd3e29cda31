"""Scores of draws: whether they are as sure as they say, and how far from the truth.

The draw is the last axis, and an unknown observation (NaN) gives an unknown score (NaN). What is published are
quantiles; their scores live in :mod:`forecasting.scoring`.

>>> crps_of_draws(np.array([[0.0, 2.0]]), np.array([1.0]))
array([0.5])
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def pit_of_draws(draws: ArrayLike, observed: ArrayLike, rng: np.random.Generator | None = None) -> Floats:
    """Probability integral transform of draws; randomised inside ties, as counts need.

    ``P(X < y) + v P(X = y)`` with ``v`` uniform on [0, 1] (Czado, Gneiting & Held 2009,
    doi:10.1111/j.1541-0420.2009.01191.x); uniform if the forecast is calibrated. The observation is taken as
    one more exchangeable member among the draws, so that 0 and 1 have no mass with few draws.

    Parameters
    ----------
    draws : array_like, shape (..., draw)
        Draws of the forecast.
    observed : array_like, shape (...)
        What happened.
    rng : numpy.random.Generator, optional
        Source of ``v``; without it ``v`` is one half (a deterministic mid-PIT).

    Returns
    -------
    ndarray, shape (...)
        Between 0 and 1; NaN where the observation is unknown.
    """
    members = np.asarray(draws, dtype=np.float64)
    truth = np.asarray(observed, dtype=np.float64)
    below = (members < truth[..., None]).sum(axis=-1)
    ties = (members == truth[..., None]).sum(axis=-1)
    inside = np.full(truth.shape, 0.5) if rng is None else rng.random(truth.shape)
    pit = (below + inside * (ties + 1)) / (members.shape[-1] + 1)
    return np.where(np.isnan(truth) | np.isnan(members).any(axis=-1), np.nan, pit)


def crps_of_draws(draws: ArrayLike, observed: ArrayLike, *, fair: bool = False) -> Floats:
    """Continuous ranked probability score of draws.

    ``mean |X - y| - 1/2 mean |X - X'|`` (Gneiting & Raftery 2007, doi:10.1198/016214506000001437), with the
    double mean by sorting, so in ``n log n``.

    Parameters
    ----------
    draws : array_like, shape (..., draw)
        Draws of the forecast.
    observed : array_like, shape (...)
        What happened.
    fair : bool
        Divide the spread by ``n (n - 1)`` rather than ``n²``: unbiased for the distribution behind the draws
        (Ferro 2014), to compare forecasts with different numbers of draws.

    Returns
    -------
    ndarray, shape (...)
        In the unit of the observations.
    """
    members = np.sort(np.asarray(draws, dtype=np.float64), axis=-1)
    truth = np.asarray(observed, dtype=np.float64)
    count = members.shape[-1]
    error = np.abs(members - truth[..., None]).mean(axis=-1)
    rank = 2.0 * np.arange(1, count + 1) - count - 1.0
    pairs = count * (count - 1) if fair else count * count
    result: Floats = error - (members * rank).sum(axis=-1) / pairs
    return result
