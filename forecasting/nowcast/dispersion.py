"""How wrong past nowcasts were, and draws that are as wrong as that.

The final value is drawn as *reported + still to come − taken back*. Both parts are negative-binomial,

    E = mu,   Var = mu + mu² / k,

``mu`` the expected part (what the nowcast adds, and a churn of corrections on both sides that cancel out) and
the size ``k`` fitted by likelihood to past nowcasts of the same delay and the same class of expected missing
share (Johnson et al. 2025, doi:10.12688/wellcomeopenres.25027.2, fit it by delay alone; most territories are
complete while a few miss a whole sender, so the share matters). Rates, which are no counts, get a log-normal
error instead. Errors of one territory on neighbouring dates go together (the same sender is missing): they
share a Gaussian factor whose weight is estimated from past nowcasts too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr
from scipy.stats import nbinom

from forecasting.nowcast.point import PastNowcasts
from forecasting.nowcast.triangle import Floats

SHARE_CLASSES = (0.02, 0.08, 0.25)
_SIZES = np.geomspace(0.02, 200.0, 40)
_DEFAULT_SIZE = 3.0
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
    log_sd : ndarray, shape (delay,)
        Standard deviation of log(final / expected), for rates.
    correlation : float
        Correlation of the errors of one territory on neighbouring dates.
    cells : int
        Past nowcasts behind it.
    """

    upward: Floats
    downward_rate: Floats
    downward: Floats
    log_sd: Floats
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
    rate, down, log_sd = (np.empty(max_delay + 1) for _ in range(3))
    overall_rate = _rate(taken, past.reported)
    ratio = np.log((past.final + 0.5) / (past.expected + 0.5))
    overall_sd = float(np.sqrt(np.mean(ratio**2))) if ratio.size else 0.1
    for delay in range(max_delay + 1):
        here = past.delay == delay
        weight = here.sum() / (here.sum() + _PRIOR_CELLS)
        rate[delay] = weight * _rate(taken[here], past.reported[here]) + (1 - weight) * overall_rate
        spread = float(np.mean(ratio[here] ** 2)) if here.any() else 0.0
        log_sd[delay] = np.sqrt(weight * spread + (1 - weight) * overall_sd**2)
    up_mean, down_mean = _means(past.reported, past.expected, rate[past.delay])
    pooled = np.array([_fit(came[group == g], up_mean[group == g]) for g in range(number)])
    for delay in range(max_delay + 1):
        here = past.delay == delay
        for g in range(number):
            cell = here & (group == g)
            upward[delay, g] = _fit(came[cell], up_mean[cell], prior=pooled[g])
        down[delay] = _fit(taken[here], down_mean[here], prior=0.3)
    return Dispersion(upward, rate, down, log_sd, _correlation(past, ratio), int(past.delay.size))


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
    slot = np.clip(delay, 0, dispersion.log_sd.size - 1)
    if not counts:
        # A date with nothing reported is as uncertain as twice the worst delay.
        sd = np.where(delay < 0, 2.0 * dispersion.log_sd.max(), dispersion.log_sd[slot])
        rates: Floats = expected[None] * np.exp(sd[None] * factor)
        return rates
    base = np.where(delay < 0, 0.0, np.nan_to_num(reported))
    known = np.isfinite(expected)
    up_mean, down_mean = _means(base, np.where(known, expected, base), dispersion.downward_rate[slot])
    size = dispersion.upward[slot, missing_class(completeness)]
    came = _negative_binomial(ndtr(factor), up_mean, np.where(delay < 0, _DEFAULT_SIZE, size))
    taken = _negative_binomial(rng.random(shape), down_mean, dispersion.downward[slot])
    final = np.maximum(base[None] + came - np.minimum(taken, base[None]), 0.0)
    return np.where(known[None], final, np.nan)


def _means(reported: Floats, expected: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Give expected counts still to come and to be taken back.

    Their difference is what the nowcast expects; both include the churn of corrections that cancel out.
    """
    net, churn = expected - reported, rate * reported
    return np.maximum(net, 0.0) + churn, np.maximum(-net, 0.0) + churn


def _negative_binomial(probability: Floats, mean: Floats, size: Floats) -> Floats:
    out = np.zeros(probability.shape)
    # The quantile function is slow: cells that can only give zero are skipped, which is most of them.
    live = mean > 1e-4
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
