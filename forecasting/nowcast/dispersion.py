"""Draws of final values that are as wrong as past nowcasts were.

The final value is drawn as *reported + still to come − taken back*. Both parts are negative-binomial,

    E = mu,   Var = mu + mu² / k,

``mu`` the expected part (what the nowcast adds, and a churn of corrections on both sides that cancel out) and
the size ``k`` that of past nowcasts of the same delay and the same class of expected missing share (fitted in
:mod:`.past_errors`). Rates, which are no counts, get the ratios of past finals to past nowcasts instead, by delay
and level. Errors of one territory on neighbouring dates go together (the same sender is missing): they share a
Gaussian factor whose weight is estimated from past nowcasts too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import nbinom

from forecasting.nowcast.triangle import Floats

SHARE_CLASSES = (0.02, 0.08, 0.25)
RATIO_LEVELS = np.concatenate([[0.005, 0.0125], np.arange(0.025, 0.976, 0.025), [0.9875, 0.995]])
DEFAULT_SIZE = 3.0
RATIO_FROM = 20.0
"""Expected counts from which errors are ratios learnt from the past, not those of an assumed law."""


@dataclass(frozen=True)
class Dispersion:
    """Sizes and rates of the error of a nowcast.

    Attributes
    ----------
    upward : ndarray, shape (delay, class)
        Size ``k`` of what is still to come, by delay and class of expected missing share.
    downward_rate : ndarray, shape (delay,)
        Share of the reported count that is later taken back.
    downward : ndarray, shape (delay,)
        Size ``k`` of what is taken back.
    log_ratio : ndarray, shape (delay, class, probability)
        Quantiles of log(final / expected) at :data:`RATIO_LEVELS`, by delay and class of level, for rates.
    level_bounds : ndarray, shape (2,)
        Expected values that separate the three classes of level.
    by_ratio : ndarray of bool, shape (delay,)
        Whether large counts are drawn by ratios at that delay.
    correlation : float
        Correlation of the errors of one territory on neighbouring dates.
    cells : int
        Past nowcasts behind it.
    """

    upward: Floats
    downward_rate: Floats
    downward: Floats
    log_ratio: Floats
    level_bounds: Floats
    by_ratio: NDArray[np.bool_]
    correlation: float
    cells: int


def missing_class(completeness: Floats) -> NDArray[np.int64]:
    """Class of the expected missing share, 0 for nearly complete.

    Parameters
    ----------
    completeness : ndarray
        Share reported.

    Returns
    -------
    ndarray of int
        Same shape, 0 to 3.
    """
    return np.asarray(np.searchsorted(SHARE_CLASSES, 1.0 - completeness), dtype=np.int64)


def draw_finals(
    reported: Floats,
    expected: Floats,
    completeness: Floats,
    delay: NDArray[np.int64],
    dispersion: Dispersion,
    draws: int,
    rng: np.random.Generator,
    *,
    counts: bool,
) -> Floats:
    """Draw final values of dates not yet complete.

    Parameters
    ----------
    reported, expected, completeness : ndarray, shape (time, territory)
        Reported so far (NaN: nothing yet), expected final, and share reported.
    delay : ndarray of int, shape (time, territory)
        Delay of the reported value, −1 for none.
    dispersion : Dispersion
        From past nowcasts.
    draws : int
        Number of draws.
    rng : numpy.random.Generator
        Source of randomness.
    counts : bool
        Whole non-negative numbers, or else rates.

    Returns
    -------
    ndarray, shape (draw, time, territory)
        NaN where nothing could be expected.
    """
    shape = (draws, *reported.shape)
    common = rng.standard_normal((draws, 1, reported.shape[1]))
    weight = dispersion.correlation
    factor = np.sqrt(weight) * common + np.sqrt(1.0 - weight) * rng.standard_normal(shape)
    slot = np.clip(delay, 0, dispersion.downward.size - 1)
    if not counts:
        return draw_ratios(expected, np.where(delay < 0, 0, slot), dispersion, ndtr(factor))
    base = np.where(delay < 0, 0.0, np.nan_to_num(reported))
    known = np.isfinite(expected)
    up_mean, down_mean = gains_and_losses(
        base, np.where(known, expected, base), dispersion.downward_rate[slot]
    )
    size = dispersion.upward[slot, missing_class(completeness)]
    came = negative_binomial(ndtr(factor), up_mean, np.where(delay < 0, DEFAULT_SIZE, size))
    taken = negative_binomial(rng.random(shape), down_mean, dispersion.downward[slot])
    final = np.maximum(base[None] + came - np.minimum(taken, base[None]), 0.0)
    large = known & (expected >= RATIO_FROM) & (delay >= 0) & dispersion.by_ratio[slot]
    if large.any():
        final[:, large] = np.round(draw_ratios(expected, slot, dispersion, ndtr(factor))[:, large])
    return np.where(known[None], final, np.nan)


def draw_ratios(
    expected: Floats, slot: NDArray[np.int64], dispersion: Dispersion, probability: Floats
) -> Floats:
    """Read final values off the ratios of past finals to past nowcasts.

    Parameters
    ----------
    expected : ndarray, shape (...)
        Expected final values.
    slot : ndarray of int, shape (...)
        Delay of each.
    dispersion : Dispersion
        From past nowcasts.
    probability : ndarray, shape (draw, ...)
        Uniform numbers.

    Returns
    -------
    ndarray, shape (draw, ...)
    """
    group = np.searchsorted(dispersion.level_bounds, np.nan_to_num(expected))
    out = np.empty(probability.shape)
    for delay, level in np.unique(np.stack([slot, group]).reshape(2, -1), axis=1).T:
        cell = (slot == delay) & (group == level)
        ratio = np.interp(probability[:, cell], RATIO_LEVELS, dispersion.log_ratio[delay, level])
        out[:, cell] = expected[cell] * np.exp(ratio)
    return out


def gains_and_losses(reported: Floats, expected: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Give expected counts still to come and to be taken back, of the shape of the arguments.

    Their difference is what the nowcast expects; both include the churn of corrections that cancel out, a share
    ``rate`` of what is reported.
    """
    net, churn = expected - reported, rate * reported
    return np.maximum(net, 0.0) + churn, np.maximum(-net, 0.0) + churn


def negative_binomial(probability: Floats, mean: Floats, size: Floats) -> Floats:
    """Quantiles of negative-binomial counts of a mean and size ``k``, shape (draw, ...) as the probabilities."""
    out = np.zeros(probability.shape)
    # The quantile function is slow: cells that can only give zero are skipped, which is most of them.
    live = mean > 2e-3
    if live.any():
        chosen, k = mean[live], size[live]
        out[:, live] = nbinom.ppf(np.clip(probability[:, live], 1e-9, 1 - 1e-9), k, k / (k + chosen))
    return out
