"""Refits in rotation: a costly model estimates a few territories a run and keeps the parameters of the others.

Kept as ``{territory: {"on": date, "values": [...]}}`` in the model's state, so a run is a function of its
inputs. The order is by age of the last estimate, then by a hash of the territory's name: never by position,
so that adding one territory does not reshuffle the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from forecasting.models.base import State
from forecasting.problem import Problem
from forecasting.transforms import Floats

SHRINK = 0.5


def due(problem: Problem, state: State, cadence_days: int, most: int) -> list[int]:
    """Positions of the territories to estimate in this run, at most ``most``, oldest estimate first."""
    kept: Mapping[str, Any] = state.get("parameters", {})
    today = problem.dates[-1]
    waiting = []
    for i, territory in enumerate(problem.panel.territories):
        if np.isfinite(problem.z[:, i]).sum() < 3 * problem.weekly_step or not np.nanmax(problem.z[:, i]) > 0:
            continue
        on = kept.get(territory, {}).get("on", "0001-01-01")
        age = int((today - np.datetime64(on, "D")).astype(int))
        if age >= cadence_days or age < 0:
            waiting.append((-age, hashlib.sha256(territory.encode()).hexdigest(), i))
    return sorted(i for _, _, i in sorted(waiting)[:most])


def remember(problem: Problem, state: State, fresh: Mapping[int, list[float]]) -> dict[str, Any]:
    """Merge new estimates into the kept ones."""
    kept = dict(state.get("parameters", {}))
    for i, values in fresh.items():
        kept[problem.panel.territories[i]] = {"on": str(problem.dates[-1]), "values": values}
    return {t: kept[t] for t in sorted(kept)}


def pooled_parameters(problem: Problem, kept: Mapping[str, Any], n_values: int) -> Floats:
    """Parameters of every territory, shape (territory, value): its own shrunk halfway to the median, or the median."""
    known = [p["values"] for p in kept.values() if len(p["values"]) == n_values]
    middle = np.median(np.asarray(known), axis=0) if known else np.zeros(n_values)
    out = np.tile(middle, (len(problem.panel.territories), 1))
    for i, territory in enumerate(problem.panel.territories):
        values = kept.get(territory, {}).get("values", ())
        if len(values) == n_values:
            out[i] = SHRINK * middle + (1 - SHRINK) * np.asarray(values)
    return out
