"""The few signals that lead the target best, for models that bear only a few regressors."""

from __future__ import annotations

import numpy as np

from forecasting.problem import Problem
from forecasting.transforms import Floats, lagged

MOST = 3
LEAST_CORRELATION = 0.1


def leading_signals(problem: Problem, most: int = MOST) -> tuple[str, ...]:
    """Names of the signals whose growth this week goes best with the target's growth in the next, best first.

    Pairs of known growth over all territories and times count alike; signals under `LEAST_CORRELATION` are
    not taken.
    """
    step = problem.weekly_step
    ahead = np.full(problem.z.shape, np.nan)
    if len(problem.z) <= 2 * step:
        return ()
    ahead[:-step] = problem.z[step:] - problem.z[:-step]
    scores = []
    for name, level in problem.signals.items():
        growth = level - lagged(level, step)
        scores.append((_correlation(growth, ahead), name))
    scores.sort(reverse=True)
    return tuple(name for score, name in scores[:most] if score > LEAST_CORRELATION)


def _correlation(a: Floats, b: Floats) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 30:
        return 0.0
    x, y = a[both], b[both]
    spread = float(x.std() * y.std())
    return float(((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else 0.0


def filled_level(level: Floats) -> Floats:
    """Level with unknowns replaced by the mean over territories at that time, then carried, then zero."""
    known = np.isfinite(level)
    count = known.sum(axis=1)
    mean = np.divide(
        np.where(known, level, 0.0).sum(axis=1), count, out=np.full(len(level), np.nan), where=count > 0
    )
    out = np.where(known, level, mean[:, None])
    for t in range(1, len(out)):
        gap = np.isnan(out[t])
        out[t, gap] = out[t - 1, gap]
    return np.nan_to_num(out)
