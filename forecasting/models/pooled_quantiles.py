"""Pooled linear quantile regression: each quantile of growth is a line in what territories have in common.

For every level ``tau`` and anchor ``h``, over all territories and the same part of the year::

    Q_tau(z[i, t+h] - z[i, t]) = x[i, t]' b_tau

minimises the check loss ``rho_tau(e) = e (tau - 1[e < 0])`` plus a ridge penalty (Koenker & Bassett 1978,
doi:10.2307/1913643), by majorisation: the loss is replaced by a parabola that touches it, which is least squares
with weights ``1 / |e|``, over and over (Hunter & Lange 2000, doi:10.1080/10618600.2000.10474866). So intervals
are as skewed, and as much wider in a wave or a small territory, as the past was; no shape is assumed.

Rows are a week apart. Rehearsals are fitted in blocks, each without the half year after it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from forecasting.features import Look, table
from forecasting.models.base import LEVELS, CannotForecast, Fitted, State
from forecasting.models.pooled import (
    WINTER_YEARS,
    WITH_WINTERS,
    WITHOUT,
    Member,
    known_share,
    schooling,
    time_weights,
)
from forecasting.problem import Problem
from forecasting.seasons import YEAR
from forecasting.transforms import Floats

FITTED = np.array([0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975])
PENALTY = 0.01
FULL_WEEKS = 26.0
ROUNDS = 25
MOST_ROWS = 2500
BLOCKS = 16
FEWEST_ROWS = 60
MIDDLE = len(FITTED) // 2


@dataclass(frozen=True)
class PooledQuantiles:
    """Linear quantile regression on differences of the fourth-root level, over all territories.

    Attributes
    ----------
    look : Look
    season_weeks : int
        Rows of the same part of the year, so many weeks to each side, once there is more than a year.
    name : str
    cadence : int
    """

    look: Look
    season_weeks: int = 8
    name: str = "pooled quantiles"
    cadence: int = 1

    def fit(self, problem: Problem, state: State) -> Fitted:
        """Fit every block of rehearsals, and today."""
        columns = design(problem, self.look)
        member = self._member(problem, columns)
        today = len(problem.z) - 1
        changes, middle = _changes(problem, columns, member)
        quantiles = problem.z[[*problem.rehearsals, today]][:, :, None, None] + changes
        quantiles[-1] = problem.level[:, None, None] + changes[-1]
        return Fitted(
            self.name,
            problem.anchors,
            quantiles[-1],
            quantiles[:-1],
            state={"middle": middle},
            refitted=columns.shape[1],
            prior=WITH_WINTERS if _has_winters(problem) else WITHOUT,
            schooled=schooling(problem, [member], [*problem.rehearsals, today]),
        )

    def _member(self, problem: Problem, columns: Floats) -> Member:
        """Which rows are learned from: of this part of the year, once there are winters and rows enough in it."""
        whole = Member(self.look, memory_weeks=None)
        if not _has_winters(problem):
            return whole
        season = replace(whole, season_weeks=self.season_weeks)
        today, furthest = np.array([len(problem.z) - 1]), problem.anchors[-1]
        usable = _usable(problem, season, known_share(problem, self.look), furthest, today)
        return season if _rows(problem, columns, usable, furthest) is not None else whole


def _has_winters(problem: Problem) -> bool:
    return len(problem.z) / problem.weekly_step >= WINTER_YEARS * YEAR


def _changes(problem: Problem, columns: Floats, member: Member) -> tuple[Floats, list[list[float]]]:
    """Forecast changes (origin, territory, anchor, level), today's last, and today's middle lines by anchor."""
    known = known_share(problem, member.look)
    blocks = [b for b in np.array_split(problem.rehearsals, BLOCKS) if len(b)]
    shape = (len(problem.rehearsals) + 1, columns.shape[1], len(problem.anchors), len(LEVELS))
    changes, middle = np.full(shape, np.nan), []
    for a, steps in enumerate(problem.anchors):
        at = 0
        for block in [*blocks, np.array([len(problem.z) - 1])]:
            rows = _rows(problem, columns, _usable(problem, member, known, steps, block), steps)
            if rows is not None:
                lines = check_loss_lines(*rows)
                changes[at : at + len(block), :, a] = spread_out(columns[block] @ lines.T)
            at += len(block)
        if rows is None:
            raise CannotForecast("history.short", needed=_fewest(columns), of="rows")
        middle.append([round(float(v), 9) for v in lines[MIDDLE]])
    return changes, middle


def design(problem: Problem, look: Look) -> Floats:
    """Make the columns (time, territory, column): a constant, the look's, and counting noise for counts."""
    columns, _, _ = table(problem, look)
    parts = [np.ones((*problem.z.shape, 1)), columns]
    if problem.is_count:
        noise = np.sqrt(problem.scale.counting_variance(np.nan_to_num(problem.z), problem.window))
        parts.append(noise[..., None])
    return np.concatenate(parts, axis=-1)


