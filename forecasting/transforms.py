"""From counts and rates to a scale on which growth is comparable: week means, per-head level, fourth root.

For a value ``x`` of territory ``i`` with size ``s_i`` and a signal of mean rate ``m``::

    u = x / (s_i m),        z = (u + c)^(1/4),        c = 0.05

so that every signal has mean level one, a territory of any size moves on the same scale, and zero has room
below. The fourth root halves the weight of peaks against the logarithm and needs no care at zero; it was
the best of root, log and identity on public hub data (Bosse et al. 2023, doi:10.1371/journal.pcbi.1011393,
on why to transform at all).

Counting noise on this scale follows from the delta method: ``var(z) = (dz/dx)^2 var(x)`` with ``var(x) =
x`` for a count, which is what `counting_variance` returns up to a factor that is estimated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OFFSET = 0.05
LEAST_ACTIVITY = 0.1
LOWEST_COURSE, HIGHEST_COURSE = 0.05, 20.0
ROOT = 4


@dataclass(frozen=True)
class RootScale:
    """The map between natural units and the fourth-root scale, one size a territory.

    Attributes
    ----------
    size : ndarray, shape (territory,)
        Natural units that make level one.
    """

    size: Floats

    def forward(self, x: Floats) -> Floats:
        """Map values whose last axis is territory."""
        return np.asarray((np.maximum(x, 0.0) / self.size + OFFSET) ** (1.0 / ROOT))

    def back(self, z: Floats, axis: int = -1) -> Floats:
        """Map back; ``axis`` says where territory is. Below the image of zero it is zero."""
        shape = [1] * z.ndim
        shape[axis] = len(self.size)
        return np.asarray(np.maximum(np.maximum(z, 0.0) ** ROOT - OFFSET, 0.0) * self.size.reshape(shape))

    def slope(self, z: Floats) -> Floats:
        """dx/dz at ``z`` (last axis territory), in natural units."""
        return np.asarray(ROOT * np.maximum(z, OFFSET ** (1 / ROOT)) ** (ROOT - 1) * self.size)

    def counting_variance(self, z: Floats, window: int) -> Floats:
        """Variance of ``z`` if the mean of ``window`` counts were Poisson (last axis territory)."""
        mean = np.maximum(self.back(z), 0.25 / window)
        return np.asarray(mean / window / self.slope(self.forward(mean)) ** 2)


def root_scale(values: Floats, population: Floats | None) -> RootScale:
    """Size of level one for each territory from its values, shape (time, territory).

    With a population, sizes are proportional to it and the pooled mean is one. Without, each territory is
    compared with its own mean, shrunk to the pooled mean by one period so that an all-zero series still has a size;
    to a hundred times its own where that is less, as nothing is learned of a village from a country beside it.
    """
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    n_known = known.sum(axis=0)
    if population is not None:
        person_periods = float((n_known * population).sum())
        rate = float(total.sum()) / person_periods if total.sum() > 0 else 1.0 / float(population.sum())
        return RootScale(population * rate)
    pooled = float(total.sum()) / max(int(n_known.sum()), 1) or 1.0
    own = total / np.maximum(n_known, 1)
    lent = np.where(own > 0, np.minimum(pooled, 100.0 * own), pooled)
    # What has only begun is compared with what the others have done since, not with its own few periods.
    course = _common_course(values, (total + lent) / (n_known + 1.0))
    return RootScale((total + lent) / ((course[:, None] * known).sum(axis=0) + 1.0))


def _common_course(values: Floats, size: Floats) -> Floats:
    """Mean level over territories at each time, shape (time,); those count most of which most is known."""
    known = np.isfinite(values)
    weight = np.where(known, known.sum(axis=0), 0.0)
    level = (weight * np.where(known, values / size, 0.0)).sum(axis=1)
    total = weight.sum(axis=1)
    mean = np.divide(level, total, out=np.ones(len(values)), where=total > 0)
    return np.asarray(np.clip(mean, LOWEST_COURSE, HIGHEST_COURSE))


def weekday_factors(values: Floats, dates: NDArray[np.datetime64]) -> Floats:
    """Share of each weekday in its week relative to one seventh, pooled, shape (7,) from Monday.

    From sums over the complete weeks of the last 26, so that a change of reporting habit is forgotten.
    """
    weekday = (dates.astype("datetime64[D]").astype(int) + 3) % 7
    recent = slice(max(0, len(values) - 182), None)
    sums = np.array([np.nansum(values[recent][weekday[recent] == d]) for d in range(7)])
    counts = np.array([np.isfinite(values[recent][weekday[recent] == d]).sum() for d in range(7)])
    means = np.divide(sums, counts, out=np.zeros(7), where=counts > 0)
    level = means[counts > 0].mean() if np.any(counts > 0) else 0.0
    if not level > 0:
        return np.ones(7)
    # One pseudo-count a weekday keeps short or sparse histories near one.
    return np.asarray((sums + level) / (counts + 1.0) / level)


def fill_short_gaps(values: Floats, dates: NDArray[np.datetime64], daily: bool, longest: int) -> Floats:
    """Fill gaps of at most ``longest`` periods inside a series by its level around times the weekday.

    Longer gaps, and the ends of a series, stay unknown.
    """
    factor = np.ones(len(values))
    if daily:
        factor = np.maximum(weekday_factors(values, dates), 0.05)[
            (dates.astype("datetime64[D]").astype(int) + 3) % 7
        ]
    filled = values.copy()
    time = np.arange(len(values))
    for i in np.flatnonzero(np.isnan(values).any(axis=0)):
        known = np.flatnonzero(np.isfinite(values[:, i]))
        if len(known) < 2:
            continue
        flat = values[known, i] / factor[known]
        gap_length = np.zeros(len(values), dtype=int)
        position = np.clip(np.searchsorted(known, time), 1, len(known) - 1)
        gap_length[:] = known[position] - known[position - 1] - 1
        hole = np.isnan(values[:, i]) & (time > known[0]) & (time < known[-1]) & (gap_length <= longest)
        filled[hole, i] = np.interp(time[hole], known, flat) * factor[hole]
    return filled


def trailing_mean(values: Floats, window: int) -> Floats:
    """Mean of the ``window`` periods ending at each time (first axis), NaN where one of them is unknown."""
    if window == 1:
        return values.copy()
    out = np.full(values.shape, np.nan)
    if len(values) >= window:
        out[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).mean(axis=-1)
    return out


def lagged(values: Floats, periods: int) -> Floats:
    """Shift ``periods`` later along the first axis, NaN before the start."""
    if periods == 0:
        return values
    out = np.full(values.shape, np.nan)
    if periods < len(values):
        out[periods:] = values[:-periods]
    return out


def activity(levels: Floats) -> Floats:
    """How much was going on at each time, as a share of the usual: from `LEAST_ACTIVITY` to one.

    Parameters
    ----------
    levels : ndarray, shape (time, territory, ...)
        On the fourth-root scale, of mean level one in natural units per size; NaN where unknown.

    Returns
    -------
    ndarray, shape (time, ...)
    """
    known = np.isfinite(levels)
    natural = np.where(known, np.maximum(levels, 0.0) ** ROOT - OFFSET, 0.0).sum(axis=1)
    return np.asarray(np.clip(natural / np.maximum(known.sum(axis=1), 1), LEAST_ACTIVITY, 1.0))
