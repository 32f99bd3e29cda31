"""SARIMAX: each territory's own weekly steps, an ARIMA(1,1,1) with the leading signals as regressors (statsmodels).

On the fourth-root level, in steps of one anchor (a week for daily flows)::

    dz[t] = b' dx[t-1] + w[t],     w[t] = f w[t-1] + e[t] + g e[t-1]

Parameters are estimated by statsmodels (Durbin & Koopman 2012, the state-space likelihood) for a few
territories a run, the longest-unfitted first, kept in the state, and shrunk halfway to the median over
territories, which also serves those never fitted. Between fits only the recursion runs, for all territories
at once. Regressors not known yet are damped forward by their own autocorrelation.

Past origins are rehearsed with parameters, and regressors, chosen from what came before them
(`forecasting.models.past_blocks`), so that its record is not better than it was.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecasting.models.base import CannotForecast, Fitted, State
from forecasting.models.leading import filled_level, leading_signals
from forecasting.models.past_blocks import Block, as_known_at, blocks
from forecasting.models.rotation import (
    due,
    enough,
    hashed,
    known_by,
    pooled_parameters,
    regressors,
    remember,
    today_of,
)
from forecasting.problem import Problem
from forecasting.spread import intervals
from forecasting.transforms import Floats

SHORTEST = 12
LONGEST = 104
MEMORY = 60
"""Steps the recursion starts before it is read: what came earlier has faded."""
PER_BLOCK = 12
"""Territories estimated for a block of past origins."""


@dataclass(frozen=True)
class Sarimax:
    """ARIMA(1,1,1) with regressors, parameters by statsmodels.

    Attributes
    ----------
    name : str
    cadence : int
        Days after which a territory's parameters are due again.
    most : int
        Territories estimated in one run.
    """

    name: str = "sarimax"
    cadence: int = 7
    most: int = 12

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Estimate the territories that are due, run the recursion for all, wrap it in intervals."""
        step, times = steps_of(problem)
        if len(times) < SHORTEST:
            raise CannotForecast("history.short", steps=len(times), needed=SHORTEST)
        before = known_by(problem, state)
        most = most_signals(len(times))
        names, before = regressors(problem, before, lambda: leading_signals(problem, most))
        fresh = estimates(problem, times, names, due(problem, before, self.cadence, self.most))
        kept = remember(problem, before, fresh)
        leads = tuple(a // step for a in problem.anchors)
        # A past with too little before it to estimate from is rehearsed as "no change", which is what the model is
        # without parameters: left out, quiet or wild times would be missing from its record alone.
        points = np.full((*problem.z.shape, len(problem.anchors)), np.nan)
        points[times] = 0.0
        z, x = levels_at(problem, names, times[-MEMORY:])
        parameters = pooled_parameters(problem, kept, n_parameters(names))
        points[times[-1]] = recursion(z, x, parameters, leads)[-1]
        past = rehearsed_blocks(problem, times, before.get("blocks", {}))
        for block in blocks(problem, times, SHORTEST):
            points[times[block.first : block.end]] = _rehearse(problem, times, block, past[block.name], leads)
        quantiles = intervals(problem, points, [*problem.rehearsals, len(problem.z) - 1])
        return Fitted(
            self.name,
            problem.anchors,
            quantiles[-1],
            quantiles[:-1],
            state={**before, "parameters": kept, "blocks": past},
            refitted=len(fresh),
        )


def most_signals(steps: int) -> int:
    """How many regressors so many steps bear."""
    return min(3, steps // 12)


def n_parameters(names: tuple[str, ...]) -> int:
    """Count the parameters of one territory: regression (one that is nothing without signals), ar, ma."""
    return 2 + max(len(names), 1)


def estimates(
    problem: Problem, times: NDArray[np.int64], names: tuple[str, ...], chosen: Sequence[int]
) -> dict[int, list[float]]:
    """Estimate the parameters of some territories from some steps, by position."""
    z, x = levels_at(problem, names, times)
    start = int(np.argmax(np.isfinite(problem.z[times]).any(axis=1)))
    return {i: _estimate(z[start:, i], x[start:, i], bool(names)) for i in chosen}


def rehearsed_blocks(problem: Problem, times: NDArray[np.int64], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of each block of past origins from before its cut: kept ones, and those missing estimated."""
    found = {}
    for block in blocks(problem, times, SHORTEST):
        if block.name in kept and set(kept[block.name]["signals"]) <= set(problem.signals):
            found[block.name] = kept[block.name]
            continue
        then = as_known_at(problem, block.known)
        steps = times[times < block.known]
        names = leading_signals(then, most_signals(len(steps)))
        usable = [i for i in range(then.z.shape[1]) if enough(then.z[:, i], problem.weekly_step)]
        order = sorted(usable, key=lambda i: hashed(problem.panel.territories[i] + block.name))
        fresh = estimates(then, steps, names, sorted(order[:PER_BLOCK]))
        found[block.name] = {
            "on": today_of(problem),
            "signals": list(names),
            "parameters": remember(problem, {}, fresh),
        }
    return found


def _rehearse(
    problem: Problem, times: NDArray[np.int64], block: Block, past: Mapping[str, Any], leads: tuple[int, ...]
) -> Floats:
    """Forecast changes from every origin of a block, shape (origin, territory, lead), with nothing later."""
    names = tuple(past["signals"])
    parameters = pooled_parameters(problem, past["parameters"], n_parameters(names))
    first = max(0, block.first - MEMORY)
    z, x = levels_at(problem, names, times[first : block.end])
    growth = np.diff(x, axis=0, prepend=x[:1])[: block.first - first]
    return recursion(z, x, parameters, leads, autocorrelation(growth))[block.first - first :]


def steps_of(problem: Problem) -> tuple[int, NDArray[np.int64]]:
    """Return the periods in a step, and the times of the steps, the newest last."""
    step = problem.anchors[0] if problem.window > 1 else 1
    return step, np.arange((len(problem.z) - 1) % step, len(problem.z), step)


def levels_at(problem: Problem, names: tuple[str, ...], times: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return levels at the steps: the target's (step, territory), the signals' (step, territory, signal).

    Without signals one that never moves stands in.
    """
    z = filled_level(problem.z)[times]
    if not names:
        return z, z[:, :, None] * 0
    return z, np.stack([filled_level(problem.signals[n])[times] for n in names], -1)


def _estimate(z: Floats, x: Floats, with_signals: bool) -> list[float]:
    """Parameters (regression..., ar, ma) of one territory by maximum likelihood."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    exog = np.vstack([x[:1], x[:-1]])[-LONGEST:] if with_signals else None
    model = SARIMAX(
        z[-LONGEST:] * 10.0,
        exog=None if exog is None else exog * 10.0,
        order=(1, 1, 1),
        enforce_stationarity=True,
        enforce_invertibility=True,
        simple_differencing=True,
    )
    with warnings.catch_warnings():
        # A fit that has not converged in 40 steps is shrunk towards the median like any other.
        warnings.simplefilter("ignore")
        found = model.fit(disp=False, maxiter=40, method="lbfgs")
    values = np.asarray(found.params, dtype=float)[:-1]
    values = values if with_signals else np.concatenate([[0.0], values])
    return [round(float(v), 6) for v in np.nan_to_num(np.clip(values, -3.0, 3.0))]


def recursion(
    z: Floats, x: Floats, parameters: Floats, leads: tuple[int, ...], damping: Floats | None = None
) -> Floats:
    """Forecast changes from every step to every lead, shape (step, territory, lead).

    Parameters
    ----------
    z, x : ndarray
        As `levels_at` gives them.
    parameters : ndarray, shape (territory, parameter)
    leads : tuple of int
        In steps.
    damping : ndarray, shape (signal,), optional
        What is left of a regressor's growth a step later; by default its autocorrelation in ``x``.
    """
    beta, ar, ma = parameters[:, :-2], parameters[:, -2], parameters[:, -1]
    growth = np.diff(x, axis=0, prepend=x[:1])
    damping = autocorrelation(growth) if damping is None else damping
    dz = np.diff(z, axis=0, prepend=z[:1])
    out = np.zeros((*z.shape, len(leads)))
    w = np.zeros(z.shape[1])
    e = np.zeros(z.shape[1])
    for t in range(len(z)):
        pushed = (beta * growth[t - 1]).sum(axis=-1) if t > 0 else 0.0
        previous = w
        w = dz[t] - pushed
        e = w - ar * previous - ma * e
        step, total, ahead = ar * w + ma * e, np.zeros(z.shape[1]), growth[t]
        for lead in range(1, max(leads) + 1):
            total = total + step + (beta * ahead).sum(axis=-1)
            step, ahead = ar * step, ahead * damping
            if lead in leads:
                out[t, :, leads.index(lead)] = total
    return np.clip(out, -1.0, 1.0)


def autocorrelation(growth: Floats) -> Floats:
    """Pooled lag-one autocorrelation of each regressor's growth, between 0 and 0.9."""
    against = (growth[1:] * growth[:-1]).sum(axis=(0, 1))
    power = (growth**2).sum(axis=(0, 1))
    return np.asarray(np.clip(against / np.maximum(power, 1e-9), 0.0, 0.9))
