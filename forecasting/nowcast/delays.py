"""How complete a date is at each delay: the chain ladder, for regular and irregular extracts alike.

Between two sightings of the same dates at delays ``a < b`` the sum of the values grows by ``F(b) / F(a)``,
where ``F`` is the completeness (``F = 1`` at the longest delay). With ``g_d = log F(d) - log F(d - 1)``,
every pair of delays gives

    log( sum C_b / sum C_a ) = g_{a+1} + ... + g_b + error,

a least-squares problem weighted by the counts behind it. Seen every day, ``b`` is always ``a + 1`` and the
solution is the chain ladder of Mack (1993, doi:10.2143/AST.23.2.2005092), the estimator of *baselinenowcast*
(Johnson et al. 2025, doi:10.12688/wellcomeopenres.25027.2); seen irregularly, the gaps are bridged. Thin
territories (and weekdays) get pseudo-counts that grow as the pooled curve does, so they move away from it
only as far as their data carry them.

Revisions may be downward, so ``F`` may pass 1 before the longest delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.nowcast.triangle import Dates, Floats, ReportingTriangle

_FLOOR = 1e-3
_CEILING = 1.5


@dataclass(frozen=True)
class Completeness:
    """Completeness by delay.

    Attributes
    ----------
    pooled : ndarray, shape (delay,)
        Over all territories.
    by_territory : ndarray, shape (delay, territory)
        Shrunk to the pooled curve.
    by_weekday : ndarray, shape (7, delay)
        By weekday of the reference date (Monday first), shrunk to the pooled curve; all alike for weekly
        data.
    pairs : int
        Sightings of a date at two delays behind the estimate; 0 means nothing was learnt.
    """

    pooled: Floats
    by_territory: Floats
    by_weekday: Floats
    pairs: int

    @property
    def delay_probabilities(self) -> Floats:
        """Delay distribution, shape (delay,): what share of a date arrives at each delay; sums to 1."""
        return np.diff(np.concatenate([[0.0], self.pooled]))

    def at(
        self, delay: NDArray[np.int64], weekday: NDArray[np.int64], *, use_weekday: bool = False
    ) -> Floats:
        """Completeness of dates seen at given delays.

        Parameters
        ----------
        delay : ndarray of int, shape (time, territory)
            Delays (−1, nothing known, reads as 0).
        weekday : ndarray of int, shape (time,)
            Weekday of each date, Monday 0.
        use_weekday : bool
            Multiply by the weekday's own departure from the pooled curve.

        Returns
        -------
        ndarray, shape (time, territory)
            Between 0.001 and 1.5.
        """
        safe = np.clip(delay, 0, self.pooled.size - 1)
        value = self.by_territory[safe, np.arange(safe.shape[1])[None, :]]
        if use_weekday:
            value = value * self.by_weekday[weekday[:, None], safe] / self.pooled[safe]
        return np.clip(value, _FLOOR, _CEILING)


def weekday_of(dates: Dates) -> NDArray[np.int64]:
    """Weekday of civil dates, Monday 0.

    Parameters
    ----------
    dates : ndarray of datetime64[D], shape (time,)
        Civil dates.

    Returns
    -------
    ndarray of int, shape (time,)
        0 to 6.
    """
    return ((dates.astype("datetime64[D]").astype(np.int64) + 3) % 7).astype(np.int64)


def estimate_completeness(
    triangle: ReportingTriangle, *, half_life: float = 60.0, pseudo_count: float = 100.0
) -> Completeness:
    """Estimate completeness by delay from everything a triangle knows.

    Parameters
    ----------
    triangle : ReportingTriangle
        As known at the moment of the nowcast.
    half_life : float
        Steps after which a date weighs half: delays change, and old ones should fade.
    pseudo_count : float
        Counts added to each territory and weekday, growing as the pooled curve does.

    Returns
    -------
    Completeness
        All ones, with ``pairs = 0``, if no date was seen at two delays.
    """
    size = triangle.max_delay + 1
    sums = _link_sums(triangle, half_life)
    before, after = sums.before.sum(axis=(2, 3)), sums.after.sum(axis=(2, 3))
    start, end = np.nonzero((before > 0) & (after > 0))
    people = len(triangle.territories)
    if start.size == 0:
        return Completeness(np.ones(size), np.ones((size, people)), np.ones((7, size)), 0)
    design = ((np.arange(1, size) > start[:, None]) & (np.arange(1, size) <= end[:, None])).astype(np.float64)
    growth = _solve(design, before[start, end][None], after[start, end][None])[0]
    link = np.exp(design @ growth)[None]
    place_before = sums.before.sum(axis=3)[start, end].T + pseudo_count
    place_after = sums.after.sum(axis=3)[start, end].T + pseudo_count * link
    day_before = sums.before.sum(axis=2)[start, end].T + pseudo_count
    day_after = sums.after.sum(axis=2)[start, end].T + pseudo_count * link
    return Completeness(
        pooled=_curve(growth[None])[0],
        by_territory=_curve(_solve(design, place_before, place_after)).T,
        by_weekday=_curve(_solve(design, day_before, day_after)),
        pairs=sums.pairs,
    )


@dataclass(frozen=True)
class _LinkSums:
    """Sums of values seen at one delay and at the next one seen, shape (delay, delay, territory, weekday)."""

    before: Floats
    after: Floats
    pairs: int


def _link_sums(triangle: ReportingTriangle, half_life: float) -> _LinkSums:
    values = triangle.cumulative
    steps, size, people = values.shape
    weekday = weekday_of(triangle.dates)
    age = np.maximum(triangle.edge - np.arange(steps), 0)
    weight = np.broadcast_to((0.5 ** (age / half_life))[:, None], (steps, people))
    shape = (size, size, people, 7)
    before, after = np.zeros(shape), np.zeros(shape)
    next_delay = np.full((steps, people), -1)
    next_value = np.full((steps, people), np.nan)
    cell = np.arange(people)[None, :] * 7 + weekday[:, None]
    pairs = 0
    for delay in range(size - 1, -1, -1):
        here = values[:, delay, :]
        seen = np.isfinite(here)
        linked = seen & (next_delay >= 0)
        if linked.any():
            flat = next_delay[linked] * (people * 7) + cell[linked]
            length = size * people * 7
            before[delay] = np.bincount(flat, weight[linked] * here[linked], length).reshape(shape[1:])
            after[delay] = np.bincount(flat, weight[linked] * next_value[linked], length).reshape(shape[1:])
            pairs += int(linked.sum())
        next_delay = np.where(seen, delay, next_delay)
        next_value = np.where(seen, here, next_value)
    return _LinkSums(before, after, pairs)


def _solve(design: Floats, before: Floats, after: Floats) -> Floats:
    """Weighted least squares of log growth, one problem per row of ``before``: shape (row, delay - 1)."""
    tiny = 1e-9
    ratio = np.log(np.maximum(after, tiny) / np.maximum(before, tiny))
    ratio = np.clip(ratio, np.log(1 / _CEILING), -np.log(_FLOOR))
    weight = np.maximum(before, tiny)
    weight = weight / weight.sum(axis=1, keepdims=True)
    normal = np.einsum("rp,pi,pj->rij", weight, design, design)
    # A delay that no pair crosses has no equation: a trace of ridge sets its growth to nothing.
    normal += 1e-9 * np.eye(design.shape[1])
    right = np.einsum("rp,pi,rp->ri", weight, design, ratio)
    solution: Floats = np.linalg.solve(normal, right[..., None])[..., 0]
    return solution


def _curve(growth: Floats) -> Floats:
    """Completeness from log growths, shape (row, delay)."""
    later = np.cumsum(growth[:, ::-1], axis=1)[:, ::-1]
    full = np.concatenate([later, np.zeros((growth.shape[0], 1))], axis=1)
    curve: Floats = np.clip(np.exp(-full), _FLOOR, _CEILING)
    return curve
