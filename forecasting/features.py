"""What pooled models look at: growth of every signal over several lags, gaps between signals, and the pooled mean.

All of it lives on the fourth-root scale of `forecasting.transforms` where territories are comparable, so
that one set of coefficients serves all. For a signal level ``x`` and target level ``z`` at time ``t`` (both
as known then)::

    growth at lag l:  x[t-l] - x[t-l-s],   s = a week
    gap:              x[t] - z[t]
    pooled:           the mean over territories of the same

Where a territory has no such signal, or it is unknown, the pooled mean of the column stands in, then zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from forecasting.problem import Problem
from forecasting.transforms import Floats, lagged


@dataclass(frozen=True)
class Look:
    """What a pooled model looks at.

    Attributes
    ----------
    lags : tuple of int
        Ends of the week-long growth windows, in days back, for the target and the signals.
    signals : bool
        Look at the other signals.
    shares : bool
        Look at shares between signals (positivity, coded share of visits).
    gaps : bool
        Look at the level of each signal relative to the target's.
    pooled : bool
        Look at the mean growth over territories.
    level : bool
        Look at the level itself, own and pooled, and at growth times level: waves turn where they are high.
    drift : bool
        A constant: what levels do at this part of the year, whatever they did before.
    """

    lags: tuple[int, ...]
    signals: bool = True
    shares: bool = True
    gaps: bool = True
    pooled: bool = False
    level: bool = False
    drift: bool = False


def table(problem: Problem, look: Look) -> tuple[Floats, tuple[str, ...], tuple[str, ...]]:
    """Build the columns for every time and territory.

    Returns
    -------
    columns : ndarray, shape (time, territory, column)
        Without NaN.
    names : tuple of str
        One name a column, as in ``growth 7 positives``.
    sources : tuple of str
        The signal each column comes from.
    """
    columns: list[Floats] = []
    names: list[str] = []
    sources: list[str] = []

    def add(values: Floats, name: str, source: str) -> None:
        columns.append(_completed(values))
        names.append(name)
        sources.append(source)

    step = problem.weekly_step
    weights = _weights(problem)
    for source, level in _levels(problem, look):
        for lag in sorted({days // problem.panel.period_days for days in look.lags}):
            growth = lagged(level, lag) - lagged(level, lag + step)
            add(growth, f"growth {lag} {source}", source)
            if look.pooled:
                add(_pooled(growth, weights), f"pooled growth {lag} {source}", source)
        if source == problem.target:
            if problem.weekly_step > 1:
                add(level - lagged(level, 3), f"growth 3 days {source}", source)
            if look.pooled:
                add(level - _pooled(level, weights), f"level against pooled {source}", source)
            if look.level:
                _add_levels(add, level, weights, source, step)
            if look.drift:
                add(np.ones(level.shape), "time of year", source)
        elif look.gaps:
            add(level - problem.z, f"gap {source}", source)
    return np.stack(columns, axis=-1), tuple(names), tuple(sources)


def _add_levels(
    add: Callable[[Floats, str, str], None], level: Floats, weights: Floats, source: str, step: int
) -> None:
    """Add the level, its pooled mean, and the pooled growth times each."""
    above = level - 1.0
    pooled = _pooled(above, weights)
    growth = _pooled(level - lagged(level, step), weights)
    add(above, f"level {source}", source)
    add(pooled, f"pooled level {source}", source)
    add(growth * above, f"growth times level {source}", source)
    add(growth * pooled, f"growth times pooled level {source}", source)


def _levels(problem: Problem, look: Look) -> list[tuple[str, Floats]]:
    found = [(problem.target, problem.z)]
    for name, level in problem.signals.items():
        is_share = "/" in name
        if (look.shares and is_share) or (look.signals and not is_share):
            found.append((name, level))
    return found


def _weights(problem: Problem) -> Floats:
    """Weights of territories in a mean over them: by size, and by how much of the past each has.

    The level of a territory is relative to its own past, so one that has only begun says little of where all stand.
    """
    size, known = problem.scale.size, np.isfinite(problem.z).sum(axis=0)
    return np.asarray(np.sqrt(size / size.mean()) * known / max(int(known.max()), 1))


def _pooled(values: Floats, weights: Floats) -> Floats:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0) @ weights
    weight = known @ weights
    mean = np.divide(total, weight, out=np.full(len(values), np.nan), where=weight > 0)
    return np.broadcast_to(mean[:, None], values.shape).copy()


def _completed(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean = np.divide(
        np.where(known, values, 0.0).sum(axis=1), count, out=np.zeros(len(values)), where=count > 0
    )
    return np.where(known, values, mean[:, None])
