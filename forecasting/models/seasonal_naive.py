"""Seasonal naive: what the level did over the same weeks a year ago, it does again.

``z[t+h] = z[t] + (z[t-Y+h] - z[t-Y])`` with ``Y`` = 52 weeks. Needs a year and the horizon of history;
before that the model says it cannot answer and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.problem import Problem
from forecasting.spread import intervals

YEAR_WEEKS = 52


@dataclass(frozen=True)
class SeasonalNaive:
    """Last year's change of level."""

    name: str = "seasonal naive"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Read last year's changes and wrap them in intervals."""
        year = YEAR_WEEKS * problem.weekly_step
        n_times = len(problem.z)
        if n_times <= year:
            raise CannotForecast("history.short", weeks=n_times // problem.weekly_step, needed=YEAR_WEEKS + 1)
        points = np.full((*problem.z.shape, len(problem.anchors)), np.nan)
        for a, steps in enumerate(problem.anchors):
            base = problem.z[: n_times - year]
            later = problem.z[np.minimum(np.arange(n_times - year) + steps, n_times - 1)]
            points[year:, :, a] = np.nan_to_num(later - base)
        quantiles = intervals(problem, points, [*problem.rehearsals, n_times - 1])
        return Fitted(self.name, problem.anchors, quantiles[-1], quantiles[:-1])
