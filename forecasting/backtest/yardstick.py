"""The protocol's persistence: the last level, with symmetric intervals from past differences in five classes of level.

On ``z = (level per 100 000 + c)^(1/4)`` the differences over the horizon that were known at the origin are
split by fifths of the level they started from; each fifth's differences and their mirror image give the
quantiles around the last level. Every relative score of the back-test is against this, and not against the
library's own persistence, which is better.
"""

from __future__ import annotations

import numpy as np

from forecasting.backtest.task import Task
from forecasting.models.base import LEVELS
from forecasting.panel import Floats

CLASSES = 5
FEWEST = 20


def persistence_quantiles(task: Task, origin: np.datetime64) -> Floats:
    """Quantiles of the yardstick at an origin, shape (territory, horizon, level)."""
    size = _size(task)
    z = (task.truth() / size + task.level_offset) ** 0.25
    now = task.position(origin)
    first = task.position(task.history_from)
    out = np.empty((z.shape[1], len(task.horizons), len(LEVELS)))
    for k, h in enumerate(task.horizons):
        start = z[first : now + 1 - h]
        change = z[first + h : now + 1] - start
        spread = _by_class(start, change, z[now])
        out[:, k] = np.maximum(z[now][:, None] + spread, 0.0) ** 4 - task.level_offset
    return np.asarray(np.maximum(out, 0.0) * size[:, None, None])


def _size(task: Task) -> Floats:
    population = task.panel.population
    if population is None:
        return np.ones(len(task.panel.territories))
    return population / 1e5


def _by_class(start: Floats, change: Floats, newest: Floats) -> Floats:
    """Symmetric quantiles of differences for each territory by its class of level, shape (territory, level)."""
    known = np.isfinite(start) & np.isfinite(change)
    cuts = np.quantile(start[known], np.arange(1, CLASSES) / CLASSES)
    classes, wanted = np.digitize(start, cuts), np.digitize(newest, cuts)
    out = np.zeros((len(newest), len(LEVELS)))
    for c in range(CLASSES):
        chosen = change[known & (classes == c)]
        if len(chosen) < FEWEST:
            chosen = change[known]
        out[wanted == c] = np.quantile(np.concatenate([chosen, -chosen]), LEVELS)
    return out
