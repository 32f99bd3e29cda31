"""How wrong past nowcasts were: the error model of :mod:`.dispersion` fitted to them.

Sizes ``k`` of the negative binomials are fitted by likelihood to past nowcasts of the same delay and the same class
of expected missing share. Johnson et al. 2025 (doi:10.12688/wellcomeopenres.25027.2) fit them by delay alone; most
territories are complete while a few miss a whole sender, so the share matters. Cells are few at long delays, so each
fit leans on all of them together.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtri

from forecasting.draw_scoring import crps_of_draws
from forecasting.nowcast.dispersion import (
    DEFAULT_SIZE,
    RATIO_FROM,
    RATIO_LEVELS,
    SHARE_CLASSES,
    Dispersion,
    draw_ratios,
    gains_and_losses,
    missing_class,
    negative_binomial,
)
from forecasting.nowcast.triangle import Floats
from forecasting.nowcast.tuning import PastNowcasts

_SIZES = np.geomspace(0.02, 200.0, 40)
_DEFAULT_LOG_SD = 0.1
_SD_PER_MISSING = 0.5
_LEAST_LOG_SD = 0.003
_GRID = 40
_MOST_CELLS = 400
_CLEARLY = 0.95
_PRIOR_CELLS = 20.0


def estimate_dispersion(past: PastNowcasts, max_delay: int) -> Dispersion:
    """Fit the error model to past nowcasts.

    Parameters
    ----------
    past : PastNowcasts
        What was expected and what came.
    max_delay : int
        Longest delay.

    Returns
    -------
    Dispersion
        Delays with few past cells lean on all delays together; without any past, a size of 3.
    """
    came = np.maximum(np.round(past.final - past.reported), 0.0)
    taken = np.maximum(np.round(past.reported - past.final), 0.0)
    group = missing_class(past.completeness)
    number = len(SHARE_CLASSES) + 1
    upward = np.empty((max_delay + 1, number))
    rate, down = np.empty(max_delay + 1), np.empty(max_delay + 1)
    overall_rate = _rate(taken, past.reported)
    ratio = np.log((past.final + 0.5) / (past.expected + 0.5))
    for delay in range(max_delay + 1):
        here = past.delay == delay
        weight = here.sum() / (here.sum() + _PRIOR_CELLS)
        rate[delay] = weight * _rate(taken[here], past.reported[here]) + (1 - weight) * overall_rate
    up_mean, down_mean = gains_and_losses(past.reported, past.expected, rate[past.delay])
    pooled = np.array([_fit(came[group == g], up_mean[group == g]) for g in range(number)])
    for delay in range(max_delay + 1):
        here = past.delay == delay
        for g in range(number):
            cell = here & (group == g)
            upward[delay, g] = _fit(came[cell], up_mean[cell], prior=pooled[g])
        down[delay] = _fit(taken[here], down_mean[here], prior=0.3)
    bounds = np.quantile(past.expected, [1 / 3, 2 / 3]) if past.expected.size else np.zeros(2)
    ratios = _ratio_quantiles(past, bounds, max_delay)
    never = np.zeros(max_delay + 1, dtype=np.bool_)
    cells = int(past.delay.size)
    found = Dispersion(upward, rate, down, ratios, bounds, never, _correlation(past, ratio), cells)
    return replace(found, by_ratio=_ratio_delays(past, found))


def _ratio_delays(past: PastNowcasts, error: Dispersion) -> NDArray[np.bool_]:
    """Delays at which ratios told past errors of large counts clearly better than the negative binomials."""
    out = np.zeros(error.downward.size, dtype=np.bool_)
    probability = (np.arange(_GRID) + 0.5) / _GRID
    # A stride that shares no factor with the grid pairs each "came" with another "taken", evenly.
    other = probability[np.arange(_GRID) * 19 % _GRID]
    for delay in range(out.size):
        cells = np.flatnonzero((past.delay == delay) & (past.expected >= RATIO_FROM))[-_MOST_CELLS:]
        if cells.size < _PRIOR_CELLS:
            continue
        reported, expected, slot = past.reported[cells], past.expected[cells], past.delay[cells]
        grid = np.broadcast_to(probability[:, None], (_GRID, cells.size))
        size = error.upward[slot, missing_class(past.completeness[cells])]
        up, down = gains_and_losses(reported, expected, error.downward_rate[slot])
        taken = negative_binomial(np.broadcast_to(other[:, None], grid.shape), down, error.downward[slot])
        law = reported + negative_binomial(grid, up, size) - np.minimum(taken, reported)
        ratio = draw_ratios(expected, slot, error, grid)
        by_ratio, by_law = (crps_of_draws(drawn.T, past.final[cells]).sum() for drawn in (ratio, law))
        out[delay] = by_ratio < _CLEARLY * by_law
    return out


def _ratio_quantiles(past: PastNowcasts, bounds: Floats, max_delay: int) -> Floats:
    """Quantiles of log(final / expected) by delay and class of level, few cells leaning on all of that delay."""
    positive = (past.expected > 0) & (past.final > 0)
    log_ratio = np.log(np.where(positive, past.final, 1.0) / np.where(positive, past.expected, 1.0))
    group = np.searchsorted(bounds, past.expected)
    out = np.empty((max_delay + 1, 3, RATIO_LEVELS.size))
    for delay in range(max_delay + 1):
        here = positive & (past.delay == delay)
        missing = float(np.abs(1.0 - past.completeness[here]).mean()) if here.any() else 1.0
        usual = float(np.clip(_SD_PER_MISSING * missing, _LEAST_LOG_SD, _DEFAULT_LOG_SD))
        whole = _blended(log_ratio[here], usual * ndtri(RATIO_LEVELS))
        for g in range(3):
            out[delay, g] = _blended(log_ratio[here & (group == g)], whole)
    return out


def _blended(values: Floats, prior: Floats) -> Floats:
    if values.size == 0:
        return prior
    weight = values.size / (values.size + _PRIOR_CELLS)
    # Sample quantiles of few values fall short in the tails: stretch them as their expected order statistics
    # say.
    position = np.clip((RATIO_LEVELS * (values.size + 1) - 1) / max(values.size - 1, 1), 0.0, 1.0)
    return np.asarray(weight * np.quantile(values, position) + (1 - weight) * prior)


def _fit(observed: Floats, mean: Floats, prior: float = DEFAULT_SIZE) -> float:
    """Negative-binomial size by likelihood on a grid, with a weak log-normal prior."""
    mu = np.maximum(mean, 1e-3)
    k = _SIZES[:, None]
    likelihood = (
        gammaln(observed + k) - gammaln(k) + k * np.log(k / (k + mu)) + observed * np.log(mu / (k + mu))
    ).sum(axis=1)
    penalty = 0.5 * np.log(_SIZES / prior) ** 2
    return float(_SIZES[np.argmax(likelihood - penalty)])


def _rate(taken: Floats, reported: Floats) -> float:
    total = float(reported.sum())
    return min(float(taken.sum()) / total, 0.5) if total > 0 else 0.0


def _correlation(past: PastNowcasts, ratio: Floats) -> float:
    """Intra-class correlation of rank-normal errors of one territory at one past moment."""
    if ratio.size < _PRIOR_CELLS:
        return 0.0
    number_by_delay = np.maximum(np.bincount(past.delay), 1)
    error = ratio - (np.bincount(past.delay, ratio) / number_by_delay)[past.delay]
    scale = float(error.std()) or 1.0
    group = past.occasion * (int(past.territory.max()) + 1) + past.territory
    total = np.bincount(group, error / scale)
    square = np.bincount(group, (error / scale) ** 2)
    number = np.bincount(group)
    pairs = float((number * (number - 1)).sum())
    return float(np.clip((total**2 - square).sum() / pairs, 0.0, 0.9)) if pairs > 0 else 0.0
