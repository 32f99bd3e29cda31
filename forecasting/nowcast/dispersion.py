"""How wrong past nowcasts were, and draws that are as wrong as that.

The final value is drawn as *reported + still to come − taken back*. Both parts are negative-binomial,

    E = mu,   Var = mu + mu² / k,

``mu`` the expected part (what the nowcast adds, and a churn of corrections on both sides that cancel out) and
the size ``k`` fitted by likelihood to past nowcasts of the same delay and the same class of expected missing
share (Johnson et al. 2025, doi:10.12688/wellcomeopenres.25027.2, fit it by delay alone; most territories are
complete while a few miss a whole sender, so the share matters). Rates, which are no counts, get the
ratios of past finals to past nowcasts instead, by delay and level. Errors of one territory on neighbouring
dates go together (the same sender is missing): they share a Gaussian factor whose weight is estimated from
past nowcasts too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri
from scipy.stats import nbinom

from forecasting.nowcast.point import PastNowcasts
from forecasting.nowcast.triangle import Floats

SHARE_CLASSES = (0.02, 0.08, 0.25)
RATIO_LEVELS = np.concatenate([[0.005, 0.0125], np.arange(0.025, 0.976, 0.025), [0.9875, 0.995]])
_SIZES = np.geomspace(0.02, 200.0, 40)
_DEFAULT_SIZE = 3.0
_DEFAULT_LOG_SD = 0.1
_SD_PER_MISSING = 0.5
_LEAST_LOG_SD = 0.003
_GRID = 40
_MOST_CELLS = 400
_CLEARLY = 0.95
RATIO_FROM = 20.0
"""Expected counts from which errors are ratios learnt from the past, not those of an assumed law."""
_PRIOR_CELLS = 20.0


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
    up_mean, down_mean = _means(past.reported, past.expected, rate[past.delay])
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
        up, down = _means(reported, expected, error.downward_rate[slot])
        taken = _negative_binomial(np.broadcast_to(other[:, None], grid.shape), down, error.downward[slot])
        law = reported + _negative_binomial(grid, up, size) - np.minimum(taken, reported)
        ratio = _draw_ratios(expected, slot, error, grid)
        out[delay] = _crps(ratio, past.final[cells]) < _CLEARLY * _crps(law, past.final[cells])
    return out


def _crps(values: Floats, truth: Floats) -> float:
    """Sum of the continuous ranked probability scores of equally likely values, shape (value, cell)."""
    ordered = np.sort(values, axis=0)
    rank = (2.0 * np.arange(1, len(values) + 1) - len(values) - 1.0)[:, None]
    spread = (rank * ordered).sum(axis=0) / len(values) ** 2
    return float((np.abs(values - truth).mean(axis=0) - spread).sum())


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
        return _draw_ratios(expected, np.where(delay < 0, 0, slot), dispersion, ndtr(factor))
    base = np.where(delay < 0, 0.0, np.nan_to_num(reported))
    known = np.isfinite(expected)
    up_mean, down_mean = _means(base, np.where(known, expected, base), dispersion.downward_rate[slot])
    size = dispersion.upward[slot, missing_class(completeness)]
    came = _negative_binomial(ndtr(factor), up_mean, np.where(delay < 0, _DEFAULT_SIZE, size))
    taken = _negative_binomial(rng.random(shape), down_mean, dispersion.downward[slot])
    final = np.maximum(base[None] + came - np.minimum(taken, base[None]), 0.0)
    large = known & (expected >= RATIO_FROM) & (delay >= 0) & dispersion.by_ratio[slot]
    if large.any():
        final[:, large] = np.round(_draw_ratios(expected, slot, dispersion, ndtr(factor))[:, large])
    return np.where(known[None], final, np.nan)


def _draw_ratios(
    expected: Floats, slot: NDArray[np.int64], dispersion: Dispersion, probability: Floats
) -> Floats:
    group = np.searchsorted(dispersion.level_bounds, np.nan_to_num(expected))
    out = np.empty(probability.shape)
    for delay, level in np.unique(np.stack([slot, group]).reshape(2, -1), axis=1).T:
        cell = (slot == delay) & (group == level)
        ratio = np.interp(probability[:, cell], RATIO_LEVELS, dispersion.log_ratio[delay, level])
        out[:, cell] = expected[cell] * np.exp(ratio)
    return out


def _means(reported: Floats, expected: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Give expected counts still to come and to be taken back.

    Their difference is what the nowcast expects; both include the churn of corrections that cancel out.
    """
    net, churn = expected - reported, rate * reported
    return np.maximum(net, 0.0) + churn, np.maximum(-net, 0.0) + churn


def _negative_binomial(probability: Floats, mean: Floats, size: Floats) -> Floats:
    out = np.zeros(probability.shape)
    # The quantile function is slow: cells that can only give zero are skipped, which is most of them.
    live = mean > 2e-3
    if live.any():
        chosen, k = mean[live], size[live]
        out[:, live] = nbinom.ppf(np.clip(probability[:, live], 1e-9, 1 - 1e-9), k, k / (k + chosen))
    return out


def _fit(observed: Floats, mean: Floats, prior: float = _DEFAULT_SIZE) -> float:
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
