"""Refits in rotation: a costly model estimates a few territories a run and keeps the parameters of the others.

Kept as ``{territory: {"on": date, "values": [...]}}`` in the model's state, so a run is a function of its
inputs. The order is by age of the last estimate, then by a hash of the territory's name: never by position,
so that adding one territory does not reshuffle the others.

Everything kept says on which day it was learnt (``on``, the moment of the panel it was learnt from). A state may
come from a later run than the one that reads it, when a past is forecast again: `known_by` forgets what that past
could not have known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from forecasting.models.base import State
from forecasting.problem import Problem
from forecasting.transforms import Floats

SHRINK = 0.5
SIGNALS_DAYS = 91
"""Days after which the regressors are chosen anew."""


def today_of(problem: Problem) -> str:
    """Day of the panel's moment, which is when what is learnt now is learnt."""
    return str(problem.panel.as_of)


def known_by(problem: Problem, state: State) -> dict[str, Any]:
    """Keep of a state what was learnt at or before the problem's moment.

    Parameters and past forecasts go one by one. Regressors chosen later go, and with them every parameter,
    since those belong to them.
    """
    today = today_of(problem)
    if state.get("signals_on", "9999-12-31") > today:
        state = {key: value for key, value in state.items() if key not in ("signals", "parameters")}
    kept = dict(state)
    for name in ("parameters", "history", "blocks"):
        if name in kept:
            kept[name] = {k: v for k, v in kept[name].items() if v["on"] <= today}
    return kept


def regressors(
    problem: Problem, state: State, choose: Callable[[], tuple[str, ...]]
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Signals a model regresses on, chosen anew every `SIGNALS_DAYS`, and the state that goes with them.

    Parameters
    ----------
    problem : Problem
    state : mapping
        As `known_by` leaves it.
    choose : callable
        Names the signals from what is known now.

    Returns
    -------
    names : tuple of str
    state : dict
        With ``signals`` and ``signals_on``; parameters of other regressors are dropped.
    """
    today = today_of(problem)
    on = state.get("signals_on", "0001-01-01")
    names = tuple(state.get("signals", ()))
    age = int((np.datetime64(today, "D") - np.datetime64(on, "D")).astype(int))
    if "signals" not in state or age >= SIGNALS_DAYS or not set(names) <= set(problem.signals):
        names, on = choose(), today
    kept = dict(state)
    if list(names) != list(state.get("signals", ())):
        kept.pop("parameters", None)
    return names, {**kept, "signals": list(names), "signals_on": on}


def due(problem: Problem, state: State, cadence_days: int, most: int) -> list[int]:
    """Positions of the territories to estimate in this run, at most ``most``, oldest estimate first."""
    kept: Mapping[str, Any] = state.get("parameters", {})
    today = np.datetime64(today_of(problem), "D")
    waiting = []
    for i, territory in enumerate(problem.panel.territories):
        if not enough(problem.z[:, i], problem.weekly_step):
            continue
        age = int((today - np.datetime64(kept.get(territory, {}).get("on", "0001-01-01"), "D")).astype(int))
        if age >= cadence_days:
            waiting.append((-age, hashed(territory), i))
    return sorted(i for _, _, i in sorted(waiting)[:most])


def enough(z: Floats, weekly_step: int) -> bool:
    """Whether a territory's level, shape (time,), says enough to estimate from: three weeks, not all nothing."""
    known = z[np.isfinite(z)]
    return bool(known.size >= 3 * weekly_step and known.max() > 0 and np.ptp(known) > 0)


def hashed(text: str) -> str:
    """Order that has nothing to do with position."""
    return hashlib.sha256(text.encode()).hexdigest()


def remember(problem: Problem, state: State, fresh: Mapping[int, list[float]]) -> dict[str, Any]:
    """Merge new estimates into the kept ones, which `known_by` has seen."""
    kept = dict(state.get("parameters", {}))
    for i, values in fresh.items():
        kept[problem.panel.territories[i]] = {"on": today_of(problem), "values": values}
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
