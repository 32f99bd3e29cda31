"""Negative-binomial regression of growth on lagged growth of the signals, pooled over territories (statsmodels GLM).

For a level ``y`` that is a mean of counts, with the newest level as offset::

    log E y[i, t+h] = log(y[i, t] + c) + b0 + b' growth[i, t],     var y = mu + alpha mu^2

fitted on one row a territory and week of the last sixteen, anew in every run and at every fourth rehearsal.
Growth is the change over a week of the target's and the leading signals' fourth-root level. The
overdispersion ``alpha`` is fixed at a tenth: it only sets how rows are weighed, as intervals come from
`forecasting.spread`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.models.leading import filled_level, leading_signals
from forecasting.problem import Problem
from forecasting.spread import intervals
from forecasting.transforms import Floats, lagged

MEMORY_WEEKS = 16
OVERDISPERSION = 0.1
SHRINKAGE = 2.0
REFIT_WEEKS = 4


@dataclass(frozen=True)
class NegativeBinomialGrowth:
    """Pooled negative-binomial growth regression."""

    name: str = "negative binomial"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Fit at every rehearsal origin and now, and wrap the expected levels in intervals."""
        origins = [*problem.rehearsals, len(problem.z) - 1]
        if origins[-1] < 4 * problem.weekly_step:
            raise CannotForecast("history.short", weeks=len(problem.z) // problem.weekly_step, needed=5)
        columns, _ = growth_columns(problem)
        level = problem.scale.back(problem.z)
        offset_level = level + 0.05 * problem.scale.size
        points = np.full((*problem.z.shape, len(problem.anchors)), np.nan)
        for a, steps in enumerate(problem.anchors):
            beta = np.zeros(columns.shape[-1])
            for k, origin in enumerate(origins):
                if k % REFIT_WEEKS == 0 or origin == origins[-1]:
                    beta = estimate(problem, columns, level, offset_level, origin, steps)
                expected = offset_level[origin] * np.exp(np.clip(columns[origin] @ beta, -1.5, 1.5))
                ahead = problem.scale.forward(expected - 0.05 * problem.scale.size)
                points[origin, :, a] = ahead - problem.z[origin]
        quantiles = intervals(problem, points, origins)
        return Fitted(self.name, problem.anchors, quantiles[-1], quantiles[:-1], refitted=problem.z.shape[1])


def growth_columns(problem: Problem) -> tuple[Floats, tuple[str, ...]]:
    """Build a constant, the target's growth and the leading signals', shape (time, territory, column).

    Also returns the signals whose growth the columns after the first two are.
    """
    step = problem.weekly_step
    names = leading_signals(problem)
    levels = [problem.z, *(problem.signals[name] for name in names)]
    growth = []
    for level in levels:
        whole = filled_level(level)
        growth.append(np.nan_to_num(whole - lagged(whole, step)))
    return np.stack([np.ones(problem.z.shape) * 0.1, *growth], axis=-1), names


def estimate(
    problem: Problem, columns: Floats, level: Floats, offset_level: Floats, origin: int, steps: int
) -> Floats:
    """Coefficients known at ``origin``, with a small ridge by pseudo-rows; zero when there are too few rows."""
    import statsmodels.api as sm

    times = np.arange(origin - steps, problem.weekly_step, -problem.weekly_step)[:MEMORY_WEEKS]
    x = columns[times].reshape(-1, columns.shape[-1])
    # Rows are in week totals per typical territory, so that rates and counts weigh alike.
    unit = np.median(problem.scale.size) / max(7.0, problem.window)
    y = (level[times + steps] / unit).reshape(-1)
    offset = (offset_level[times] / unit).reshape(-1)
    ok = np.isfinite(y) & np.isfinite(offset)
    if ok.sum() < 10 * columns.shape[-1] // 2:
        return np.zeros(columns.shape[-1])
    family = sm.families.NegativeBinomial(alpha=OVERDISPERSION)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.GLM(y[ok], x[ok], family=family, offset=np.log(offset[ok]))
        found = model.fit_regularized(alpha=SHRINKAGE / ok.sum(), L1_wt=0.0)
    return np.asarray(np.nan_to_num(np.clip(found.params, -10.0, 10.0)))
