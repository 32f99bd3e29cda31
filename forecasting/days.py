"""From levels at anchors to single periods, so that the days of every draw add up to the week they came from.

For a daily flow a draw is a chain of week means. Each week's total is dealt out to its days by a
Dirichlet-multinomial law with expected shares

    p[j] ~ weekday[j] exp(slope (j - 4) / 7)

where the slope is the growth of the chain around that week, and whose concentration is estimated from how
unevenly the territories' past weeks fell. Counts stay whole numbers; rates take the Dirichlet shares
themselves. The mean of the days of a week is the drawn week mean (to one seventh for counts), so no second
uncertainty is invented.

For stocks and weekly series a draw is its levels at the anchors, joined by straight lines on the
fourth-root scale.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.problem import WEEK, Problem
from forecasting.streams_of_chance import generator
from forecasting.transforms import Floats, weekday_factors

STEEPEST = 1.5
LEAST_CONCENTRATION, MOST_CONCENTRATION = 3.0, 5000.0


def days_from_weeks(problem: Problem, levels: Floats, seed: int, chosen: NDArray[np.int64]) -> Floats:
    """Deal week means out to days.

    Parameters
    ----------
    problem : Problem
    levels : ndarray, shape (territory, week, draw)
        Mean per day of each week after the last known day, natural units.
    seed : int
    chosen : ndarray of int, shape (territory,)
        Positions of the territories in the problem.

    Returns
    -------
    ndarray, shape (territory, day, draw)
        Days 1, 2, … after the last known one.
    """
    first = problem.dates[-1] + 1
    n_weeks = levels.shape[1]
    dates = first + np.arange(n_weeks * WEEK)
    factor = weekday_factors(problem.filled, problem.dates)
    weekday = np.maximum(factor, 0.02)[(dates.astype("datetime64[D]").astype(int) + 3) % WEEK].reshape(
        -1, WEEK
    )
    concentration = share_concentration(problem, factor)
    newest = problem.scale.back(np.nan_to_num(problem.level, nan=0.0))
    out = np.empty((len(levels), n_weeks * WEEK, levels.shape[2]))
    for row, i in enumerate(chosen):
        rng = generator(seed, problem.panel.territories[i], problem.target, "days")
        chain = np.concatenate([np.full((1, levels.shape[2]), newest[i]), levels[row]])
        shares = _expected_shares(chain, weekday, 0.05 * problem.scale.size[i])
        out[row] = _deal(levels[row] * WEEK, shares, concentration, problem.is_count, rng)
    return out


def periods_from_anchors(problem: Problem, z: Floats, chosen: NDArray[np.int64]) -> Floats:
    """Join drawn levels at anchors by straight lines on the root scale.

    Parameters
    ----------
    z : ndarray, shape (territory, anchor, draw)
        Levels on the root scale.
    chosen : ndarray of int, shape (territory,)

    Returns
    -------
    ndarray, shape (territory, period, draw)
        Natural units, periods 1, 2, … after the last known one; whole numbers for counts.
    """
    start = np.nan_to_num(problem.level[chosen], nan=0.05**0.25)
    knots = np.concatenate([np.broadcast_to(start[:, None, None], (len(z), 1, z.shape[2])), z], axis=1)
    at = np.array([0, *problem.anchors])
    periods = np.arange(1, at[-1] + 1)
    right = np.searchsorted(at, periods)
    share = ((periods - at[right - 1]) / (at[right] - at[right - 1]))[None, :, None]
    path = knots[:, right - 1] * (1 - share) + knots[:, right] * share
    natural = np.asarray(_back(problem, path, chosen))
    return np.round(natural) if problem.is_count else natural


def _back(problem: Problem, z: Floats, chosen: NDArray[np.int64]) -> Floats:
    from forecasting.transforms import RootScale

    return RootScale(problem.scale.size[chosen]).back(z, axis=0)


def share_concentration(problem: Problem, factor: Floats) -> float:
    """Concentration of the Dirichlet shares, from how past complete weeks fell, pooled.

    For a total ``N`` dealt with shares ``p`` and concentration ``c``, the chi-square statistic over the
    seven days has mean ``6 (N + c) / (1 + c)``; solved for ``c`` over the last 16 weeks of all territories.
    """
    filled = problem.filled[-(16 * WEEK) :]
    n_weeks = len(filled) // WEEK
    if n_weeks == 0:
        return 50.0
    weeks = filled[len(filled) - n_weeks * WEEK :].reshape(n_weeks, WEEK, -1)
    dates = problem.dates[len(problem.dates) - WEEK :]
    p = np.maximum(factor, 0.02)[(dates.astype("datetime64[D]").astype(int) + 3) % WEEK]
    p = p / p.sum()
    unit = 1.0 if problem.is_count else float(np.median(problem.scale.size)) / WEEK
    totals = weeks.sum(axis=1) / unit
    ok = np.isfinite(totals) & (totals >= WEEK)
    if not ok.any():
        return 50.0
    n = totals[ok]
    expected = n[:, None] * p
    chi = ((np.moveaxis(weeks / unit, 1, 2)[ok] - expected) ** 2 / expected).sum(axis=1)
    excess = float(np.median(chi / 5.35)) if problem.is_count else float(np.mean(chi) / 6)
    size = float(np.median(n))
    if problem.is_count:
        # (N + c) / (1 + c) = excess
        c = (size - excess) / max(excess - 1.0, 1e-6)
    else:
        c = size / max(excess, 1e-9) - 1.0
    return float(np.clip(c, LEAST_CONCENTRATION, MOST_CONCENTRATION))


def _expected_shares(chain: Floats, weekday: Floats, room: float) -> Floats:
    """Shares of the days of each week, shape (week, draw, day)."""
    log = np.log(chain + room)
    growth = np.diff(log, axis=0)
    around = growth.copy()
    around[:-1] = 0.5 * (growth[:-1] + growth[1:])
    slope = np.clip(around, -STEEPEST, STEEPEST)
    offset = (np.arange(1, WEEK + 1) - 4.0) / WEEK
    shares = weekday[:, None, :] * np.exp(slope[:, :, None] * offset)
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def _deal(
    totals: Floats, shares: Floats, concentration: float, whole: bool, rng: np.random.Generator
) -> Floats:
    """Deal totals (week, draw) by shares (week, draw, day), shape (week * day, draw)."""
    gamma = rng.standard_gamma(shares * concentration) + 1e-12
    dealt = gamma / gamma.sum(axis=-1, keepdims=True)
    if whole:
        dealt = rng.multinomial(np.round(totals).astype(np.int64), dealt).astype(float)
    else:
        dealt = dealt * totals[..., None]
    return np.asarray(np.moveaxis(dealt, 2, 1).reshape(-1, totals.shape[1]))
