"""How wide: intervals of a point forecast from its own past errors, split into level, counting noise and growth.

On the fourth-root scale the variance of an error has three parts: one that is always there, one that
shrinks with the count, and one that grows with how fast the level moves::

    var(error) = a + b v + c g^2,     v = variance of the level if counts were Poisson,  g = growth over a week

None is negative. They are estimated from past errors made without knowing what came after: those of the
last weeks, and those of this season in the years before (`forecasting.problem.memory`). The shape comes
from the quantiles of the standardised errors. So a small territory gets wide intervals because it is small,
and everyone gets wider ones when the last weeks surprised, or when this part of the year usually does. With
little past, a stated prior stands in.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtri

from forecasting.models.base import LEVELS
from forecasting.problem import Problem, memory
from forecasting.transforms import Floats, lagged

HALF_LIFE_WEEKS = 10.0
PRIOR_SD_PER_WEEK = 0.10
PRIOR_WEEKS = 3.0
SEASON_WEEKS = 6.0
SHAPE_WEEKS = 6.0
FLOOR = 0.1


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
        drivers = _drivers(problem, centre)
        error = np.full(problem.z.shape, np.nan)
        if steps < len(problem.z):
            error[:-steps] = problem.z[steps:] - centre[:-steps]
        for o, origin in enumerate(origins):
            sd, shape = _at(problem, error, drivers, origin, steps)
            out[o, :, a] = centre[origin][:, None] + sd[:, None] * shape
    return out


def _drivers(problem: Problem, centre: Floats) -> Floats:
    """List what variance is made of at each time and territory, each of mean one: shape (time, territory, part)."""
    growth = np.nan_to_num(problem.z - lagged(problem.z, problem.weekly_step))
    parts = [np.ones(problem.z.shape), growth**2]
    if problem.is_count:
        parts.append(np.nan_to_num(problem.scale.counting_variance(centre, problem.window)))
    stacked = np.stack(parts, axis=-1)
    return np.asarray(stacked / (stacked.mean(axis=(0, 1)) + 1e-12))


def _at(problem: Problem, error: Floats, drivers: Floats, origin: int, steps: int) -> tuple[Floats, Floats]:
    """Find the standard deviation of each territory at an origin, and the shape of standardised errors."""
    upto = max(0, origin - steps + 1)
    weeks_back = (origin - steps - np.arange(upto)) / problem.weekly_step
    known = np.isfinite(error[:upto])
    weight = np.where(known, memory(weeks_back, HALF_LIFE_WEEKS, SEASON_WEEKS)[:, None], 0.0)
    e = np.where(known, error[:upto], 0.0)
    weeks = _weeks(weight, problem)
    usual = PRIOR_SD_PER_WEEK**2 * steps / problem.weekly_step
    # The prior counts as a few weeks of errors of the usual size, in the part that is always there.
    prior = PRIOR_WEEKS * weight.sum() / max(weeks, 1) / 4 if weeks else 1.0
    variance, parts = _variance(e, drivers[:upto], weight, prior, usual)
    shape = _shape(e / np.sqrt(variance), weight, weeks)
    return np.sqrt(np.maximum(drivers[origin] @ parts, FLOOR * parts.sum())), shape


def _variance(
    e: Floats, drivers: Floats, weight: Floats, prior: float, usual: float
) -> tuple[Floats, Floats]:
    """Estimate the parts by non-negative least squares of squared errors, reweighted by their own variance."""
    level = (float((weight * e**2).sum()) + prior * usual) / (float(weight.sum()) + prior)
    variance = np.full(e.shape, level)
    parts = np.zeros(drivers.shape[-1])
    parts[0] = level
    if weight.sum() <= 0:
        return variance, parts
    for _ in range(2):
        w = weight / variance**2
        wx = drivers * w[..., None]
        cross = np.einsum("tip,tiq->pq", wx, drivers)
        against = np.einsum("tip,ti->p", wx, e**2)
        cross[0, 0] += prior / level**2
        against[0] += prior * usual / level**2
        size = np.sqrt(np.diag(cross)) + 1e-12
        lower = np.linalg.cholesky(cross / np.outer(size, size) + 1e-4 * np.eye(len(size)))
        parts = nnls(lower.T, np.linalg.solve(lower, against / size))[0] / size
        variance = np.maximum(drivers @ parts, FLOOR * level)
    return variance, parts


def _shape(standard: Floats, weight: Floats, weeks: int) -> Floats:
    """Quantiles of standardised errors and their mirror image, blended with the normal when few weeks are known."""
    normal = ndtri(LEVELS)
    keep = weight > 0
    if not keep.any():
        return np.asarray(normal)
    both = np.concatenate([standard[keep], -standard[keep]])
    order = np.argsort(both, kind="stable")
    mass = np.concatenate([weight[keep], weight[keep]])[order]
    position = (np.cumsum(mass) - 0.5 * mass) / mass.sum()
    empirical = np.interp(LEVELS, position, both[order])
    share = weeks / (weeks + SHAPE_WEEKS)
    return np.asarray(share * empirical + (1 - share) * normal)


def _weeks(weight: Floats, problem: Problem) -> int:
    """Distinct weeks with at least one known error."""
    times = np.flatnonzero((weight > 0).any(axis=1))
    return len(np.unique((len(weight) - 1 - times) // problem.weekly_step))
