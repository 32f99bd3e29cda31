"""How wide: intervals of a point forecast from its own past errors, split into level, counting noise and growth.

On the fourth-root scale the variance of an error has three parts: one that is always there, one that
shrinks with the count, and one that grows with how fast the level moves::

    var(error) = a + b v + c g^2,     v = variance of the level if counts were Poisson,  g = growth over a week

None is negative. They are estimated from past errors made without knowing what came after: those of the
last weeks, and those of this season in the years before (`forecasting.seasons.memory`). The shape comes
from the quantiles of the standardised errors. So a small territory gets wide intervals because it is small,
and everyone gets wider ones when the last weeks surprised, or when this part of the year usually does. With
little past, a stated prior stands in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtri

from forecasting.models.base import LEVELS
from forecasting.problem import Problem
from forecasting.seasons import memory
from forecasting.transforms import Floats, lagged

HALF_LIFE_WEEKS = 10.0
PRIOR_SD_PER_WEEK = 0.10
PRIOR_WEEKS = 3.0
SEASON_WEEKS = 6.0
SHAPE_WEEKS = 6.0
FLOOR = 0.1
DONOR_SHARE = 0.5


@dataclass(frozen=True)
class Lesson:
    """Past errors of the same model on a donor.

    Attributes
    ----------
    donor : Problem
    points : ndarray, shape (time, territory, anchor)
        Changes forecast on the donor, each made with nothing later.
    """

    donor: Problem
    points: Floats


@dataclass(frozen=True)
class _Errors:
    """Errors of one anchor with what their variance is made of: (time, territory) and (time, territory, part)."""

    dates: NDArray[np.datetime64]
    error: Floats
    drivers: Floats
    share: float


def intervals(
    problem: Problem, points: Floats, origins: Sequence[int], lessons: Sequence[Lesson] = ()
) -> Floats:
    """Quantiles around point forecasts, at each of some origins.

    Parameters
    ----------
    problem : Problem
    points : ndarray, shape (time, territory, anchor)
        Forecast change of the level from each time to each anchor after it, each made with nothing later;
        NaN where there is none.
    origins : sequence of int
        Times at which quantiles are wanted. Only errors already known at an origin are used for it.
    lessons : sequence of Lesson
        Errors on donors, which count for `DONOR_SHARE` of the problem's own.

    Returns
    -------
    ndarray, shape (origin, territory, anchor, level)
        Quantiles of the level on the fourth-root scale.
    """
    out = np.full((len(origins), points.shape[1], len(problem.anchors), len(LEVELS)), np.nan)
    for a, steps in enumerate(problem.anchors):
        own = _errors(problem, points[:, :, a], steps, 1.0)
        typical = own.drivers.mean(axis=(0, 1)) + 1e-12
        told = [own]
        for lesson in lessons:
            share = DONOR_SHARE * points.shape[1] / lesson.points.shape[1] / len(lessons)
            told.append(_errors(lesson.donor, lesson.points[:, :, a], steps, share))
        for o, origin in enumerate(origins):
            sd, shape = _at(problem, told, typical, origin, steps)
            out[o, :, a] = (problem.z + points[:, :, a])[origin][:, None] + sd[:, None] * shape
    return out


def _errors(problem: Problem, points: Floats, steps: int, share: float) -> _Errors:
    centre = problem.z + points
    error = np.full(problem.z.shape, np.nan)
    if steps < len(problem.z):
        error[:-steps] = problem.z[steps:] - centre[:-steps]
    return _Errors(problem.dates, error, _drivers(problem, centre), share)


def _drivers(problem: Problem, centre: Floats) -> Floats:
    """List what variance is made of at each time and territory, shape (time, territory, part)."""
    growth = np.nan_to_num(problem.z - lagged(problem.z, problem.weekly_step))
    noise = problem.scale.counting_variance(centre, problem.window) if problem.is_count else 0.0 * growth
    return np.stack([np.ones(problem.z.shape), growth**2, np.nan_to_num(noise)], axis=-1)


def _at(
    problem: Problem, told: Sequence[_Errors], typical: Floats, origin: int, steps: int
) -> tuple[Floats, Floats]:
    """Find the standard deviation of each territory at an origin, and the shape of standardised errors."""
    day = problem.dates[origin]
    known = [_known(t, day, problem, steps) for t in told]
    e, drivers, weight, age = (np.concatenate(part) for part in zip(*known, strict=True))
    weeks = len(np.unique(age))
    usual = PRIOR_SD_PER_WEEK**2 * steps / problem.weekly_step
    # The prior counts as a few weeks of errors of the usual size, in the part that is always there.
    prior = PRIOR_WEEKS * weight.sum() / max(weeks, 1) / 4 if weeks else 1.0
    variance, parts = _variance(e, drivers / typical, weight, prior, usual)
    shape = _shape(e / np.sqrt(variance), weight, weeks)
    return np.sqrt(np.maximum(told[0].drivers[origin] / typical @ parts, FLOOR * parts.sum())), shape


def _known(
    told: _Errors, day: np.datetime64, problem: Problem, steps: int
) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
    """Errors known on a day as rows: error, parts, weight, age in weeks."""
    period = problem.panel.period_days
    weeks_back = ((day - told.dates).astype(int) - steps * period) / 7.0
    usable = weeks_back >= 0
    error = told.error[usable]
    known = np.isfinite(error)
    weight = np.broadcast_to(
        told.share * memory(weeks_back[usable], HALF_LIFE_WEEKS, SEASON_WEEKS)[:, None], error.shape
    )
    age = np.broadcast_to(np.floor(weeks_back[usable]).astype(np.int64)[:, None], error.shape)
    return error[known], told.drivers[usable][known], weight[known], age[known]


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
        wx = drivers * (weight / variance**2)[:, None]
        cross = wx.T @ drivers
        against = wx.T @ e**2
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
