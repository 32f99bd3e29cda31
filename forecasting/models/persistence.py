"""Persistence: the level stays what it is. The yardstick every other model is measured against.

``z[t+h] = z[t] + e``, with intervals from its own past errors as in `forecasting.spread`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.models.base import Fitted, State
from forecasting.problem import Problem
from forecasting.spread import intervals


@dataclass(frozen=True)
class Persistence:
    """No change of level."""

    name: str = "persistence"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Wrap the newest level in intervals of past changes."""
        points = np.zeros((*problem.z.shape, len(problem.anchors)))
        quantiles = intervals(problem, points, [*problem.rehearsals, len(problem.z) - 1])
        return Fitted(self.name, problem.anchors, quantiles[-1], quantiles[:-1])