def _usable(
    problem: Problem, member: Member, known: Floats, steps: int, block: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Find the times that every origin of a block may learn from, a week apart."""
    ends = [time_weights(problem, member, known, steps, problem.dates[o]) > 0 for o in (block[0], block[-1])]
    weekly = (len(problem.z) - 1 - np.arange(len(problem.z))) % problem.weekly_step == 0
    return np.asarray(ends[0] & ends[1] & weekly)


def _rows(
    problem: Problem, columns: Floats, usable: NDArray[np.bool_], steps: int
) -> tuple[Floats, Floats, float] | None:
    """Gather rows, their changes and the penalty; None when there are too few."""
    times = np.flatnonzero(usable[:-steps])
    x = columns[times].reshape(-1, columns.shape[-1])
    y = (problem.z[times + steps] - problem.z[times]).reshape(-1)
    there = np.flatnonzero(np.isfinite(y))
    if len(there) < _fewest(columns):
        return None
    there = there[:: -(-len(there) // MOST_ROWS)]
    return x[there], y[there], PENALTY * FULL_WEEKS / len(times)


def _fewest(columns: Floats) -> int:
    return max(FEWEST_ROWS, 2 * int(columns.shape[-1]))


def check_loss_lines(x: Floats, y: Floats, penalty: float) -> Floats:
    """Minimise the penalised check loss at each of `FITTED`; coefficients (level, column). Column 0 is the constant."""
    size = np.sqrt((x**2).mean(axis=0)) + 1e-9
    z = x / size
    ridge = penalty * len(y) * np.eye(x.shape[1])
    ridge[0, 0] = 1e-6 * len(y)
    start = np.linalg.solve(z.T @ z + ridge, z.T @ y)
    error = y - z @ start
    scale = max(float(np.sqrt((error**2).mean())), 1e-6)
    beta = np.repeat(start[None], len(FITTED), axis=0)
    beta[:, 0] += np.quantile(error, FITTED)
    slope = (FITTED[:, None] - 0.5) * z.sum(axis=0)
    blunt = 0.3 * scale
    for _ in range(ROUNDS):
        weight = 0.5 / np.maximum(np.abs(y - beta @ z.T), blunt)
        cross = np.stack([(z * w[:, None]).T @ z for w in weight]) + ridge / scale
        beta = np.linalg.solve(cross, ((weight * y) @ z + slope)[..., None])[..., 0]
        blunt = max(0.8 * blunt, 0.01 * scale)
    return np.asarray(beta / size)


def spread_out(fitted: Floats) -> Floats:
    """Turn quantiles at `FITTED` (last axis) into quantiles at `LEVELS`, monotone, straight in the normal score."""
    return np.asarray(np.sort(fitted, axis=-1) @ _BETWEEN)


def _between(known: Floats, asked: Floats) -> Floats:
    """Find weights (fitted, wanted) of linear interpolation, going on with the slope of the outer pair."""
    left = np.clip(np.searchsorted(known, asked) - 1, 0, len(known) - 2)
    share = (asked - known[left]) / (known[left + 1] - known[left])
    out = np.zeros((len(known), len(asked)))
    out[left, np.arange(len(asked))] = 1.0 - share
    out[left + 1, np.arange(len(asked))] += share
    return out


_BETWEEN = _between(ndtri(FITTED), ndtri(LEVELS))
