"""Scores of published quantiles: what "good" means here, and nothing else.

The currency is the weighted interval score (WIS) of Bracher et al. 2021
(doi:10.1371/journal.pcbi.1008618). For a median ``m`` and ``K`` central intervals ``[l_k, u_k]`` of level
``1 - a_k``::

    WIS = 1 / (K + 1/2) * ( 1/2 |y - m| + sum_k a_k/2 IS_k )
    IS_k = (u_k - l_k) + 2/a_k (l_k - y)+ + 2/a_k (y - u_k)+

which is also the mean over levels of twice the pinball loss. The three parts add up to it: dispersion,
overprediction (the forecast was too high) and underprediction. Weights, parts and the treatment of the median
are those of the R package ``scoringutils`` (Bosse et al. 2022, doi:10.48550/arXiv.2205.07090).

Scores on the log scale are scores of ``log(1 + x)`` (Bosse et al. 2023, doi:10.1371/journal.pcbi.1011393);
they weigh a relative error alike in a small and a large territory. Scores of draws live in
:mod:`forecasting.draw_scoring`, comparisons of models in :mod:`forecasting.relative_scoring`, scores of events in
:mod:`forecasting.event_scoring`.

Everything takes and gives plain arrays; the quantile level is the last axis, and an unknown observation (NaN) gives
an unknown score (NaN), never a zero.

>>> import numpy as np
>>> quantiles = np.array([[-1.0, 0.0, 1.0, 2.0, 3.0]])
>>> wis(quantiles, np.array([0.1, 0.25, 0.5, 0.75, 0.9]), np.array([1.0])).round(6)
array([0.36])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_LEVEL_TOLERANCE = 1e-8


@dataclass(frozen=True)
class WisParts:
    """The weighted interval score and the three parts that sum to it.

    Attributes
    ----------
    wis, dispersion, overprediction, underprediction : ndarray
        Arrays of the shape of the observations, in the unit of the observations.
    """

    wis: Floats
    dispersion: Floats
    overprediction: Floats
    underprediction: Floats


def log_shift(values: ArrayLike, shift: float = 1.0) -> Floats:
    """Put counts or rates on the log scale, ``log(x + shift)``.

    Parameters
    ----------
    values : array_like
        Counts or rates, any shape. Values under zero are read as zero: a quantile of a count cannot lie
        there.
    shift : float
        What is added before the logarithm, in the unit of ``values``.

    Returns
    -------
    ndarray
        Same shape.
    """
    return np.log(np.maximum(np.asarray(values, dtype=np.float64), 0.0) + shift)


def wis_parts(quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> WisParts:
    """Weighted interval score with its three parts.

    Parameters
    ----------
    quantiles : array_like, shape (..., level)
        Predicted quantiles, in the order of ``levels``.
    levels : array_like, shape (level,)
        Probabilities, increasing and symmetric around one half (each ``a`` has its ``1 - a``).
    observed : array_like, shape (...)
        What happened; broadcast against ``quantiles`` without its last axis. NaN gives NaN.

    Returns
    -------
    WisParts
        ``wis = dispersion + overprediction + underprediction``.

    Raises
    ------
    ValueError
        If the levels are not increasing, not symmetric, or do not match the last axis of ``quantiles``.
    """
    predicted = np.asarray(quantiles, dtype=np.float64)
    probabilities = _checked_levels(levels, predicted.shape[-1] if predicted.ndim else 0)
    truth = np.asarray(observed, dtype=np.float64)
    count = probabilities.size
    pairs = count // 2
    lower, upper = predicted[..., :pairs], predicted[..., ::-1][..., :pairs]
    alpha = 2.0 * probabilities[:pairs]
    y = truth[..., None]
    # a_k / 2 cancels the 2 / a_k in front of both penalties, which avoids dividing by a small level.
    spread = (alpha / 2.0 * (upper - lower)).sum(axis=-1)
    over = np.maximum(lower - y, 0.0).sum(axis=-1)
    under = np.maximum(y - upper, 0.0).sum(axis=-1)
    weight = float(pairs)
    if count % 2:
        weight += 0.5
        error = predicted[..., pairs] - truth
        over = over + 0.5 * np.maximum(error, 0.0)
        under = under + 0.5 * np.maximum(-error, 0.0)
    spread = np.where(np.isnan(truth), np.nan, spread)
    return WisParts((spread + over + under) / weight, spread / weight, over / weight, under / weight)


def wis(quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> Floats:
    """Weighted interval score, lower is better.

    Parameters
    ----------
    quantiles : array_like, shape (..., level)
        Predicted quantiles.
    levels : array_like, shape (level,)
        Probabilities, increasing and symmetric around one half.
    observed : array_like, shape (...)
        What happened.

    Returns
    -------
    ndarray, shape (...)
        In the unit of the observations.

    See Also
    --------
    wis_parts : the same with dispersion, over- and underprediction.
    """
    return wis_parts(quantiles, levels, observed).wis


def log_wis(quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike, shift: float = 1.0) -> Floats:
    """Weighted interval score on the log scale, ``WIS`` of ``log(x + shift)``.

    Parameters
    ----------
    quantiles, levels, observed : array_like
        As in :func:`wis`.
    shift : float
        Added before the logarithm.

    Returns
    -------
    ndarray, shape (...)
        Without unit.
    """
    return wis(log_shift(quantiles, shift), levels, log_shift(observed, shift))


def absolute_error_of_median(quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike) -> Floats:
    """Absolute error of the median, whose mean is the MAE.

    Parameters
    ----------
    quantiles, levels, observed : array_like
        As in :func:`wis`; ``levels`` must hold 0.5.

    Returns
    -------
    ndarray, shape (...)
        In the unit of the observations.
    """
    column = _level_column(np.asarray(levels, dtype=np.float64), 0.5)
    return np.abs(np.asarray(quantiles, dtype=np.float64)[..., column] - np.asarray(observed, np.float64))


def interval_coverage(quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike, nominal: float) -> Floats:
    """Say which observations lie inside the central interval of a nominal level.

    Parameters
    ----------
    quantiles, levels, observed : array_like
        As in :func:`wis`.
    nominal : float
        Level of the central interval, e.g. 0.95 for the quantiles 0.025 and 0.975 (bounds included).

    Returns
    -------
    ndarray, shape (...)
        1 inside, 0 outside, NaN where the observation is unknown; take ``nanmean`` for the coverage.

    Raises
    ------
    ValueError
        If a bound of that interval is not among the levels.
    """
    probabilities = np.asarray(levels, dtype=np.float64)
    predicted = np.asarray(quantiles, dtype=np.float64)
    lower = predicted[..., _level_column(probabilities, (1.0 - nominal) / 2.0)]
    upper = predicted[..., _level_column(probabilities, (1.0 + nominal) / 2.0)]
    truth = np.asarray(observed, dtype=np.float64)
    inside = ((truth >= lower) & (truth <= upper)).astype(np.float64)
    return np.where(np.isnan(truth) | np.isnan(lower) | np.isnan(upper), np.nan, inside)


def pit_of_quantiles(
    quantiles: ArrayLike, levels: ArrayLike, observed: ArrayLike, rng: np.random.Generator | None = None
) -> Floats:
    """Probability integral transform read from published quantiles.

    Linear between quantiles. An observation equal to several quantiles (frequent at zero) gets a random place
    among their levels; one beyond the last quantile a random place in the tail.

    Parameters
    ----------
    quantiles, levels, observed : array_like
        As in :func:`wis`; quantiles must not decrease.
    rng : numpy.random.Generator, optional
        Without it the middle of the range is given.

    Returns
    -------
    ndarray, shape (...)
        Between 0 and 1; NaN where the observation is unknown.
    """
    predicted = np.asarray(quantiles, dtype=np.float64)
    truth = np.asarray(observed, dtype=np.float64)
    probabilities = np.concatenate([[0.0], np.asarray(levels, dtype=np.float64), [1.0]])
    before = (predicted < truth[..., None]).sum(axis=-1)
    upto = (predicted <= truth[..., None]).sum(axis=-1)
    place = np.full(truth.shape, 0.5) if rng is None else rng.random(truth.shape)
    tied = upto > before
    low = np.where(tied, probabilities[np.minimum(before + 1, predicted.shape[-1])], probabilities[before])
    high = np.where(tied, probabilities[upto], probabilities[np.minimum(before + 1, probabilities.size - 1)])
    # A tie with the lowest quantiles is where counts pile up: all the mass under the last tied level is there.
    low = np.where(tied & (before == 0), 0.0, low)
    between = ~tied & (before > 0) & (before < predicted.shape[-1])
    left = np.take_along_axis(predicted, np.clip(before - 1, 0, None)[..., None], axis=-1)[..., 0]
    last = predicted.shape[-1] - 1
    right = np.take_along_axis(predicted, np.clip(before, None, last)[..., None], axis=-1)[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(between, (truth - left) / (right - left), place)
    pit = low + share * (high - low)
    return np.where(np.isnan(truth) | np.isnan(predicted).any(axis=-1), np.nan, pit)


def _checked_levels(levels: ArrayLike, expected: int) -> Floats:
    probabilities = np.asarray(levels, dtype=np.float64)
    if probabilities.ndim != 1 or probabilities.size != expected:
        raise ValueError(
            f"quantiles have {expected} values on their last axis but {probabilities.size} levels were given"
        )
    if np.any(np.diff(probabilities) <= 0) or probabilities[0] <= 0 or probabilities[-1] >= 1:
        raise ValueError(f"levels must increase strictly between 0 and 1, got {probabilities.tolist()}")
    unpaired = np.abs(probabilities + probabilities[::-1] - 1.0) > _LEVEL_TOLERANCE
    if unpaired.any():
        lonely = probabilities[unpaired].tolist()
        raise ValueError(f"levels {lonely} have no partner: each level a needs the level 1 - a")
    return probabilities


def _level_column(levels: Floats, wanted: float) -> int:
    matches = np.flatnonzero(np.abs(levels - wanted) < _LEVEL_TOLERANCE)
    if matches.size == 0:
        raise ValueError(f"the level {wanted:.4g} is not among the quantile levels {levels.tolist()}")
    return int(matches[0])
