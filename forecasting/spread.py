"""How wide: intervals of a point forecast from its own past errors, split into counting noise and growth.

On the fourth-root scale an error of a forecast ``steps`` ahead has two parts, one that shrinks with the
count and one that does not::

    var(error) = a + b v,       v = variance of the level if counts were Poisson

``a`` and ``b`` are estimated from past errors made without knowing what came after, newer ones weighing
more, and the shape comes from the quantiles of the standardised errors. So a small territory gets wide
intervals because it is small, and everyone gets wider ones when the last weeks surprised. With little past,
a stated prior stands in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from forecasting.models.base import LEVELS
from forecasting.problem import Problem
from forecasting.transforms import Floats

HALF_LIFE_WEEKS = 10.0
PRIOR_SD_PER_WEEK = 0.10
PRIOR_WEEKS = 3.0
SHAPE_WEEKS = 6.0


def intervals(problem: Problem, points: Floats, origins: Sequence[int]) -> Floats:
    """Quantiles around point forecasts, at each of some origins.

    Parameters
    ----------
    problem : Problem
    points : ndarray, shape (time, territory, anchor)
        Forecast change of the level from each time to each anchor after it, each made with nothing later;
        NaN where there is none.
    origins : sequence of int
        Times at which quantiles are wanted. Only errors already known at an origin are used for it.

    Returns
    -------
    ndarray, shape (origin, territory, anchor, level)
        Quantiles of the level on the fourth-root scale.
    """
    out = np.full((len(origins), points.shape[1], len(problem.anchors), len(LEVELS)), np.nan)
    for a, steps in enumerate(problem.anchors):
        centre = problem.z + points[:, :, a]
        noise = problem.scale.counting_variance(centre, problem.window) if problem.is_count else 0.0 * centre
        error = np.full(problem.z.shape, np.nan)
        if steps < len(problem.z):
            error[:-steps] = problem.z[steps:] - centre[:-steps]
        for o, origin in enumerate(origins):
            out[o, :, a] = _at(problem, error, noise, centre, origin, steps)
    return out


def _at(problem: Problem, error: Floats, noise: Floats, centre: Floats, origin: int, steps: int) -> Floats:
    upto = max(0, origin - steps + 1)
    age = (origin - steps - np.arange(upto)) / problem.weekly_step
    weeks_ahead = steps / problem.weekly_step
    weight = np.where(np.isfinite(error[:upto]), (0.5 ** (age / HALF_LIFE_WEEKS))[:, None], 0.0)
    e = np.where(weight > 0, error[:upto], 0.0)
    v = np.where(weight > 0, noise[:upto], 0.0)
    growth, factor = _variance_parts(e, v, weight, weeks_ahead, problem)
    standard = e / np.sqrt(growth + factor * v + 1e-9)
    shape = _shape(standard, weight, problem)
    sd = np.sqrt(growth + factor * np.nan_to_num(noise[origin]))
    return np.asarray(centre[origin][:, None] + sd[:, None] * shape)


def _variance_parts(
    e: Floats, v: Floats, weight: Floats, weeks: float, problem: Problem
) -> tuple[float, float]:
    """Estimate ``a`` and ``b`` by weighted least squares of squared errors, with a prior worth a few weeks."""
    n_territories = max(1, e.shape[1])
    rows_a_week = float((weight > 0).any(axis=1).sum()) / max(_weeks(weight, problem), 1)
    prior = PRIOR_WEEKS * max(rows_a_week, 1.0) * n_territories / 4
    usual = PRIOR_SD_PER_WEEK**2 * weeks
    mean_v = float((weight * v).sum() / max(weight.sum(), 1e-9))
    total = float(weight.sum()) + prior
    level = (float((weight * e**2).sum()) + prior * (usual + mean_v)) / total
    if mean_v <= 0 or weight.sum() <= 0:
        return level, 0.0
    # Weighing by 1/(usual + v)^2 keeps the noisiest territories from deciding the slope.
    w = weight / (usual + v) ** 2
    sw, sv, svv = w.sum(), (w * v).sum(), (w * v * v).sum()
    se, sve = (w * e**2).sum(), (w * v * e**2).sum()
    determinant = sw * svv - sv**2
    slope = float((sw * sve - sv * se) / determinant) if determinant > 1e-12 * sw * svv else 1.0
    slope = float(np.clip(slope, 0.25, 6.0))
    growth = max(level - slope * mean_v, 0.05 * level)
    return growth, slope


def _shape(standard: Floats, weight: Floats, problem: Problem) -> Floats:
    """Quantiles of standardised errors, made symmetric by half, blended with the normal when few weeks are known."""
    keep = weight > 0
    normal = ndtri(LEVELS)
    weeks = float(_weeks(weight, problem))
    if weeks < 1:
        return np.asarray(normal)
    both = np.concatenate([standard[keep], -standard[keep]])
    order = np.argsort(both)
    mass = np.concatenate([weight[keep], weight[keep]])[order]
    position = (np.cumsum(mass) - 0.5 * mass) / mass.sum()
    empirical = np.interp(LEVELS, position, both[order])
    share = weeks / (weeks + SHAPE_WEEKS)
    return np.asarray(share * empirical + (1 - share) * normal)


def _weeks(weight: Floats, problem: Problem) -> int:
    """Distinct weeks with at least one known error."""
    times = np.flatnonzero((weight > 0).any(axis=1))
    return len(np.unique((len(weight) - 1 - times) // problem.weekly_step))
